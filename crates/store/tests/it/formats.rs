//! Folders that earlier versions of the store wrote, as they lay on their disks.

use std::fs;
use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use strongroom_store::Inspector;
use tempfile::TempDir;

use crate::server::Server;

/// Written by the first version: its index has the first migration alone. Every content is `text` of its length.
const FORMAT_1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/format-1.tar.gz");

/// What everything in the folder is made of.
fn text(length: usize) -> Vec<u8> {
    b"Forty-two bolts of indigo twill, received.\n".iter().copied().cycle().take(length).collect()
}

async fn read(client: &Client, bucket: &str, key: &str) -> Vec<u8> {
    let got = client.get_object().bucket(bucket).key(key).send().await.unwrap();
    got.body.collect().await.unwrap().to_vec()
}

fn unpack(archive: &str, into: &Path) {
    let packed = fs::File::open(archive).unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(packed)).unpack(into).unwrap();
}

#[tokio::test]
async fn a_folder_of_the_first_version_opens_and_holds_every_byte() {
    let folder = TempDir::new().unwrap();
    unpack(FORMAT_1, folder.path());
    let server = Server::start_on(folder).await;
    let client = server.admin();
    let objects = [
        ("files", "/../é/☃//x", 300),
        ("files", "a", 1),
        ("files", "a/b", 2),
        ("files", "empty", 0),
        ("files", "film", (5 << 20) + 77),
        ("files", "film-copy", (5 << 20) + 77),
        ("files", "text.txt", 1000),
        ("second", "copy", 1000),
        ("second", "large", 400_000),
    ];
    for bucket in ["files", "second"] {
        let listed = client.list_objects_v2().bucket(bucket).send().await.unwrap();
        let keys: Vec<&str> = listed.contents().iter().filter_map(|object| object.key()).collect();
        let wanted: Vec<&str> = objects.iter().filter(|(of, ..)| *of == bucket).map(|(_, key, _)| *key).collect();
        assert_eq!(keys, wanted);
    }
    for (bucket, key, length) in objects {
        let whole = if key.starts_with("film") { [text(5 << 20), text(77)].concat() } else { text(length) };
        assert!(read(&client, bucket, key).await == whole, "{bucket}/{key}");
    }
    let head = client.head_object().bucket("second").key("copy").send().await.unwrap();
    assert_eq!(head.content_type(), Some("text/plain"));
    assert_eq!(head.cache_control(), Some("max-age=60"));
    assert_eq!(head.metadata().unwrap()["owner"], "alice");
    let head = client.head_object().bucket("files").key("film").send().await.unwrap();
    assert_eq!(head.e_tag(), Some("\"2813c64f8fffee1db24ecfca4be88c19-2\""));
    let part = client.get_object().bucket("files").key("film").part_number(2).send().await.unwrap();
    assert_eq!(part.body.collect().await.unwrap().to_vec(), text(77));

    // An upload that was under way goes on.
    let listed = client.list_multipart_uploads().bucket("files").send().await.unwrap();
    let id = listed.uploads()[0].upload_id().unwrap();
    let part = CompletedPart::builder().part_number(1).e_tag("9d605d277a886633b545f426049e51de").build();
    let parts = CompletedMultipartUpload::builder().parts(part).build();
    let complete = client.complete_multipart_upload().bucket("files").key("later").upload_id(id);
    complete.multipart_upload(parts).send().await.unwrap();
    assert_eq!(read(&client, "files", "later").await, text(500));

    let checked = Inspector::open(server.folder()).unwrap().check(|_| {}).unwrap();
    assert!(checked.is_sound() && checked.leavings.is_empty(), "{checked:?}");
    let mut scrub = Inspector::open(server.folder()).unwrap().scrub(0);
    while scrub.step().unwrap() {}
    assert_eq!((scrub.progress().contents, scrub.take_damaged()), (8, Vec::new()));
}
