//! Copies and uploads in parts of what is encrypted: by reference where both are alike, sealed anew where they are not,
//! and never in clear because somebody copied.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::copy_object::builders::CopyObjectFluentBuilder;
use aws_sdk_s3::operation::upload_part::builders::UploadPartFluentBuilder;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, CompletedPart, MetadataDirective, ServerSideEncryption};

use crate::encryption::{Key, get, key, put, read, refusal};
use crate::multipart::{PART, complete};
use crate::objects::bytes;
use crate::server::{BUCKET, Server};

fn copy(client: &Client, from: &str, to: &str) -> CopyObjectFluentBuilder {
    client.copy_object().bucket(BUCKET).key(to).copy_source(format!("{BUCKET}/{from}"))
}

fn opened_with(copy: CopyObjectFluentBuilder, key: &Key) -> CopyObjectFluentBuilder {
    let copy = copy.copy_source_sse_customer_algorithm("AES256");
    copy.copy_source_sse_customer_key(&key.text).copy_source_sse_customer_key_md5(&key.md5)
}

fn sealed_with(copy: CopyObjectFluentBuilder, key: &Key) -> CopyObjectFluentBuilder {
    copy.sse_customer_algorithm("AES256").sse_customer_key(&key.text).sse_customer_key_md5(&key.md5)
}

async fn sse_of(client: &Client, name: &str) -> Option<ServerSideEncryption> {
    let head = client.head_object().bucket(BUCKET).key(name).send().await.unwrap();
    head.server_side_encryption().cloned()
}

#[tokio::test]
async fn a_copy_is_encrypted_as_it_is_asked_to_be_and_what_is_encrypted_stays_so() {
    let server = Server::start().await;
    let client = server.admin();
    let (one, two, body) = (key(1), key(2), bytes(200_000, 1));
    put(&client, "customer", body.clone(), &one).send().await.unwrap();
    client.put_object().bucket(BUCKET).key("plain").body(body.clone().into()).send().await.unwrap();
    let store = client.put_object().bucket(BUCKET).key("store").body(body.clone().into());
    store.server_side_encryption(ServerSideEncryption::Aes256).send().await.unwrap();
    assert_eq!(server.files("content").len(), 3);

    // Like and like share their bytes.
    copy(&client, "plain", "plain-2").send().await.unwrap();
    let kept = copy(&client, "store", "store-2").send().await.unwrap();
    assert_eq!(kept.server_side_encryption(), Some(&ServerSideEncryption::Aes256));
    sealed_with(opened_with(copy(&client, "customer", "customer-2"), &one), &one).send().await.unwrap();
    assert_eq!(server.files("content").len(), 3);
    assert!(read(get(&client, "customer-2", &one)).await == body);

    // The others are sealed anew, and the answer says how.
    let again = sealed_with(opened_with(copy(&client, "customer", "again"), &one), &two).send().await.unwrap();
    assert_eq!(again.sse_customer_key_md5(), Some(two.md5.as_str()));
    assert!(read(get(&client, "again", &two)).await == body);
    assert_eq!(refusal(&get(&client, "again", &one).send().await.unwrap_err()), (403, "AccessDenied"));
    sealed_with(copy(&client, "plain", "sealed"), &one).send().await.unwrap();
    assert!(read(get(&client, "sealed", &one)).await == body);
    sealed_with(copy(&client, "store", "handed over"), &two).send().await.unwrap();
    assert!(read(get(&client, "handed over", &two)).await == body);
    let to_store = copy(&client, "plain", "to store").server_side_encryption(ServerSideEncryption::Aes256);
    let to_store = to_store.checksum_algorithm(ChecksumAlgorithm::Sha256).send().await.unwrap();
    let plain = client.head_object().bucket(BUCKET).key("plain").send().await.unwrap();
    assert_eq!(to_store.copy_object_result().unwrap().e_tag(), plain.e_tag());
    assert!(to_store.copy_object_result().unwrap().checksum_sha256().is_some());
    let unsaid = opened_with(copy(&client, "customer", "unsaid"), &one).send().await.unwrap();
    assert_eq!(unsaid.server_side_encryption(), Some(&ServerSideEncryption::Aes256));
    assert_eq!(server.files("content").len(), 8);
    for name in ["store-2", "to store", "unsaid"] {
        assert_eq!(sse_of(&client, name).await, Some(ServerSideEncryption::Aes256), "{name}");
        assert!(read(client.get_object().bucket(BUCKET).key(name)).await == body, "{name}");
    }
    assert_eq!(sse_of(&client, "plain-2").await, None);

    // An object is encrypted in place by a copy onto itself.
    sealed_with(copy(&client, "plain", "plain"), &one).send().await.unwrap();
    assert!(read(get(&client, "plain", &one)).await == body);
    assert!(read(client.get_object().bucket(BUCKET).key("plain-2")).await == body);

    let missing = copy(&client, "customer", "none").send().await.unwrap_err();
    assert_eq!(refusal(&missing), (400, "InvalidRequest"));
    let wrong = opened_with(copy(&client, "customer", "none"), &two).send().await.unwrap_err();
    assert_eq!(refusal(&wrong), (403, "AccessDenied"));
    let needless = opened_with(copy(&client, "store", "none"), &two).send().await.unwrap_err();
    assert_eq!(refusal(&needless), (400, "InvalidRequest"));
    let half = copy(&client, "customer", "none").copy_source_sse_customer_algorithm("AES256").send().await;
    assert_eq!(refusal(&half.unwrap_err()), (400, "InvalidArgument"));
    assert!(client.head_object().bucket(BUCKET).key("none").send().await.is_err());
    server.store.sweep().await.unwrap();
    let checked = strongroom_store::Inspector::open(server.folder()).unwrap().check(|_| {}).unwrap();
    assert!(checked.is_sound() && checked.leavings.is_empty(), "{checked:?}");
}

