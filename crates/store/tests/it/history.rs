//! Versions out into a folder tree and back: each under its own name, in its place, with all that belongs to it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{BucketVersioningStatus, ObjectLockMode, VersioningConfiguration};
use strongroom_store::{Imported, Inspector, Manifest, TransferError};
use tempfile::TempDir;

use crate::multipart::{PART, begin, complete, part};
use crate::objects::bytes;
use crate::server::{BUCKET, Server};
use crate::versions::{put, text, versioning};

const BUCKETS: [&str; 3] = [BUCKET, "paused", "locked"];

fn export(server: &Server, folder: &Path) -> (u64, u64, u64) {
    let exported = Inspector::open(server.folder()).unwrap().export(folder, |_| {}).unwrap();
    assert_eq!(exported.failed, Vec::<String>::new());
    (exported.objects, exported.versions, exported.unchanged)
}

async fn import(server: &Server, folder: &Path) -> Imported {
    let manifest = Manifest::read(folder).unwrap();
    let mut told = strongroom_store::Progress::default();
    let imported = server.store.import(&manifest, |progress| told = progress).await.unwrap();
    assert_eq!(told, manifest.whole());
    imported
}

/// Buckets that keep versions, kept them once, and lock them, with every kind of version in them.
async fn fill(server: &Server) {
    let client = server.admin();
    put(&client, "k", "before there were versions").await;
    versioning(&client, BucketVersioningStatus::Enabled).await;
    for (key, body) in [("k", "one"), ("k", "two"), ("a", "1"), ("a", "2"), ("a/b", "3"), ("a/b", "4"), ("a%", "5")] {
        server.advance(Duration::from_secs(1));
        let put = client.put_object().bucket(BUCKET).key(key).body(body.as_bytes().to_vec().into());
        put.content_type("text/x-test").metadata("said", body).tagging(format!("n={body}")).send().await.unwrap();
    }
    put(&client, "a%", "6").await;
    client.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    let three = put(&client, "k", "three").await;
    put(&client, "k", "four").await;
    client.delete_object().bucket(BUCKET).key("k").set_version_id(three).send().await.unwrap();
    put(&client, "gone", "was here").await;
    client.delete_object().bucket(BUCKET).key("gone").send().await.unwrap();
    client.delete_object().bucket(BUCKET).key("never was").send().await.unwrap();
    put(&client, "empty", "").await;
    put(&client, "empty", "full").await;
    let id = begin(&client, "film").await;
    let parts = [part(&client, "film", &id, 1, bytes(PART, 1)).await, part(&client, "film", &id, 2, bytes(9, 2)).await];
    let film = complete(&client, "film", &id, &parts).send().await.unwrap();
    put(&client, "film", "replaced").await;
    let source = format!("{BUCKET}/film?versionId={}", film.version_id().unwrap());
    client.copy_object().bucket(BUCKET).key("copy").copy_source(source).send().await.unwrap();
    put(&client, "copy", "replaced").await;

    client.create_bucket().bucket("paused").send().await.unwrap();
    for (status, body) in [("Enabled", "kept"), ("Suspended", "one"), ("Suspended", "two")] {
        let configuration = VersioningConfiguration::builder().status(status.into()).build();
        client.put_bucket_versioning().bucket("paused").versioning_configuration(configuration).send().await.unwrap();
        client.put_object().bucket("paused").key("k").body(body.as_bytes().to_vec().into()).send().await.unwrap();
        client.put_object().bucket("paused").key("hidden").body(body.as_bytes().to_vec().into()).send().await.unwrap();
    }
    client.delete_object().bucket("paused").key("hidden").send().await.unwrap();

    client.create_bucket().bucket("locked").object_lock_enabled_for_bucket(true).send().await.unwrap();
    for body in ["one", "two"] {
        let put = client.put_object().bucket("locked").key("k").body(body.as_bytes().to_vec().into());
        let until = DateTime::from_secs(server.now() + 3600);
        put.object_lock_mode(ObjectLockMode::Governance).object_lock_retain_until_date(until).send().await.unwrap();
    }
}

/// All that a client can see of every version of a bucket.
async fn seen(client: &Client, bucket: &str) -> Vec<String> {
    let status = client.get_bucket_versioning().bucket(bucket).send().await.unwrap();
    let listed = client.list_object_versions().bucket(bucket).send().await.unwrap();
    let mut seen = vec![format!("{:?}", status.status()), format!("{:?}", listed.delete_markers())];
    for version in listed.versions() {
        let (key, id) = (version.key().unwrap(), version.version_id().unwrap());
        let got = client.get_object().bucket(bucket).key(key).version_id(id).checksum_mode("ENABLED".into());
        let got = got.send().await.unwrap();
        let tags = client.get_object_tagging().bucket(bucket).key(key).version_id(id).send().await.unwrap();
        let head = format!(
            "{version:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            got.content_type(),
            got.metadata(),
            got.checksum_crc32(),
            got.checksum_crc64_nvme(),
            got.object_lock_mode(),
            got.object_lock_retain_until_date(),
            tags.tag_set(),
        );
        let body = got.body.collect().await.unwrap().to_vec();
        seen.push(format!("{head} {} {:?}", body.len(), &body[..body.len().min(40)]));
    }
    seen
}

