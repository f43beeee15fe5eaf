//! Out into a folder tree and back: every byte, every key and all that belongs to them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use strongroom_store::{Exported, Imported, Inspector, Manifest, TransferError};
use tempfile::TempDir;

use crate::objects::bytes;
use crate::server::{BUCKET, Server};

/// Keys that no path can be, that differ only in what paths do not tell apart, and plain ones.
fn keys() -> Vec<String> {
    let mut keys: Vec<String> = [
        "plain.txt",
        "photos/2024/a b.jpg",
        "a",
        "a/b",
        "a/",
        "a//",
        "a%",
        "/",
        "//",
        "/a",
        "..",
        "../x",
        "./x",
        "x/..",
        "UPPER",
        "upper",
        "ü/☃",
        "back\\slash",
        "50%",
        "%",
        "nul\u{1}",
        "q?*:<>|\"",
    ]
    .map(str::to_owned)
    .into();
    keys.push("k".repeat(1024));
    keys.push("ü".repeat(512));
    keys
}

fn export(server: &Server, folder: &Path) -> Exported {
    Inspector::open(server.folder()).unwrap().export(folder, |_| {}).unwrap()
}

async fn import(server: &Server, folder: &Path) -> Imported {
    server.store.import(&Manifest::read(folder).unwrap(), |_| {}).await.unwrap()
}

async fn fill(server: &Server) {
    let client = server.admin();
    for (seed, key) in (0..).zip(keys()) {
        let put = client.put_object().bucket(BUCKET).key(key).body(bytes(1000, seed).into());
        put.content_type("image/x-test").metadata("owner", "älice").send().await.unwrap();
    }
    client.put_object().bucket(BUCKET).key("empty").body(Vec::new().into()).send().await.unwrap();
    let sums = client.put_object().bucket(BUCKET).key("sums").body(bytes(700_000, 7).into());
    sums.checksum_algorithm(ChecksumAlgorithm::Sha256).cache_control("max-age=5").send().await.unwrap();
    client.create_bucket().bucket("second").send().await.unwrap();
    client.copy_object().bucket("second").key("copy").copy_source(format!("{BUCKET}/sums")).send().await.unwrap();
    let begun = client.create_multipart_upload().bucket("second").key("film").content_type("video/mp4");
    let begun = begun.checksum_algorithm(ChecksumAlgorithm::Crc32).send().await.unwrap();
    let id = begun.upload_id().unwrap();
    let mut parts = Vec::new();
    for (number, length) in [(3, 5 << 20), (9, 77)] {
        let part = client.upload_part().bucket("second").key("film").upload_id(id).part_number(number);
        let part =
            part.checksum_algorithm(ChecksumAlgorithm::Crc32).body(bytes(length, 1).into()).send().await.unwrap();
        let done = CompletedPart::builder().part_number(number).e_tag(part.e_tag().unwrap());
        parts.push(done.checksum_crc32(part.checksum_crc32().unwrap()).build());
    }
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = client.complete_multipart_upload().bucket("second").key("film").upload_id(id);
    complete.multipart_upload(parts).send().await.unwrap();
}

