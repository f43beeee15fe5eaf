//! Tags of objects: by every way they can come, and for every version by itself.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::types::{BucketVersioningStatus, Tag, Tagging, TaggingDirective};
use strongroom_presign::{PostPolicy, Validity};

use crate::multipart::{complete, part};
use crate::objects::bytes;
use crate::server::{BUCKET, Server};
use crate::versions::{put, versioning};

fn tagging(pairs: &[(&str, &str)]) -> Tagging {
    let tags = pairs.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build().unwrap()).collect();
    Tagging::builder().set_tag_set(Some(tags)).build().unwrap()
}

async fn tags(client: &Client, key: &str, version: Option<&str>) -> Vec<(String, String)> {
    let got = client.get_object_tagging().bucket(BUCKET).key(key).set_version_id(version.map(str::to_owned));
    let got = got.send().await.unwrap();
    got.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn tags_are_put_counted_got_and_deleted() {
    let server = Server::start().await;
    let client = server.admin();
    put(&client, "k", "1").await;
    assert!(tags(&client, "k", None).await.is_empty());
    let wanted = [("a", "1"), ("Projekt: é", "x y/z@1")];
    client.put_object_tagging().bucket(BUCKET).key("k").tagging(tagging(&wanted)).send().await.unwrap();
    assert_eq!(tags(&client, "k", None).await, pairs(&[wanted[1], wanted[0]]));
    let head = client.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    let got = client.get_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(got.tag_count(), Some(2));
    assert_eq!(head.e_tag(), got.e_tag());
    client.delete_object_tagging().bucket(BUCKET).key("k").send().await.unwrap();
    assert!(tags(&client, "k", None).await.is_empty());
    let missing = client.get_object_tagging().bucket(BUCKET).key("none").send().await.unwrap_err();
    assert_eq!(missing.code(), Some("NoSuchKey"));
}

#[tokio::test]
async fn tags_come_with_puts_parts_forms_and_copies() {
    let server = Server::start().await;
    let client = server.admin();
    client.put_object().bucket(BUCKET).key("put").tagging("a=1&b=x%20y%2Bz").send().await.unwrap();
    assert_eq!(tags(&client, "put", None).await, pairs(&[("a", "1"), ("b", "x y+z")]));
    let begun = client.create_multipart_upload().bucket(BUCKET).key("film").tagging("kind=film").send().await.unwrap();
    let id = begun.upload_id().unwrap();
    let parts = [part(&client, "film", id, 1, bytes(10, 1)).await];
    complete(&client, "film", id, &parts).send().await.unwrap();
    assert_eq!(tags(&client, "film", None).await, pairs(&[("kind", "film")]));
    let copy = |key: &str| client.copy_object().bucket(BUCKET).key(key).copy_source(format!("{BUCKET}/put"));
    copy("same").send().await.unwrap();
    assert_eq!(tags(&client, "same", None).await, pairs(&[("a", "1"), ("b", "x y+z")]));
    copy("other").tagging_directive(TaggingDirective::Replace).tagging("c=3").send().await.unwrap();
    assert_eq!(tags(&client, "other", None).await, pairs(&[("c", "3")]));
    // To give an object other tags is reason enough to copy it onto itself.
    copy("put").tagging_directive(TaggingDirective::Replace).send().await.unwrap();
    assert!(tags(&client, "put", None).await.is_empty());
    let set = "<Tagging><TagSet><Tag><Key>from</Key><Value>form</Value></Tag></TagSet></Tagging>";
    let policy = PostPolicy::for_key("posted").unwrap().exact("tagging", set);
    let form = server.signer("admin").post(&policy, Validity::new(server.now(), 60).unwrap()).unwrap();
    assert!(crate::forms::post(&server, &form.fields, Some(("f", b"1"))).await.status.is_success());
    assert_eq!(tags(&client, "posted", None).await, pairs(&[("from", "form")]));
}

#[tokio::test]
async fn every_version_has_its_own_tags() {
    let server = Server::start().await;
    let client = server.admin();
    versioning(&client, BucketVersioningStatus::Enabled).await;
    let (one, two) = (put(&client, "k", "1").await.unwrap(), put(&client, "k", "2").await.unwrap());
    let change = |version: &str| client.put_object_tagging().bucket(BUCKET).key("k").version_id(version);
    let changed = change(&one).tagging(tagging(&[("n", "1")])).send().await.unwrap();
    assert_eq!(changed.version_id(), Some(one.as_str()));
    change(&two).tagging(tagging(&[("n", "2")])).send().await.unwrap();
    assert_eq!(tags(&client, "k", Some(&one)).await, pairs(&[("n", "1")]));
    assert_eq!(tags(&client, "k", None).await, pairs(&[("n", "2")]));
    client.delete_object_tagging().bucket(BUCKET).key("k").version_id(&one).send().await.unwrap();
    assert!(tags(&client, "k", Some(&one)).await.is_empty());
    let marker = client.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    let refused = change(marker.version_id().unwrap()).tagging(tagging(&[])).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("MethodNotAllowed"));
}

#[tokio::test]
async fn tags_that_break_the_rules_are_refused() {
    let server = Server::start().await;
    let client = server.admin();
    put(&client, "k", "1").await;
    let (long_key, long_value) = ("x".repeat(129), "x".repeat(257));
    let eleven: Vec<String> = (0..11).map(|number| format!("t{number}")).collect();
    let eleven: Vec<(&str, &str)> = eleven.iter().map(|key| (key.as_str(), "")).collect();
    for (set, code) in [
        (vec![("", "1")], "InvalidTag"),
        (vec![(long_key.as_str(), "1")], "InvalidTag"),
        (vec![("k", long_value.as_str())], "InvalidTag"),
        (vec![("aws:k", "1")], "InvalidTag"),
        (vec![("k", "a\u{7}b")], "InvalidTag"),
        (vec![("k", "1"), ("k", "2")], "InvalidTag"),
        (eleven, "BadRequest"),
    ] {
        let refused = client.put_object_tagging().bucket(BUCKET).key("k").tagging(tagging(&set)).send().await;
        assert_eq!(refused.unwrap_err().code(), Some(code), "{set:?}");
    }
    let refused = client.put_object().bucket(BUCKET).key("k").tagging("k=1&k=2").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidTag"));
    assert!(tags(&client, "k", None).await.is_empty());
}
