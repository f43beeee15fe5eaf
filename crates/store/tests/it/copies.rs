//! Copies by reference: whole objects with another checksum, and stretches that become parts.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::types::{
    BucketVersioningStatus, ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedPart, ObjectAttributes,
};

use crate::multipart::{PART, begin, complete, part};
use crate::objects::bytes;
use crate::server::{BUCKET, Server};
use crate::versions::{put, text, versioning};

async fn body(client: &Client, key: &str) -> Vec<u8> {
    client.get_object().bucket(BUCKET).key(key).send().await.unwrap().body.collect().await.unwrap().to_vec()
}

async fn part_copy(
    client: &Client,
    (key, id): (&str, &str),
    number: i32,
    source: &str,
    range: Option<&str>,
) -> Result<CompletedPart, String> {
    let copy = client.upload_part_copy().bucket(BUCKET).key(key).upload_id(id).part_number(number);
    let copy = copy.copy_source(source).set_copy_source_range(range.map(str::to_owned)).send().await;
    let copy = copy.map_err(|error| error.code().unwrap_or_default().to_owned())?;
    let tag = copy.copy_part_result().unwrap().e_tag().unwrap();
    Ok(CompletedPart::builder().part_number(number).e_tag(tag).build())
}

#[tokio::test]
async fn stretches_of_objects_become_parts_and_no_byte_is_written() {
    let server = Server::start().await;
    let client = server.admin();
    let (first, second) = (bytes(PART + 1000, 1), bytes(300_000, 2));
    client.put_object().bucket(BUCKET).key("one").body(first.clone().into()).send().await.unwrap();
    let id = begin(&client, "two").await;
    let parts = [part(&client, "two", &id, 1, first.clone()).await, part(&client, "two", &id, 2, second.clone()).await];
    complete(&client, "two", &id, &parts).send().await.unwrap();
    let files = server.files("content");

    // Parts of a whole object, across two parts of another one, and from the middle of one.
    let id = begin(&client, "sum").await;
    let (one, two) = (format!("{BUCKET}/one"), format!("{BUCKET}/two"));
    let across = format!("bytes={}-{}", 500, first.len() + 99_999);
    let parts = [
        part_copy(&client, ("sum", &id), 1, &one, None).await.unwrap(),
        part_copy(&client, ("sum", &id), 2, &two, Some(&across)).await.unwrap(),
        part_copy(&client, ("sum", &id), 7, &one, Some("bytes=3-9")).await.unwrap(),
    ];
    assert_eq!(server.files("content"), files);
    complete(&client, "sum", &id, &parts).send().await.unwrap();
    let two_whole = [first.clone(), second.clone()].concat();
    let expected = [&first[..], &two_whole[500..first.len() + 100_000], &first[3..10]].concat();
    for key in ["one", "two"] {
        client.delete_object().bucket(BUCKET).key(key).send().await.unwrap();
        server.store.sweep().await.unwrap();
    }
    assert!(body(&client, "sum").await == expected);
    let last = client.get_object().bucket(BUCKET).key("sum").part_number(3).send().await.unwrap();
    assert_eq!(last.body.collect().await.unwrap().to_vec(), &first[3..10]);
    let server = server.restart().await;
    assert!(body(&server.admin(), "sum").await == expected);
}

#[tokio::test]
async fn a_stretch_that_the_source_does_not_have_is_refused() {
    let server = Server::start().await;
    let client = server.admin();
    put(&client, "one", "0123456789").await;
    put(&client, "empty", "").await;
    let id = begin(&client, "sum").await;
    let source = format!("{BUCKET}/one");
    for range in ["bytes=0-10", "bytes=5-4", "bytes=5-", "bytes=-5", "0-5", "bytes=a-b", "bytes=10-10"] {
        let refused = part_copy(&client, ("sum", &id), 1, &source, Some(range)).await.unwrap_err();
        assert_eq!(refused, "InvalidArgument", "{range}");
    }
    let missing = part_copy(&client, ("sum", &id), 1, &format!("{BUCKET}/none"), None).await.unwrap_err();
    assert_eq!(missing, "NoSuchKey");
    assert_eq!(part_copy(&client, ("sum", "none"), 1, &source, None).await.unwrap_err(), "NoSuchUpload");
    assert_eq!(part_copy(&client, ("sum", &id), 10_001, &source, None).await.unwrap_err(), "InvalidArgument");
    let condition = client.upload_part_copy().bucket(BUCKET).key("sum").upload_id(&id).part_number(1);
    let condition = condition.copy_source(&source).copy_source_if_match("\"x\"").send().await.unwrap_err();
    assert_eq!(condition.code(), Some("PreconditionFailed"));
    // A writer may not read, by parts as little as by copies.
    let writer = server.client("writer");
    let begun = writer.create_multipart_upload().bucket(BUCKET).key("staging/1").send().await.unwrap();
    let id = begun.upload_id().unwrap();
    assert_eq!(part_copy(&writer, ("staging/1", id), 1, &source, None).await.unwrap_err(), "AccessDenied");
    let empty = part_copy(&client, ("sum", &begin(&client, "sum").await), 1, &format!("{BUCKET}/empty"), None).await;
    empty.unwrap();
}

