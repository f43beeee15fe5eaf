//! Lifecycle rules: configured by clients, and carried out by the sweep at the store's own time.

use std::fs;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketVersioningStatus, ExpirationStatus,
    LifecycleExpiration, LifecycleRule, LifecycleRuleAndOperator, LifecycleRuleFilter, NoncurrentVersionExpiration,
    Tag, Transition, TransitionStorageClass,
};

use crate::multipart::{begin, part};
use crate::objects::bytes;
use crate::server::{BUCKET, Server};
use crate::versions::{put, text, versioning};

const DAY: Duration = Duration::from_hours(24);

fn rule(prefix: &str) -> aws_sdk_s3::types::builders::LifecycleRuleBuilder {
    LifecycleRule::builder()
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix(prefix).build())
}

fn days(days: i32) -> LifecycleExpiration {
    LifecycleExpiration::builder().days(days).build()
}

async fn configure(client: &Client, rules: Vec<LifecycleRule>) -> Result<(), String> {
    let configuration = BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build().unwrap();
    let put = client.put_bucket_lifecycle_configuration().bucket(BUCKET).lifecycle_configuration(configuration);
    put.send().await.map(drop).map_err(|error| error.code().unwrap_or_default().to_owned())
}

async fn keys(client: &Client) -> Vec<String> {
    let page = client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    page.contents().iter().filter_map(|object| object.key()).map(str::to_owned).collect()
}

/// The first midnight after the store's time, so that a test does not depend on the hour it runs at.
fn to_midnight(server: &Server) -> Duration {
    Duration::from_secs(86_400 - server.now().rem_euclid(86_400).unsigned_abs())
}

#[tokio::test]
async fn objects_go_at_the_midnight_after_their_days_and_no_others_do() {
    let server = Server::start().await;
    let client = server.admin();
    server.advance(to_midnight(&server) + Duration::from_hours(10));
    for key in ["tmp/1", "tmp/2", "tmp", "tmp2/1", "keep"] {
        put(&client, key, "1").await;
    }
    server.advance(DAY);
    put(&client, "tmp/later", "1").await;
    configure(&client, vec![rule("tmp/").expiration(days(2)).build().unwrap()]).await.unwrap();
    // Two days after the first ones came, but not yet midnight.
    server.advance(DAY);
    assert_eq!(server.store.sweep().await.unwrap().expired, 0);
    server.advance(to_midnight(&server));
    assert_eq!(server.store.sweep().await.unwrap().expired, 2);
    assert_eq!(keys(&client).await, ["keep", "tmp", "tmp/later", "tmp2/1"]);
    server.store.sweep().await.unwrap();
    assert_eq!(server.files("content").len(), 4);
    server.advance(DAY);
    assert_eq!(server.store.sweep().await.unwrap().expired, 1);
}

#[tokio::test]
async fn a_rule_means_the_tags_and_sizes_it_names_and_nothing_while_it_is_disabled() {
    let server = Server::start().await;
    let client = server.admin();
    let tagged = |key: &str, tags: &str, length: usize| {
        client.put_object().bucket(BUCKET).key(key).tagging(tags).body(bytes(length, 1).into()).send()
    };
    tagged("a", "keep=no", 10).await.unwrap();
    tagged("b", "keep=no&other=1", 1000).await.unwrap();
    tagged("c", "keep=yes", 10).await.unwrap();
    tagged("d", "", 5000).await.unwrap();
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build().unwrap();
    let both = LifecycleRuleAndOperator::builder().tags(tag("keep", "no")).tags(tag("other", "1"));
    let both = both.object_size_greater_than(999).build();
    let and = LifecycleRuleFilter::builder().and(both).build();
    let date = LifecycleExpiration::builder().date(DateTime::from_secs(86_400 * 20_000)).build();
    let disabled = rule("").status(ExpirationStatus::Disabled).expiration(days(1)).build().unwrap();
    configure(&client, vec![disabled.clone(), rule("").filter(and).expiration(date).build().unwrap()]).await.unwrap();
    assert_eq!(server.store.sweep().await.unwrap().expired, 1);
    assert_eq!(keys(&client).await, ["a", "c", "d"]);
    let by_tag = LifecycleRuleFilter::builder().tag(tag("keep", "no")).build();
    let by_size = LifecycleRuleFilter::builder().object_size_greater_than(4999).build();
    let rules = [by_tag, by_size].map(|filter| rule("").filter(filter).expiration(days(1)).build().unwrap());
    configure(&client, rules.to_vec()).await.unwrap();
    server.advance(DAY * 2);
    assert_eq!(server.store.sweep().await.unwrap().expired, 2);
    assert_eq!(keys(&client).await, ["c"]);
}

