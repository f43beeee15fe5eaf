//! Keys are names and never paths.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use strongroom_presign::{Request, Validity};

use crate::server::{BUCKET, Server};
use crate::wire::send;

/// Keys that would all be trouble if one of them were a path.
fn nasty() -> Vec<String> {
    let mut keys: Vec<String> = [
        "a",
        "a/b",
        "a/b/",
        "a/",
        "A",
        "/leading",
        "//double",
        "a//b",
        "trailing/",
        "..",
        "../up",
        "../../etc/passwd",
        ".",
        "./a",
        "a/../b",
        "a/./b",
        "C:\\windows",
        "back\\slash",
        "nul",
        "con.txt",
        "with space",
        "plus+plus",
        "percent%2Fslash",
        "..%2F..%2Fother",
        "question?mark",
        "hash#tag",
        "amp&amp;<tag>",
        "quote'\"",
        "tab\there",
        "line\nbreak",
        "\u{1}control",
        "日本語/鍵.png",
        "é",
        "e\u{301}",
        "🗝️",
        "\u{202e}rtl",
        "\u{feff}bom",
        "index.sqlite",
        "content/0000/000/0000000000000001",
        "~",
        "!*'();:@&=+$,[]",
        "x-amz-meta-a",
    ]
    .map(str::to_owned)
    .to_vec();
    keys.push("k".repeat(1024));
    keys.push("ü".repeat(512));
    keys
}

#[tokio::test]
async fn every_key_is_kept_apart_from_every_other() {
    let server = Server::start().await;
    let client = server.admin();
    for key in nasty() {
        let put = client.put_object().bucket(BUCKET).key(&key).body(key.clone().into_bytes().into());
        put.send().await.unwrap_or_else(|error| panic!("{key:?}: {error:?}"));
    }
    for key in nasty() {
        let got = client.get_object().bucket(BUCKET).key(&key).send().await.unwrap();
        assert_eq!(got.body.collect().await.unwrap().to_vec(), key.as_bytes(), "{key:?}");
    }
    let listed = client.list_objects_v2().bucket(BUCKET).encoding_type("url".into()).send().await.unwrap();
    let mut listed: Vec<String> = listed.contents().iter().filter_map(|object| object.key()).map(decoded).collect();
    let mut expected = nasty();
    expected.sort();
    assert!(listed.is_sorted());
    listed.sort();
    assert_eq!(listed, expected);
    for file in server.files("content") {
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    }
    for key in nasty() {
        client.delete_object().bucket(BUCKET).key(&key).send().await.unwrap();
    }
    server.store.sweep().await.unwrap();
    assert_eq!(server.files("content").len(), 0);
}

fn decoded(key: &str) -> String {
    percent_encoding::percent_decode_str(key).decode_utf8().unwrap().into_owned()
}

#[tokio::test]
async fn an_encoded_slash_reaches_no_other_bucket_and_no_file() {
    let server = Server::start().await;
    let client = server.admin();
    client.create_bucket().bucket("other").send().await.unwrap();
    client.put_object().bucket("other").key("secret").body(b"secret".to_vec().into()).send().await.unwrap();
    let signer = server.signer("admin");
    let url = signer.presign(&Request::get("x/x/other/secret"), Validity::new(server.now(), 60).unwrap()).unwrap();
    // The signature covers the decoded path, so the same URL signs both spellings of a slash.
    for spelling in ["x%2Fx%2Fother%2Fsecret", "x/x/other%2Fsecret"] {
        let answer = send(&server, "GET", &url.replace("x/x/other/secret", spelling), &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "NoSuchKey"));
    }
    for escape in ["..%2Fother%2Fsecret", "..%2F..%2Findex.sqlite", "../other/secret"] {
        let answer = send(&server, "GET", &url.replace("x/x/other/secret", escape), &[], "").await;
        assert_eq!(answer.status.as_u16(), 403, "{escape}");
    }
    for key in ["../other/secret", "../../index.sqlite", "..%2Fother/secret"] {
        let missing = client.get_object().bucket(BUCKET).key(key).send().await.unwrap_err();
        assert_eq!(missing.code(), Some("NoSuchKey"), "{key}");
    }
}

#[tokio::test]
async fn a_key_of_1025_bytes_is_refused() {
    let server = Server::start().await;
    let client = server.admin();
    let refused = client.put_object().bucket(BUCKET).key("k".repeat(1025)).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("KeyTooLongError"));
}

#[tokio::test]
async fn a_bucket_may_stand_in_the_host_name() {
    let server = Server::start_with(|options| options.domains = vec!["s3.localhost".to_owned()]).await;
    let client = server.admin();
    client.put_object().bucket(BUCKET).key("k").body(b"here".to_vec().into()).send().await.unwrap();
    let credentials = strongroom_presign::Credentials::new("admin", "admin-secret").unwrap();
    let endpoint = strongroom_presign::Endpoint::custom("http://s3.localhost", "us-east-1").unwrap();
    let endpoint = endpoint.with_addressing(strongroom_presign::Addressing::VirtualHost);
    let signer = strongroom_presign::Signer::new(credentials, endpoint, BUCKET).unwrap();
    let url = signer.presign(&Request::get("k"), Validity::new(server.now(), 60).unwrap()).unwrap();
    let target = url.strip_prefix("http://files.s3.localhost").unwrap();
    let answer = send(&server, "GET", target, &[("host", "files.s3.localhost")], "").await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "here"));
}
