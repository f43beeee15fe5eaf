//! Putting, reading, copying and deleting single objects.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{
    AccessControlPolicy, BucketCannedAcl, ChecksumMode, Delete, Grant, Grantee, MetadataDirective, ObjectCannedAcl,
    ObjectIdentifier, Permission, Type,
};
use strongroom_presign::{Request, Validity};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

use crate::server::{BUCKET, Server};
use crate::wire::send;

/// Bytes that differ everywhere.
pub(crate) fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    (0..length).map(|_| next().to_le_bytes()[0]).collect()
}

#[tokio::test]
async fn what_is_put_is_got_with_all_that_came_with_it() {
    let server = Server::start().await;
    let client = server.admin();
    let put = client
        .put_object()
        .bucket(BUCKET)
        .key("a/cat.jpg")
        .body(ByteStream::from_static(b"meow"))
        .content_type("image/jpeg")
        .cache_control("private, max-age=9")
        .content_disposition("attachment; filename=\"cat.jpg\"")
        .content_encoding("gzip")
        .content_language("fr")
        .expires(DateTime::from_secs(1_800_000_000))
        .metadata("owner", "Zoë")
        .send()
        .await
        .unwrap();
    assert_eq!(put.e_tag(), Some("\"4a4be40c96ac6314e91d93f38043a634\""));
    let got = client.get_object().bucket(BUCKET).key("a/cat.jpg").checksum_mode(ChecksumMode::Enabled).send().await;
    let got = got.unwrap();
    assert_eq!(got.e_tag(), put.e_tag());
    assert_eq!(got.content_type(), Some("image/jpeg"));
    assert_eq!(got.cache_control(), Some("private, max-age=9"));
    assert_eq!(got.content_disposition(), Some("attachment; filename=\"cat.jpg\""));
    assert_eq!(got.content_encoding(), Some("gzip"));
    assert_eq!(got.content_language(), Some("fr"));
    assert_eq!(got.expires_string(), Some("Fri, 15 Jan 2027 08:00:00 GMT"));
    assert_eq!(got.checksum_crc32(), put.checksum_crc32());
    assert_eq!(got.last_modified().map(DateTime::secs), Some(server.now()));
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"meow");
    let head = client.head_object().bucket(BUCKET).key("a/cat.jpg").send().await.unwrap();
    assert_eq!(head.content_length(), Some(4));
    assert_eq!(head.e_tag(), put.e_tag());
}

#[tokio::test]
async fn an_empty_object_is_an_object_and_has_no_file() {
    let server = Server::start().await;
    let client = server.admin();
    client.put_object().bucket(BUCKET).key("empty").send().await.unwrap();
    let got = client.get_object().bucket(BUCKET).key("empty").send().await.unwrap();
    assert_eq!(got.content_length(), Some(0));
    assert_eq!(got.e_tag(), Some("\"d41d8cd98f00b204e9800998ecf8427e\""));
    assert!(got.body.collect().await.unwrap().to_vec().is_empty());
    assert_eq!(server.files("content").len(), 0);
}

/// More readers that stop reading than there is memory for whole stretches; their sockets take only a little of it.
#[tokio::test]
async fn a_crowd_that_reads_slowly_takes_nothing_from_who_comes_after_it() {
    const CROWD: usize = 300;
    let server = Server::start().await;
    let client = server.admin();
    let small = bytes(200_000, 3);
    client.put_object().bucket(BUCKET).key("large").body(vec![7; 16 << 20].into()).send().await.unwrap();
    client.put_object().bucket(BUCKET).key("small").body(small.clone().into()).send().await.unwrap();
    let url =
        server.signer("admin").presign(&Request::get("large"), Validity::new(server.now(), 600).unwrap()).unwrap();
    let target = url.strip_prefix(&format!("http://{}", server.address)).unwrap();
    let head = format!("GET {target} HTTP/1.1\r\nhost: {}\r\n\r\n", server.address);
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut connection = socket.connect(server.address.parse().unwrap()).await.unwrap();
        connection.write_all(head.as_bytes()).await.unwrap();
        crowd.push(connection);
    }
    for connection in &mut crowd {
        let mut status = [0; 12];
        connection.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 200");
    }
    for _ in 0..20 {
        let got = client.get_object().bucket(BUCKET).key("small").send().await.unwrap();
        assert!(got.body.collect().await.unwrap().to_vec() == small);
    }
}

