//! A disk that fills up and a disk that refuses to write: what was acknowledged stays, what was not leaves nothing.

use std::fs;
use std::path::{Path, PathBuf};

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::objects::bytes;
use crate::process::Process;
use crate::server::BUCKET;

/// The size of the small disk.
const DISK: u64 = 48 << 20;
/// What stays free on it.
const MIN_FREE: u64 = 8 << 20;

/// A store on a small disk of its own: a file system in memory, mounted in a name space that needs no rights.
fn on_a_small_disk(folder: &Path, min_free: u64) -> Process {
    let mount = format!("mount -t tmpfs -o size={DISK} small \"$2\" && exec \"$1\" \"$2/store\" \"$3\" \"$4\"");
    // The words after the script: its own name, the program, its folder, a port and what must stay free.
    Process::start(&["unshare", "--map-root-user", "--mount", "sh", "-c", &mount, "sh"], folder, min_free)
}

/// The small disk as it is seen from outside of its name space.
fn disk(process: &Process, folder: &Path) -> PathBuf {
    PathBuf::from(format!("/proc/{}/root{}", process.id(), folder.display()))
}

/// Fills the disk to the last block, as another program would.
fn fill(path: &Path) {
    use std::io::Write as _;
    let mut file = fs::File::create(path).unwrap();
    let mut block = vec![7; 1 << 20];
    while !block.is_empty() {
        // A block that did not fit is halved, down to single bytes.
        if file.write_all(&block).is_err() {
            block.truncate(block.len() / 2);
        }
    }
}

async fn put(client: &Client, key: &str, content: Vec<u8>) -> Result<(), String> {
    let sent = client.put_object().bucket(BUCKET).key(key).body(content.into()).send().await;
    sent.map(drop).map_err(|error| code(&error))
}

fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    error.code().unwrap_or("no answer").to_owned()
}

async fn holds(client: &Client, key: &str, content: &[u8]) {
    let got = client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
    assert!(got.body.collect().await.unwrap().to_vec() == content, "{key}");
}

fn files(folder: &Path) -> usize {
    let count = |path: PathBuf| if path.is_dir() { files(&path) } else { 1 };
    fs::read_dir(folder).unwrap().map(|entry| count(entry.unwrap().path())).sum()
}

#[tokio::test]
async fn a_disk_that_fills_up_refuses_what_is_new_hurts_nothing_and_can_be_emptied() {
    let folder = TempDir::new().unwrap();
    let process = on_a_small_disk(folder.path(), MIN_FREE);
    let client = process.client();
    client.create_bucket().bucket(BUCKET).send().await.unwrap();

    // First the store itself comes to the limit. It stops before the disk does.
    let mut stored = 0;
    let refused = loop {
        match put(&client, &format!("{stored}"), bytes(1 << 20, stored)).await {
            Ok(()) => stored += 1,
            Err(code) => break code,
        }
    };
    assert_eq!(refused, "InsufficientStorage");
    assert!((20..46).contains(&stored), "{stored} MiB went in");
    let left = rest(&disk(&process, folder.path()));
    assert!(left >= MIN_FREE, "only {left} bytes are left");

    // Then somebody else takes what is left, to the last block.
    let filler = disk(&process, folder.path()).join("filler");
    fill(&filler);
    for size in [0, 10, 1 << 20] {
        assert_eq!(put(&client, "new", bytes(size, 1)).await.unwrap_err(), "InsufficientStorage");
    }
    let begun = client.create_multipart_upload().bucket(BUCKET).key("film").send().await;
    assert_eq!(code(&begun.unwrap_err()), "InsufficientStorage");
    holds(&client, "3", &bytes(1 << 20, 3)).await;

    // Deleting works all the same, and makes room.
    for key in 0..stored - 4 {
        client.delete_object().bucket(BUCKET).key(format!("{key}")).send().await.unwrap();
    }
    put(&client, "new", bytes(1 << 20, 9)).await.unwrap();
    holds(&client, "new", &bytes(1 << 20, 9)).await;
    fs::remove_file(filler).unwrap();
    for key in stored - 4..stored {
        holds(&client, &format!("{key}"), &bytes(1 << 20, key)).await;
    }
    let store = disk(&process, folder.path()).join("store");
    assert_eq!((files(&store.join("content")), files(&store.join("incoming"))), (5, 0));
}