fn part(client: &Client, id: &str, number: i32, body: Vec<u8>) -> UploadPartFluentBuilder {
    client.upload_part().bucket(BUCKET).key("film").upload_id(id).part_number(number).body(body.into())
}

fn part_with(part: UploadPartFluentBuilder, key: &Key) -> UploadPartFluentBuilder {
    part.sse_customer_algorithm("AES256").sse_customer_key(&key.text).sse_customer_key_md5(&key.md5)
}

#[tokio::test]
async fn every_part_of_an_upload_has_the_key_that_the_upload_began_with() {
    let server = Server::start().await;
    let client = server.admin();
    let (right, wrong) = (key(1), key(2));
    let begun = client.create_multipart_upload().bucket(BUCKET).key("film").sse_customer_algorithm("AES256");
    let begun = begun.checksum_algorithm(ChecksumAlgorithm::Crc32).sse_customer_key(&right.text);
    let begun = begun.sse_customer_key_md5(&right.md5).send().await.unwrap();
    assert_eq!(begun.sse_customer_key_md5(), Some(right.md5.as_str()));
    let id = begun.upload_id().unwrap();
    let (first, last) = (bytes(PART + 9, 1), bytes(100_000, 2));

    let without = part(&client, id, 1, last.clone()).send().await.unwrap_err();
    assert_eq!(refusal(&without), (400, "InvalidRequest"));
    let other = part_with(part(&client, id, 1, last.clone()), &wrong).send().await.unwrap_err();
    assert_eq!(refusal(&other), (400, "InvalidRequest"));
    let one = part_with(part(&client, id, 1, first.clone()), &right).send().await.unwrap();
    assert_eq!(one.sse_customer_key_md5(), Some(right.md5.as_str()));

    // The second one is a copy of something that has another key.
    put(&client, "source", bytes(300_000, 3), &wrong).send().await.unwrap();
    put(&client, "last", last.clone(), &wrong).send().await.unwrap();
    let copied = client.upload_part_copy().bucket(BUCKET).key("film").upload_id(id).part_number(2);
    let copied = copied.copy_source(format!("{BUCKET}/last")).sse_customer_algorithm("AES256");
    let copied = copied.sse_customer_key(&right.text).sse_customer_key_md5(&right.md5);
    assert_eq!(refusal(&copied.clone().send().await.unwrap_err()), (400, "InvalidRequest"));
    let copied = copied.copy_source_sse_customer_algorithm("AES256").copy_source_sse_customer_key(&wrong.text);
    let two = copied.copy_source_sse_customer_key_md5(&wrong.md5).send().await.unwrap();
    let two = two.copy_part_result().unwrap().clone();

    let listed = client.list_parts().bucket(BUCKET).key("film").upload_id(id).send().await.unwrap();
    let tags: Vec<_> = listed.parts().iter().map(|part| part.e_tag()).collect();
    assert_eq!(tags, [one.e_tag(), two.e_tag()]);
    let parts = [
        CompletedPart::builder().part_number(1).e_tag(one.e_tag().unwrap()).build(),
        CompletedPart::builder().part_number(2).e_tag(two.e_tag().unwrap()).build(),
    ];
    let with_wrong = complete(&client, "film", id, &parts).sse_customer_algorithm("AES256");
    let with_wrong = with_wrong.sse_customer_key(&wrong.text).sse_customer_key_md5(&wrong.md5).send().await;
    assert_eq!(refusal(&with_wrong.unwrap_err()), (400, "InvalidRequest"));
    let done = complete(&client, "film", id, &parts).send().await.unwrap();
    assert!(done.e_tag().unwrap().ends_with("-2\""));

    let whole = [first.clone(), last.clone()].concat();
    assert!(read(get(&client, "film", &right)).await == whole);
    let across = get(&client, "film", &right).range(format!("bytes={}-{}", PART - 70_000, PART + 70_000));
    assert!(read(across).await == whole[PART - 70_000..=PART + 70_000]);
    let second = get(&client, "film", &right).part_number(2).checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(second.checksum_crc32(), two.checksum_crc32());
    assert!(second.body.collect().await.unwrap().to_vec() == last);
    assert_eq!(refusal(&get(&client, "film", &wrong).send().await.unwrap_err()), (403, "AccessDenied"));

    // A key for an upload that was begun without one fits nothing.
    let plain = client.create_multipart_upload().bucket(BUCKET).key("film").send().await.unwrap();
    let needless = part_with(part(&client, plain.upload_id().unwrap(), 1, last), &right).send().await.unwrap_err();
    assert_eq!(refusal(&needless), (400, "InvalidRequest"));
}

