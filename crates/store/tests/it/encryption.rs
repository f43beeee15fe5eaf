//! Encryption with a customer's key (SSE-C): the key opens, nothing else does, and nothing of it stays.

use std::fs;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::types::{ChecksumAlgorithm, ObjectAttributes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use strongroom_presign::{Payload, PostPolicy, Request, Validity};

use crate::forms::post;
use crate::objects::bytes;
use crate::server::{BUCKET, Server};
use crate::wire::{Answer, send_signed};

/// A customer's key.
pub(crate) struct Key {
    raw: [u8; 32],
    /// The key in base64.
    pub(crate) text: String,
    /// Its MD5 in base64.
    pub(crate) md5: String,
}

/// A key that differs from those of other seeds.
pub(crate) fn key(seed: u64) -> Key {
    let raw: [u8; 32] = bytes(32, seed).try_into().unwrap();
    Key { raw, text: STANDARD.encode(raw), md5: STANDARD.encode(Md5::digest(raw)) }
}

/// A put with a key.
pub(crate) fn put(client: &Client, name: &str, body: Vec<u8>, key: &Key) -> PutObjectFluentBuilder {
    let put = client.put_object().bucket(BUCKET).key(name).body(body.into()).sse_customer_algorithm("AES256");
    put.sse_customer_key(&key.text).sse_customer_key_md5(&key.md5)
}

/// A get with a key.
pub(crate) fn get(client: &Client, name: &str, key: &Key) -> GetObjectFluentBuilder {
    let get = client.get_object().bucket(BUCKET).key(name).sse_customer_algorithm("AES256");
    get.sse_customer_key(&key.text).sse_customer_key_md5(&key.md5)
}

/// What a get brings.
pub(crate) async fn read(get: GetObjectFluentBuilder) -> Vec<u8> {
    get.send().await.unwrap().body.collect().await.unwrap().to_vec()
}

/// Status and code of a refusal.
pub(crate) fn refusal<E: aws_sdk_s3::error::ProvideErrorMetadata>(
    error: &aws_sdk_s3::error::SdkError<E>,
) -> (u16, &str) {
    (error.raw_response().unwrap().status().as_u16(), error.code().unwrap_or_default())
}

/// Whether any file of the store holds these bytes.
fn is_on_disk(server: &Server, wanted: &[u8]) -> bool {
    server.files("").iter().any(|path| memchr::memmem::find(&fs::read(path).unwrap(), wanted).is_some())
}

#[tokio::test]
async fn what_a_customer_encrypts_opens_with_the_key_alone_and_lies_on_disk_sealed() {
    let server = Server::start().await;
    let client = server.admin();
    let (right, wrong, body) = (key(1), key(2), bytes(300_000, 3));
    let done = put(&client, "k", body.clone(), &right).checksum_algorithm(ChecksumAlgorithm::Sha256).send().await;
    let done = done.unwrap();
    assert_eq!(done.sse_customer_algorithm(), Some("AES256"));
    assert_eq!(done.sse_customer_key_md5(), Some(right.md5.as_str()));
    // A tag that is the MD5 would tell who guesses the content that he is right.
    let plain = client.put_object().bucket(BUCKET).key("plain").body(body.clone().into());
    let plain = plain.checksum_algorithm(ChecksumAlgorithm::Sha256).send().await.unwrap();
    assert_ne!(done.e_tag(), plain.e_tag());
    assert_eq!(done.e_tag().unwrap().len(), 34);
    assert_eq!(done.checksum_sha256(), plain.checksum_sha256());
    client.delete_object().bucket(BUCKET).key("plain").send().await.unwrap();

    let got = get(&client, "k", &right).checksum_mode("ENABLED".into()).send().await.unwrap();
    assert_eq!(got.sse_customer_key_md5(), Some(right.md5.as_str()));
    assert_eq!(got.e_tag(), done.e_tag());
    assert_eq!(got.checksum_sha256(), done.checksum_sha256());
    assert!(got.body.collect().await.unwrap().to_vec() == body);

    let without = client.get_object().bucket(BUCKET).key("k").send().await.unwrap_err();
    assert_eq!(refusal(&without), (400, "InvalidRequest"));
    assert_eq!(refusal(&get(&client, "k", &wrong).send().await.unwrap_err()), (403, "AccessDenied"));
    let head = client.head_object().bucket(BUCKET).key("k");
    assert_eq!(refusal(&head.clone().send().await.unwrap_err()).0, 400);
    let with = |key: &Key| {
        let head = head.clone().sse_customer_algorithm("AES256");
        head.sse_customer_key(&key.text).sse_customer_key_md5(&key.md5)
    };
    assert_eq!(refusal(&with(&wrong).send().await.unwrap_err()).0, 403);
    assert_eq!(with(&right).send().await.unwrap().content_length(), Some(300_000));
    let told = client.get_object_attributes().bucket(BUCKET).key("k").object_attributes(ObjectAttributes::ObjectSize);
    assert_eq!(refusal(&told.clone().send().await.unwrap_err()), (400, "InvalidRequest"));
    let told = told.sse_customer_algorithm("AES256").sse_customer_key(&right.text).sse_customer_key_md5(&right.md5);
    assert_eq!(told.send().await.unwrap().object_size(), Some(300_000));
    // Nor does a condition tell anything to who has no key.
    let tag = done.e_tag().unwrap();
    let asked = client.get_object().bucket(BUCKET).key("k").if_none_match(tag).send().await.unwrap_err();
    assert_eq!(refusal(&asked), (400, "InvalidRequest"));

    let secrets: [&[u8]; 4] = [&body[1000..1032], &right.raw, right.text.as_bytes(), right.md5.as_bytes()];
    for secret in secrets {
        assert!(!is_on_disk(&server, secret));
    }
    // What looks for it finds what is there.
    client.put_object().bucket(BUCKET).key("plain").body(body.clone().into()).send().await.unwrap();
    assert!(is_on_disk(&server, &body[1000..1032]));
    let server = server.restart().await;
    assert!(read(get(&server.admin(), "k", &right)).await == body);
}

#[tokio::test]
async fn every_range_of_an_encrypted_object_is_what_was_sent() {
    const CHUNK: usize = 64 << 10;
    let server = Server::start().await;
    let client = server.admin();
    let (key, body) = (key(1), bytes(9 * CHUNK + 17, 5));
    put(&client, "k", body.clone(), &key).send().await.unwrap();
    for start in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 4 * CHUNK - 3, 9 * CHUNK, 9 * CHUNK + 16] {
        for length in [1, 2, CHUNK, CHUNK + 1, 4 * CHUNK - 1, 4 * CHUNK, 4 * CHUNK + 1, 8 * CHUNK, body.len()] {
            let end = body.len().min(start + length) - 1;
            let got = read(get(&client, "k", &key).range(format!("bytes={start}-{end}"))).await;
            assert!(got == body[start..=end], "{start}-{end}");
        }
    }
    for length in [1, CHUNK - 1, CHUNK, CHUNK + 1, 4 * CHUNK, 4 * CHUNK + 1] {
        put(&client, "k", body[..length].to_vec(), &key).send().await.unwrap();
        assert!(read(get(&client, "k", &key)).await == body[..length], "{length}");
    }
    put(&client, "k", Vec::new(), &key).send().await.unwrap();
    assert_eq!(read(get(&client, "k", &key)).await, b"");
    let without = client.get_object().bucket(BUCKET).key("k").send().await.unwrap_err();
    assert_eq!(refusal(&without), (400, "InvalidRequest"));
}

