//! Uploads in parts: resumed, completed once, aborted, and bounded.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart};

use crate::objects::bytes;
use crate::server::{BUCKET, Server};

/// The least a part may have, but for the last.
pub(crate) const PART: usize = 5 << 20;

/// Begins an upload.
pub(crate) async fn begin(client: &Client, key: &str) -> String {
    let begun =
        client.create_multipart_upload().bucket(BUCKET).key(key).content_type("video/mp4").send().await.unwrap();
    begun.upload_id().unwrap().to_owned()
}

/// Sends a part.
pub(crate) async fn part(client: &Client, key: &str, id: &str, number: i32, body: Vec<u8>) -> CompletedPart {
    let sent = client.upload_part().bucket(BUCKET).key(key).upload_id(id).part_number(number).body(body.into());
    let sent = sent.send().await.unwrap();
    CompletedPart::builder().part_number(number).e_tag(sent.e_tag().unwrap()).build()
}

/// Completes an upload.
pub(crate) fn complete(
    client: &Client,
    key: &str,
    id: &str,
    parts: &[CompletedPart],
) -> aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder {
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.to_vec())).build();
    client.complete_multipart_upload().bucket(BUCKET).key(key).upload_id(id).multipart_upload(parts)
}

#[tokio::test]
async fn parts_become_one_object_and_a_repeated_completion_is_answered_the_same() {
    let server = Server::start().await;
    let client = server.admin();
    let id = begin(&client, "film").await;
    let (first, second, third) = (bytes(PART, 1), bytes(PART + 7, 2), bytes(100, 3));
    // Parts arrive in any order, and a repeated one replaces the first.
    let three = part(&client, "film", &id, 3, third.clone()).await;
    part(&client, "film", &id, 1, bytes(PART, 9)).await;
    let one = part(&client, "film", &id, 1, first.clone()).await;
    let two = part(&client, "film", &id, 2, second.clone()).await;
    let listed = client.list_parts().bucket(BUCKET).key("film").upload_id(&id).send().await.unwrap();
    let sizes: Vec<_> = listed.parts().iter().map(|part| (part.part_number().unwrap(), part.size().unwrap())).collect();
    assert_eq!(sizes, [(1, PART as i64), (2, PART as i64 + 7), (3, 100)]);
    assert!(client.get_object().bucket(BUCKET).key("film").send().await.is_err());

    let parts = [one, two, three];
    let done = complete(&client, "film", &id, &parts).send().await.unwrap();
    assert!(done.e_tag().unwrap().ends_with("-3\""));
    let again = complete(&client, "film", &id, &parts).send().await.unwrap();
    assert_eq!(done.e_tag(), again.e_tag());

    let whole = [first, second, third].concat();
    let got = client.get_object().bucket(BUCKET).key("film").checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(got.content_type(), Some("video/mp4"));
    assert_eq!(got.e_tag(), done.e_tag());
    assert_eq!(got.body.collect().await.unwrap().to_vec(), whole);
    let across = client.get_object().bucket(BUCKET).key("film").range(format!("bytes={}-{}", PART - 3, 2 * PART + 10));
    let across = across.send().await.unwrap().body.collect().await.unwrap().to_vec();
    assert_eq!(across, &whole[PART - 3..=2 * PART + 10]);
    let one_part = client.get_object().bucket(BUCKET).key("film").part_number(2).send().await.unwrap();
    assert_eq!(one_part.parts_count(), Some(3));
    assert_eq!(one_part.content_length(), Some(PART as i64 + 7));

    // A copy of it shares its parts, and the replaced part's file is gone.
    let copy = client.copy_object().bucket(BUCKET).key("copy").copy_source(format!("{BUCKET}/film"));
    copy.send().await.unwrap();
    client.delete_object().bucket(BUCKET).key("film").send().await.unwrap();
    server.store.sweep().await.unwrap();
    assert_eq!(server.files("content").len(), 3);
    let copied = client.get_object().bucket(BUCKET).key("copy").send().await.unwrap();
    assert_eq!(copied.body.collect().await.unwrap().to_vec(), whole);
}

