//! Links for the steps of an upload in parts.

use strongroom_presign::Request;

use crate::place::Place;

/// The smallest that a part may be which is not the last.
const PART: usize = 5 << 20;

async fn begin(place: &Place, key: &str) -> String {
    let request = Request::create_multipart(key).header("content-type", "video/x-mine");
    place.follow(&request, "").await.expect(200).element("UploadId")
}

pub(crate) async fn a_file_goes_in_by_links_for_its_parts(place: &Place) {
    let key = "parts/a b+ä.bin";
    let upload = begin(place, key).await;
    let mut document = String::from("<CompleteMultipartUpload>");
    for (number, body) in [(1, "a".repeat(PART)), (2, "end".to_owned())] {
        let answer = place.follow(&Request::upload_part(key, &upload, number), &body).await.expect(200);
        let etag = answer.header("etag");
        document.push_str(&format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"));
    }
    document.push_str("</CompleteMultipartUpload>");
    let parts = place.follow(&Request::list_parts(key, &upload), "").await.expect(200);
    assert_eq!(parts.elements("PartNumber"), ["1", "2"]);
    assert_eq!(parts.elements("Size"), [PART.to_string(), "3".to_owned()]);
    let done = place.follow(&Request::complete_multipart(key, &upload), &document).await.expect(200);
    assert_eq!(done.element("Key"), key, "{}", done.text());
    let head = place.follow(&Request::head(key), "").await.expect(200);
    assert_eq!(head.header("content-length"), (PART + 3).to_string());
    assert_eq!(head.header("content-type"), "video/x-mine");
}

pub(crate) async fn an_aborted_upload_takes_no_more_parts(place: &Place) {
    let upload = begin(place, "k").await;
    place.follow(&Request::upload_part("k", &upload, 1), "part").await.expect(200);
    place.follow(&Request::abort_multipart("k", &upload), "").await.expect(204);
    let refused = place.follow(&Request::upload_part("k", &upload, 2), "part").await.expect(404);
    assert_eq!(refused.element("Code"), "NoSuchUpload");
    place.follow(&Request::get("k"), "").await.expect(404);
}
