//! What scrubs and checks find, and that damage never reaches a client as if it were the object.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use prometheus_client::registry::Registry;
use strongroom_store::{Checked, Damage, Inspector, Pace, Wrong};

use crate::objects::bytes;
use crate::server::{BUCKET, Server};

/// The file of the only content that is this long.
fn file(server: &Server, bytes: u64) -> PathBuf {
    let mut found = server.files("content").into_iter().filter(|path| fs::metadata(path).unwrap().len() == bytes);
    let path = found.next().expect("a content of this length");
    assert!(found.next().is_none());
    path
}

/// Turns one bit over, at the place where a reader looks last.
fn damage(path: &PathBuf) {
    let mut content = fs::read(path).unwrap();
    *content.last_mut().unwrap() ^= 1;
    fs::write(path, content).unwrap();
}

async fn put(server: &Server, key: &str, length: usize) {
    server.admin().put_object().bucket(BUCKET).key(key).body(bytes(length, length as u64).into()).send().await.unwrap();
}

fn scrub(server: &Server) -> (u64, Vec<Damage>) {
    let mut scrub = Inspector::open(server.folder()).unwrap().scrub(0);
    while scrub.step().unwrap() {}
    (scrub.progress().contents, scrub.take_damaged())
}

fn check(server: &Server) -> Checked {
    Inspector::open(server.folder()).unwrap().check(|_| {}).unwrap()
}

#[tokio::test]
async fn a_scrub_beside_the_running_store_names_what_is_damaged_and_the_objects_it_is_part_of() {
    let server = Server::start().await;
    for (key, length) in [("sound", 100), ("large", 3_000_000), ("changed", 200), ("cut", 300), ("gone", 400)] {
        put(&server, key, length).await;
    }
    let copy = server.admin().copy_object().bucket(BUCKET).key("copy").copy_source(format!("{BUCKET}/changed"));
    copy.send().await.unwrap();
    assert_eq!(scrub(&server), (5, Vec::new()));
    assert!(check(&server).is_sound());

    let (changed, cut, gone) = (file(&server, 200), file(&server, 300), file(&server, 400));
    damage(&changed);
    fs::write(&cut, &fs::read(&cut).unwrap()[..299]).unwrap();
    fs::remove_file(&gone).unwrap();
    let (contents, damaged) = scrub(&server);
    assert_eq!(contents, 5);
    let found: Vec<(PathBuf, Wrong)> =
        damaged.iter().map(|damage| (damage.path.clone(), damage.what.clone())).collect();
    let length = Wrong::Length { written: 300, found: 299 };
    assert_eq!(found, [(changed, Wrong::Changed), (cut.clone(), length.clone()), (gone.clone(), Wrong::Missing)]);
    let named = |key: &str| (BUCKET.to_owned(), key.to_owned());
    assert_eq!(damaged[0].objects, [named("changed"), named("copy")]);

    // A check does not read, so it sees what is missing and not what was changed.
    let checked = check(&server);
    assert!(!checked.is_sound());
    let found: Vec<(PathBuf, Wrong)> = checked.damaged.into_iter().map(|damage| (damage.path, damage.what)).collect();
    assert_eq!(found, [(cut, length), (gone, Wrong::Missing)]);

    // What is deleted is no damage any more.
    for key in ["changed", "copy", "cut", "gone"] {
        server.admin().delete_object().bucket(BUCKET).key(key).send().await.unwrap();
    }
    assert_eq!(scrub(&server), (2, Vec::new()));
    assert!(check(&server).is_sound());
}

#[tokio::test]
async fn the_scrub_in_the_background_tells_of_damage_and_goes_on_where_it_was() {
    let server = Server::start().await;
    for (key, length) in [("sound", 100), ("changed", 200)] {
        put(&server, key, length).await;
    }
    damage(&file(&server, 200));
    let out = scrubbed(&server, "store_damaged_contents 1").await;
    assert!(out.contains("store_scrubbed_bytes_total 300"), "{out}");
    // What it found stays told of after a restart, and nothing is read again before its time.
    let server = server.restart().await;
    let out = scrubbed(&server, "store_damaged_contents 1").await;
    assert!(out.contains("store_scrubbed_contents_total 0"), "{out}");
}

