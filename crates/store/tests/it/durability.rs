//! What stays, what goes, and whose the folder is.

use std::fs;

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use strongroom_store::OpenError;

use crate::objects::bytes;
use crate::server::{BUCKET, Server};

#[tokio::test]
async fn a_restart_keeps_everything() {
    let server = Server::start().await;
    let client = server.admin();
    client.create_bucket().bucket("second").send().await.unwrap();
    let whole = bytes(400_000, 1);
    client.put_object().bucket("second").key("k").body(whole.clone().into()).metadata("a", "b").send().await.unwrap();
    let begun = client.create_multipart_upload().bucket(BUCKET).key("film").send().await.unwrap();
    let id = begun.upload_id().unwrap();
    let part = client.upload_part().bucket(BUCKET).key("film").upload_id(id).part_number(1).body(whole.clone().into());
    let tag = part.send().await.unwrap().e_tag().unwrap().to_owned();

    let server = server.restart().await;
    let client = server.admin();
    let got = client.get_object().bucket("second").key("k").send().await.unwrap();
    assert_eq!(got.metadata().unwrap().get("a").map(String::as_str), Some("b"));
    assert_eq!(got.body.collect().await.unwrap().to_vec(), whole);
    let part = CompletedPart::builder().part_number(1).e_tag(tag).build();
    let parts = CompletedMultipartUpload::builder().parts(part).build();
    client
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key("film")
        .upload_id(id)
        .multipart_upload(parts)
        .send()
        .await
        .unwrap();

    let server = server.restart().await;
    let got = server.admin().get_object().bucket(BUCKET).key("film").send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().to_vec(), whole);
    server.admin().put_object().bucket(BUCKET).key("new").body(bytes(10, 2).into()).send().await.unwrap();
    assert_eq!(server.files("content").len(), 3);
}

#[tokio::test]
async fn a_folder_belongs_to_one_store_at_a_time() {
    let server = Server::start().await;
    let refused = server.open_again().await.unwrap_err();
    assert!(matches!(refused, OpenError::Busy(_)), "{refused}");
    assert!(refused.to_string().contains("in use by another process"));
}

#[tokio::test]
async fn a_folder_of_another_format_is_left_alone() {
    let server = Server::start().await;
    fs::write(server.folder().join("format"), "strongroom-store 2\n").unwrap();
    let Err(refused) = server.try_restart().await else { panic!("it must be refused") };
    assert!(matches!(refused, OpenError::Format { .. }), "{refused}");
}

#[tokio::test]
async fn leavings_of_a_crash_are_swept_and_nothing_else() {
    let server = Server::start().await;
    let client = server.admin();
    client.put_object().bucket(BUCKET).key("k").body(bytes(1000, 1).into()).send().await.unwrap();
    let [kept] = server.files("content").try_into().expect("one content");
    // What a crash between two steps of a write leaves: a half-written file, and a whole one that no row knows.
    let beside = kept.with_file_name("00000000000000ff");
    let elsewhere = server.folder().join("content/0000/001/0000000000000400");
    fs::create_dir_all(elsewhere.parent().unwrap()).unwrap();
    let half = server.folder().join("incoming/0000000000000abc");
    for leaving in [&beside, &elsewhere, &half] {
        fs::write(leaving, "leaving").unwrap();
    }
    let foreign = kept.with_file_name("README.txt");
    fs::write(&foreign, "not the store's").unwrap();

    let server = server.restart().await;
    let swept = server.store.sweep().await.unwrap();
    assert_eq!((swept.incoming, swept.contents, swept.uploads), (1, 2, 0));
    assert_eq!(server.files("content"), [kept, foreign]);
    assert_eq!(server.files("incoming").len(), 0);
    // No number of a leaving is used again, so nothing new can be taken for it.
    server.admin().put_object().bucket(BUCKET).key("new").body(bytes(1000, 2).into()).send().await.unwrap();
    let newest =
        server.files("content").into_iter().filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).max();
    assert!(newest.unwrap().as_str() > "0000000000000abc");
    let got = server.admin().get_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().to_vec(), bytes(1000, 1));
    let swept = server.store.sweep().await.unwrap();
    assert_eq!((swept.incoming, swept.contents, swept.uploads), (0, 0, 0));
}

#[tokio::test]
async fn opening_looks_at_no_content_but_the_newest() {
    let server = Server::start().await;
    server.admin().put_object().bucket(BUCKET).key("k").body(bytes(1000, 1).into()).send().await.unwrap();
    // A folder that cannot be read stops whoever reads it, and only a sweep has to.
    let old = server.folder().join("content/0000/001");
    let newest = server.folder().join("content/0000/002/0000000000000801");
    fs::create_dir_all(newest.parent().unwrap()).unwrap();
    fs::write(&newest, "leaving").unwrap();
    fs::write(&old, "a file where a folder should be").unwrap();

    let server = server.restart().await;
    let got = server.admin().get_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().to_vec(), bytes(1000, 1));
    assert!(newest.exists(), "nothing was swept yet");
    assert!(server.store.sweep().await.is_err(), "a sweep does look");
}

#[tokio::test]
async fn a_sweep_beside_writers_takes_nothing_from_them() {
    let server = Server::start().await;
    let client = server.admin();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..4_u64 {
        let client = client.clone();
        writers.spawn(async move {
            for round in 0..30 {
                let put = client.put_object().bucket(BUCKET).key(format!("{writer}/{round}"));
                put.body(bytes(2000, writer * 100 + round).into()).send().await.unwrap();
            }
        });
    }
    while !writers.is_empty() {
        server.store.sweep().await.unwrap();
        while writers.try_join_next().is_some() {}
    }
    for writer in 0..4_u64 {
        for round in 0..30 {
            let got = client.get_object().bucket(BUCKET).key(format!("{writer}/{round}")).send().await.unwrap();
            assert_eq!(got.body.collect().await.unwrap().to_vec(), bytes(2000, writer * 100 + round));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sweeps_beside_each_other_and_beside_writers_come_to_their_end() {
    let server = Server::start().await;
    let client = server.admin();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8_u64 {
        let client = client.clone();
        writers.spawn(async move {
            for round in 0..100 {
                let put = client.put_object().bucket(BUCKET).key(format!("{writer}"));
                put.body(bytes(100, writer * 100 + round).into()).send().await.unwrap();
            }
        });
    }
    while !writers.is_empty() {
        let (one, other) = tokio::join!(server.store.sweep(), server.store.sweep());
        one.unwrap();
        other.unwrap();
        while writers.try_join_next().is_some() {}
    }
}