#[tokio::test]
async fn an_expired_object_leaves_a_marker_where_versions_are_kept_and_the_marker_goes_when_it_hides_nothing() {
    let server = Server::start().await;
    let client = server.admin();
    versioning(&client, BucketVersioningStatus::Enabled).await;
    let one = put(&client, "k", "one").await.unwrap();
    configure(&client, vec![rule("").expiration(days(1)).build().unwrap()]).await.unwrap();
    server.advance(DAY * 2);
    assert_eq!(server.store.sweep().await.unwrap().expired, 1);
    assert_eq!(text(&client, "k", None).await.unwrap_err(), "NoSuchKey");
    assert_eq!(text(&client, "k", Some(&one)).await.unwrap(), "one");
    // The marker has something to hide, so it stays, however old it is.
    server.advance(DAY * 5);
    assert_eq!(server.store.sweep().await.unwrap().expired, 0);
    client.delete_object().bucket(BUCKET).key("k").version_id(&one).send().await.unwrap();
    assert_eq!(server.store.sweep().await.unwrap().expired, 1);
    let left = client.list_object_versions().bucket(BUCKET).send().await.unwrap();
    assert!(left.versions().is_empty() && left.delete_markers().is_empty());
    let markers = LifecycleExpiration::builder().expired_object_delete_marker(true).build();
    configure(&client, vec![rule("").expiration(markers).build().unwrap()]).await.unwrap();
    client.delete_object().bucket(BUCKET).key("never").send().await.unwrap();
    put(&client, "stays", "1").await;
    assert_eq!(server.store.sweep().await.unwrap().expired, 1);
    assert_eq!(keys(&client).await, ["stays"]);
}

#[tokio::test]
async fn superseded_versions_go_by_the_time_they_were_superseded_and_the_newest_of_them_can_be_kept() {
    let server = Server::start().await;
    let client = server.admin();
    versioning(&client, BucketVersioningStatus::Enabled).await;
    let mut versions = Vec::new();
    for body in ["one", "two", "three", "four"] {
        versions.push(put(&client, "k", body).await.unwrap());
        server.advance(DAY * 10);
    }
    let expiration = |kept: Option<i32>| {
        let expiration = NoncurrentVersionExpiration::builder().noncurrent_days(15);
        let expiration = expiration.set_newer_noncurrent_versions(kept).build();
        rule("").noncurrent_version_expiration(expiration).build().unwrap()
    };
    // Superseded 30, 20 and 10 days ago.
    configure(&client, vec![expiration(Some(2))]).await.unwrap();
    assert_eq!(server.store.sweep().await.unwrap().expired, 1);
    assert_eq!(text(&client, "k", Some(&versions[0])).await.unwrap_err(), "NoSuchVersion");
    configure(&client, vec![expiration(None)]).await.unwrap();
    assert_eq!(server.store.sweep().await.unwrap().expired, 1);
    assert_eq!(text(&client, "k", Some(&versions[1])).await.unwrap_err(), "NoSuchVersion");
    assert_eq!(text(&client, "k", Some(&versions[2])).await.unwrap(), "three");
    server.advance(DAY * 365);
    assert_eq!(server.store.sweep().await.unwrap().expired, 1);
    assert_eq!(text(&client, "k", None).await.unwrap(), "four");
}

#[tokio::test]
async fn uploads_under_a_prefix_are_aborted_by_their_rule_before_the_store_would() {
    let server = Server::start().await;
    let client = server.admin();
    for key in ["tmp/1", "tmp/2", "other"] {
        let id = begin(&client, key).await;
        for number in 1..=3 {
            part(&client, key, &id, number, bytes(1000, 1)).await;
        }
    }
    let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(1).build();
    configure(&client, vec![rule("tmp/").abort_incomplete_multipart_upload(abort).build().unwrap()]).await.unwrap();
    assert_eq!(server.store.sweep().await.unwrap().uploads, 0);
    server.advance(DAY * 2);
    assert_eq!(server.store.sweep().await.unwrap().uploads, 2);
    let left = client.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    assert_eq!(left.uploads().iter().filter_map(|upload| upload.key()).collect::<Vec<_>>(), ["other"]);
    server.store.sweep().await.unwrap();
    assert_eq!(server.files("content").len(), 3);
}