#[tokio::test]
async fn on_a_full_disk_versions_go_for_good_and_no_delete_marker_comes() {
    use aws_sdk_s3::types::{BucketVersioningStatus, Delete, ObjectIdentifier, VersioningConfiguration};
    let folder = TempDir::new().unwrap();
    let process = on_a_small_disk(folder.path(), MIN_FREE);
    let client = process.client();
    client.create_bucket().bucket(BUCKET).send().await.unwrap();
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    client.put_bucket_versioning().bucket(BUCKET).versioning_configuration(enabled).send().await.unwrap();
    let stored = client.put_object().bucket(BUCKET).key("k").body(bytes(1 << 20, 1).into()).send().await.unwrap();
    fill(&disk(&process, folder.path()).join("filler"));
    let one = client.delete_object().bucket(BUCKET).key("k").send().await.unwrap_err();
    assert_eq!(code(&one), "InsufficientStorage");
    let named = ObjectIdentifier::builder().key("k").build().unwrap();
    let many = client.delete_objects().bucket(BUCKET).delete(Delete::builder().objects(named).build().unwrap());
    assert_eq!(code(&many.send().await.unwrap_err()), "InsufficientStorage");
    let version = client.delete_object().bucket(BUCKET).key("k").version_id(stored.version_id().unwrap());
    version.send().await.unwrap();
}

/// What is left on a disk.
fn rest(folder: &Path) -> u64 {
    let disk = rustix::fs::statvfs(folder).unwrap();
    disk.f_bavail * disk.f_frsize
}

#[tokio::test]
async fn without_a_margin_every_writer_on_a_full_disk_hears_that_it_is_full() {
    let folder = TempDir::new().unwrap();
    // With no margin the index itself meets the end of the disk, in the middle of transactions that many share.
    let process = on_a_small_disk(folder.path(), 0);
    let client = process.client();
    client.create_bucket().bucket(BUCKET).send().await.unwrap();
    let filler = disk(&process, folder.path()).join("filler");
    fs::write(&filler, vec![7; usize::try_from(DISK).unwrap() - (4 << 20)]).unwrap();
    let mut writers = JoinSet::new();
    for writer in 0..8_u64 {
        let client = client.clone();
        writers.spawn(async move {
            let mut stored = Vec::new();
            for round in 0..400_u64 {
                let (key, seed) = (format!("{writer}/{round}"), writer * 1000 + round);
                match put(&client, &key, bytes(4000, seed)).await {
                    Ok(()) => stored.push((key, seed)),
                    Err(code) => {
                        assert_eq!(code, "InsufficientStorage");
                        if round > 300 || stored.len() < usize::try_from(round).unwrap() / 2 {
                            break;
                        }
                    }
                }
            }
            stored
        });
    }
    let stored: Vec<(String, u64)> = writers.join_all().await.into_iter().flatten().collect();
    assert!(stored.len() > 50 && stored.len() < 3200, "{} went in", stored.len());
    fs::remove_file(filler).unwrap();
    for (key, seed) in &stored {
        holds(&client, key, &bytes(4000, *seed)).await;
    }
    put(&client, "after", bytes(100_000, 5)).await.unwrap();
    let listed = client.list_objects_v2().bucket(BUCKET).max_keys(1000).into_paginator().send();
    let listed: usize = {
        let mut pages = listed;
        let mut count = 0;
        while let Some(page) = pages.next().await {
            count += page.unwrap().contents().len();
        }
        count
    };
    assert_eq!(listed, stored.len() + 1, "nothing that was refused is there");
}

#[tokio::test]
async fn writes_that_the_system_refuses_leave_nothing_torn() {
    let folder = TempDir::new().unwrap();
    let store = folder.path().join("store");
    let prepared = Process::start(&[], &store, 0);
    prepared.client().create_bucket().bucket(BUCKET).send().await.unwrap();
    put(&prepared.client(), "before", bytes(700_000, 1)).await.unwrap();
    prepared.kill();

    // No file may grow beyond 512 KiB now: large contents fail while they arrive, and the index fails when its log has
    // grown to that.
    let limited = Process::start(&["sh", "-c", "trap '' XFSZ; ulimit -f 512; exec \"$@\"", "sh"], &store, 0);
    let client = limited.client();
    let mut stored = Vec::new();
    let mut failed = 0;
    for round in 0..200_u64 {
        let size = if round % 10 == 0 { 900_000 } else { 3000 };
        match put(&client, &format!("{round}"), bytes(size, round)).await {
            Ok(()) => stored.push((round, size)),
            Err(code) => {
                assert!(["InternalError", "InsufficientStorage"].contains(&code.as_str()), "{code}");
                failed += 1;
            }
        }
    }
    assert!(stored.len() > 20 && failed > 30, "{} stored, {failed} failed", stored.len());
    assert!(stored.iter().all(|(_, size)| *size < 900_000));
    holds(&client, "before", &bytes(700_000, 1)).await;
    limited.kill();

    let after = Process::start(&[], &store, 0);
    let client = after.client();
    holds(&client, "before", &bytes(700_000, 1)).await;
    for (round, size) in &stored {
        holds(&client, &format!("{round}"), &bytes(*size, *round)).await;
    }
    // Those that failed are not there, or, where nobody could tell how the commit ended, are there whole.
    for round in 0..200_u64 {
        let got = client.get_object().bucket(BUCKET).key(format!("{round}")).send().await;
        if let Ok(got) = got {
            let size = if round % 10 == 0 { 900_000 } else { 3000 };
            assert!(got.body.collect().await.unwrap().to_vec() == bytes(size, round), "{round}");
        }
    }
}
