//! Forms under a signed policy, as browsers send them.

use std::fmt::Write as _;
use std::time::Duration;

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use strongroom_presign::{PostPolicy, Validity};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::objects::bytes;
use crate::server::{BUCKET, Server};
use crate::wire::{Answer, send};

const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gW";

/// Writes a form as browsers do.
pub(crate) fn form(fields: &[(String, String)], file: Option<(&str, &[u8])>) -> Vec<u8> {
    let mut head = String::new();
    for (name, value) in fields {
        let _ = write!(head, "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    let mut body = Vec::new();
    if let Some((filename, bytes)) = file {
        let _ =
            write!(head, "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\n");
        head.push_str("Content-Type: image/png\r\n\r\n");
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    let end = format!("--{BOUNDARY}--\r\n");
    [head.as_bytes(), &body, end.as_bytes()].concat()
}

/// Sends a form to the bucket.
pub(crate) async fn post(server: &Server, fields: &[(String, String)], file: Option<(&str, &[u8])>) -> Answer {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let headers = [("content-type", content_type.as_str()), ("origin", "https://app.example")];
    send(server, "POST", &format!("/{BUCKET}"), &headers, form(fields, file)).await
}

fn policy() -> PostPolicy {
    PostPolicy::for_key("staging/1").unwrap().content_length(3, 100_000).exact("Content-Type", "image/png")
}

fn fields(server: &Server, policy: &PostPolicy) -> Vec<(String, String)> {
    let signer = server.signer("writer");
    signer.post(policy, Validity::new(server.now(), 600).unwrap()).unwrap().fields
}

/// The same fields with another value in one of them.
fn changed(fields: &[(String, String)], name: &str, value: &str) -> Vec<(String, String)> {
    let other = |(own, old): &(String, String)| (own.clone(), if own == name { value.to_owned() } else { old.clone() });
    fields.iter().map(other).collect()
}

async fn is_stored(server: &Server, key: &str) -> bool {
    server.admin().head_object().bucket(BUCKET).key(key).send().await.is_ok()
}

#[tokio::test]
async fn a_form_that_keeps_to_its_policy_is_stored() {
    let server = Server::start().await;
    let file = bytes(100_000, 1);
    let mut sent = fields(&server, &policy().starts_with("x-amz-meta-note", "", "hallo"));
    sent.push(("x-ignore-me".to_owned(), "anything".to_owned()));
    let answer = post(&server, &sent, Some(("cat.png", &file))).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (204, ""));
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
    assert!(answer.header("location").ends_with("/files/staging/1"));
    let got = server.admin().get_object().bucket(BUCKET).key("staging/1").send().await.unwrap();
    assert_eq!(got.e_tag(), Some(answer.header("etag")));
    assert_eq!(got.content_type(), Some("image/png"));
    assert_eq!(got.metadata().unwrap().get("note").map(String::as_str), Some("hallo"));
    assert_eq!(got.body.collect().await.unwrap().to_vec(), file);
}

#[tokio::test]
async fn the_form_chooses_how_success_is_told() {
    let server = Server::start().await;
    let answer = post(&server, &fields(&server, &policy().success_status(201)), Some(("f", b"123"))).await;
    assert_eq!(answer.status.as_u16(), 201);
    assert_eq!(answer.element("Key"), "staging/1");
    assert_eq!(answer.element("Bucket"), BUCKET);
    let answer = post(&server, &fields(&server, &policy().success_status(200)), Some(("f", b"123"))).await;
    assert_eq!(answer.status.as_u16(), 200);
    let redirect = policy().success_redirect("https://app.example/done?x=1");
    let answer = post(&server, &fields(&server, &redirect), Some(("f", b"123"))).await;
    assert_eq!(answer.status.as_u16(), 303);
    let tag = "202cb962ac59075b964b07152d234b70";
    let expected = format!("https://app.example/done?x=1&bucket=files&key=staging%2F1&etag=%22{tag}%22");
    assert_eq!(answer.header("location"), expected);
}

#[tokio::test]
async fn the_files_own_name_takes_its_place_in_the_key_without_its_folders() {
    let server = Server::start().await;
    let fields = fields(&server, &PostPolicy::for_prefix("staging/u1/").unwrap());
    for (filename, key) in [
        ("cat.png", "staging/u1/cat.png"),
        ("C:\\a\\dog.png", "staging/u1/dog.png"),
        ("../../x/ü.png", "staging/u1/ü.png"),
    ] {
        let answer = post(&server, &fields, Some((filename, b"1"))).await;
        assert_eq!(answer.status.as_u16(), 204, "{}", answer.text());
        assert!(is_stored(&server, key).await, "{key}");
    }
}

#[tokio::test]
async fn a_form_that_does_not_keep_to_its_policy_stores_nothing() {
    let server = Server::start().await;
    let good = fields(&server, &policy());
    let file: &[u8] = &[7; 500];
    let refused = async |fields: &[(String, String)], file: Option<(&str, &[u8])>, code: &str| {
        let answer = post(&server, fields, file).await;
        assert_eq!(answer.code(), code, "{}", answer.text());
        assert!(answer.status.is_client_error());
    };
    refused(&good, Some(("f", &bytes(100_001, 2))), "EntityTooLarge").await;
    refused(&good, Some(("f", &bytes(3_000_000, 1))), "EntityTooLarge").await;
    refused(&good, Some(("f", b"12")), "EntityTooSmall").await;
    refused(&good, None, "InvalidArgument").await;
    refused(&changed(&good, "Content-Type", "text/html"), Some(("f", file)), "AccessDenied").await;
    refused(&changed(&good, "key", "staging/2"), Some(("f", file)), "AccessDenied").await;
    refused(&changed(&good, "key", ""), Some(("f", file)), "UserKeyMustBeSpecified").await;
    refused(
        &changed(&good, "x-amz-credential", "nobody/20260101/us-east-1/s3/aws4_request"),
        Some(("f", file)),
        "InvalidArgument",
    )
    .await;
    let unsigned: Vec<_> = good.iter().filter(|(name, _)| name != "policy").cloned().collect();
    refused(&unsigned, Some(("f", file)), "AccessDenied").await;
    for extra in ["x-amz-meta-note", "acl", "success_action_redirect", "x-amz-checksum-sha256"] {
        let more = [&good[..], &[(extra.to_owned(), "x".to_owned())]].concat();
        refused(&more, Some(("f", file)), "AccessDenied").await;
    }
    let twice = [&good[..], &[("key".to_owned(), "staging/2".to_owned())]].concat();
    refused(&twice, Some(("f", file)), "MalformedPOSTRequest").await;
    let longer = [&good[..], &[("x-ignore-me".to_owned(), "x".repeat(70_000))]].concat();
    refused(&longer, Some(("f", file)), "MaxPostPreDataLengthExceededError").await;

    // The policy itself was changed, which its signature shows.
    let lax = fields(&server, &PostPolicy::for_prefix("").unwrap());
    let policy_of = |fields: &[(String, String)]| fields.iter().find(|(name, _)| name == "policy").unwrap().1.clone();
    let answer = post(&server, &changed(&good, "policy", &policy_of(&lax)), Some(("f", file))).await;
    assert_eq!(answer.code(), "SignatureDoesNotMatch");

    // A key outside the writer's prefix, with a policy that allows it.
    let outside = fields(&server, &PostPolicy::for_key("final/1").unwrap());
    refused(&outside, Some(("f", file)), "AccessDenied").await;

    server.advance(Duration::from_secs(601));
    let expired = post(&server, &good, Some(("f", file))).await;
    assert_eq!((expired.status.as_u16(), expired.element("Message").as_str()), (403, "Request has expired"));
    let listed = server.admin().list_objects_v2().bucket(BUCKET).send().await.unwrap();
    assert!(listed.contents().is_empty());
    assert_eq!(server.files("content").len() + server.files("incoming").len(), 0);
}

#[tokio::test]
async fn a_policy_is_valid_until_its_own_end() {
    let server = Server::start().await;
    let signer = server.signer("writer");
    let long = signer.post(&policy(), Validity::new(server.now(), 24 * 3600).unwrap()).unwrap();
    server.advance(Duration::from_hours(23));
    let answer = post(&server, &long.fields, Some(("f", b"123"))).await;
    assert_eq!(answer.status.as_u16(), 204);
}

#[tokio::test]
async fn whatever_the_file_holds_it_ends_at_the_boundary_alone() {
    let server = Server::start().await;
    let fields = fields(&server, &PostPolicy::for_key("staging/1").unwrap());
    let almost = format!("\r\n--{BOUNDARY}");
    let tricky: Vec<u8> = [
        &almost.as_bytes()[..almost.len() - 1],
        b"\r\n\r\n--\r\n",
        &bytes(70_000, 4),
        b"\r",
        &almost.as_bytes()[..10],
        b"\r\n--",
    ]
    .concat();
    let answer = post(&server, &fields, Some(("f", &tricky))).await;
    assert_eq!(answer.status.as_u16(), 204, "{}", answer.text());
    let got = server.admin().get_object().bucket(BUCKET).key("staging/1").send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().to_vec(), tricky);
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let server = Server::start().await;
    let answer = send(&server, "POST", "/files", &[("content-type", "application/json")], "{}").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (412, "PreconditionFailed"));
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    for body in ["", "nothing like a form", &format!("--{BOUNDARY}\r\nno: disposition\r\n\r\nx\r\n--{BOUNDARY}--")] {
        let answer = send(&server, "POST", "/files", &[("content-type", &content_type)], body.to_owned()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "MalformedPOSTRequest"), "{body}");
    }
    let missing = server.admin().head_object().bucket(BUCKET).key("x").send().await.unwrap_err();
    assert!(missing.code().is_none() || missing.into_service_error().is_not_found());
}