#[tokio::test]
async fn more_than_one_look_of_expired_objects_go_in_one_sweep() {
    let server = Server::start().await;
    let client = server.admin();
    put(&client, "source", "1").await;
    let source = format!("{BUCKET}/source");
    let mut copies = tokio::task::JoinSet::new();
    for number in 0..1100 {
        let copy = client.copy_object().bucket(BUCKET).key(format!("tmp/{number}")).copy_source(&source);
        copies.spawn(async move { copy.send().await.unwrap() });
        if copies.len() == 64 {
            copies.join_next().await;
        }
    }
    copies.join_all().await;
    configure(&client, vec![rule("tmp/").expiration(days(1)).build().unwrap()]).await.unwrap();
    server.advance(DAY * 2);
    assert_eq!(server.store.sweep().await.unwrap().expired, 1100);
    assert_eq!(keys(&client).await, ["source"]);
}

#[tokio::test]
async fn rules_are_given_back_as_they_were_put_and_checked_before() {
    let server = Server::start().await;
    let client = server.admin();
    let get = || client.get_bucket_lifecycle_configuration().bucket(BUCKET).send();
    assert_eq!(get().await.unwrap_err().code(), Some("NoSuchLifecycleConfiguration"));
    let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(7).build();
    let noncurrent = NoncurrentVersionExpiration::builder().noncurrent_days(3).newer_noncurrent_versions(2).build();
    let both = LifecycleRuleAndOperator::builder().prefix("a&b/").object_size_less_than(9);
    let both = both.tags(Tag::builder().key("k").value("v").build().unwrap()).build();
    let rules = vec![
        rule("tmp/").id("one").expiration(days(1)).abort_incomplete_multipart_upload(abort).build().unwrap(),
        rule("").id("two").noncurrent_version_expiration(noncurrent).build().unwrap(),
        rule("")
            .id("three")
            .filter(LifecycleRuleFilter::builder().and(both).build())
            .expiration(days(9))
            .build()
            .unwrap(),
    ];
    configure(&client, rules.clone()).await.unwrap();
    assert_eq!(get().await.unwrap().rules(), rules);
    // What has no name is given one.
    configure(&client, vec![rule("").expiration(days(1)).build().unwrap()]).await.unwrap();
    assert!(get().await.unwrap().rules()[0].id().is_some_and(|id| !id.is_empty()));

    let noon = LifecycleExpiration::builder().date(DateTime::from_secs(86_400 * 20_000 + 43_200)).build();
    let cold = Transition::builder().days(1).storage_class(TransitionStorageClass::Glacier).build();
    let tag = LifecycleRuleFilter::builder().tag(Tag::builder().key("k").value("v").build().unwrap()).build();
    let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(1).build();
    for (refused, code) in [
        (rule("").expiration(days(0)), "InvalidArgument"),
        (rule("").expiration(noon), "InvalidArgument"),
        (rule(""), "InvalidRequest"),
        (rule("").transitions(cold), "NotImplemented"),
        (rule("").filter(tag).abort_incomplete_multipart_upload(abort), "InvalidRequest"),
        (rule("").id("x".repeat(256)).expiration(days(1)), "InvalidArgument"),
    ] {
        let refused = refused.build().unwrap();
        assert_eq!(configure(&client, vec![refused.clone()]).await.unwrap_err(), code, "{refused:?}");
    }
    let twice = rule("").id("same").expiration(days(1)).build().unwrap();
    assert_eq!(configure(&client, vec![twice.clone(), twice]).await.unwrap_err(), "InvalidArgument");
    client.delete_bucket_lifecycle().bucket(BUCKET).send().await.unwrap();
    assert_eq!(get().await.unwrap_err().code(), Some("NoSuchLifecycleConfiguration"));
}

#[tokio::test]
async fn a_sweep_of_leavings_alone_ends_no_object_and_no_upload() {
    let server = Server::start_with(|options| options.limits.min_free = 2 << 20).await;
    let client = server.admin();
    let begun = client.create_multipart_upload().bucket(BUCKET).key("film").send().await.unwrap();
    fs::write(server.folder().join("incoming/00000000000000ff"), "leaving").unwrap();
    // What a crash left of a reserve is put right as well.
    fs::write(server.folder().join("reserve"), "").unwrap();
    server.advance(Duration::from_hours(24 * 365));
    let swept = server.store.sweep_leavings().await.unwrap();
    assert_eq!((swept.incoming, swept.uploads), (1, 0));
    assert_eq!(fs::metadata(server.folder().join("reserve")).unwrap().len(), 1 << 20);
    let parts = client.list_parts().bucket(BUCKET).key("film").upload_id(begun.upload_id().unwrap());
    parts.send().await.unwrap();
    assert_eq!(server.store.sweep().await.unwrap().uploads, 1);
}
