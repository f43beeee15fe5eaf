//! Links for single objects, each used for what it was made for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use sha2::Sha256;
use strongroom_presign::{Request, Window};

use crate::place::{Place, Version2, minutes, now};
use crate::wire::send;

pub(crate) async fn a_file_goes_in_by_a_link_and_out_by_another_and_away_by_a_third(place: &Place) {
    send("PUT", &place.link(&Request::put("a/b.txt")), &[], "here").await.expect(200);
    let head = send("HEAD", &place.link(&Request::head("a/b.txt")), &[], "").await.expect(200);
    assert_eq!(head.header("content-length"), "4");
    let get = send("GET", &place.link(&Request::get("a/b.txt")), &[], "").await.expect(200);
    assert_eq!(get.text(), "here");
    assert_eq!(get.header("etag"), head.header("etag"));
    send("DELETE", &place.link(&Request::delete("a/b.txt")), &[], "").await.expect(204);
    let gone = send("GET", &place.link(&Request::get("a/b.txt")), &[], "").await.expect(404);
    assert_eq!(gone.element("Code"), "NoSuchKey");
}

pub(crate) async fn a_range_of_a_file_comes_by_its_link(place: &Place) {
    place.follow(&Request::put("k"), "0123456789").await.expect(200);
    let link = place.link(&Request::get("k"));
    let part = send("GET", &link, &[("range", "bytes=2-4")], "").await.expect(206);
    assert_eq!((part.text().as_str(), part.header("content-range")), ("234", "bytes 2-4/10"));
    send("GET", &link, &[("range", "bytes=10-")], "").await.expect(416);
}

pub(crate) async fn the_answer_bears_the_headers_that_the_link_asks_for(place: &Place) {
    place.follow(&Request::put("k").header("content-type", "text/plain"), "x").await.expect(200);
    let disposition = "attachment; filename=\"a + b.pdf\"; filename*=UTF-8''%C3%A4%20%2B.pdf";
    let request = Request::get("k")
        .query("response-content-disposition", disposition)
        .query("response-content-type", "application/pdf")
        .query("response-cache-control", "private, max-age=60");
    let answer = place.follow(&request, "").await.expect(200);
    assert_eq!(answer.header("content-disposition"), disposition);
    assert_eq!(answer.header("content-type"), "application/pdf");
    assert_eq!(answer.header("cache-control"), "private, max-age=60");
}

pub(crate) async fn signed_headers_are_kept_with_the_file(place: &Place) {
    let body = "twelve bytes";
    let request = Request::put("k")
        .header("content-type", "image/x-mine")
        .header("content-length", "12")
        .header("content-md5", STANDARD.encode(Md5::digest(body)))
        .header("x-amz-checksum-sha256", STANDARD.encode(Sha256::digest(body)))
        .header("x-amz-meta-who", "Ada  L");
    place.follow(&request, body).await.expect(200);
    let head = place.follow(&Request::head("k"), "").await.expect(200);
    assert_eq!((head.header("content-type"), head.header("content-length")), ("image/x-mine", "12"));
    // Whether the two blanks are kept is the server's affair; for the signature they count as one.
    assert_eq!(head.header("x-amz-meta-who").split_whitespace().collect::<Vec<_>>(), ["Ada", "L"]);
}

pub(crate) async fn a_link_that_must_not_overwrite_does_not(place: &Place) {
    let request = Request::put("k").header("if-none-match", "*");
    place.follow(&request, "first").await.expect(200);
    place.follow(&request, "second").await.expect(412);
    assert_eq!(place.follow(&Request::get("k"), "").await.expect(200).text(), "first");
}

pub(crate) async fn a_link_copies_what_it_names(place: &Place) {
    let source = "from/a b+c%20ä.txt";
    place.follow(&Request::put(source), "copied").await.expect(200);
    place.follow(&Request::copy("to", &place.bucket, source, None).unwrap(), "").await.expect(200);
    assert_eq!(place.follow(&Request::get("to"), "").await.expect(200).text(), "copied");
}

pub(crate) async fn a_link_lists_the_keys_below_a_prefix(place: &Place) {
    for key in ["images/1", "images/2", "images2/3"] {
        place.follow(&Request::put(key), "x").await.expect(200);
    }
    let request = Request::list_objects().query("prefix", "images/");
    assert_eq!(place.follow(&request, "").await.expect(200).elements("Key"), ["images/1", "images/2"]);
}