#[tokio::test]
async fn a_nameless_file_gives_no_key_and_is_refused() {
    let server = Server::start().await;
    let signer = server.signer("admin");
    let policy = PostPolicy::for_prefix("").unwrap();
    let fields = signer.post(&policy, Validity::new(server.now(), 600).unwrap()).unwrap().fields;
    for filename in ["", "folder/"] {
        let answer = post(&server, &fields, Some((filename, b"1"))).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "UserKeyMustBeSpecified"));
    }
    let listed = server.admin().list_objects_v2().bucket(BUCKET).send().await.unwrap();
    assert!(listed.contents().is_empty());
}

#[tokio::test]
async fn a_redirect_that_no_header_can_carry_is_refused_before_anything_is_stored() {
    let server = Server::start().await;
    let open = policy().starts_with("success_action_redirect", "", "x");
    let sent = changed(&fields(&server, &open), "success_action_redirect", "https://app.example/\u{7}");
    let answer = post(&server, &sent, Some(("f", b"123"))).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "InvalidArgument"));
    assert!(!is_stored(&server, "staging/1").await);
}

#[tokio::test]
async fn a_policy_that_names_no_bucket_is_good_for_none() {
    let server = Server::start().await;
    let mut sent = fields(&server, &policy());
    let value = |sent: &[(String, String)], name: &str| sent.iter().find(|(own, _)| own == name).unwrap().1.clone();
    let document = String::from_utf8(STANDARD.decode(value(&sent, "policy")).unwrap()).unwrap();
    let bucket = format!("{{\"bucket\":\"{BUCKET}\"}},");
    assert!(document.contains(&bucket), "{document}");
    let lax = STANDARD.encode(document.replace(&bucket, ""));
    let date = value(&sent, "x-amz-date")[..8].to_owned();
    let mut key = b"AWS4writer-secret".to_vec();
    for step in [date.as_str(), "us-east-1", "s3", "aws4_request"] {
        key = hmac(&key, step.as_bytes());
    }
    let signature = hmac(&key, lax.as_bytes()).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    sent = changed(&changed(&sent, "policy", &lax), "x-amz-signature", &signature);
    sent.retain(|(name, _)| name != "bucket");
    let answer = post(&server, &sent, Some(("f", b"123"))).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "AccessDenied"), "{}", answer.text());
    assert!(answer.text().contains("Extra input fields: bucket"), "{}", answer.text());
}