type Headers<'a> = &'a [(&'a str, &'a str)];

async fn with_headers(server: &Server, request: Request<'_>, headers: Headers<'_>) -> Answer {
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let signed = server.signer("admin").sign(&request, Payload::Unsigned, server.now()).unwrap();
    send_signed(server, &signed, if request.method() == strongroom_presign::Method::Put { "data" } else { "" }).await
}

#[tokio::test]
async fn headers_that_do_not_make_a_key_are_refused_and_nothing_is_stored() {
    const ALGORITHM: &str = "x-amz-server-side-encryption-customer-algorithm";
    const KEY: &str = "x-amz-server-side-encryption-customer-key";
    const MD5: &str = "x-amz-server-side-encryption-customer-key-md5";
    const SSE: &str = "x-amz-server-side-encryption";
    let server = Server::start().await;
    let (key, other) = (key(1), key(2));
    let of_length = |length: usize| {
        let raw = bytes(length, 1);
        (STANDARD.encode(&raw), STANDARD.encode(Md5::digest(&raw)))
    };
    let (short, long, endless) = (of_length(31), of_length(33), of_length(3000));
    let cut = &key.text[..key.text.len() - 1];
    let cases: &[(Headers<'_>, u16, &str)] = &[
        (&[(ALGORITHM, "AES128"), (KEY, &key.text), (MD5, &key.md5)], 400, "InvalidEncryptionAlgorithmError"),
        (&[(ALGORITHM, "aes256"), (KEY, &key.text), (MD5, &key.md5)], 400, "InvalidEncryptionAlgorithmError"),
        (&[(KEY, &key.text), (MD5, &key.md5)], 400, "InvalidArgument"),
        (&[(ALGORITHM, "AES256")], 400, "InvalidArgument"),
        (&[(ALGORITHM, "AES256"), (MD5, &key.md5)], 400, "InvalidArgument"),
        (&[(ALGORITHM, "AES256"), (KEY, &key.text)], 400, "InvalidArgument"),
        (&[(ALGORITHM, "AES256"), (KEY, &key.text), (MD5, &other.md5)], 400, "InvalidArgument"),
        (&[(ALGORITHM, "AES256"), (KEY, &key.text), (MD5, "x")], 400, "InvalidArgument"),
        (&[(ALGORITHM, "AES256"), (KEY, &short.0), (MD5, &short.1)], 400, "InvalidArgument"),
        (&[(ALGORITHM, "AES256"), (KEY, &long.0), (MD5, &long.1)], 400, "InvalidArgument"),
        (&[(ALGORITHM, "AES256"), (KEY, &endless.0), (MD5, &endless.1)], 400, "InvalidArgument"),
        (&[(ALGORITHM, "AES256"), (KEY, cut), (MD5, &key.md5)], 400, "InvalidArgument"),
        (&[(ALGORITHM, "AES256"), (KEY, "%%%"), (MD5, &key.md5)], 400, "InvalidArgument"),
        (&[(SSE, "AES256"), (ALGORITHM, "AES256"), (KEY, &key.text), (MD5, &key.md5)], 400, "InvalidArgument"),
        (&[(SSE, "AES512")], 400, "InvalidEncryptionAlgorithmError"),
        (&[(SSE, "aws:kms")], 501, "NotImplemented"),
        (&[(SSE, "aws:kms"), ("x-amz-server-side-encryption-aws-kms-key-id", "k")], 501, "NotImplemented"),
        (&[("x-amz-server-side-encryption-bucket-key-enabled", "true")], 501, "NotImplemented"),
    ];
    for (headers, status, code) in cases {
        let answer = with_headers(&server, Request::put("k"), headers).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (*status, *code), "{headers:?}");
        assert!(!answer.text().contains(&key.text), "{}", answer.text());
    }
    assert!(server.files("content").is_empty());

    // A read takes a customer's key and nothing else, and only where there is something to open.
    with_headers(&server, Request::put("k"), &[]).await;
    let applied = [(ALGORITHM, "AES256"), (KEY, &*key.text), (MD5, &*key.md5)];
    let answer = with_headers(&server, Request::get("k"), &applied).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "InvalidRequest"));
    let answer = with_headers(&server, Request::get("k"), &[(SSE, "AES256")]).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "InvalidArgument"));
    let answer = with_headers(&server, Request::get("k"), &applied[..2]).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "InvalidArgument"));
}

