//! Versions: what is replaced or deleted in a bucket that keeps it, and what can be done with it.

use std::collections::BTreeSet;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use aws_sdk_s3::types::{BucketVersioningStatus, Delete, MetadataDirective, ObjectIdentifier, VersioningConfiguration};
use strongroom_presign::{Request, Validity};

use crate::multipart::{begin, complete, part};
use crate::objects::bytes;
use crate::server::{BUCKET, Server};
use crate::wire::send;

/// Switches versioning of the bucket on or off.
pub(crate) async fn versioning(client: &Client, status: BucketVersioningStatus) {
    let configuration = VersioningConfiguration::builder().status(status).build();
    client.put_bucket_versioning().bucket(BUCKET).versioning_configuration(configuration).send().await.unwrap();
}

/// Puts an object; answers its version.
pub(crate) async fn put(client: &Client, key: &str, body: &str) -> Option<String> {
    let put = client.put_object().bucket(BUCKET).key(key).body(body.as_bytes().to_vec().into()).send().await.unwrap();
    put.version_id().map(str::to_owned)
}

/// The text of an object or of one of its versions, or the code of the refusal.
pub(crate) async fn text(client: &Client, key: &str, version: Option<&str>) -> Result<String, String> {
    let got = client.get_object().bucket(BUCKET).key(key).set_version_id(version.map(str::to_owned)).send().await;
    match got {
        Ok(got) => Ok(String::from_utf8(got.body.collect().await.unwrap().to_vec()).unwrap()),
        Err(error) => Err(error.code().unwrap_or_default().to_owned()),
    }
}

async fn list(client: &Client) -> ListObjectVersionsOutput {
    client.list_object_versions().bucket(BUCKET).send().await.unwrap()
}

/// The versions of a page: key, version, latest, and size, which a delete marker does not have.
fn rows(page: &ListObjectVersionsOutput) -> BTreeSet<(String, String, bool, Option<i64>)> {
    let versions = page.versions().iter().map(|version| {
        (version.key().unwrap(), version.version_id().unwrap(), version.is_latest().unwrap(), version.size())
    });
    let markers = page
        .delete_markers()
        .iter()
        .map(|marker| (marker.key().unwrap(), marker.version_id().unwrap(), marker.is_latest().unwrap(), None));
    versions.chain(markers).map(|(key, version, latest, size)| (key.into(), version.into(), latest, size)).collect()
}

async fn kept() -> (Server, Client) {
    let server = Server::start().await;
    let client = server.admin();
    versioning(&client, BucketVersioningStatus::Enabled).await;
    (server, client)
}

#[tokio::test]
async fn what_is_replaced_is_kept_and_can_be_read_by_its_version() {
    let server = Server::start().await;
    let client = server.admin();
    let before = client.get_bucket_versioning().bucket(BUCKET).send().await.unwrap();
    assert_eq!(before.status(), None);
    assert_eq!(put(&client, "k", "zero").await, None);
    versioning(&client, BucketVersioningStatus::Enabled).await;
    let status = client.get_bucket_versioning().bucket(BUCKET).send().await.unwrap();
    assert_eq!(status.status(), Some(&BucketVersioningStatus::Enabled));
    let one = put(&client, "k", "one").await.unwrap();
    let two = put(&client, "k", "three").await.unwrap();
    assert_ne!(one, two);
    assert_eq!(text(&client, "k", None).await.unwrap(), "three");
    assert_eq!(text(&client, "k", Some(&one)).await.unwrap(), "one");
    // What was there before has the name that S3 gives it.
    assert_eq!(text(&client, "k", Some("null")).await.unwrap(), "zero");
    for missing in ["nonsense", &one.replace(['0', '1', '2'], "3"), "\u{fc}\u{fc}"] {
        assert_eq!(text(&client, "k", Some(missing)).await.unwrap_err(), "NoSuchVersion", "{missing}");
    }
    assert_eq!(text(&client, "other", Some(&one)).await.unwrap_err(), "NoSuchVersion");
    let head = client.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(head.version_id(), Some(two.as_str()));
    let page = list(&client).await;
    let listed: Vec<_> = page.versions().iter().map(|version| version.version_id().unwrap()).collect();
    assert_eq!(listed, [two.as_str(), &one, "null"]);
    assert_eq!(
        page.versions().iter().map(|version| version.is_latest().unwrap()).collect::<Vec<_>>(),
        [true, false, false]
    );
    assert_eq!(client.list_objects_v2().bucket(BUCKET).send().await.unwrap().key_count(), Some(1));
    // It survives a restart as any object does.
    let server = server.restart().await;
    assert_eq!(text(&server.admin(), "k", Some(&one)).await.unwrap(), "one");
}

