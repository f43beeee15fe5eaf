//! What a link does not allow is refused, and the explanation of the refusal names the reason.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use sha2::Sha256;
use strongroom_presign::{Credentials, Evidence, Request, Validity, explain};

use crate::place::{Place, minutes, now};
use crate::wire::{Answer, send};

/// The codes of what is found when somebody who knows the secret asks why the answer is what it is.
fn reasons(method: &str, url: &str, headers: &[(&str, &str)], answer: &Answer) -> Vec<&'static str> {
    let credentials = Credentials::new("admin", "admin-secret").unwrap();
    let body = answer.text();
    let evidence = Evidence::of(url).method(method).headers(headers).answer(&body).credentials(&credentials);
    explain(&evidence, now()).findings.iter().map(|finding| finding.cause.code()).collect()
}

#[track_caller]
fn assert_reason(reason: &str, method: &str, url: &str, headers: &[(&str, &str)], answer: &Answer) {
    let found = reasons(method, url, headers, answer);
    assert!(found.contains(&reason), "{reason} is not among {found:?}: {}", answer.text());
}

pub(crate) async fn a_link_that_was_tampered_with_is_refused(place: &Place) {
    for key in ["k", "secret"] {
        place.follow(&Request::put(key), key).await.expect(200);
    }
    let link = place.link(&Request::get("k").query("response-content-type", "text/plain"));
    let signature = link.split_once("X-Amz-Signature=").unwrap().1.get(..64).unwrap();
    let other_digit = if signature.starts_with('0') { "1" } else { "0" };
    for tampered in [
        link.replace("/k?", "/secret?"),
        link.replace("X-Amz-Expires=300", "X-Amz-Expires=3000"),
        link.replace("text%2Fplain", "text%2Fhtml"),
        link.replace(signature, &format!("{other_digit}{}", &signature[1..])),
        link.replace("%2Fus-east-1%2F", "%2Feu-west-1%2F"),
        link.replace("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=host%3Brange"),
        format!("{link}&response-cache-control=public"),
    ] {
        assert_ne!(tampered, link);
        let answer = send("GET", &tampered, &[], "").await;
        assert!(answer.status.is_client_error(), "{tampered}: {}", answer.status);
        assert_ne!(answer.element("Code"), "", "{}", answer.text());
        assert_ne!(reasons("GET", &tampered, &[], &answer), [""; 0], "{tampered}: {}", answer.text());
    }
    send("GET", &link, &[], "").await.expect(200);
}

pub(crate) async fn a_link_that_has_ended_is_refused(place: &Place) {
    place.follow(&Request::put("k"), "x").await.expect(200);
    let ended = place.admin().presign(&Request::get("k"), Validity::new(now() - 61, 60).unwrap()).unwrap();
    let answer = send("GET", &ended, &[], "").await.expect(403);
    assert_reason("expired", "GET", &ended, &[], &answer);
    let put = place.admin().presign(&Request::put("new"), Validity::new(now() - 61, 60).unwrap()).unwrap();
    send("PUT", &put, &[], "x").await.expect(403);
    place.follow(&Request::get("new"), "").await.expect(404);
}

pub(crate) async fn a_link_for_one_method_is_refused_for_another(place: &Place) {
    place.follow(&Request::put("k"), "x").await.expect(200);
    let link = place.link(&Request::get("k"));
    for method in ["PUT", "DELETE", "POST"] {
        let answer = send(method, &link, &[], "y").await;
        assert!(answer.status.is_client_error(), "{method}: {}", answer.status);
        assert_reason("method-differs", method, &link, &[], &answer);
    }
    assert_eq!(place.follow(&Request::get("k"), "").await.expect(200).text(), "x");
}