#[tokio::test]
async fn any_stretch_of_an_object_can_be_read() {
    let server = Server::start().await;
    let client = server.admin();
    let whole = bytes(1_000_000, 1);
    client.put_object().bucket(BUCKET).key("big").body(whole.clone().into()).send().await.unwrap();
    for (range, expected) in [
        ("bytes=0-0", &whole[..1]),
        ("bytes=262143-262145", &whole[262_143..262_146]),
        ("bytes=999999-", &whole[999_999..]),
        ("bytes=-5", &whole[999_995..]),
        ("bytes=100-5000000", &whole[100..]),
    ] {
        let got = client.get_object().bucket(BUCKET).key("big").range(range).send().await.unwrap();
        let start = whole.len() - expected.len();
        if range.ends_with('-') {
            assert_eq!(got.content_range(), Some(format!("bytes {start}-999999/1000000").as_str()));
        }
        assert_eq!(got.body.collect().await.unwrap().to_vec(), expected, "{range}");
    }
    let refused = client.get_object().bucket(BUCKET).key("big").range("bytes=1000000-").send().await.unwrap_err();
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 416);
    assert_eq!(refused.code(), Some("InvalidRange"));
}

#[tokio::test]
async fn conditional_reads_answer_304_and_412() {
    let server = Server::start().await;
    let client = server.admin();
    let put = client.put_object().bucket(BUCKET).key("k").body(ByteStream::from_static(b"1")).send().await.unwrap();
    let tag = put.e_tag().unwrap();
    let get = || client.get_object().bucket(BUCKET).key("k");
    let status = |error: aws_sdk_s3::error::SdkError<_, _>| {
        error.raw_response().map(|raw: &aws_sdk_s3::config::http::HttpResponse| raw.status().as_u16())
    };
    assert_eq!(status(get().if_none_match(tag).send().await.map(drop).unwrap_err().map_service_error(drop)), Some(304));
    assert_eq!(status(get().if_match("\"x\"").send().await.map(drop).unwrap_err().map_service_error(drop)), Some(412));
    let (before, after) = (DateTime::from_secs(server.now() - 60), DateTime::from_secs(server.now() + 60));
    assert_eq!(
        status(get().if_modified_since(after).send().await.map(drop).unwrap_err().map_service_error(drop)),
        Some(304)
    );
    assert_eq!(
        status(get().if_unmodified_since(before).send().await.map(drop).unwrap_err().map_service_error(drop)),
        Some(412)
    );
    // The tag says more than the date, so the date is not looked at.
    get().if_match(tag).if_unmodified_since(before).send().await.unwrap();
    get().if_none_match("\"x\"").if_modified_since(after).send().await.unwrap();
}

#[tokio::test]
async fn a_304_renews_what_caches_keep() {
    let server = Server::start().await;
    let put = server.admin().put_object().bucket(BUCKET).key("k").cache_control("private, max-age=60");
    let tag = put.body(ByteStream::from_static(b"1")).send().await.unwrap().e_tag().unwrap().to_owned();
    let life = Validity::new(server.now(), 60).unwrap();
    let url = server.signer("reader").presign(&Request::get("k"), life).unwrap();
    let answer = send(&server, "GET", &url, &[("if-none-match", &tag)], "").await;
    assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (304, "private, max-age=60"));
    assert_eq!((answer.header("etag"), answer.header("content-type")), (tag.as_str(), ""));
}

#[tokio::test]
async fn a_signed_request_may_change_the_headers_of_the_answer() {
    let server = Server::start().await;
    let client = server.admin();
    client.put_object().bucket(BUCKET).key("k").body(ByteStream::from_static(b"1")).send().await.unwrap();
    let got = client
        .get_object()
        .bucket(BUCKET)
        .key("k")
        .response_content_disposition("attachment; filename=\"ü.txt\"; filename*=UTF-8''%C3%BC.txt")
        .response_content_type("text/plain")
        .response_cache_control("no-store")
        .send()
        .await
        .unwrap();
    assert_eq!(got.content_type(), Some("text/plain"));
    assert_eq!(got.cache_control(), Some("no-store"));
}

