//! What a page in a browser may do and see.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::types::{CorsConfiguration, CorsRule};
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
    assert_eq!(expired.element("Message"), "Request has expired");
    assert_eq!(expired.header("access-control-allow-origin"), "https://app.example");
    let plain = send(&server, "GET", &url, &[], "").await;
    assert_eq!(plain.header("access-control-allow-origin"), "");
    assert!(plain.header("vary").contains("Origin"));
}

async fn configure(client: &Client, rules: Vec<CorsRule>) -> Result<(), String> {
    let configuration = CorsConfiguration::builder().set_cors_rules(Some(rules)).build().unwrap();
    let put = client.put_bucket_cors().bucket(BUCKET).cors_configuration(configuration).send().await;
    put.map(drop).map_err(|error| error.code().unwrap_or_default().to_owned())
}

fn rule(origin: &str, method: &str) -> aws_sdk_s3::types::builders::CorsRuleBuilder {
    CorsRule::builder().allowed_origins(origin).allowed_methods(method)
}

#[tokio::test]
async fn a_bucket_with_rules_of_its_own_is_held_to_them_alone() {
    let server = Server::start().await;
    let client = server.admin();
    let none = client.get_bucket_cors().bucket(BUCKET).send().await.unwrap_err();
    assert_eq!(none.code(), Some("NoSuchCORSConfiguration"));
    let own = rule("https://*.shop.example", "PUT").allowed_headers("x-amz-*").expose_headers("ETag");
    let own = own.max_age_seconds(60).id("uploads").build().unwrap();
    let open = rule("*", "GET").build().unwrap();
    configure(&client, vec![own.clone(), open.clone()]).await.unwrap();
    let got = client.get_bucket_cors().bucket(BUCKET).send().await.unwrap();
    assert_eq!(got.cors_rules(), [own, open]);

    let ask = async |origin: &str, method: &str, headers: &str| {
        let mut sent = vec![("origin", origin), ("access-control-request-method", method)];
        if !headers.is_empty() {
            sent.push(("access-control-request-headers", headers));
        }
        send(&server, "OPTIONS", "/files/k", &sent, "").await
    };
    let granted = ask("https://a.shop.example", "PUT", "x-amz-date, X-Amz-Meta-A").await;
    assert_eq!(granted.status.as_u16(), 200);
    assert_eq!(granted.header("access-control-allow-origin"), "https://a.shop.example");
    assert_eq!(granted.header("access-control-allow-methods"), "PUT");
    assert_eq!(granted.header("access-control-max-age"), "60");
    assert_eq!(granted.header("access-control-expose-headers"), "ETag");
    assert_eq!(ask("https://anywhere", "GET", "").await.header("access-control-allow-origin"), "*");
    for (origin, method, headers) in [
        ("https://a.shop.example", "PUT", "content-type"),
        ("https://a.shop.example", "DELETE", ""),
        ("https://shop.example", "PUT", ""),
        ("https://app.example", "PUT", ""),
    ] {
        let refused = ask(origin, method, headers).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "AccessForbidden"), "{origin} {method}");
        assert_eq!(refused.header("access-control-allow-origin"), "");
    }
    // Another bucket is still held to the rules of the store, and so is this one when it has none again.
    let elsewhere = [PAGE, ("access-control-request-method", "PUT")];
    assert_eq!(send(&server, "OPTIONS", "/other/k", &elsewhere, "").await.status.as_u16(), 200);
    client.delete_bucket_cors().bucket(BUCKET).send().await.unwrap();
    assert_eq!(ask("https://app.example", "PUT", "").await.status.as_u16(), 200);
}

#[tokio::test]
async fn rules_that_no_browser_could_follow_are_refused() {
    let server = Server::start().await;
    let client = server.admin();
    for (rule, code) in [
        (rule("https://*.*.example", "GET"), "InvalidRequest"),
        (rule("*", "PATCH"), "InvalidRequest"),
        (rule("*", "GET").allowed_headers("x-*-*"), "InvalidRequest"),
        (rule("*", "GET").expose_headers("no header"), "InvalidRequest"),
    ] {
        assert_eq!(configure(&client, vec![rule.build().unwrap()]).await.unwrap_err(), code);
    }
    let many = vec![rule("*", "GET").build().unwrap(); 101];
    assert_eq!(configure(&client, many).await.unwrap_err(), "MalformedXML");
    assert_eq!(configure(&client, Vec::new()).await.unwrap_err(), "MalformedXML");
}
