//! Rust's `object_store`, on which Arrow, `DataFusion` and others stand.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use http::Method;
use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum, S3CopyIfNotExists};
use object_store::path::Path;
use object_store::signer::Signer as _;
use object_store::{
    Attribute, Attributes, Error, ObjectStore as _, ObjectStoreExt as _, PutMode, PutResult, UpdateVersion,
};

use super::{Content, PART, Place, keys, large, small, with_tls};
use crate::server::BUCKET;

fn client(place: &Place) -> AmazonS3 {
    with_tls();
    let (access_key, secret) = keys();
    AmazonS3Builder::new()
        .with_endpoint(place.endpoint())
        .with_allow_http(true)
        .with_region("us-east-1")
        .with_bucket_name(BUCKET)
        .with_access_key_id(access_key)
        .with_secret_access_key(secret)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_copy_if_not_exists(S3CopyIfNotExists::Multipart)
        .build()
        .unwrap()
}

fn path(key: &str) -> Path {
    Path::parse(key).unwrap()
}

async fn read(client: &AmazonS3, key: &str) -> Content {
    Content(client.get(&path(key)).await.unwrap().bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn object_store_uploads_lists_copies_links_and_deletes() {
    let place = Place::start().await;
    let client = client(&place);
    // Its paths have no empty segments.
    let mut files = small();
    files.retain(|key, _| !key.contains("//"));

    for (key, content) in &files {
        assert_eq!(read(&client, &format!("given/{key}")).await, *content);
        let attributes = Attributes::from_iter([
            (Attribute::ContentType, "text/x-mine"),
            (Attribute::Metadata("who".into()), "Ada"),
        ]);
        client.put_opts(&path(&format!("in/{key}")), content.0.clone().into(), attributes.into()).await.unwrap();
    }
    let mut upload = client.put_multipart(&path("in/large")).await.unwrap();
    for part in large().0.chunks(PART) {
        upload.put_part(part.to_vec().into()).await.unwrap();
    }
    upload.complete().await.unwrap();
    files.insert("large".to_owned(), large());
    assert_eq!(place.stored("in/").await, files);
    assert_eq!(place.parts("in/large").await, 2);
    assert_eq!(place.metadata("in/plain.txt", "who").await.as_deref(), Some("Ada"));
    let got = client.get(&path("in/plain.txt")).await.unwrap();
    assert_eq!(got.attributes.get(&Attribute::Metadata("who".into())).map(AsRef::as_ref), Some("Ada"));
    assert_eq!(read(&client, "in/large").await, large());
    let (from, to) = (PART as u64 - 2, PART as u64 + 2);
    let stretches = client.get_ranges(&path("in/large"), &[0..3, from..to]).await.unwrap();
    assert_eq!(stretches, [&large().0[..3], &large().0[PART - 2..PART + 2]]);

    let listed: Vec<_> =
        client.list(Some(&path("in"))).map_ok(|found| found.location.to_string()).try_collect().await.unwrap();
    assert_eq!(listed, files.keys().map(|key| format!("in/{key}")).collect::<Vec<_>>());
    let folder = client.list_with_delimiter(Some(&path("in"))).await.unwrap();
    assert_eq!(folder.common_prefixes, [path("in/a"), path("in/ünïcode")]);

    for key in files.keys() {
        let (from, to) = (path(&format!("in/{key}")), path(&format!("out/{key}")));
        client.copy(&from, &to).await.unwrap();
        let taken = client.copy_if_not_exists(&from, &to).await.unwrap_err();
        assert!(matches!(taken, Error::AlreadyExists { .. }), "{taken}");
        client.copy_if_not_exists(&from, &path(&format!("fresh/{key}"))).await.unwrap();
    }
    assert_eq!(place.stored("out/").await, files);
    assert_eq!(place.stored("fresh/").await, files);
    client.rename(&path("out/large"), &path("out/renamed")).await.unwrap();
    assert_eq!(read(&client, "out/renamed").await, large());
    assert!(matches!(client.head(&path("out/large")).await, Err(Error::NotFound { .. })));

    let target = path("changed");
    let put = async |text: &'static str, mode| client.put_opts(&target, text.into(), PutMode::into(mode)).await;
    let PutResult { e_tag, version, .. } = put("first", PutMode::Create).await.unwrap();
    assert!(matches!(put("second", PutMode::Create).await, Err(Error::AlreadyExists { .. })));
    let first = UpdateVersion { e_tag, version };
    put("third", PutMode::Update(first.clone())).await.unwrap();
    assert!(matches!(put("fourth", PutMode::Update(first)).await, Err(Error::Precondition { .. })));
    assert_eq!(read(&client, "changed").await, Content(b"third".to_vec()));

    for (key, content) in &files {
        let link = client.signed_url(Method::GET, &path(&format!("in/{key}")), Duration::from_mins(5)).await.unwrap();
        assert_eq!(place.given_by(link.as_str()).await, *content, "{key}");
        let link = client.signed_url(Method::PUT, &path(&format!("put/{key}")), Duration::from_mins(5)).await.unwrap();
        place.put_by(link.as_str(), content).await;
    }
    assert_eq!(place.stored("put/").await, files);

    client.delete(&path("changed")).await.unwrap();
    for folder in ["in", "out", "fresh", "put"] {
        let found = client.list(Some(&path(folder))).map_ok(|found| found.location).boxed();
        let gone: Vec<Path> = client.delete_stream(found).try_collect().await.unwrap();
        assert_eq!(gone.len(), files.len());
    }
    assert_eq!(place.stored("").await.len(), small().len(), "only what was given is left");
}