pub(crate) async fn a_signed_header_that_is_missing_or_other_is_refused(place: &Place) {
    let request = Request::put("k").header("content-type", "image/jpeg").header("x-amz-meta-who", "Ada");
    let link = place.link(&request);
    let (kind, who) = (("content-type", "image/jpeg"), ("x-amz-meta-who", "Ada"));
    for (headers, reason) in [
        (&[kind][..], "signed-header-not-sent"),
        (&[who], "signed-header-not-sent"),
        // A signature does not tell of what it was made, only that it was not made of this.
        (&[kind, ("x-amz-meta-who", "Eve")], "altered-or-other-secret"),
        (&[("content-type", "text/html"), who], "altered-or-other-secret"),
    ] {
        let answer = send("PUT", &link, headers, "x").await;
        assert!(answer.status.is_client_error(), "{headers:?}: {}", answer.status);
        assert_reason(reason, "PUT", &link, headers, &answer);
    }
    place.follow(&Request::get("k"), "").await.expect(404);
    let sized = Request::put("k").header("content-length", "5");
    let answer = send("PUT", &place.link(&sized), &[], "123456").await;
    assert!(answer.status.is_client_error(), "{}", answer.status);
    send("PUT", &place.link(&sized), &[], "12345").await.expect(200);
}

pub(crate) async fn a_link_signed_with_another_secret_is_refused(place: &Place) {
    place.follow(&Request::put("k"), "x").await.expect(200);
    for (who, secret) in [("admin", "wrong"), ("nobody", "admin-secret")] {
        let link = place.signer(who, secret).presign(&Request::get("k"), minutes(5)).unwrap();
        send("GET", &link, &[], "").await.expect(403);
    }
}

pub(crate) async fn a_body_that_is_not_the_promised_one_is_refused(place: &Place) {
    let by_md5 = Request::put("k").header("content-md5", STANDARD.encode(Md5::digest("promised")));
    let answer = place.follow(&by_md5, "delivered").await.expect(400);
    assert_eq!(answer.element("Code"), "BadDigest");
    place.follow(&Request::get("k"), "").await.expect(404);
    let by_sha256 = Request::put("k").header("x-amz-checksum-sha256", STANDARD.encode(Sha256::digest("promised")));
    let answer = place.follow(&by_sha256, "delivered").await;
    assert_eq!(answer.status.is_client_error(), place.differences.checksums, "{}", answer.text());
}

/// Some servers obey an `x-amz-acl` that is not signed, and the upload would be public. Signed, it is what it is.
pub(crate) async fn a_signed_acl_cannot_be_exchanged(place: &Place) {
    let request = Request::put("k").header("x-amz-acl", "private");
    let link = place.link(&request);
    for headers in [&[("x-amz-acl", "public-read")][..], &[]] {
        let answer = send("PUT", &link, headers, "x").await;
        assert!(answer.status.is_client_error(), "{headers:?}: {}", answer.status);
    }
    place.follow(&Request::get("k"), "").await.expect(404);
    send("PUT", &link, &[("x-amz-acl", "private")], "x").await.expect(200);
    let bare = place.link(&Request::get("k"));
    send("GET", bare.split('?').next().unwrap(), &[], "").await.expect(403);
}

/// Some servers obey an `x-amz-copy-source` that is not signed; what holds there is that the writer cannot read.
pub(crate) async fn an_upload_link_of_the_writer_cannot_be_turned_into_a_copy(place: &Place) {
    place.follow(&Request::put("secret"), "hidden").await.expect(200);
    let link = place.writer().presign(&Request::put("mine"), minutes(5)).unwrap();
    let source = format!("/{}/secret", place.bucket);
    let answer = send("PUT", &link, &[("x-amz-copy-source", &source)], "").await;
    assert!(answer.status.is_client_error(), "{} {}", answer.status, answer.text());
    let read = place.writer().presign(&Request::get("secret"), minutes(5)).unwrap();
    send("GET", &read, &[], "").await.expect(403);
    place.follow(&Request::get("mine"), "").await.expect(404);
    send("PUT", &link, &[], "x").await.expect(200);
}