#[tokio::test]
async fn a_delete_marker_hides_a_key_until_it_is_removed_itself() {
    let (server, client) = kept().await;
    let one = put(&client, "k", "one").await.unwrap();
    let deleted = client.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(deleted.delete_marker(), Some(true));
    let marker = deleted.version_id().unwrap();
    assert_eq!(text(&client, "k", None).await.unwrap_err(), "NoSuchKey");
    assert_eq!(text(&client, "k", Some(marker)).await.unwrap_err(), "MethodNotAllowed");
    assert_eq!(text(&client, "k", Some(&one)).await.unwrap(), "one");
    assert_eq!(client.list_objects_v2().bucket(BUCKET).send().await.unwrap().key_count(), Some(0));
    let life = Validity::new(server.now(), 60).unwrap();
    let url = server.signer("admin").presign(&Request::get("k"), life).unwrap();
    let hidden = send(&server, "GET", &url, &[], "").await;
    assert_eq!((hidden.status.as_u16(), hidden.header("x-amz-delete-marker")), (404, "true"));
    assert_eq!(hidden.header("x-amz-version-id"), marker);
    let page = list(&client).await;
    assert_eq!(
        rows(&page),
        [("k".into(), one.clone(), false, Some(3)), ("k".into(), marker.to_owned(), true, None)].into()
    );
    assert_eq!(client.delete_bucket().bucket(BUCKET).send().await.unwrap_err().code(), Some("BucketNotEmpty"));

    let restored = client.delete_object().bucket(BUCKET).key("k").version_id(marker).send().await.unwrap();
    assert_eq!((restored.delete_marker(), restored.version_id()), (Some(true), Some(marker)));
    assert_eq!(text(&client, "k", None).await.unwrap(), "one");
    // The last version takes its content with it, and a version that is gone can be deleted again.
    for _ in 0..2 {
        let gone = client.delete_object().bucket(BUCKET).key("k").version_id(&one).send().await.unwrap();
        assert_eq!(gone.delete_marker(), None);
    }
    assert!(rows(&list(&client).await).is_empty());
    server.store.sweep().await.unwrap();
    assert_eq!(server.files("content").len(), 0);
    client.delete_bucket().bucket(BUCKET).send().await.unwrap();
}

#[tokio::test]
async fn removing_the_latest_version_brings_back_the_one_before() {
    let (_server, client) = kept().await;
    let one = put(&client, "k", "one").await.unwrap();
    let two = put(&client, "k", "two").await.unwrap();
    let marker = client.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    let three = put(&client, "k", "three").await.unwrap();
    let remove = async |version: &str| {
        client.delete_object().bucket(BUCKET).key("k").version_id(version).send().await.unwrap();
        text(&client, "k", None).await
    };
    assert_eq!(remove(&one).await.unwrap(), "three");
    assert_eq!(remove(&three).await.unwrap_err(), "NoSuchKey");
    assert_eq!(remove(marker.version_id().unwrap()).await.unwrap(), "two");
    let four = put(&client, "k", "four").await.unwrap();
    assert_eq!(text(&client, "k", Some(&two)).await.unwrap(), "two");
    assert_eq!(remove(&four).await.unwrap(), "two");
}

#[tokio::test]
async fn where_versioning_is_suspended_there_is_one_version_called_null() {
    let (server, client) = kept().await;
    let one = put(&client, "k", "one").await.unwrap();
    versioning(&client, BucketVersioningStatus::Suspended).await;
    assert_eq!(put(&client, "k", "two").await.as_deref(), Some("null"));
    assert_eq!(put(&client, "k", "three").await.as_deref(), Some("null"));
    assert_eq!(text(&client, "k", Some("null")).await.unwrap(), "three");
    assert_eq!(text(&client, "k", Some(&one)).await.unwrap(), "one");
    assert_eq!(rows(&list(&client).await).len(), 2);
    // A delete replaces it by a marker of that name.
    let deleted = client.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!((deleted.delete_marker(), deleted.version_id()), (Some(true), Some("null")));
    assert_eq!(
        rows(&list(&client).await),
        [("k".into(), one.clone(), false, Some(3)), ("k".into(), "null".into(), true, None)].into()
    );
    // What is kept again goes before the null version, which stays.
    versioning(&client, BucketVersioningStatus::Enabled).await;
    let four = put(&client, "k", "four").await.unwrap();
    let page = list(&client).await;
    assert_eq!(page.versions().iter().map(|version| version.version_id().unwrap()).collect::<Vec<_>>(), [&four, &one]);
    assert_eq!(page.delete_markers()[0].version_id(), Some("null"));
    server.store.sweep().await.unwrap();
    assert_eq!(server.files("content").len(), 2);
}