#[tokio::test]
async fn a_copy_moves_no_byte_and_outlives_its_source() {
    let server = Server::start().await;
    let client = server.admin();
    let whole = bytes(300_000, 2);
    let put = client
        .put_object()
        .bucket(BUCKET)
        .key("staging/ä b+c.png")
        .body(whole.clone().into())
        .content_type("image/png")
        .metadata("a", "b")
        .send()
        .await
        .unwrap();
    let source = format!("{BUCKET}/staging/%C3%A4%20b%2Bc.png");
    let copy = || client.copy_object().bucket(BUCKET).copy_source(&source);
    copy().key("final").copy_source_if_match(put.e_tag().unwrap()).send().await.unwrap();
    let refused = copy().key("other").copy_source_if_match("\"nope\"").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("PreconditionFailed"));
    let itself = copy().key("staging/ä b+c.png").send().await.unwrap_err();
    assert_eq!(itself.code(), Some("InvalidRequest"));
    copy()
        .key("replaced")
        .metadata_directive(MetadataDirective::Replace)
        .content_type("text/plain")
        .send()
        .await
        .unwrap();
    assert_eq!(server.files("content").len(), 1);

    client.delete_object().bucket(BUCKET).key("staging/ä b+c.png").send().await.unwrap();
    let got = client.get_object().bucket(BUCKET).key("final").send().await.unwrap();
    assert_eq!(got.content_type(), Some("image/png"));
    assert_eq!(got.metadata().unwrap().get("a").map(String::as_str), Some("b"));
    assert_eq!(got.body.collect().await.unwrap().to_vec(), whole);
    let replaced = client.head_object().bucket(BUCKET).key("replaced").send().await.unwrap();
    assert_eq!(replaced.content_type(), Some("text/plain"));
    assert!(replaced.metadata().is_none_or(std::collections::HashMap::is_empty));

    client.delete_object().bucket(BUCKET).key("final").send().await.unwrap();
    client.delete_object().bucket(BUCKET).key("replaced").send().await.unwrap();
    server.store.sweep().await.unwrap();
    assert_eq!(server.files("content").len(), 0);
}

#[tokio::test]
async fn many_keys_go_in_one_request_and_a_missing_one_counts_as_gone() {
    let server = Server::start().await;
    let client = server.admin();
    for key in ["a", "b<&>", "c"] {
        client.put_object().bucket(BUCKET).key(key).body(ByteStream::from_static(b"1")).send().await.unwrap();
    }
    let named = ["a", "b<&>", "missing"].map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
    let delete = Delete::builder().set_objects(Some(named.to_vec())).build().unwrap();
    let answer = client.delete_objects().bucket(BUCKET).delete(delete).send().await.unwrap();
    assert_eq!(answer.deleted().len(), 3);
    assert!(answer.errors().is_empty());
    let left = client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    assert_eq!(left.contents().iter().filter_map(|object| object.key()).collect::<Vec<_>>(), ["c"]);
    client.delete_object().bucket(BUCKET).key("missing").send().await.unwrap();
}

#[tokio::test]
async fn a_key_is_deleted_as_it_is_spelled_with_all_its_blanks() {
    let server = Server::start().await;
    let client = server.admin();
    let keys = ["a", " a", "a ", "\na\n", "a\r", "\ta", "b c", "b  c", "\u{a0}a", "&amp;", "]]>"];
    for key in keys {
        client.put_object().bucket(BUCKET).key(key).body(ByteStream::from_static(b"1")).send().await.unwrap();
    }
    for (gone, key) in keys.iter().enumerate().rev() {
        let named = ObjectIdentifier::builder().key(*key).build().unwrap();
        let delete = Delete::builder().objects(named).build().unwrap();
        let answer = client.delete_objects().bucket(BUCKET).delete(delete).send().await.unwrap();
        assert_eq!(answer.deleted()[0].key(), Some(*key), "{key:?}");
        let left = client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
        let mut left: Vec<&str> = left.contents().iter().filter_map(|object| object.key()).collect();
        let mut wanted = keys[..gone].to_vec();
        left.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(left, wanted, "after {key:?}");
    }
}

#[tokio::test]
async fn buckets_are_made_found_listed_and_removed_when_empty() {
    let server = Server::start().await;
    let client = server.admin();
    client.create_bucket().bucket("second").send().await.unwrap();
    let again = client.create_bucket().bucket("second").send().await.unwrap_err();
    assert_eq!(again.code(), Some("BucketAlreadyOwnedByYou"));
    let names = client.list_buckets().send().await.unwrap();
    assert_eq!(names.buckets().iter().filter_map(|bucket| bucket.name()).collect::<Vec<_>>(), [BUCKET, "second"]);
    let first = client.list_buckets().max_buckets(1).send().await.unwrap();
    assert_eq!(first.buckets()[0].name(), Some(BUCKET));
    let rest = client.list_buckets().continuation_token(first.continuation_token().unwrap()).send().await.unwrap();
    assert_eq!((rest.buckets()[0].name(), rest.continuation_token()), (Some("second"), None));
    let none = client.list_buckets().prefix("third").send().await.unwrap();
    assert!(none.buckets().is_empty());
    client.head_bucket().bucket("second").send().await.unwrap();
    assert!(client.head_bucket().bucket("third").send().await.unwrap_err().into_service_error().is_not_found());
    client.get_bucket_location().bucket("second").send().await.unwrap();
    client.put_object().bucket("second").key("k").send().await.unwrap();
    assert_eq!(client.delete_bucket().bucket("second").send().await.unwrap_err().code(), Some("BucketNotEmpty"));
    client.delete_object().bucket("second").key("k").send().await.unwrap();
    client.delete_bucket().bucket("second").send().await.unwrap();
    let gone = client.put_object().bucket("second").key("k").send().await.unwrap_err();
    assert_eq!(gone.code(), Some("NoSuchBucket"));
}

