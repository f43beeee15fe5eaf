//! Rust's `opendal`, under which many programs keep their data.

use std::time::Duration;

use opendal::services::S3;
use opendal::{Entry, EntryMode, ErrorKind, HttpTransporter, Operator};
use opendal_http_transport_reqwest::ReqwestTransport;

use super::{Content, PART, Place, keys, large, small, with_tls};
use crate::server::BUCKET;

fn client(place: &Place) -> Operator {
    with_tls();
    let (access_key, secret) = keys();
    let service = S3::default()
        .endpoint(&place.endpoint())
        .region("us-east-1")
        .bucket(BUCKET)
        .access_key_id(access_key)
        .secret_access_key(&secret)
        .disable_config_load()
        .disable_ec2_metadata();
    let operator = Operator::new(service).unwrap();
    let context = operator.base_context().with_http_transport(HttpTransporter::new(ReqwestTransport::default()));
    operator.with_context(context)
}

#[tokio::test]
async fn opendal_uploads_lists_copies_links_and_deletes() {
    const SOON: Duration = Duration::from_mins(5);
    let place = Place::start().await;
    let client = client(&place);
    let read = async |key: &str| Content(client.read(key).await.unwrap().to_vec());
    // It takes several slashes for one.
    let mut files = small();
    files.retain(|key, _| !key.contains("//"));

    for (key, content) in &files {
        assert_eq!(read(&format!("given/{key}")).await, *content);
        let key = format!("in/{key}");
        let write = client.write_with(&key, content.0.clone()).content_type("text/x-mine");
        write.user_metadata([("who".to_owned(), "Ada".to_owned())]).await.unwrap();
    }
    client.write_with("in/large", large().0).chunk(PART).await.unwrap();
    files.insert("large".to_owned(), large());
    assert_eq!(place.stored("in/").await, files);
    assert_eq!(place.parts("in/large").await, 2);
    assert_eq!(place.metadata("in/plain.txt", "who").await.as_deref(), Some("Ada"));
    let found = client.stat("in/plain.txt").await.unwrap();
    assert_eq!((found.content_type(), found.content_length()), (Some("text/x-mine"), 25));
    assert_eq!(read("in/large").await, large());
    let stretch = client.read_with("in/large").range(PART as u64 - 2..PART as u64 + 2).await.unwrap();
    assert_eq!(stretch.to_vec(), large().0[PART - 2..PART + 2]);
    let taken = client.write_with("in/plain.txt", "again").if_not_exists(true).await.unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::ConditionNotMatch);

    client.create_dir("in/folder/").await.unwrap();
    let listed = client.list_with("in/").recursive(true).await.unwrap();
    let listed: Vec<&str> =
        listed.iter().filter(|found| found.metadata().mode() == EntryMode::FILE).map(Entry::path).collect();
    assert_eq!(listed, files.keys().map(|key| format!("in/{key}")).collect::<Vec<_>>());
    let folders = client.list("in/").await.unwrap();
    let folders: Vec<&str> = folders.iter().map(Entry::path).filter(|path| path.ends_with('/')).collect();
    assert_eq!(folders, ["in/a/", "in/folder/", "in/ünïcode/"]);

    for key in files.keys() {
        client.copy(&format!("in/{key}"), &format!("out/{key}")).await.unwrap();
    }
    assert_eq!(place.stored("out/").await, files);
    assert_eq!(place.metadata("out/plain.txt", "who").await.as_deref(), Some("Ada"));

    for (key, content) in &files {
        let link = client.presign_read(&format!("in/{key}"), SOON).await.unwrap();
        assert_eq!(place.given_by(&link.uri().to_string()).await, *content, "{key}");
        let link = client.presign_write(&format!("put/{key}"), SOON).await.unwrap();
        place.put_by(&link.uri().to_string(), content).await;
    }
    assert_eq!(place.stored("put/").await, files);

    client.delete("out/plain.txt").await.unwrap();
    assert!(!client.exists("out/plain.txt").await.unwrap());
    client.delete_iter(files.keys().map(|key| format!("put/{key}"))).await.unwrap();
    for folder in ["in/", "out/"] {
        client.delete_with(folder).recursive(true).await.unwrap();
    }
    assert_eq!(place.stored("").await.len(), small().len(), "only what was given is left");
}