#[tokio::test]
async fn a_reader_of_many_parts_gets_them_all_though_the_object_is_deleted_meanwhile() {
    let server = Server::start().await;
    let client = server.admin();
    let id = begin(&client, "film").await;
    let (one, two) = (bytes(PART, 5), bytes(PART, 6));
    let parts = [part(&client, "film", &id, 1, one.clone()).await, part(&client, "film", &id, 2, two.clone()).await];
    complete(&client, "film", &id, &parts).send().await.unwrap();
    let mut got = client.get_object().bucket(BUCKET).key("film").send().await.unwrap();
    let mut read = got.body.next().await.unwrap().unwrap().to_vec();
    client.delete_object().bucket(BUCKET).key("film").send().await.unwrap();
    server.store.sweep().await.unwrap();
    while let Some(more) = got.body.next().await {
        read.extend_from_slice(&more.unwrap());
    }
    assert!(read == [one, two].concat());
    drop(got);
    server.store.sweep().await.unwrap();
}

#[tokio::test]
async fn a_completion_is_held_to_the_rules() {
    let server = Server::start().await;
    let client = server.admin();
    let id = begin(&client, "k").await;
    let small = part(&client, "k", &id, 1, bytes(100, 1)).await;
    let last = part(&client, "k", &id, 2, bytes(100, 2)).await;
    let code = async |parts: &[CompletedPart]| {
        complete(&client, "k", &id, parts).send().await.unwrap_err().code().unwrap_or_default().to_owned()
    };
    assert_eq!(code(&[small.clone(), last.clone()]).await, "EntityTooSmall");
    assert_eq!(code(&[last.clone(), small.clone()]).await, "InvalidPartOrder");
    assert_eq!(code(&[small.clone(), small.clone()]).await, "InvalidPartOrder");
    assert_eq!(code(&[]).await, "MalformedXML");
    let wrong = CompletedPart::builder().part_number(1).e_tag("\"00000000000000000000000000000000\"").build();
    assert_eq!(code(&[wrong]).await, "InvalidPart");
    let missing = CompletedPart::builder().part_number(7).e_tag(small.e_tag().unwrap()).build();
    assert_eq!(code(&[missing]).await, "InvalidPart");
    let size = complete(&client, "k", &id, std::slice::from_ref(&small)).mpu_object_size(99).send().await.unwrap_err();
    assert_eq!(size.code(), Some("InvalidRequest"));
    let beyond = client.upload_part().bucket(BUCKET).key("k").upload_id(&id).part_number(10_001).send().await;
    assert_eq!(beyond.unwrap_err().code(), Some("InvalidArgument"));
    // A part that the completion does not name goes.
    complete(&client, "k", &id, &[last]).send().await.unwrap();
    server.store.sweep().await.unwrap();
    assert_eq!(server.files("content").len(), 1);
    // Once it is complete the id takes no parts, and another key never had it.
    let late = client.upload_part().bucket(BUCKET).key("k").upload_id(&id).part_number(3).send().await.unwrap_err();
    assert_eq!(late.code(), Some("NoSuchUpload"));
    assert_eq!(complete(&client, "other", &id, &[small]).send().await.unwrap_err().code(), Some("NoSuchUpload"));
}

#[tokio::test]
async fn checksums_of_parts_are_kept_and_composed() {
    let server = Server::start().await;
    let client = server.admin();
    for (algorithm, kind) in [
        (ChecksumAlgorithm::Sha256, ChecksumType::Composite),
        (ChecksumAlgorithm::Crc32, ChecksumType::Composite),
        (ChecksumAlgorithm::Crc32, ChecksumType::FullObject),
        (ChecksumAlgorithm::Crc64Nvme, ChecksumType::FullObject),
    ] {
        let key = format!("{algorithm}-{kind}");
        let begun = client.create_multipart_upload().bucket(BUCKET).key(&key);
        let begun = begun.checksum_algorithm(algorithm.clone()).checksum_type(kind.clone()).send().await.unwrap();
        let id = begun.upload_id().unwrap();
        let mut parts = Vec::new();
        for (number, body) in [(1, bytes(PART, 1)), (2, bytes(10, 2))] {
            let sent = client.upload_part().bucket(BUCKET).key(&key).upload_id(id).part_number(number);
            let sent = sent.checksum_algorithm(algorithm.clone()).body(body.into()).send().await.unwrap();
            parts.push(
                CompletedPart::builder()
                    .part_number(number)
                    .e_tag(sent.e_tag().unwrap())
                    .set_checksum_sha256(sent.checksum_sha256().map(str::to_owned))
                    .set_checksum_crc32(sent.checksum_crc32().map(str::to_owned))
                    .set_checksum_crc64_nvme(sent.checksum_crc64_nvme().map(str::to_owned))
                    .build(),
            );
        }
        let other = if kind == ChecksumType::Composite { ChecksumType::FullObject } else { ChecksumType::Composite };
        let refused = complete(&client, &key, id, &parts).checksum_type(other).send().await.unwrap_err();
        assert_eq!(refused.code(), Some("InvalidRequest"));
        let done = complete(&client, &key, id, &parts).checksum_type(kind.clone()).send().await.unwrap();
        assert_eq!(done.checksum_type(), Some(&kind));
        let value = done.checksum_sha256().or(done.checksum_crc32()).or(done.checksum_crc64_nvme()).unwrap();
        assert_eq!(value.ends_with("-2"), kind == ChecksumType::Composite, "{key}");
        if kind == ChecksumType::FullObject {
            let whole = [bytes(PART, 1), bytes(10, 2)].concat();
            let put = client.put_object().bucket(BUCKET).key("whole").checksum_algorithm(algorithm).body(whole.into());
            let put = put.send().await.unwrap();
            assert_eq!(put.checksum_crc32().or(put.checksum_crc64_nvme()), Some(value), "{key}");
        }
    }
}