/// HMAC-SHA-256 (RFC 2104) of keys that are shorter than a block.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let pad = |with: u8| (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect::<Vec<u8>>();
    let inner = Sha256::digest([&pad(0x36)[..], message].concat());
    Sha256::digest([&pad(0x5c)[..], &inner].concat()).to_vec()
}

#[tokio::test]
async fn a_form_that_dawdles_before_it_is_known_whose_it_is_is_given_up() {
    let server = Server::start_with(|options| options.limits.idle = Duration::from_millis(300)).await;
    let mut connection = TcpStream::connect(&server.address).await.unwrap();
    let head = format!(
        "POST /{BUCKET} HTTP/1.1\r\nhost: {}\r\ncontent-type: multipart/form-data; boundary={BOUNDARY}\r\n\
         content-length: 60000\r\n\r\n--{BOUNDARY}\r\n",
        server.address
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let (mut answers, mut body) = connection.into_split();
    // It never stands still for as long as a body may, and never comes to an end.
    let dawdling = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        while body.write_all(b"x").await.is_ok() {
            ticks.tick().await;
        }
    });
    let mut answer = vec![0; 4096];
    let read = timeout(Duration::from_secs(10), answers.read(&mut answer)).await.expect("it is given up").unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("RequestTimeout"), "{answer}");
    dawdling.abort();
}

#[tokio::test]
async fn the_address_of_what_was_stored_is_right_where_the_bucket_stands_in_the_host_name() {
    let server = Server::start_with(|options| options.domains = vec!["s3.localhost".to_owned()]).await;
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let headers = [("content-type", content_type.as_str()), ("host", "files.s3.localhost")];
    let answer = send(&server, "POST", "/", &headers, form(&fields(&server, &policy()), Some(("f", b"123")))).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (204, "http://files.s3.localhost/staging/1"));
}

#[tokio::test]
async fn a_form_that_does_not_say_how_long_it_is_is_refused() {
    let server = Server::start().await;
    let mut connection = TcpStream::connect(&server.address).await.unwrap();
    let body = form(&fields(&server, &policy()), Some(("f", b"123")));
    let head = format!(
        "POST /{BUCKET} HTTP/1.1\r\nhost: {}\r\ncontent-type: multipart/form-data; boundary={BOUNDARY}\r\n\
         transfer-encoding: chunked\r\nconnection: close\r\n\r\n{:x}\r\n",
        server.address,
        body.len()
    );
    let sent = [head.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
    connection.write_all(&sent).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = timeout(Duration::from_secs(10), connection.read(&mut answer)).await.expect("an answer").unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 411") && answer.contains("MissingContentLength"), "{answer}");
    assert!(server.files("content").is_empty());
}