#[tokio::test]
async fn a_bucket_has_a_name_that_a_host_name_can_hold() {
    let server = Server::start().await;
    let client = server.admin();
    for name in ["ab", "Upper", "under_score", "-edge", "edge-", "two..dots", "10.0.0.1", &"x".repeat(64)] {
        let refused = client.create_bucket().bucket(name).send().await.unwrap_err();
        assert_eq!(refused.code(), Some("InvalidBucketName"), "{name}");
    }
    client.create_bucket().bucket("a.b-c.0").send().await.unwrap();
}

#[tokio::test]
async fn what_is_not_offered_says_so() {
    let server = Server::start().await;
    let client = server.admin();
    client.put_object().bucket(BUCKET).key("k").send().await.unwrap();
    let policy = client.get_bucket_policy().bucket(BUCKET).send().await.unwrap_err();
    assert_eq!(policy.code(), Some("NotImplemented"));
    assert_eq!(policy.raw_response().unwrap().status().as_u16(), 501);
    let signer = server.signer("admin");
    for (method, request) in [
        ("GET", Request::on_bucket(strongroom_presign::Method::Get).query("encryption", "")),
        ("GET", Request::on_bucket(strongroom_presign::Method::Get).query("publicAccessBlock", "")),
        ("GET", Request::on_bucket(strongroom_presign::Method::Get).query("tagging", "")),
        ("GET", Request::get("k").query("torrent", "")),
        ("GET", Request::get("k").query("cors", "")),
        ("PUT", Request::put("k").query("restore", "")),
    ] {
        let url = signer.presign(&request, Validity::new(server.now(), 60).unwrap()).unwrap();
        let answer = send(&server, method, &url, &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (501, "NotImplemented"), "{url}");
    }
    let encrypted = client
        .put_object()
        .bucket(BUCKET)
        .key("k2")
        .server_side_encryption(aws_sdk_s3::types::ServerSideEncryption::AwsKms)
        .send()
        .await
        .unwrap_err();
    assert_eq!(encrypted.code(), Some("NotImplemented"));
    let public =
        client.put_object().bucket(BUCKET).key("k2").acl(ObjectCannedAcl::PublicRead).send().await.unwrap_err();
    assert_eq!(public.code(), Some("AccessControlListNotSupported"));
}

#[tokio::test]
async fn access_control_lists_are_private_and_can_be_set_to_nothing_else() {
    let server = Server::start().await;
    let client = server.admin();
    client.put_object().bucket(BUCKET).key("k").send().await.unwrap();
    let of_object = client.get_object_acl().bucket(BUCKET).key("k").send().await.unwrap();
    let of_bucket = client.get_bucket_acl().bucket(BUCKET).send().await.unwrap();
    assert_eq!(of_object.grants(), of_bucket.grants());
    let [grant] = of_object.grants() else { panic!("one grant") };
    assert_eq!(grant.grantee().and_then(|grantee| grantee.id()), Some("admin"));
    assert_eq!(grant.permission(), Some(&Permission::FullControl));
    let missing = client.get_object_acl().bucket(BUCKET).key("none").send().await.unwrap_err();
    assert_eq!(missing.code(), Some("NoSuchKey"));
    let public = ObjectCannedAcl::PublicRead;
    let refused = client.put_object_acl().bucket(BUCKET).key("k").acl(public).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessControlListNotSupported"));
    let public = BucketCannedAcl::PublicRead;
    let refused = client.put_bucket_acl().bucket(BUCKET).acl(public).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessControlListNotSupported"));

    client.put_bucket_acl().bucket(BUCKET).acl(BucketCannedAcl::Private).send().await.unwrap();
    let list = |grants: &[Grant]| AccessControlPolicy::builder().set_grants(Some(grants.to_vec())).build();
    let put = |key: &str, policy| client.put_object_acl().bucket(BUCKET).key(key).access_control_policy(policy).send();
    put("k", list(std::slice::from_ref(grant))).await.unwrap();
    let missing = put("none", list(std::slice::from_ref(grant))).await.unwrap_err();
    assert_eq!(missing.code(), Some("NoSuchKey"));
    let everyone = Grantee::builder().r#type(Type::Group).uri("http://acs.amazonaws.com/groups/global/AllUsers");
    let everyone = Grant::builder().grantee(everyone.build().unwrap()).permission(Permission::Read).build();
    for more in [list(std::slice::from_ref(&everyone)), list(&[grant.clone(), everyone.clone()]), list(&[])] {
        let refused = put("k", more).await.unwrap_err();
        assert_eq!(refused.code(), Some("AccessControlListNotSupported"));
    }
}