#[tokio::test]
async fn each_part_can_be_asked_for_with_its_checksum_for_as_long_as_the_object_is_there() {
    let server = Server::start().await;
    let client = server.admin();
    let begun = client.create_multipart_upload().bucket(BUCKET).key("film");
    let id = begun.checksum_algorithm(ChecksumAlgorithm::Sha256).send().await.unwrap().upload_id.unwrap();
    let (mut parts, mut sums) = (Vec::new(), Vec::new());
    // The last one is empty, which has neither bytes nor a file.
    let bodies = [bytes(PART, 1), bytes(PART + 5, 2), Vec::new()];
    for (number, body) in [3, 4, 9].into_iter().zip(&bodies) {
        let sent = client.upload_part().bucket(BUCKET).key("film").upload_id(&id).part_number(number);
        let sent = sent.checksum_algorithm(ChecksumAlgorithm::Sha256).body(body.clone().into()).send().await.unwrap();
        let part = CompletedPart::builder().part_number(number).e_tag(sent.e_tag().unwrap());
        parts.push(part.checksum_sha256(sent.checksum_sha256().unwrap()).build());
        sums.push(sent.checksum_sha256);
    }
    complete(&client, "film", &id, &parts).send().await.unwrap();
    let copy = client.copy_object().bucket(BUCKET).key("copy").copy_source(format!("{BUCKET}/film"));
    copy.send().await.unwrap();
    client.delete_object().bucket(BUCKET).key("film").send().await.unwrap();
    for (number, (body, sum)) in (1..).zip(bodies.iter().zip(&sums)) {
        let head = client.head_object().bucket(BUCKET).key("copy").part_number(number);
        let head = head.checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
        assert_eq!((head.content_length(), head.checksum_sha256()), (Some(body.len() as i64), sum.as_deref()));
        assert_eq!((head.parts_count(), head.checksum_type()), (Some(3), Some(&ChecksumType::Composite)));
        // The SDK compares what it reads with the checksum.
        let got = client.get_object().bucket(BUCKET).key("copy").part_number(number);
        let got = got.checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
        assert_eq!(got.checksum_sha256(), sum.as_deref());
        assert!(got.body.collect().await.unwrap().to_vec() == *body);
    }
    let beyond = client.head_object().bucket(BUCKET).key("copy").part_number(4).send().await.unwrap_err();
    assert_eq!(beyond.raw_response().unwrap().status().as_u16(), 416);
    let silent = client.head_object().bucket(BUCKET).key("copy").part_number(1).send().await.unwrap();
    assert_eq!(silent.checksum_sha256(), None);

    // They go with the last object that has them.
    client.delete_object().bucket(BUCKET).key("copy").send().await.unwrap();
    let index = rusqlite::Connection::open(server.folder().join("index.sqlite")).unwrap();
    let left: i64 = index.query_row("SELECT count(*) FROM composed", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn uploads_are_listed_and_an_aborted_or_forgotten_one_leaves_nothing() {
    let server = Server::start().await;
    let client = server.admin();
    let mut ids = Vec::new();
    for key in ["a/1", "a/1", "a/2", "b"] {
        let id = begin(&client, key).await;
        part(&client, key, &id, 1, bytes(1000, 1)).await;
        ids.push((key, id));
    }
    let mut seen = Vec::new();
    let (mut key_marker, mut id_marker) = (None, None);
    loop {
        let page = client.list_multipart_uploads().bucket(BUCKET).max_uploads(1);
        let page = page.set_key_marker(key_marker).set_upload_id_marker(id_marker).send().await.unwrap();
        for upload in page.uploads() {
            seen.push((upload.key().unwrap().to_owned(), upload.upload_id().unwrap().to_owned()));
        }
        if page.is_truncated() != Some(true) {
            break;
        }
        key_marker = page.next_key_marker().map(str::to_owned);
        id_marker = page.next_upload_id_marker().map(str::to_owned);
    }
    assert_eq!(seen, ids.iter().map(|(key, id)| ((*key).to_owned(), id.clone())).collect::<Vec<_>>());
    let grouped = client.list_multipart_uploads().bucket(BUCKET).delimiter("/").send().await.unwrap();
    assert_eq!(grouped.common_prefixes().iter().filter_map(|common| common.prefix()).collect::<Vec<_>>(), ["a/"]);
    assert_eq!(grouped.uploads().len(), 1);

    let (key, id) = &ids[0];
    client.abort_multipart_upload().bucket(BUCKET).key(*key).upload_id(id).send().await.unwrap();
    let again = client.abort_multipart_upload().bucket(BUCKET).key(*key).upload_id(id).send().await.unwrap_err();
    assert_eq!(again.code(), Some("NoSuchUpload"));

    server.advance(Duration::from_hours(6 * 24));
    assert_eq!(server.store.sweep().await.unwrap().uploads, 0);
    server.advance(Duration::from_hours(25));
    assert_eq!(server.store.sweep().await.unwrap().uploads, 3);
    server.store.sweep().await.unwrap();
    assert_eq!(server.files("content").len(), 0);
}

#[tokio::test]
async fn a_completion_is_forgotten_with_its_bucket() {
    let server = Server::start().await;
    let client = server.admin();
    let completing = async |id: &str, parts: CompletedMultipartUpload| {
        client.complete_multipart_upload().bucket("second").key("k").upload_id(id).multipart_upload(parts).send().await
    };
    client.create_bucket().bucket("second").send().await.unwrap();
    let begun = client.create_multipart_upload().bucket("second").key("k").send().await.unwrap();
    let id = begun.upload_id().unwrap();
    let sent = client.upload_part().bucket("second").key("k").upload_id(id).part_number(1).body(bytes(9, 1).into());
    let tag = sent.send().await.unwrap().e_tag().unwrap().to_owned();
    let parts = CompletedPart::builder().part_number(1).e_tag(tag).build();
    let parts = CompletedMultipartUpload::builder().parts(parts).build();
    completing(id, parts.clone()).await.unwrap();
    completing(id, parts.clone()).await.unwrap();
    client.delete_object().bucket("second").key("k").send().await.unwrap();
    client.delete_bucket().bucket("second").send().await.unwrap();
    // The new bucket may get the number of the old one, and holds no such object.
    client.create_bucket().bucket("second").send().await.unwrap();
    let refused = completing(id, parts).await.unwrap_err();
    assert_eq!(refused.code(), Some("NoSuchUpload"));
}

#[tokio::test]
async fn uploads_are_grouped_and_paged_as_keys_are() {
    let server = Server::start().await;
    let client = server.admin();
    for key in ["a/1", "a/1", "a/2", "b", "c/d/1", "c/d/2", "c/e", "d"] {
        begin(&client, key).await;
    }
    for limit in [1, 2, 3, 100] {
        let (mut seen, mut key_marker, mut id_marker) = (Vec::new(), None, None);
        loop {
            let page = client.list_multipart_uploads().bucket(BUCKET).delimiter("/").max_uploads(limit);
            let page = page.set_key_marker(key_marker).set_upload_id_marker(id_marker).send().await.unwrap();
            seen.extend(page.common_prefixes().iter().filter_map(|common| common.prefix().map(str::to_owned)));
            seen.extend(page.uploads().iter().filter_map(|upload| upload.key().map(str::to_owned)));
            if page.is_truncated() != Some(true) {
                break;
            }
            key_marker = page.next_key_marker().map(str::to_owned);
            id_marker = page.next_upload_id_marker().map(str::to_owned);
        }
        seen.sort_unstable();
        assert_eq!(seen, ["a/", "b", "c/", "d"], "{limit} a page");
    }
    let under = client.list_multipart_uploads().bucket(BUCKET).prefix("c/").delimiter("/").send().await.unwrap();
    assert_eq!(under.common_prefixes().len() + under.uploads().len(), 2);
}
