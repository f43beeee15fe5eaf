//! Object Lock: versions that stay though somebody with every right would remove them.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{
    BucketVersioningStatus, DefaultRetention, Delete, ObjectIdentifier, ObjectLockConfiguration, ObjectLockEnabled,
    ObjectLockLegalHold, ObjectLockLegalHoldStatus, ObjectLockMode, ObjectLockRetention, ObjectLockRetentionMode,
    ObjectLockRule, VersioningConfiguration,
};

use crate::server::{BUCKET, Server};

const LOCKED: &str = "locked";
const DAY: i64 = 86_400;

async fn locked() -> (Server, Client) {
    let server = Server::start().await;
    let client = server.admin();
    client.create_bucket().bucket(LOCKED).object_lock_enabled_for_bucket(true).send().await.unwrap();
    (server, client)
}

/// Puts an object that stays for some days; answers its version.
async fn put(server: &Server, client: &Client, mode: ObjectLockMode, days: i64) -> String {
    let until = DateTime::from_secs(server.now() + days * DAY);
    let put = client.put_object().bucket(LOCKED).key("k").body(b"1".to_vec().into());
    let put = put.object_lock_mode(mode).object_lock_retain_until_date(until).send().await.unwrap();
    put.version_id().unwrap().to_owned()
}

async fn remove(client: &Client, version: &str, bypass: bool) -> Result<(), String> {
    let delete = client.delete_object().bucket(LOCKED).key("k").version_id(version);
    let delete = delete.bypass_governance_retention(bypass).send().await;
    delete.map(drop).map_err(|error| error.code().unwrap_or_default().to_owned())
}

async fn retain(client: &Client, version: &str, retention: ObjectLockRetention, bypass: bool) -> Result<(), String> {
    let put = client.put_object_retention().bucket(LOCKED).key("k").version_id(version).retention(retention);
    let put = put.bypass_governance_retention(bypass).send().await;
    put.map(drop).map_err(|error| error.code().unwrap_or_default().to_owned())
}

fn retention(server: &Server, mode: ObjectLockRetentionMode, days: i64) -> ObjectLockRetention {
    let until = DateTime::from_secs(server.now() + days * DAY);
    ObjectLockRetention::builder().mode(mode).retain_until_date(until).build()
}

#[tokio::test]
async fn a_version_under_compliance_stays_until_its_day_whoever_asks() {
    let (server, client) = locked().await;
    let version = put(&server, &client, ObjectLockMode::Compliance, 2).await;
    let head = client.head_object().bucket(LOCKED).key("k").send().await.unwrap();
    assert_eq!(head.object_lock_mode(), Some(&ObjectLockMode::Compliance));
    assert_eq!(head.object_lock_retain_until_date(), Some(&DateTime::from_secs(server.now() + 2 * DAY)));
    for bypass in [false, true] {
        assert_eq!(remove(&client, &version, bypass).await.unwrap_err(), "AccessDenied");
    }
    let named = ObjectIdentifier::builder().key("k").version_id(&version).build().unwrap();
    let delete = Delete::builder().objects(named).build().unwrap();
    let many = client.delete_objects().bucket(LOCKED).delete(delete).send().await.unwrap();
    assert_eq!(many.errors()[0].code(), Some("AccessDenied"));
    let shorter = retention(&server, ObjectLockRetentionMode::Compliance, 1);
    assert_eq!(retain(&client, &version, shorter, true).await.unwrap_err(), "AccessDenied");
    let softer = retention(&server, ObjectLockRetentionMode::Governance, 9);
    assert_eq!(retain(&client, &version, softer, true).await.unwrap_err(), "AccessDenied");
    let longer = retention(&server, ObjectLockRetentionMode::Compliance, 3);
    retain(&client, &version, longer, false).await.unwrap();
    // It can be hidden, which takes nothing away.
    let marker = client.delete_object().bucket(LOCKED).key("k").send().await.unwrap();
    remove(&client, marker.version_id().unwrap(), false).await.unwrap();
    assert_eq!(client.delete_bucket().bucket(LOCKED).send().await.unwrap_err().code(), Some("BucketNotEmpty"));
    server.advance(Duration::from_hours(71));
    assert_eq!(remove(&client, &version, false).await.unwrap_err(), "AccessDenied");
    server.advance(Duration::from_hours(1));
    remove(&client, &version, false).await.unwrap();
}