#[tokio::test]
async fn a_part_is_copied_from_the_version_that_is_named() {
    let server = Server::start().await;
    let client = server.admin();
    versioning(&client, BucketVersioningStatus::Enabled).await;
    let one = put(&client, "k", "one").await.unwrap();
    put(&client, "k", "two").await;
    let id = begin(&client, "sum").await;
    let part = part_copy(&client, ("sum", &id), 1, &format!("{BUCKET}/k?versionId={one}"), None).await.unwrap();
    complete(&client, "sum", &id, &[part]).send().await.unwrap();
    assert_eq!(text(&client, "sum", None).await.unwrap(), "one");
}

#[tokio::test]
async fn copied_parts_have_the_checksums_of_their_upload() {
    let server = Server::start().await;
    let client = server.admin();
    let whole = bytes(PART + 5000, 3);
    client.put_object().bucket(BUCKET).key("one").body(whole.clone().into()).send().await.unwrap();
    let begun = client.create_multipart_upload().bucket(BUCKET).key("sum");
    let begun = begun.checksum_algorithm(ChecksumAlgorithm::Crc32C).checksum_type(ChecksumType::FullObject);
    let begun = begun.send().await.unwrap();
    let id = begun.upload_id().unwrap();
    let source = format!("{BUCKET}/one");
    let mut parts = Vec::new();
    for (number, range) in [(1, format!("bytes=0-{}", PART - 1)), (2, format!("bytes={PART}-{}", PART + 4999))] {
        parts.push(part_copy(&client, ("sum", id), number, &source, Some(&range)).await.unwrap());
    }
    let done = complete(&client, "sum", id, &parts).send().await.unwrap();
    let put = client.put_object().bucket(BUCKET).key("same").checksum_algorithm(ChecksumAlgorithm::Crc32C);
    let put = put.body(whole.into()).send().await.unwrap();
    assert!(put.checksum_crc32_c().is_some());
    assert_eq!(done.checksum_crc32_c(), put.checksum_crc32_c());
}

#[tokio::test]
async fn a_copy_can_be_given_another_checksum() {
    let server = Server::start().await;
    let client = server.admin();
    client.put_object().bucket(BUCKET).key("one").body(bytes(100_000, 4).into()).send().await.unwrap();
    let copy = client.copy_object().bucket(BUCKET).key("two").copy_source(format!("{BUCKET}/one"));
    let copy = copy.checksum_algorithm(ChecksumAlgorithm::Sha256).send().await.unwrap();
    let put = client.put_object().bucket(BUCKET).key("three").checksum_algorithm(ChecksumAlgorithm::Sha256);
    let put = put.body(bytes(100_000, 4).into()).send().await.unwrap();
    assert_eq!(copy.copy_object_result().unwrap().checksum_sha256(), put.checksum_sha256());
    let head = client.head_object().bucket(BUCKET).key("two").checksum_mode(ChecksumMode::Enabled).send().await;
    assert_eq!(head.unwrap().checksum_sha256(), put.checksum_sha256());
    assert_eq!(server.files("content").len(), 2);
}