#[tokio::test]
async fn a_form_takes_the_same_fields() {
    let server = Server::start().await;
    let key = key(1);
    let policy = PostPolicy::for_key("staging/1").unwrap().content_length(1, 1_000_000);
    let policy = policy
        .exact("x-amz-server-side-encryption-customer-algorithm", "AES256")
        .exact("x-amz-server-side-encryption-customer-key", &key.text)
        .exact("x-amz-server-side-encryption-customer-key-MD5", &key.md5);
    let fields = server.signer("writer").post(&policy, Validity::new(server.now(), 600).unwrap()).unwrap().fields;
    let body = bytes(200_000, 1);
    let answer = post(&server, &fields, Some(("f", &body))).await;
    assert_eq!(answer.status.as_u16(), 204, "{}", answer.text());
    assert_eq!(answer.header("x-amz-server-side-encryption-customer-key-md5"), key.md5);
    assert!(read(get(&server.admin(), "staging/1", &key)).await == body);

    let policy = PostPolicy::for_key("staging/2").unwrap().content_length(1, 1_000_000);
    let policy = policy.exact("x-amz-server-side-encryption", "AES256");
    let fields = server.signer("writer").post(&policy, Validity::new(server.now(), 600).unwrap()).unwrap().fields;
    let answer = post(&server, &fields, Some(("f", &body))).await;
    assert_eq!(answer.header("x-amz-server-side-encryption"), "AES256");
    assert!(!is_on_disk(&server, &body[1000..1032]));
    // A field that the policy does not name is refused, as any other is.
    let mut more = fields.clone();
    more.push(("x-amz-server-side-encryption-customer-algorithm".to_owned(), "AES256".to_owned()));
    assert_eq!(post(&server, &more, Some(("f", &body))).await.status.as_u16(), 403);
}

#[tokio::test]
async fn each_version_has_the_key_that_it_was_written_with() {
    let server = Server::start().await;
    let client = server.admin();
    crate::versions::versioning(&client, aws_sdk_s3::types::BucketVersioningStatus::Enabled).await;
    let keys = [key(1), key(2)];
    let mut versions = Vec::new();
    for (seed, key) in (0..).zip(&keys) {
        let done = put(&client, "k", bytes(70_000, seed), key).send().await.unwrap();
        versions.push(done.version_id().unwrap().to_owned());
    }
    client.put_object().bucket(BUCKET).key("k").body(b"plain".to_vec().into()).send().await.unwrap();
    for (seed, (key, version)) in (0..).zip(keys.iter().zip(&versions)) {
        assert!(read(get(&client, "k", key).version_id(version)).await == bytes(70_000, seed));
    }
    let swapped = get(&client, "k", &keys[0]).version_id(&versions[1]).send().await.unwrap_err();
    assert_eq!(refusal(&swapped), (403, "AccessDenied"));
    assert_eq!(read(client.get_object().bucket(BUCKET).key("k")).await, b"plain");
    // Who removes needs no key.
    for version in &versions {
        client.delete_object().bucket(BUCKET).key("k").version_id(version).send().await.unwrap();
    }
    server.store.sweep().await.unwrap();
    assert_eq!(server.files("content").len(), 1);
}