#[tokio::test]
async fn a_version_under_governance_goes_for_who_may_configure_and_says_so() {
    let (server, client) = locked().await;
    let version = put(&server, &client, ObjectLockMode::Governance, 2).await;
    assert_eq!(remove(&client, &version, false).await.unwrap_err(), "AccessDenied");
    let shorter = retention(&server, ObjectLockRetentionMode::Governance, 1);
    assert_eq!(retain(&client, &version, shorter.clone(), false).await.unwrap_err(), "AccessDenied");
    retain(&client, &version, shorter, true).await.unwrap();
    let got = client.get_object_retention().bucket(LOCKED).key("k").send().await.unwrap();
    let until = got.retention().and_then(ObjectLockRetention::retain_until_date);
    assert_eq!(until, Some(&DateTime::from_secs(server.now() + DAY)));
    remove(&client, &version, true).await.unwrap();
}

#[tokio::test]
async fn who_may_not_configure_lifts_no_lock() {
    let server = Server::start_with(|options| {
        let actions = vec![strongroom_store::Action::Get, strongroom_store::Action::Delete];
        let grant = strongroom_store::Grant { bucket: None, prefix: String::new(), actions };
        options.identities.push(strongroom_store::Identity::new("deleter", "deleter-secret", vec![grant]).unwrap());
    })
    .await;
    let (client, deleter) = (server.admin(), server.client("deleter"));
    client.create_bucket().bucket(LOCKED).object_lock_enabled_for_bucket(true).send().await.unwrap();
    let version = put(&server, &client, ObjectLockMode::Governance, 2).await;
    assert_eq!(remove(&deleter, &version, true).await.unwrap_err(), "AccessDenied");
    let none = ObjectLockRetention::builder().build();
    assert_eq!(retain(&deleter, &version, none, true).await.unwrap_err(), "AccessDenied");
    remove(&client, &version, true).await.unwrap();
}

#[tokio::test]
async fn a_version_that_somebody_holds_on_to_stays_until_they_let_go() {
    let (_server, client) = locked().await;
    let put = client.put_object().bucket(LOCKED).key("k").send().await.unwrap();
    let version = put.version_id().unwrap();
    let hold = async |status: ObjectLockLegalHoldStatus| {
        let hold = ObjectLockLegalHold::builder().status(status).build();
        client.put_object_legal_hold().bucket(LOCKED).key("k").legal_hold(hold).send().await.unwrap();
        let got = client.get_object_legal_hold().bucket(LOCKED).key("k").send().await.unwrap();
        got.legal_hold().and_then(|hold| hold.status().cloned())
    };
    assert_eq!(hold(ObjectLockLegalHoldStatus::On).await, Some(ObjectLockLegalHoldStatus::On));
    let head = client.head_object().bucket(LOCKED).key("k").send().await.unwrap();
    assert_eq!(head.object_lock_legal_hold_status(), Some(&ObjectLockLegalHoldStatus::On));
    assert_eq!(remove(&client, version, true).await.unwrap_err(), "AccessDenied");
    assert_eq!(hold(ObjectLockLegalHoldStatus::Off).await, Some(ObjectLockLegalHoldStatus::Off));
    remove(&client, version, false).await.unwrap();
}

#[tokio::test]
async fn a_bucket_can_lock_whatever_comes_and_the_sweep_keeps_to_it() {
    let (server, client) = locked().await;
    let got = client.get_object_lock_configuration().bucket(LOCKED).send().await.unwrap();
    assert!(got.object_lock_configuration().is_some_and(|lock| lock.rule().is_none()));
    let default = DefaultRetention::builder().mode(ObjectLockRetentionMode::Compliance).days(10).build();
    let rule = ObjectLockRule::builder().default_retention(default).build();
    let lock = ObjectLockConfiguration::builder().object_lock_enabled(ObjectLockEnabled::Enabled).rule(rule).build();
    let configure = client.put_object_lock_configuration().bucket(LOCKED).object_lock_configuration(lock.clone());
    configure.send().await.unwrap();
    let got = client.get_object_lock_configuration().bucket(LOCKED).send().await.unwrap();
    assert_eq!(got.object_lock_configuration(), Some(&lock));
    let first = client.put_object().bucket(LOCKED).key("k").body(b"1".to_vec().into()).send().await.unwrap();
    client.put_object().bucket(LOCKED).key("k").send().await.unwrap();
    let one_day = aws_sdk_s3::types::NoncurrentVersionExpiration::builder().noncurrent_days(1).build();
    let rule = aws_sdk_s3::types::LifecycleRule::builder()
        .status(aws_sdk_s3::types::ExpirationStatus::Enabled)
        .filter(aws_sdk_s3::types::LifecycleRuleFilter::builder().prefix("").build())
        .noncurrent_version_expiration(one_day)
        .build()
        .unwrap();
    let lifecycle = aws_sdk_s3::types::BucketLifecycleConfiguration::builder().rules(rule).build().unwrap();
    let put = client.put_bucket_lifecycle_configuration().bucket(LOCKED).lifecycle_configuration(lifecycle);
    put.send().await.unwrap();
    server.advance(Duration::from_hours(24 * 9));
    assert_eq!(server.store.sweep().await.unwrap().expired, 0);
    assert_eq!(remove(&client, first.version_id().unwrap(), true).await.unwrap_err(), "AccessDenied");
    server.advance(Duration::from_hours(24 * 2));
    assert_eq!(server.store.sweep().await.unwrap().expired, 1);
}

