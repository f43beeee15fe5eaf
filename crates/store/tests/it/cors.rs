//! What a page in a browser may do and see.

use strongroom_presign::{Request, Validity};

use crate::server::{BUCKET, Server};
use crate::wire::send;

const PAGE: (&str, &str) = ("origin", "https://app.example");

#[tokio::test]
async fn a_preflight_is_answered_before_any_signature() {
    let server = Server::start().await;
    let headers = [
        PAGE,
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "content-type,x-amz-checksum-sha256"),
    ];
    let answer = send(&server, "OPTIONS", "/files/staging/1?X-Amz-Signature=nonsense", &headers, "").await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
    assert!(answer.header("access-control-allow-methods").contains("PUT"));
    assert_eq!(answer.header("access-control-allow-headers"), "content-type,x-amz-checksum-sha256");
    assert!(answer.header("vary").contains("Origin"));
    assert!(!answer.header("access-control-max-age").is_empty());
}

#[tokio::test]
async fn a_page_that_is_not_allowed_gets_no_permission() {
    let server = Server::start().await;
    let stranger = ("origin", "https://app.example.evil.net");
    let answer = send(&server, "OPTIONS", "/files/k", &[stranger, ("access-control-request-method", "PUT")], "").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "AccessForbidden"));
    assert_eq!(answer.header("access-control-allow-origin"), "");
    let answer = send(&server, "OPTIONS", "/files/k", &[PAGE, ("access-control-request-method", "TRACE")], "").await;
    assert_eq!(answer.status.as_u16(), 403);
    let answer = send(&server, "OPTIONS", "/files/k", &[PAGE], "").await;
    assert_eq!(answer.status.as_u16(), 400);
}

#[tokio::test]
async fn an_allowed_page_can_read_every_answer_refusals_too() {
    let server = Server::start().await;
    server.admin().put_object().bucket(BUCKET).key("k").body(b"1".to_vec().into()).send().await.unwrap();
    let url = server.signer("reader").presign(&Request::get("k"), Validity::new(server.now(), 60).unwrap()).unwrap();
    let answer = send(&server, "GET", &url, &[PAGE], "").await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
    for exposed in ["ETag", "Location", "x-amz-checksum-sha256"] {
        assert!(answer.header("access-control-expose-headers").contains(exposed));
    }
    server.advance(std::time::Duration::from_secs(61));
    let expired = send(&server, "GET", &url, &[PAGE], "").await;
    assert_eq!(expired.element("Message").as_deref(), Some("Request has expired"));
    assert_eq!(expired.header("access-control-allow-origin"), "https://app.example");
    let plain = send(&server, "GET", &url, &[], "").await;
    assert_eq!(plain.header("access-control-allow-origin"), "");
    assert!(plain.header("vary").contains("Origin"));
}
