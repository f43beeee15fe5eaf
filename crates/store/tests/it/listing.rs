//! Listing: pages in order, against a simple model.

use std::collections::BTreeSet;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;

use crate::server::{BUCKET, Server};

/// What a listing should answer: names in order, common prefixes among them.
fn model(keys: &BTreeSet<String>, prefix: &str, delimiter: &str, after: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for key in keys.iter().filter(|key| key.starts_with(prefix)) {
        let name = match key[prefix.len()..].find(delimiter) {
            Some(at) if !delimiter.is_empty() => &key[..prefix.len() + at + delimiter.len()],
            _ => key.as_str(),
        };
        let follows = key.as_str() > after && !(name.len() < key.len() && name == after);
        if follows && names.last().is_none_or(|last| last != name) {
            names.push(name.to_owned());
        }
    }
    names
}

async fn pages_v2(client: &Client, prefix: &str, delimiter: &str, after: &str, most: i32) -> Vec<String> {
    let mut names = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page = client.list_objects_v2().bucket(BUCKET).prefix(prefix).delimiter(delimiter).max_keys(most);
        let page = page.set_start_after((!after.is_empty()).then(|| after.to_owned()));
        let page = page.set_continuation_token(token.take()).send().await.unwrap();
        let keys = page.contents().iter().filter_map(|object| object.key());
        let prefixes = page.common_prefixes().iter().filter_map(|prefix| prefix.prefix());
        let mut here: Vec<String> = keys.chain(prefixes).map(str::to_owned).collect();
        assert_eq!(page.key_count(), i32::try_from(here.len()).ok());
        assert!(here.len() <= usize::try_from(most).unwrap());
        here.sort();
        names.extend(here);
        match page.next_continuation_token() {
            Some(next) => token = Some(next.to_owned()),
            None => return names,
        }
        assert_eq!(page.is_truncated(), Some(true));
    }
}

async fn pages_v1(client: &Client, prefix: &str, delimiter: &str, most: i32) -> Vec<String> {
    let mut names = Vec::new();
    let mut marker: Option<String> = None;
    loop {
        let page = client.list_objects().bucket(BUCKET).prefix(prefix).delimiter(delimiter).max_keys(most);
        let page = page.set_marker(marker.take()).send().await.unwrap();
        let keys = page.contents().iter().filter_map(|object| object.key());
        let prefixes = page.common_prefixes().iter().filter_map(|prefix| prefix.prefix());
        let mut here: Vec<String> = keys.chain(prefixes).map(str::to_owned).collect();
        here.sort();
        names.extend(here);
        match page.next_marker() {
            Some(next) => marker = Some(next.to_owned()),
            None => return names,
        }
    }
}

#[tokio::test]
async fn every_way_of_paging_gives_what_a_sorted_set_gives() {
    let server = Server::start().await;
    let client = server.admin();
    let keys: BTreeSet<String> = [
        "a",
        "a/",
        "a/1",
        "a/2/x",
        "a/2/y",
        "a/2/z/deep",
        "a0",
        "b/1",
        "b/2",
        "b/3",
        "c",
        "images/1",
        "images2/1",
        "é/1",
        "é/2",
        "\u{10ffff}last",
        "z//x",
        "z//y",
        "z/x",
    ]
    .map(str::to_owned)
    .into();
    for key in &keys {
        client.put_object().bucket(BUCKET).key(key).send().await.unwrap();
    }
    for prefix in ["", "a", "a/", "a/2/", "b/", "images", "images/", "z/", "é", "none", "\u{10ffff}"] {
        for delimiter in ["", "/", "2/", "//"] {
            let expected = model(&keys, prefix, delimiter, "");
            for most in [1, 2, 3, 1000] {
                let context = format!("prefix {prefix:?}, delimiter {delimiter:?}, {most} a page");
                assert_eq!(pages_v2(&client, prefix, delimiter, "", most).await, expected, "V2, {context}");
                assert_eq!(pages_v1(&client, prefix, delimiter, most).await, expected, "V1, {context}");
            }
            for after in ["a", "a/", "a/2/", "a/2/y", "b/2", "zzz"] {
                let expected = model(&keys, prefix, delimiter, after);
                let context = format!("prefix {prefix:?}, delimiter {delimiter:?}, after {after:?}");
                assert_eq!(pages_v2(&client, prefix, delimiter, after, 2).await, expected, "{context}");
            }
        }
    }
}

#[tokio::test]
async fn a_page_tells_what_each_object_is() {
    let server = Server::start().await;
    let client = server.admin();
    client.put_object().bucket(BUCKET).key("k").body(b"12345".to_vec().into()).send().await.unwrap();
    let page = client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    let [object] = page.contents() else { panic!("one object") };
    assert_eq!(object.size(), Some(5));
    assert_eq!(object.e_tag(), Some("\"827ccb0eea8a706c4c34a16891f84e7b\""));
    assert_eq!(object.last_modified().map(aws_sdk_s3::primitives::DateTime::secs), Some(server.now()));
    assert_eq!(page.max_keys(), Some(1000));
    let none = client.list_objects_v2().bucket(BUCKET).max_keys(0).send().await.unwrap();
    assert_eq!((none.key_count(), none.is_truncated()), (Some(0), Some(false)));
}

#[tokio::test]
async fn a_token_that_the_store_did_not_give_is_refused() {
    let server = Server::start().await;
    let client = server.admin();
    let refused = client.list_objects_v2().bucket(BUCKET).continuation_token("k").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidArgument"));
    let refused = client.list_objects_v2().bucket(BUCKET).max_keys(-1).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidArgument"));
    let refused = client.list_objects_v2().bucket("missing").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("NoSuchBucket"));
}