#[tokio::test]
async fn locks_need_a_bucket_that_keeps_versions_and_a_day_to_come() {
    let (server, client) = locked().await;
    let suspended = VersioningConfiguration::builder().status(BucketVersioningStatus::Suspended).build();
    let refused = client.put_bucket_versioning().bucket(LOCKED).versioning_configuration(suspended).send().await;
    assert_eq!(refused.unwrap_err().code(), Some("InvalidBucketState"));
    let lock = ObjectLockConfiguration::builder().object_lock_enabled(ObjectLockEnabled::Enabled).build();
    let refused = client.put_object_lock_configuration().bucket(BUCKET).object_lock_configuration(lock).send().await;
    assert_eq!(refused.unwrap_err().code(), Some("InvalidBucketState"));
    let none = client.get_object_lock_configuration().bucket(BUCKET).send().await.unwrap_err();
    assert_eq!(none.code(), Some("ObjectLockConfigurationNotFoundError"));
    let until = |days: i64| DateTime::from_secs(server.now() + days * DAY);
    let put = |bucket: &str, days: i64| {
        let put = client.put_object().bucket(bucket).key("k").object_lock_mode(ObjectLockMode::Compliance);
        put.object_lock_retain_until_date(until(days)).send()
    };
    assert_eq!(put(BUCKET, 1).await.unwrap_err().code(), Some("InvalidRequest"));
    assert_eq!(put(LOCKED, -1).await.unwrap_err().code(), Some("InvalidArgument"));
    let half = client.put_object().bucket(LOCKED).key("k").object_lock_mode(ObjectLockMode::Compliance);
    assert_eq!(half.send().await.unwrap_err().code(), Some("InvalidArgument"));
    assert_eq!(client.list_objects_v2().bucket(LOCKED).send().await.unwrap().key_count(), Some(0));
    client.put_object().bucket(LOCKED).key("k").send().await.unwrap();
    let none = client.get_object_retention().bucket(LOCKED).key("k").send().await.unwrap_err();
    assert_eq!(none.code(), Some("NoSuchObjectLockConfiguration"));
}

#[tokio::test]
async fn who_may_only_write_locks_nothing() {
    use strongroom_presign::{PostPolicy, Validity};
    let server = Server::start().await;
    let (admin, janitor) = (server.admin(), server.client("janitor"));
    admin.put_object().bucket(BUCKET).key("there").send().await.unwrap();
    let until = || DateTime::from_secs(server.now() + DAY);
    let mut refused = Vec::new();
    let put = janitor.put_object().bucket(BUCKET).key("k").object_lock_mode(ObjectLockMode::Compliance);
    refused.push(put.object_lock_retain_until_date(until()).send().await.unwrap_err().code().map(str::to_owned));
    let held =
        janitor.put_object().bucket(BUCKET).key("k").object_lock_legal_hold_status(ObjectLockLegalHoldStatus::On);
    refused.push(held.send().await.unwrap_err().code().map(str::to_owned));
    let copy = janitor.copy_object().bucket(BUCKET).key("k").copy_source(format!("{BUCKET}/there"));
    let copy = copy.object_lock_legal_hold_status(ObjectLockLegalHoldStatus::On);
    refused.push(copy.send().await.unwrap_err().code().map(str::to_owned));
    let begin = janitor.create_multipart_upload().bucket(BUCKET).key("k");
    let begin = begin.object_lock_mode(ObjectLockMode::Governance).object_lock_retain_until_date(until());
    refused.push(begin.send().await.unwrap_err().code().map(str::to_owned));
    let policy = PostPolicy::for_key("k").unwrap().exact("x-amz-object-lock-legal-hold", "ON");
    let form = server.signer("janitor").post(&policy, Validity::new(server.now(), 60).unwrap()).unwrap();
    refused.push(Some(crate::forms::post(&server, &form.fields, Some(("f", b"2"))).await.code()));
    assert!(refused.iter().all(|code| code.as_deref() == Some("AccessDenied")), "{refused:?}");
    // Who lets go of nothing asks for nothing.
    let off =
        janitor.put_object().bucket(BUCKET).key("k").object_lock_legal_hold_status(ObjectLockLegalHoldStatus::Off);
    off.send().await.unwrap();
}