#[tokio::test]
async fn a_scrub_in_the_background_that_cannot_go_on_for_a_while_goes_on_after_it() {
    let server = Server::start().await;
    put(&server, "k", 100).await;
    let (format, away) = (server.folder().join("format"), server.folder().join("away"));
    std::fs::rename(&format, &away).unwrap();
    let pace = Pace { bytes_per_second: 1 << 20, interval: Duration::from_millis(1) };
    let mut scrubbing = std::pin::pin!(server.store.keep_scrubbing(pace));
    // It cannot begin without the file that says what the folder is, and it does not end for that.
    tokio::time::timeout(Duration::from_millis(500), &mut scrubbing).await.unwrap_err();
    let mut registry = Registry::default();
    server.store.register(&mut registry);
    let verified = || {
        let mut out = String::new();
        prometheus_client::encoding::text::encode(&mut out, &registry).unwrap();
        let line = out.lines().find_map(|told| told.strip_prefix("scrubbed_contents_total "));
        line.unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(verified(), 0);
    std::fs::rename(&away, &format).unwrap();
    let told = async {
        while verified() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = &mut scrubbing => panic!("it never ends"),
        told = tokio::time::timeout(Duration::from_secs(20), told) => told.expect("it goes on"),
    }
}

/// Scrubs in the background until the metrics hold a line, and answers all of them.
async fn scrubbed(server: &Server, line: &str) -> String {
    let mut registry = Registry::with_prefix("store");
    server.store.register(&mut registry);
    let told = async {
        loop {
            let mut out = String::new();
            prometheus_client::encoding::text::encode(&mut out, &registry).unwrap();
            if out.lines().any(|told| told == line) && server.folder().join("scrub.json").exists() {
                break out;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let pace = Pace { bytes_per_second: 1 << 20, interval: Duration::from_hours(1) };
    tokio::select! {
        () = server.store.keep_scrubbing(pace) => panic!("it never ends"),
        told = tokio::time::timeout(Duration::from_secs(20), told) => told.expect("it is told in time"),
    }
}

#[tokio::test]
async fn a_check_tells_leavings_from_damage_and_sees_an_index_that_contradicts_itself() {
    let server = Server::start().await;
    put(&server, "k", 100).await;
    let leaving = file(&server, 100).with_file_name("00000000000000ff");
    fs::write(&leaving, "leaving").unwrap();
    let checked = check(&server);
    assert!(checked.is_sound());
    assert_eq!(checked.leavings, [leaving]);

    let index = rusqlite::Connection::open(server.folder().join("index.sqlite")).unwrap();
    index.execute("UPDATE object SET bytes = 101", []).unwrap();
    index.execute("UPDATE tally SET objects = 2", []).unwrap();
    let checked = check(&server);
    assert_eq!(checked.index.len(), 2, "{checked:?}");
    assert!(checked.index[0].contains("'k' in files is 101 bytes long"), "{checked:?}");
    assert!(checked.index[1].contains("tally"), "{checked:?}");
}

#[tokio::test]
async fn a_small_object_that_is_damaged_is_an_error_and_never_wrong_bytes() {
    let server = Server::start().await;
    put(&server, "k", 1000).await;
    damage(&file(&server, 1000));
    let refused = server.admin().get_object().bucket(BUCKET).key("k").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InternalError"));
}

#[tokio::test]
async fn a_large_object_that_is_damaged_breaks_off_before_its_end() {
    let server = Server::start().await;
    put(&server, "k", 2_000_000).await;
    damage(&file(&server, 2_000_000));
    let got = server.admin().get_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert!(got.body.collect().await.is_err());
}

#[tokio::test]
async fn damage_in_a_part_breaks_the_whole_off() {
    use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
    let server = Server::start().await;
    let client = server.admin();
    let begun = client.create_multipart_upload().bucket(BUCKET).key("film").send().await.unwrap();
    let id = begun.upload_id().unwrap();
    let mut parts = Vec::new();
    for (number, length) in [(1, 5 << 20), (2, 77)] {
        let part = client.upload_part().bucket(BUCKET).key("film").upload_id(id).part_number(number);
        let tag = part.body(bytes(length, 1).into()).send().await.unwrap().e_tag().unwrap().to_owned();
        parts.push(CompletedPart::builder().part_number(number).e_tag(tag).build());
    }
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = client.complete_multipart_upload().bucket(BUCKET).key("film").upload_id(id);
    complete.multipart_upload(parts).send().await.unwrap();
    let whole = client.get_object().bucket(BUCKET).key("film").send().await.unwrap();
    assert_eq!(whole.body.collect().await.unwrap().to_vec().len(), (5 << 20) + 77);
    damage(&file(&server, 77));
    let got = client.get_object().bucket(BUCKET).key("film").send().await.unwrap();
    assert!(got.body.collect().await.is_err());
}
