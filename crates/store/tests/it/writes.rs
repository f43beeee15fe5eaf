//! Writes that race, fail or meet readers: the old object or the new one, and nothing in between.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest as _;
use strongroom_presign::{Payload, Request, Validity};

use crate::objects::bytes;
use crate::server::{BUCKET, Server};
use crate::wire::{send, send_signed};

#[tokio::test]
async fn a_body_that_is_not_what_was_announced_leaves_the_old_object() {
    let server = Server::start().await;
    let client = server.admin();
    client.put_object().bucket(BUCKET).key("k").body(ByteStream::from_static(b"old")).send().await.unwrap();
    let files = server.files("content");
    let signer = server.signer("admin");

    let wrong_md5 = STANDARD.encode([1; 16]);
    let refused = client.put_object().bucket(BUCKET).key("k").body(ByteStream::from_static(b"new"));
    let refused = refused.content_md5(wrong_md5).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("BadDigest"));

    let other: [u8; 32] = sha2::Sha256::digest(b"other").into();
    let call = signer.sign(&Request::put("k"), Payload::Sha256(other), server.now()).unwrap();
    let refused = send_signed(&server, &call, "new").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "XAmzContentSHA256Mismatch"));

    for (header, value) in [
        ("x-amz-checksum-crc32", STANDARD.encode([0; 4])),
        ("x-amz-checksum-crc32c", STANDARD.encode([0; 4])),
        ("x-amz-checksum-crc64nvme", STANDARD.encode([0; 8])),
        ("x-amz-checksum-sha1", STANDARD.encode([0; 20])),
        ("x-amz-checksum-sha256", STANDARD.encode([0; 32])),
    ] {
        let request = Request::put("k").header(header, value.as_str());
        let url = signer.presign(&request, Validity::new(server.now(), 60).unwrap()).unwrap();
        let refused = send(&server, "PUT", &url, &[(header, &value)], "new").await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "BadDigest"), "{header}");
    }
    let got = client.get_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"old");
    assert_eq!(server.files("content"), files);
    assert_eq!(server.files("incoming").len(), 0);
}

#[tokio::test]
async fn of_twelve_writers_who_all_want_to_be_first_one_is() {
    let server = Server::start().await;
    let client = server.admin();
    for round in 0..5 {
        let key = format!("race-{round}");
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..12_u8 {
            let put = client.put_object().bucket(BUCKET).key(&key).if_none_match("*").body(vec![writer; 1000].into());
            writers.spawn(
                async move { put.send().await.map(|_| writer).map_err(|error| error.code().map(str::to_owned)) },
            );
        }
        let results = writers.join_all().await;
        let winners: Vec<u8> = results.iter().filter_map(|result| result.as_ref().ok().copied()).collect();
        let [winner] = winners.as_slice() else { panic!("{} winners", winners.len()) };
        assert!(
            results
                .iter()
                .filter_map(|result| result.as_ref().err())
                .all(|code| code.as_deref() == Some("PreconditionFailed"))
        );
        let got = client.get_object().bucket(BUCKET).key(&key).send().await.unwrap();
        assert_eq!(got.body.collect().await.unwrap().to_vec(), vec![*winner; 1000]);
    }
    assert_eq!(server.files("content").len(), 5);
}

#[tokio::test]
async fn if_match_replaces_only_what_was_seen() {
    let server = Server::start().await;
    let client = server.admin();
    let put = |body: &'static [u8]| client.put_object().bucket(BUCKET).key("k").body(ByteStream::from_static(body));
    assert_eq!(put(b"0").if_match("\"x\"").send().await.unwrap_err().code(), Some("NoSuchKey"));
    let first = put(b"1").send().await.unwrap();
    let tag = first.e_tag().unwrap();
    put(b"2").if_match(tag).send().await.unwrap();
    assert_eq!(put(b"3").if_match(tag).send().await.unwrap_err().code(), Some("PreconditionFailed"));
    let deleted = client.delete_object().bucket(BUCKET).key("k").if_match(tag).send().await.unwrap_err();
    assert_eq!(deleted.code(), Some("PreconditionFailed"));
    let missing = client.delete_object().bucket(BUCKET).key("missing").if_match("*").send().await.unwrap_err();
    assert_eq!(missing.code(), Some("PreconditionFailed"));
}

#[tokio::test]
async fn a_reader_gets_one_whole_object_while_it_is_overwritten_and_deleted() {
    let server = Server::start().await;
    let client = server.admin();
    let whole = bytes(9_000_000, 3);
    client.put_object().bucket(BUCKET).key("k").body(whole.clone().into()).send().await.unwrap();
    let mut got = client.get_object().bucket(BUCKET).key("k").send().await.unwrap();
    let mut read = got.body.next().await.unwrap().unwrap().to_vec();
    client.put_object().bucket(BUCKET).key("k").body(bytes(9_000_000, 4).into()).send().await.unwrap();
    client.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    while let Some(more) = got.body.next().await {
        read.extend_from_slice(&more.unwrap());
    }
    assert_eq!(read, whole);
    assert_eq!(client.get_object().bucket(BUCKET).key("k").send().await.unwrap_err().code(), Some("NoSuchKey"));
}

#[tokio::test]
async fn concurrent_writers_readers_and_deleters_never_see_a_torn_object() {
    let server = Server::start().await;
    let client = server.admin();
    let mut everybody = tokio::task::JoinSet::new();
    for worker in 0..4_u8 {
        let client = client.clone();
        everybody.spawn(async move {
            for round in 0..25_u8 {
                let fill = worker.wrapping_mul(50).wrapping_add(round);
                let put = client.put_object().bucket(BUCKET).key("k").body(vec![fill; 300_000].into());
                put.send().await.unwrap();
                if round % 5 == 4 {
                    client.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
                }
            }
        });
        let client = server.admin();
        everybody.spawn(async move {
            for _ in 0..50 {
                match client.get_object().bucket(BUCKET).key("k").send().await {
                    Ok(got) => {
                        let read = got.body.collect().await.unwrap().to_vec();
                        assert_eq!(read.len(), 300_000);
                        assert!(read.iter().all(|byte| *byte == read[0]));
                    }
                    Err(error) => assert_eq!(error.code(), Some("NoSuchKey")),
                }
            }
        });
    }
    everybody.join_all().await;
    let swept = server.store.sweep().await.unwrap();
    assert_eq!((swept.incoming, swept.uploads), (0, 0));
    let left = client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    assert_eq!(server.files("content").len(), left.contents().len());
}