#[tokio::test]
async fn a_copy_of_an_earlier_version_makes_it_the_latest_and_moves_no_byte() {
    let (server, client) = kept().await;
    let one = put(&client, "k", "one").await.unwrap();
    put(&client, "k", "two").await;
    let copy = client.copy_object().bucket(BUCKET).key("k").copy_source(format!("{BUCKET}/k?versionId={one}"));
    let copy = copy.send().await.unwrap();
    assert_eq!(copy.copy_source_version_id(), Some(one.as_str()));
    let three = copy.version_id().unwrap();
    assert!(three != one && three.len() == 32);
    assert_eq!(text(&client, "k", None).await.unwrap(), "one");
    assert_eq!(server.files("content").len(), 2);
    client.delete_object().bucket(BUCKET).key("k").version_id(&one).send().await.unwrap();
    server.store.sweep().await.unwrap();
    assert_eq!(text(&client, "k", None).await.unwrap(), "one");
    let marker = client.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    let source = format!("{BUCKET}/k?versionId={}", marker.version_id().unwrap());
    let refused = client.copy_object().bucket(BUCKET).key("l").copy_source(source).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidRequest"));
    let hidden = client.copy_object().bucket(BUCKET).key("l").copy_source(format!("{BUCKET}/k")).send().await;
    assert_eq!(hidden.unwrap_err().code(), Some("NoSuchKey"));
}

#[tokio::test]
async fn a_copy_onto_itself_keeps_the_content_where_versions_are_suspended() {
    let (server, client) = kept().await;
    versioning(&client, BucketVersioningStatus::Suspended).await;
    put(&client, "k", "one").await;
    for kind in ["text/plain", "text/html"] {
        let copy = client.copy_object().bucket(BUCKET).key("k").copy_source(format!("{BUCKET}/k"));
        copy.metadata_directive(MetadataDirective::Replace).content_type(kind).send().await.unwrap();
        server.store.sweep().await.unwrap();
        assert_eq!(text(&client, "k", None).await.unwrap(), "one");
        assert_eq!(rows(&list(&client).await).len(), 1);
    }
}

#[tokio::test]
async fn many_versions_are_deleted_at_once_each_with_its_own_result() {
    let (_server, client) = kept().await;
    let (one, two) = (put(&client, "k", "one").await.unwrap(), put(&client, "k", "two").await.unwrap());
    let named = |key: &str, version: Option<&str>| {
        ObjectIdentifier::builder().key(key).set_version_id(version.map(str::to_owned)).build().unwrap()
    };
    let delete = Delete::builder()
        .set_objects(Some(vec![named("k", Some(&one)), named("k", None), named("none", Some("null"))]))
        .build()
        .unwrap();
    let answer = client.delete_objects().bucket(BUCKET).delete(delete).send().await.unwrap();
    assert!(answer.errors().is_empty());
    let [version, marker, missing] = answer.deleted() else { panic!("three results") };
    assert_eq!((version.version_id(), version.delete_marker()), (Some(one.as_str()), None));
    assert_eq!((marker.version_id(), marker.delete_marker()), (None, Some(true)));
    assert_eq!(missing.key(), Some("none"));
    assert_eq!(text(&client, "k", Some(&one)).await.unwrap_err(), "NoSuchVersion");
    assert_eq!(text(&client, "k", Some(&two)).await.unwrap(), "two");
    assert_eq!(list(&client).await.delete_markers()[0].version_id(), marker.delete_marker_version_id());
}

