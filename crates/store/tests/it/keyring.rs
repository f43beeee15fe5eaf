//! Access keys that are made, rotated and revoked while the store runs.

use std::fs;
use std::time::Duration;

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use strongroom_store::{AccessKey, Action, Grant, Keyring, KeyringError, OpenError};

use crate::objects::bytes;
use crate::process::Process;
use crate::server::{BUCKET, Server, secret};

fn key(server: &Server, id: &str, prefix: &str, actions: &[Action]) -> AccessKey {
    AccessKey {
        access_key_id: id.to_owned(),
        secret_access_key: secret(id),
        name: "the nightly job".to_owned(),
        grants: vec![Grant { bucket: Some(BUCKET.to_owned()), prefix: prefix.to_owned(), actions: actions.to_vec() }],
        created: jiff::Timestamp::from_second(server.now()).unwrap(),
        expires: None,
    }
}

#[tokio::test]
async fn a_new_key_has_its_rights_from_the_next_request_on_and_no_others() {
    let server = Server::start().await;
    let keyring = Keyring::of(server.folder());
    let nightly = server.client("nightly");
    let put = |key: &str| nightly.put_object().bucket(BUCKET).key(key.to_owned()).body(bytes(10, 1).into()).send();
    assert_eq!(put("in/a").await.unwrap_err().code(), Some("InvalidAccessKeyId"));
    keyring.add(key(&server, "nightly", "in/", &[Action::Put])).unwrap();
    put("in/a").await.unwrap();
    assert_eq!(put("elsewhere").await.unwrap_err().code(), Some("AccessDenied"));
    let got = nightly.get_object().bucket(BUCKET).key("in/a").send().await.unwrap_err();
    assert_eq!(got.code(), Some("AccessDenied"));

    keyring.revoke("nightly").unwrap();
    assert_eq!(put("in/b").await.unwrap_err().code(), Some("InvalidAccessKeyId"));
    server.admin().get_object().bucket(BUCKET).key("in/a").send().await.unwrap();
}

#[tokio::test]
async fn a_rotated_key_gives_way_to_its_heir_when_its_grace_is_over() {
    let server = Server::start().await;
    let keyring = Keyring::of(server.folder());
    keyring.add(key(&server, "old", "", &[Action::Put])).unwrap();
    let ends = jiff::Timestamp::from_second(server.now() + 60).unwrap();
    let heir = keyring.rotate("old", key(&server, "heir", "ignored", &[]), Some(ends)).unwrap();
    assert_eq!((heir.access_key_id.as_str(), heir.name.as_str()), ("heir", "the nightly job"));
    assert_eq!(heir.grants, key(&server, "", "", &[Action::Put]).grants);
    let put = |id: &str| {
        let client = server.client(id);
        async move { client.put_object().bucket(BUCKET).key("k").body(bytes(10, 1).into()).send().await }
    };
    put("old").await.unwrap();
    put("heir").await.unwrap();
    server.advance(Duration::from_secs(61));
    assert_eq!(put("old").await.unwrap_err().code(), Some("InvalidAccessKeyId"));
    put("heir").await.unwrap();
    keyring.rotate("heir", key(&server, "third", "", &[]), None).unwrap();
    assert_eq!(put("heir").await.unwrap_err().code(), Some("InvalidAccessKeyId"));
    put("third").await.unwrap();
}

#[tokio::test]
async fn the_secrets_are_for_their_owner_alone_and_show_nowhere() {
    let server = Server::start().await;
    let keyring = Keyring::of(server.folder());
    let added = key(&server, "nightly", "", &[Action::Get]);
    keyring.add(added.clone()).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(server.folder().join("keys.json")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    assert!(!format!("{added:?}").contains("nightly-secret"), "{added:?}");
    assert_eq!(keyring.list().unwrap(), [added]);
}

#[tokio::test]
async fn a_damaged_file_lets_nobody_in_and_stops_a_start() {
    let server = Server::start().await;
    let keyring = Keyring::of(server.folder());
    keyring.add(key(&server, "nightly", "", &[Action::List])).unwrap();
    let list = |id: &str| server.client(id).list_objects_v2().bucket(BUCKET).send();
    list("nightly").await.unwrap();
    fs::write(server.folder().join("keys.json"), "{\"keys\": [{\"secret_access_key\": \"nightly-secret\"").unwrap();
    assert_eq!(list("nightly").await.unwrap_err().code(), Some("InvalidAccessKeyId"));
    list("admin").await.unwrap();
    assert!(matches!(keyring.revoke("nightly"), Err(KeyringError::Damaged { .. })));
    let Err(refused) = server.try_restart().await else { panic!("it must be refused") };
    assert!(matches!(refused, OpenError::Keyring(_)), "{refused}");
    assert!(!refused.to_string().contains("nightly-secret"));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let server = Server::start().await;
    let path = server.folder().join("keys.json");
    fs::create_dir(&path).unwrap();
    let keyring = Keyring::of(server.folder());
    let added = keyring.add(key(&server, "nightly", "", &[Action::Get]));
    for refused in [keyring.list().unwrap_err(), added.unwrap_err()] {
        assert!(matches!(&refused, KeyringError::File { path: named, .. } if *named == path), "{refused}");
        assert!(refused.to_string().contains("Is a directory"), "{refused}");
    }
    let Err(refused) = server.try_restart().await else { panic!("it must be refused") };
    assert!(matches!(&refused, OpenError::Keyring(KeyringError::File { .. })), "{refused}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_for_a_while_locks_no_key_out_for_good() {
    let folder = tempfile::tempdir().unwrap();
    // To a user of a name space that has no rights beyond its own, the mode of a file says whether it can be read.
    let process = Process::start(&["unshare", "--user", "--map-user=1000"], folder.path(), 0);
    process.client().create_bucket().bucket(BUCKET).send().await.unwrap();
    let keyring = Keyring::of(folder.path());
    let everything = Grant { bucket: Some(BUCKET.to_owned()), prefix: String::new(), actions: vec![Action::List] };
    let nightly = AccessKey {
        access_key_id: "nightly".to_owned(),
        secret_access_key: secret("nightly"),
        name: "the nightly job".to_owned(),
        grants: vec![everything],
        created: jiff::Timestamp::UNIX_EPOCH,
        expires: None,
    };
    keyring.add(nightly).unwrap();
    let mode = |mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(folder.path().join("keys.json"), mode).unwrap();
    };
    let client = process.client_of("nightly");
    let list = || client.list_objects_v2().bucket(BUCKET).send();
    mode(0o000);
    assert_eq!(list().await.unwrap_err().code(), Some("InvalidAccessKeyId"));
    mode(0o600);
    list().await.unwrap();
}

#[tokio::test]
async fn a_key_that_could_do_nothing_is_refused_with_the_reason() {
    let server = Server::start().await;
    let keyring = Keyring::of(server.folder());
    let refused = |key: AccessKey| keyring.add(key).unwrap_err().to_string();
    assert!(refused(key(&server, "nightly", "", &[])).contains("may do nothing"));
    assert!(refused(key(&server, "", "", &[Action::Get])).contains("cannot be made"));
    let mut elsewhere = key(&server, "nightly", "", &[Action::Get]);
    elsewhere.grants[0].bucket = Some("No Bucket".to_owned());
    assert!(refused(elsewhere).contains("No Bucket"));
    keyring.add(key(&server, "nightly", "", &[Action::Get])).unwrap();
    assert!(matches!(keyring.add(key(&server, "nightly", "", &[Action::Get])), Err(KeyringError::Taken(_))));
    assert!(matches!(keyring.revoke("nobody"), Err(KeyringError::Unknown(_))));
}