/// What trips encoders: each of these has been signed as another key by some library.
pub(crate) async fn every_key_names_the_same_file_here_and_there(place: &Place) {
    let longest = format!("{}{}", "long/".repeat(150), "x".repeat(274));
    let mut keys = vec![
        "plain.txt",
        "a b",
        "a  b ",
        "a+b",
        "a%20b",
        "100%",
        "a%2Fb",
        "~!*'()",
        "a&b=c;d",
        "what?#fragment",
        "\"<>|^`{}[]",
        "ä/日本語/🦀",
        "e\u{301}",
        "...",
        "a/..b/.c",
        "${filename}",
    ];
    assert_eq!(longest.len(), 1_024);
    if place.differences.any_key {
        keys.extend(["/leading", "//two", "a//b", "folder/", "end//", "back\\slash", &longest]);
    }
    for key in &keys {
        place.follow(&Request::put(key), key).await.expect(200);
    }
    for key in &keys {
        let answer = place.follow(&Request::get(key), "").await.expect(200);
        assert_eq!(answer.text(), *key);
    }
    // The server's own list of them proves that no two were taken for one, and that none is another.
    let list = place.follow(&Request::list_objects().query("encoding-type", "url"), "").await.expect(200);
    let mut listed: Vec<String> = list.elements("Key").iter().map(|key| decode(key)).collect();
    listed.sort();
    keys.sort_unstable();
    assert_eq!(listed, keys);
}

/// Undoes the encodings of a list: XML's, of which the quotes remain, and that of URLs, in which a blank may be a plus.
fn decode(key: &str) -> String {
    percent_encoding::percent_decode_str(&key.replace("&apos;", "'").replace("&#39;", "'").replace('+', " "))
        .decode_utf8()
        .unwrap()
        .into_owned()
}

pub(crate) async fn a_link_may_name_the_bucket_in_its_host(place: &Place) {
    let signer = place.admin_by_host();
    let put = signer.presign(&Request::put("a b/ä+c"), minutes(5)).unwrap();
    assert!(put.starts_with(&format!("http://{}.s3.localhost:", place.bucket)), "{put}");
    send("PUT", &put, &[], "by host").await.expect(200);
    let get = signer.presign(&Request::get("a b/ä+c"), minutes(5)).unwrap();
    assert_eq!(send("GET", &get, &[], "").await.expect(200).text(), "by host");
    assert_eq!(place.follow(&Request::get("a b/ä+c"), "").await.expect(200).text(), "by host");
}

pub(crate) async fn a_stable_link_stays_the_same_and_works(place: &Place) {
    place.follow(&Request::put("k"), "x").await.expect(200);
    let (window, signer) = (Window::new(3_600, 300).unwrap(), place.admin());
    let link = |at| signer.presign(&Request::get("k"), signer.stable(window, at).unwrap()).unwrap();
    let begun = now() / 3_600 * 3_600;
    // The time of signing is the beginning of the hour, up to an hour ago.
    assert_eq!(link(begun), link(begun + 3_599));
    assert_ne!(link(begun), link(begun + 3_600));
    send("GET", &link(now()), &[], "").await.expect(200);
}

pub(crate) async fn old_stores_are_served_by_version_2(place: &Place) {
    let signer = place.admin();
    let link = |request: &Request<'_>| signer.presign_v2(request, minutes(5)).unwrap();
    let whole = place.differences.version_2 == Version2::Whole;
    let (key, kind) = if whole { ("old/a b+ä", "text/x-other") } else { ("old/k", "x-other") };
    let typed = Request::put(key).header("content-type", "text/x-old").header("x-amz-meta-who", "Ada");
    let (put, headers) = (link(&typed), typed.headers().collect::<Vec<_>>());
    if place.differences.version_2 == Version2::Refused {
        let refused = send("PUT", &put, &headers, "old").await.expect(400);
        assert_eq!(refused.element("Code"), "InvalidRequest");
        return;
    }
    send("PUT", &put, &headers, "old").await.expect(200);
    let get = link(&Request::get(key).query("response-content-type", kind));
    let answer = send("GET", &get, &[], "").await.expect(200);
    assert_eq!((answer.text().as_str(), answer.header("content-type")), ("old", kind));
    assert_eq!(answer.header("x-amz-meta-who"), "Ada");
    send("PUT", &put, &[("content-type", "text/html"), ("x-amz-meta-who", "Ada")], "old").await.expect(403);
    send("GET", &get.replace("x-other", "x-another"), &[], "").await.expect(403);
    send("DELETE", &link(&Request::delete(key)), &[], "").await.expect(204);
}