/// All that a client can see of every object.
async fn seen(server: &Server) -> Vec<String> {
    let client = server.admin();
    let mut seen = Vec::new();
    for bucket in [BUCKET, "second"] {
        let listed = client.list_objects_v2().bucket(bucket).send().await.unwrap();
        for object in listed.contents() {
            let key = object.key().unwrap();
            let got = client.get_object().bucket(bucket).key(key).checksum_mode("ENABLED".into()).send().await.unwrap();
            let head = format!(
                "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
                got.e_tag(),
                got.last_modified(),
                got.content_type(),
                got.cache_control(),
                got.metadata(),
                got.checksum_sha256(),
                got.checksum_crc32(),
                got.checksum_crc64_nvme(),
                object.last_modified(),
            );
            let body = got.body.collect().await.unwrap().to_vec();
            let sum: u64 = body.iter().fold(7, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
            seen.push(format!("{bucket}/{key:?} {head} {} {sum}", body.len()));
        }
    }
    seen
}

#[tokio::test]
async fn what_is_exported_and_imported_is_the_same_to_every_client() {
    let server = Server::start().await;
    fill(&server).await;
    let folder = TempDir::new().unwrap();
    let count = keys().len() as u64 + 4;
    let exported = export(&server, folder.path());
    assert_eq!((exported.objects, exported.unchanged), (count, 0));
    assert_eq!(fs::read(folder.path().join("objects/files/photos/2024/a b.jpg")).unwrap(), bytes(1000, 1));
    assert_eq!(fs::read(folder.path().join("objects/files/a%")).unwrap(), bytes(1000, 2));
    assert_eq!(fs::read(folder.path().join("objects/files/a/b")).unwrap(), bytes(1000, 3));

    // Again, only what changed is written.
    assert_eq!(export(&server, folder.path()).unchanged, count);
    server.advance(Duration::from_secs(1));
    server.admin().put_object().bucket(BUCKET).key("a").body(bytes(1000, 99).into()).send().await.unwrap();
    assert_eq!(export(&server, folder.path()).unchanged, count - 1);

    let other = Server::start().await;
    let imported = import(&other, folder.path()).await;
    assert_eq!((imported.objects, imported.there, imported.failed), (count, 0, Vec::new()));
    let (before, after) = (seen(&server).await, seen(&other).await);
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
    let part = other.admin().get_object().bucket("second").key("film").part_number(2).send().await.unwrap();
    assert_eq!(part.body.collect().await.unwrap().to_vec(), bytes(77, 1));
    let again = import(&other, folder.path()).await;
    assert_eq!((again.objects, again.there), (0, count));
    let checked = Inspector::open(other.folder()).unwrap().check(|_| {}).unwrap();
    assert!(checked.is_sound() && checked.leavings.is_empty(), "{checked:?}");
}

#[tokio::test]
async fn folders_and_files_of_one_name_may_change_places_between_exports() {
    let server = Server::start().await;
    let client = server.admin();
    let put =
        |key: &'static str, seed: u64| client.put_object().bucket(BUCKET).key(key).body(bytes(10, seed).into()).send();
    let folder = TempDir::new().unwrap();
    put("a", 1).await.unwrap();
    assert_eq!(export(&server, folder.path()).objects, 1);
    put("a/b", 2).await.unwrap();
    assert_eq!(export(&server, folder.path()).objects, 2);
    let other = Server::start().await;
    assert_eq!(import(&other, folder.path()).await.objects, 2);
    client.delete_object().bucket(BUCKET).key("a/b").send().await.unwrap();
    assert_eq!(export(&server, folder.path()).objects, 1);
    let third = Server::start().await;
    assert_eq!(import(&third, folder.path()).await, Imported { objects: 1, bytes: 10, ..Imported::default() });
}

#[tokio::test]
async fn a_file_that_is_not_what_was_exported_is_named_and_stays_out() {
    let server = Server::start().await;
    fill(&server).await;
    let folder = TempDir::new().unwrap();
    export(&server, folder.path());
    let objects = folder.path().join("objects");
    fs::write(objects.join("files/plain.txt"), bytes(1000, 77)).unwrap();
    fs::write(objects.join("files/sums"), bytes(10, 7)).unwrap();
    fs::remove_file(objects.join("second/film")).unwrap();
    let other = Server::start().await;
    let imported = import(&other, folder.path()).await;
    assert_eq!(imported.failed.len(), 3, "{:?}", imported.failed);
    for name in ["files/plain.txt", "files/sums", "second/film"] {
        assert!(imported.failed.iter().any(|told| told.starts_with(name)), "{:?}", imported.failed);
    }
    assert_eq!(imported.objects, keys().len() as u64 + 1);
    assert_eq!(other.files("incoming").len(), 0);
    assert_eq!(other.store.sweep().await.unwrap().contents, 0);
}

#[tokio::test]
async fn what_is_newer_stays_and_no_manifest_leads_out_of_its_folder() {
    let server = Server::start().await;
    fill(&server).await;
    let folder = TempDir::new().unwrap();
    export(&server, folder.path());
    server.advance(Duration::from_secs(1));
    let newer = server.admin().put_object().bucket(BUCKET).key("a").body(bytes(5, 5).into()).send().await.unwrap();
    assert_eq!(import(&server, folder.path()).await.objects, 0);
    let head = server.admin().head_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(head.e_tag(), newer.e_tag());

    let manifest = folder.path().join("manifest.jsonl");
    let text = fs::read_to_string(&manifest).unwrap();
    for (from, to) in
        [("objects/files/plain.txt", "../secret"), ("\"bytes\"", "\"bites\""), ("{\"strongroom-export\":1}", "{}")]
    {
        fs::write(&manifest, text.replacen(from, to, 1)).unwrap();
        let refused = Manifest::read(folder.path()).unwrap_err();
        assert!(matches!(refused, TransferError::Manifest { .. }), "{refused}");
    }
}

#[tokio::test]
async fn an_object_that_is_damaged_is_named_and_the_others_are_exported() {
    let server = Server::start().await;
    for (key, length) in [("sound", 100), ("short", 200), ("changed", 300)] {
        server.admin().put_object().bucket(BUCKET).key(key).body(bytes(length, 1).into()).send().await.unwrap();
    }
    let index = rusqlite::Connection::open(server.folder().join("index.sqlite")).unwrap();
    index.execute("DELETE FROM segment WHERE bytes = 200", []).unwrap();
    let changed = server.files("content").into_iter().find(|path| fs::metadata(path).unwrap().len() == 300).unwrap();
    fs::write(changed, bytes(300, 2)).unwrap();
    let folder = TempDir::new().unwrap();
    let exported = export(&server, &folder.path().join("made"));
    assert_eq!((exported.objects, exported.bytes), (1, 100));
    assert_eq!(exported.failed.len(), 2, "{:?}", exported.failed);
    assert!(exported.failed[0].starts_with("files/changed: ") && exported.failed[1].starts_with("files/short: "));
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(folder.path().join("made")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
    let other = Server::start().await;
    let imported = import(&other, &folder.path().join("made")).await;
    assert_eq!((imported.objects, imported.failed), (1, Vec::new()));
}

#[tokio::test]
async fn an_object_whose_last_part_is_empty_comes_back_with_its_tag() {
    let server = Server::start().await;
    let client = server.admin();
    for (key, lengths) in [("two", vec![5 << 20, 0]), ("none", vec![0])] {
        let id = crate::multipart::begin(&client, key).await;
        let mut parts = Vec::new();
        for (number, length) in (1..).zip(lengths) {
            parts.push(crate::multipart::part(&client, key, &id, number, bytes(length, 1)).await);
        }
        crate::multipart::complete(&client, key, &id, &parts).send().await.unwrap();
    }
    let folder = TempDir::new().unwrap();
    export(&server, folder.path());
    let other = Server::start().await;
    let imported = import(&other, folder.path()).await;
    assert_eq!((imported.objects, imported.failed), (2, Vec::new()));
    for key in ["two", "none"] {
        let head = async |server: &Server| server.admin().head_object().bucket(BUCKET).key(key).send().await.unwrap();
        assert_eq!(head(&server).await.e_tag(), head(&other).await.e_tag());
    }
}

#[tokio::test]
async fn what_an_import_supersedes_is_kept_for_as_long_as_the_rules_say() {
    use aws_sdk_s3::types::{
        BucketLifecycleConfiguration, BucketVersioningStatus, ExpirationStatus, LifecycleRule, LifecycleRuleFilter,
        NoncurrentVersionExpiration,
    };
    let (server, other) = (Server::start().await, Server::start().await);
    let client = other.admin();
    crate::versions::versioning(&client, BucketVersioningStatus::Enabled).await;
    let rule = LifecycleRule::builder()
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("").build())
        .noncurrent_version_expiration(NoncurrentVersionExpiration::builder().noncurrent_days(1).build());
    let rules = BucketLifecycleConfiguration::builder().rules(rule.build().unwrap()).build().unwrap();
    client.put_bucket_lifecycle_configuration().bucket(BUCKET).lifecycle_configuration(rules).send().await.unwrap();
    client.put_object().bucket(BUCKET).key("k").body(bytes(1, 1).into()).send().await.unwrap();
    server.advance(Duration::from_mins(1));
    server.admin().put_object().bucket(BUCKET).key("k").body(bytes(2, 2).into()).send().await.unwrap();
    let folder = TempDir::new().unwrap();
    export(&server, folder.path());

    other.advance(Duration::from_hours(24 * 9));
    assert_eq!(import(&other, folder.path()).await.objects, 1);
    assert_eq!(other.store.sweep().await.unwrap().expired, 0);
    other.advance(Duration::from_hours(24 * 2));
    assert_eq!(other.store.sweep().await.unwrap().expired, 1);
}