#[tokio::test]
async fn every_version_comes_back_under_its_name_and_in_its_place() {
    let server = Server::start().await;
    fill(&server).await;
    let folder = TempDir::new().unwrap();
    let (objects, versions, _) = export(&server, folder.path());
    let listed = server.admin().list_object_versions().bucket(BUCKET).send().await.unwrap();
    let before = listed.versions().iter().find(|version| version.version_id() == Some("null")).unwrap();
    assert_eq!(before.key(), Some("k"));
    // What is there now is as plain as ever, and what was there before lies in a folder of its own.
    assert_eq!(fs::read(folder.path().join("objects/files/k")).unwrap(), b"four");
    assert_eq!(fs::read(folder.path().join("versions/files/k%/null")).unwrap(), b"before there were versions");
    assert_eq!(fs::read_dir(folder.path().join("versions/files/k%")).unwrap().count(), 3);
    assert_eq!(fs::read_dir(folder.path().join("versions/files/a/b%")).unwrap().count(), 1);
    assert!(!folder.path().join("objects/files/gone").exists());
    let files = versions - listed.delete_markers().len() as u64 - 1;
    assert_eq!(export(&server, folder.path()), (objects, versions, objects + files));

    let other = Server::start().await;
    let imported = import(&other, folder.path()).await;
    assert_eq!((imported.objects, imported.versions, imported.failed), (objects, versions, Vec::new()));
    for bucket in BUCKETS {
        let (was, is) = (seen(&server.admin(), bucket).await, seen(&other.admin(), bucket).await);
        assert_eq!(was, is);
    }
    let again = import(&other, folder.path()).await;
    assert_eq!((again.objects, again.versions, again.there), (0, 0, objects + versions));
    let checked = Inspector::open(other.folder()).unwrap().check(|_| {}).unwrap();
    assert!(checked.is_sound() && checked.leavings.is_empty(), "{checked:?}");

    // History goes on where it stopped.
    let client = other.admin();
    let four = client.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    put(&client, "k", "five").await;
    assert_eq!(text(&client, "k", four.version_id()).await.unwrap(), "four");
    assert_eq!(text(&client, "k", None).await.unwrap(), "five");
    let marker = &listed.delete_markers().iter().find(|marker| marker.key() == Some("gone")).unwrap();
    client.delete_object().bucket(BUCKET).key("gone").version_id(marker.version_id().unwrap()).send().await.unwrap();
    assert_eq!(text(&client, "gone", None).await.unwrap(), "was here");
}

#[tokio::test]
async fn a_later_export_brings_later_versions() {
    let (server, other) = (Server::start().await, Server::start().await);
    fill(&server).await;
    let folder = TempDir::new().unwrap();
    export(&server, folder.path());
    import(&other, folder.path()).await;
    server.advance(Duration::from_secs(1));
    put(&server.admin(), "k", "five").await;
    put(&server.admin(), "k", "six").await;
    put(&server.admin(), "gone", "again").await;
    server.admin().delete_object().bucket(BUCKET).key("a").send().await.unwrap();
    export(&server, folder.path());
    let imported = import(&other, folder.path()).await;
    assert_eq!((imported.objects, imported.versions, imported.failed), (2, 2, Vec::new()));
    assert_eq!(seen(&server.admin(), BUCKET).await, seen(&other.admin(), BUCKET).await);
}

#[tokio::test]
async fn versions_that_have_no_place_are_named_and_what_is_newer_stays() {
    let (server, other) = (Server::start().await, Server::start().await);
    fill(&server).await;
    let folder = TempDir::new().unwrap();
    let (objects, versions, _) = export(&server, folder.path());
    other.advance(Duration::from_hours(1));
    versioning(&other.admin(), BucketVersioningStatus::Enabled).await;
    put(&other.admin(), "a", "mine").await;
    put(&other.admin(), "a", "mine too").await;
    let imported = import(&other, folder.path()).await;
    assert_eq!((imported.objects, imported.there, imported.versions), (objects - 1, 1, versions - 1));
    assert!(imported.failed[0].starts_with("files/a, version 0000000000000001"), "{:?}", imported.failed);
    assert_eq!(text(&other.admin(), "a", None).await.unwrap(), "mine too");

    // A bucket that keeps no versions takes what is there now.
    let third = Server::start().await;
    put(&third.admin(), "z", "mine").await;
    let imported = import(&third, folder.path()).await;
    assert_eq!(imported.objects, objects);
    assert!(imported.failed.iter().all(|told| told.contains("keeps no versions here")), "{:?}", imported.failed);
    assert_eq!(text(&third.admin(), "k", None).await.unwrap(), "four");
    versioning(&third.admin(), BucketVersioningStatus::Enabled).await;
    assert_eq!(text(&third.admin(), "k", Some("null")).await.unwrap(), "four");
}

#[tokio::test]
async fn a_version_whose_name_does_not_tell_its_place_is_refused_before_anything_is_brought_in() {
    let server = Server::start().await;
    fill(&server).await;
    let folder = TempDir::new().unwrap();
    export(&server, folder.path());
    let manifest = folder.path().join("manifest.jsonl");
    let text = fs::read_to_string(&manifest).unwrap();
    for (from, to) in [("\"id\":\"0000000000000002", "\"id\":\"0000000000000003"), ("\"sequence\":", "\"sequence\":-")]
    {
        assert!(text.contains(from));
        fs::write(&manifest, text.replacen(from, to, 1)).unwrap();
        let refused = Manifest::read(folder.path()).unwrap_err();
        assert!(matches!(refused, TransferError::Manifest { .. }), "{refused}");
    }
}