#[tokio::test]
async fn the_attributes_of_an_object_are_told_as_far_as_they_are_asked_for() {
    let server = Server::start().await;
    let client = server.admin();
    let begun = client.create_multipart_upload().bucket(BUCKET).key("film");
    let begun = begun.checksum_algorithm(ChecksumAlgorithm::Sha256).send().await.unwrap();
    let id = begun.upload_id().unwrap();
    let mut parts = Vec::new();
    for (number, length) in [(2, PART), (5, 1000)] {
        let sent = client.upload_part().bucket(BUCKET).key("film").upload_id(id).part_number(number);
        let sent = sent.checksum_algorithm(ChecksumAlgorithm::Sha256).body(bytes(length, 1).into()).send().await;
        let sent = sent.unwrap();
        let part = CompletedPart::builder().part_number(number).e_tag(sent.e_tag().unwrap());
        parts.push(part.checksum_sha256(sent.checksum_sha256().unwrap()).build());
    }
    let done = complete(&client, "film", id, &parts).send().await.unwrap();
    let ask = |attributes: &[ObjectAttributes]| {
        client.get_object_attributes().bucket(BUCKET).key("film").set_object_attributes(Some(attributes.to_vec()))
    };
    let all = [
        ObjectAttributes::Etag,
        ObjectAttributes::Checksum,
        ObjectAttributes::ObjectParts,
        ObjectAttributes::ObjectSize,
        ObjectAttributes::StorageClass,
    ];
    let told = ask(&all).send().await.unwrap();
    assert_eq!(told.e_tag(), done.e_tag().map(|tag| tag.trim_matches('"')));
    assert_eq!(told.object_size(), Some(PART as i64 + 1000));
    assert_eq!(told.storage_class().map(aws_sdk_s3::types::StorageClass::as_str), Some("STANDARD"));
    let checksum = told.checksum().unwrap();
    assert_eq!(checksum.checksum_sha256(), done.checksum_sha256());
    assert_eq!(checksum.checksum_type(), Some(&ChecksumType::Composite));
    let listed = told.object_parts().unwrap();
    assert_eq!(listed.total_parts_count(), Some(2));
    let sizes: Vec<_> = listed.parts().iter().map(|part| (part.part_number(), part.size())).collect();
    assert_eq!(sizes, [(Some(1), Some(PART as i64)), (Some(2), Some(1000))]);
    let sums: Vec<_> = listed.parts().iter().map(|part| part.checksum_sha256()).collect();
    assert_eq!(sums, parts.iter().map(CompletedPart::checksum_sha256).collect::<Vec<_>>());
    let one = ask(&[ObjectAttributes::ObjectParts]).max_parts(1).send().await.unwrap();
    assert_eq!((one.e_tag(), one.object_size(), one.last_modified().is_some()), (None, None, true));
    let page = one.object_parts().unwrap();
    assert_eq!((page.is_truncated(), page.next_part_number_marker()), (Some(true), Some("1")));
    let rest = ask(&[ObjectAttributes::ObjectParts]).part_number_marker("1").send().await.unwrap();
    assert_eq!(rest.object_parts().unwrap().parts()[0].size(), Some(1000));
    let nothing = ask(&[ObjectAttributes::from("Colour")]).send().await.unwrap_err();
    assert_eq!(nothing.code(), Some("InvalidArgument"));
}

#[tokio::test]
async fn copies_of_copies_do_not_grow_without_end() {
    let server = Server::start().await;
    let client = server.admin();
    client.put_object().bucket(BUCKET).key("one").body(bytes(PART, 1).into()).send().await.unwrap();
    // As if it had been composed again and again: 65,536 stretches of 80 bytes.
    let index = rusqlite::Connection::open(server.folder().join("index.sqlite")).unwrap();
    let many = "WITH RECURSIVE next(at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM next WHERE at < 65535)
        INSERT INTO segment (body, position, part, content, start, bytes)
        SELECT body, at, part, content, at * 80, 80 FROM segment, next";
    assert_eq!(index.execute(many, []).unwrap(), 65_535);
    index.execute("UPDATE segment SET bytes = 80 WHERE position = 0", []).unwrap();
    let id = begin(&client, "two").await;
    let source = format!("{BUCKET}/one");
    let one = part_copy(&client, ("two", &id), 1, &source, None).await.unwrap();
    let two = part_copy(&client, ("two", &id), 2, &source, None).await.unwrap();
    let refused = complete(&client, "two", &id, &[one.clone(), two]).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidRequest"));
    complete(&client, "two", &id, &[one]).send().await.unwrap();
    assert!(body(&client, "two").await == bytes(PART, 1));
}