#[tokio::test]
async fn an_upload_that_the_store_encrypts_says_so_at_every_step() {
    let server = Server::start().await;
    let client = server.admin();
    let aes = ServerSideEncryption::Aes256;
    let begun = client.create_multipart_upload().bucket(BUCKET).key("film").server_side_encryption(aes.clone());
    let begun = begun.send().await.unwrap();
    assert_eq!(begun.server_side_encryption(), Some(&aes));
    let id = begun.upload_id().unwrap();
    let (first, second) = (bytes(PART, 1), bytes(PART, 2));
    let one = part(&client, id, 1, first.clone()).send().await.unwrap();
    assert_eq!(one.server_side_encryption(), Some(&aes));
    // What is copied from an object that the store encrypts is shared; from one that it does not, it is sealed.
    let source = client.put_object().bucket(BUCKET).key("sealed").server_side_encryption(aes.clone());
    source.body(second.clone().into()).send().await.unwrap();
    client.put_object().bucket(BUCKET).key("plain").body(b"the end".to_vec().into()).send().await.unwrap();
    assert_eq!(server.files("content").len(), 3);
    let mut parts = vec![CompletedPart::builder().part_number(1).e_tag(one.e_tag().unwrap()).build()];
    for (number, source) in [(2, "sealed"), (3, "plain")] {
        let copied = client.upload_part_copy().bucket(BUCKET).key("film").upload_id(id).part_number(number);
        let copied = copied.copy_source(format!("{BUCKET}/{source}")).send().await.unwrap();
        assert_eq!(copied.server_side_encryption(), Some(&aes));
        let tag = copied.copy_part_result().unwrap().e_tag().unwrap();
        parts.push(CompletedPart::builder().part_number(number).e_tag(tag).build());
    }
    assert_eq!(server.files("content").len(), 4);
    for _ in 0..2 {
        let done = complete(&client, "film", id, &parts).send().await.unwrap();
        assert_eq!(done.server_side_encryption(), Some(&aes));
    }
    let got = client.get_object().bucket(BUCKET).key("film").send().await.unwrap();
    assert_eq!(got.server_side_encryption(), Some(&aes));
    assert!(got.body.collect().await.unwrap().to_vec() == [&first[..], &second, b"the end"].concat());
    // A copy with another key is written anew, in one piece.
    let other = key(1);
    let one_piece = copy(&client, "film", "one piece").metadata_directive(MetadataDirective::Copy);
    sealed_with(one_piece, &other).send().await.unwrap();
    assert!(read(get(&client, "one piece", &other)).await == [&first[..], &second, b"the end"].concat());

    // An upload that was begun in clear has its parts in clear, whatever they are copied from.
    let begun = client.create_multipart_upload().bucket(BUCKET).key("film").send().await.unwrap();
    let id = begun.upload_id().unwrap();
    let copied = client.upload_part_copy().bucket(BUCKET).key("film").upload_id(id).part_number(1);
    let copied = copied.copy_source(format!("{BUCKET}/sealed")).send().await.unwrap();
    assert_eq!(copied.server_side_encryption(), None);
    let tag = copied.copy_part_result().unwrap().e_tag().unwrap();
    let parts = [CompletedPart::builder().part_number(1).e_tag(tag).build()];
    assert_eq!(complete(&client, "film", id, &parts).send().await.unwrap().server_side_encryption(), None);
    assert!(read(client.get_object().bucket(BUCKET).key("film")).await == second);
    let checked = strongroom_store::Inspector::open(server.folder()).unwrap().check(|_| {}).unwrap();
    assert!(checked.is_sound(), "{checked:?}");
}