#[tokio::test]
async fn parts_forms_and_conditions_know_of_versions() {
    let (server, client) = kept().await;
    let one = put(&client, "film", "one").await.unwrap();
    let id = begin(&client, "film").await;
    let parts = [part(&client, "film", &id, 1, bytes(100, 1)).await];
    let done = complete(&client, "film", &id, &parts).send().await.unwrap();
    let again = complete(&client, "film", &id, &parts).send().await.unwrap();
    assert!(done.version_id().is_some_and(|version| version != one));
    assert_eq!(done.version_id(), again.version_id());
    assert_eq!(rows(&list(&client).await).len(), 2);
    let policy = strongroom_presign::PostPolicy::for_key("film").unwrap();
    let form = server.signer("admin").post(&policy, Validity::new(server.now(), 60).unwrap()).unwrap();
    let posted = crate::forms::post(&server, &form.fields, Some(("f", b"form"))).await;
    assert_eq!(posted.header("x-amz-version-id").len(), 32);
    assert_eq!(text(&client, "film", Some(posted.header("x-amz-version-id"))).await.unwrap(), "form");
    // A condition is about the latest version, and a hidden key is not there.
    let taken = client.put_object().bucket(BUCKET).key("film").if_none_match("*").send().await.unwrap_err();
    assert_eq!(taken.code(), Some("PreconditionFailed"));
    client.delete_object().bucket(BUCKET).key("film").send().await.unwrap();
    client.put_object().bucket(BUCKET).key("film").if_none_match("*").send().await.unwrap();
}

#[tokio::test]
async fn every_way_of_paging_versions_gives_the_same_list() {
    let (_server, client) = kept().await;
    for key in ["a", "a/1", "a/1", "a/1", "a/2/x", "a/2/x", "b", "b", "b", "b", "c/1", "d"] {
        put(&client, key, "1").await;
    }
    for key in ["a/1", "b", "c/1", "never"] {
        client.delete_object().bucket(BUCKET).key(key).send().await.unwrap();
    }
    put(&client, "b", "1").await;
    for (prefix, delimiter, count) in
        [("", "", 17), ("", "/", 11), ("a", "", 7), ("a/", "/", 5), ("b", "/", 6), ("a/2/", "", 2), ("none", "", 0)]
    {
        let mut expected: Option<Vec<(String, String)>> = None;
        for most in [1000, 1, 2, 3, 5] {
            let mut seen: Vec<(String, String)> = Vec::new();
            let (mut key_marker, mut version_marker) = (None, None);
            loop {
                let page = client.list_object_versions().bucket(BUCKET).prefix(prefix).delimiter(delimiter);
                let page = page.max_keys(most).set_key_marker(key_marker).set_version_id_marker(version_marker);
                let page = page.send().await.unwrap();
                let named = |key: &str, version: &str| (key.to_owned(), version.to_owned());
                let mut here: Vec<_> =
                    page.versions().iter().map(|one| named(one.key().unwrap(), one.version_id().unwrap())).collect();
                let markers = page.delete_markers().iter();
                here.extend(markers.map(|one| named(one.key().unwrap(), one.version_id().unwrap())));
                here.extend(page.common_prefixes().iter().map(|one| named(one.prefix().unwrap(), "")));
                assert!(here.len() <= usize::try_from(most).unwrap());
                seen.extend(here);
                if page.is_truncated() != Some(true) {
                    break;
                }
                key_marker = page.next_key_marker().map(str::to_owned);
                version_marker = page.next_version_id_marker().map(str::to_owned);
            }
            seen.sort();
            let context = format!("prefix {prefix:?}, delimiter {delimiter:?}, {most} a page");
            assert_eq!(seen.len(), count, "{context}: {seen:?}");
            assert_eq!(&seen, expected.get_or_insert(seen.clone()), "{context}");
        }
    }
    let bare = client.list_object_versions().bucket(BUCKET).version_id_marker("1").send().await.unwrap_err();
    assert_eq!(bare.code(), Some("InvalidArgument"));
}

#[tokio::test]
async fn a_page_goes_on_though_the_version_it_ended_with_is_gone() {
    let (_server, client) = kept().await;
    for _ in 0..5 {
        put(&client, "k", "1").await;
    }
    let page = client.list_object_versions().bucket(BUCKET).max_keys(2).send().await.unwrap();
    let marker = page.next_version_id_marker().unwrap();
    client.delete_object().bucket(BUCKET).key("k").version_id(marker).send().await.unwrap();
    let rest = client.list_object_versions().bucket(BUCKET).key_marker("k").version_id_marker(marker);
    assert_eq!(rest.send().await.unwrap().versions().len(), 3);
}

#[tokio::test]
async fn versioning_cannot_be_forgotten_again() {
    let (_server, client) = kept().await;
    let nothing = VersioningConfiguration::builder().build();
    let refused = client.put_bucket_versioning().bucket(BUCKET).versioning_configuration(nothing).send().await;
    assert_eq!(refused.unwrap_err().code(), Some("MalformedXML"));
    let status = client.get_bucket_versioning().bucket(BUCKET).send().await.unwrap();
    assert_eq!(status.status(), Some(&BucketVersioningStatus::Enabled));
}
