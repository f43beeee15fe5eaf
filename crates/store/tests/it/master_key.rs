//! Encryption with the store's own key (SSE-S3), and what becomes of everything when that key or the disk is not what
//! it was.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::types::ServerSideEncryption;
use strongroom_store::{Damage, Inspector, Manifest, Wrong};
use tempfile::TempDir;

use crate::encryption::{get, key, put as put_with_key, read, refusal};
use crate::objects::bytes;
use crate::server::{BUCKET, Server};

async fn put(client: &Client, name: &str, body: Vec<u8>) {
    let put = client.put_object().bucket(BUCKET).key(name).body(body.into());
    let done = put.server_side_encryption(ServerSideEncryption::Aes256).send().await.unwrap();
    assert_eq!(done.server_side_encryption(), Some(&ServerSideEncryption::Aes256));
}

async fn plain(client: &Client, name: &str) -> Vec<u8> {
    read(client.get_object().bucket(BUCKET).key(name)).await
}

fn scrub(folder: &Path) -> Vec<Damage> {
    let mut scrub = Inspector::open(folder).unwrap().scrub(0);
    while scrub.step().unwrap() {}
    scrub.take_damaged()
}

fn master(server: &Server) -> PathBuf {
    server.folder().join("master.key")
}

#[tokio::test]
async fn the_store_encrypts_for_who_asks_with_a_key_that_it_makes_at_first_need() {
    let server = Server::start().await;
    let client = server.admin();
    client.put_object().bucket(BUCKET).key("plain").body(bytes(9, 1).into()).send().await.unwrap();
    assert!(!master(&server).exists());
    let body = bytes(400_000, 1);
    // However many ask first at once, there is one key.
    let mut all = tokio::task::JoinSet::new();
    for number in 0..8 {
        let (client, body) = (client.clone(), body.clone());
        all.spawn(async move { put(&client, &format!("k{number}"), body).await });
    }
    all.join_all().await;
    assert_eq!(fs::metadata(master(&server)).unwrap().permissions().mode() & 0o777, 0o600);
    let made = fs::read_to_string(master(&server)).unwrap();

    let head = client.head_object().bucket(BUCKET).key("k1").send().await.unwrap();
    assert_eq!(head.server_side_encryption(), Some(&ServerSideEncryption::Aes256));
    let clear = client.put_object().bucket(BUCKET).key("clear").body(body.clone().into()).send().await.unwrap();
    assert_eq!((head.e_tag(), head.content_length()), (clear.e_tag(), Some(400_000)));
    let sealed: Vec<PathBuf> = server
        .files("content")
        .into_iter()
        .filter(|path| fs::metadata(path).unwrap().len() == 400_000 + 7 * 16)
        .collect();
    assert_eq!(sealed.len(), 8);
    for path in &sealed {
        assert!(!fs::read(path).unwrap().windows(16).any(|window| window == &body[..16]));
    }

    let server = server.restart().await;
    for number in 0..8 {
        assert!(plain(&server.admin(), &format!("k{number}")).await == body);
    }
    assert_eq!(fs::read_to_string(master(&server)).unwrap(), made);
    assert_eq!(scrub(server.folder()), []);
    let checked = Inspector::open(server.folder()).unwrap().check(|_| {}).unwrap();
    assert!(checked.is_sound() && checked.leavings.is_empty(), "{checked:?}");
}

#[tokio::test]
async fn without_its_master_key_the_store_says_so_and_makes_no_other() {
    let server = Server::start().await;
    let (body, customers) = (bytes(100_000, 1), key(1));
    put(&server.admin(), "sealed", body.clone()).await;
    put(&server.admin(), "empty", Vec::new()).await;
    put_with_key(&server.admin(), "customer", body.clone(), &customers).send().await.unwrap();
    server.admin().put_object().bucket(BUCKET).key("plain").body(body.clone().into()).send().await.unwrap();
    let (path, right) = (master(&server), fs::read(master(&server)).unwrap());
    let other = Server::start_with(|options| options.random = std::sync::Arc::new(|| 7)).await;
    put(&other.admin(), "k", b"x".to_vec()).await;
    let others = fs::read(master(&other)).unwrap();
    assert_ne!(right, others);

    let mut server = server;
    let cut = right[..right.len() - 5].to_vec();
    for (found, word) in [(None, "missing"), (Some(others), "not the one"), (Some(cut), "damaged")] {
        match &found {
            None => fs::remove_file(&path).unwrap(),
            Some(found) => fs::write(&path, found).unwrap(),
        }
        server = server.restart().await;
        let client = server.admin();
        let refused = client.get_object().bucket(BUCKET).key("sealed").send().await.unwrap_err();
        assert_eq!(refusal(&refused), (500, "InternalError"));
        assert!(refused.message().unwrap().contains("master key"), "{refused:?}");
        let put = client.put_object().bucket(BUCKET).key("more").body(b"x".to_vec().into());
        let refused = put.server_side_encryption(ServerSideEncryption::Aes256).send().await.unwrap_err();
        assert_eq!(refusal(&refused), (500, "InternalError"));
        assert_eq!(fs::read(&path).ok(), found);
        // What does not need it is there as before, and all can be listed and asked about.
        assert!(plain(&client, "plain").await == body);
        assert!(read(get(&client, "customer", &customers)).await == body);
        assert_eq!(
            client.head_object().bucket(BUCKET).key("sealed").send().await.unwrap().content_length(),
            Some(100_000)
        );
        assert_eq!(client.list_objects_v2().bucket(BUCKET).send().await.unwrap().key_count(), Some(4));
        assert_eq!(scrub(server.folder()), []);
        let checked = Inspector::open(server.folder()).unwrap().check(|_| {}).unwrap();
        assert!(!checked.is_sound() && checked.index.len() == 1 && checked.index[0].contains(word), "{checked:?}");
        // Put back, it counts at once.
        fs::write(&path, &right).unwrap();
        assert!(plain(&client, "sealed").await == body);
    }
}

/// The file of the only content of a store.
fn only(server: &Server) -> PathBuf {
    let files = server.files("content");
    assert_eq!(files.len(), 1);
    files[0].clone()
}

#[tokio::test]
async fn what_was_changed_on_disk_is_an_error_and_never_other_bytes() {
    const CHUNK: usize = (64 << 10) + 16;
    let server = Server::start().await;
    let client = server.admin();
    let body = bytes(6 * (64 << 10) + 100, 1);
    put(&client, "k", body.clone()).await;
    let path = only(&server);
    let sealed = fs::read(&path).unwrap();
    let changed = |at: usize| {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        changed
    };
    let swapped = [&sealed[CHUNK..2 * CHUNK], &sealed[..CHUNK], &sealed[2 * CHUNK..]].concat();
    let cases = [
        ("a bit of the first chunk", changed(0)),
        ("a bit of a chunk in the middle", changed(3 * CHUNK + 77)),
        ("a bit of the last tag", changed(sealed.len() - 1)),
        ("two chunks have changed places", swapped),
        ("cut short", sealed[..sealed.len() - 1].to_vec()),
        ("without its last chunk", sealed[..6 * CHUNK].to_vec()),
        ("empty", Vec::new()),
        ("zeroes", vec![0; sealed.len()]),
    ];
    for (what, found) in cases {
        let is_whole = found.len() == sealed.len();
        fs::write(&path, &found).unwrap();
        let whole = match client.get_object().bucket(BUCKET).key("k").send().await {
            Ok(got) => got.body.collect().await.map(|_| ()).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        assert!(whole.is_err(), "{what}");
        let mut refused = 0;
        for start in (0..body.len()).step_by(50_000) {
            let end = body.len().min(start + 50_000) - 1;
            let range = client.get_object().bucket(BUCKET).key("k").range(format!("bytes={start}-{end}"));
            match range.send().await {
                Ok(got) => assert!(got.body.collect().await.unwrap().to_vec() == body[start..=end], "{what}: {start}"),
                Err(error) => {
                    assert_eq!(refusal(&error).0, 500, "{what}");
                    refused += 1;
                }
            }
        }
        assert!(refused > 0, "{what}");
        let damaged = scrub(server.folder());
        assert_eq!(damaged.len(), 1, "{what}");
        assert_eq!(damaged[0].what == Wrong::Changed, is_whole, "{what}");
    }
    fs::write(&path, &sealed).unwrap();
    assert!(plain(&client, "k").await == body);

    // Nor does a content open in another one's place, or with a key of its own that is not what it was.
    put(&client, "other", bytes(body.len(), 2)).await;
    let files = server.files("content");
    let both = (fs::read(&files[0]).unwrap(), fs::read(&files[1]).unwrap());
    fs::write(&files[0], &both.1).unwrap();
    fs::write(&files[1], &both.0).unwrap();
    for name in ["k", "other"] {
        let range = client.get_object().bucket(BUCKET).key(name).range("bytes=5-9").send().await.unwrap_err();
        assert_eq!(refusal(&range), (500, "InternalError"));
    }
    fs::write(&files[0], &both.0).unwrap();
    let index = rusqlite::Connection::open(server.folder().join("index.sqlite")).unwrap();
    index
        .execute("UPDATE content SET sealed = zeroblob(64) WHERE number = (SELECT min(number) FROM content)", [])
        .unwrap();
    let refused = client.get_object().bucket(BUCKET).key("k").range("bytes=5-9").send().await.unwrap_err();
    assert_eq!(refusal(&refused), (500, "InternalError"));
}

#[tokio::test]
async fn an_export_opens_what_the_store_encrypted_and_an_import_encrypts_it_again() {
    let server = Server::start().await;
    let (body, customers) = (bytes(300_000, 1), key(1));
    put(&server.admin(), "sealed", body.clone()).await;
    put_with_key(&server.admin(), "customer", body.clone(), &customers).send().await.unwrap();
    server.admin().put_object().bucket(BUCKET).key("plain").body(b"x".to_vec().into()).send().await.unwrap();
    let folder = TempDir::new().unwrap();
    let exported = Inspector::open(server.folder()).unwrap().export(folder.path(), |_| {}).unwrap();
    assert_eq!(exported.objects, 2);
    assert!(fs::read(folder.path().join("objects/files/sealed")).unwrap() == body);
    // What only its owner can open is named, and not left out in silence.
    assert_eq!(exported.failed.len(), 1);
    assert!(exported.failed[0].starts_with("files/customer: it is encrypted with a key that only its owner has"));
    assert!(!folder.path().join("objects/files/customer").exists());

    let other = Server::start_with(|options| options.random = std::sync::Arc::new(|| 7)).await;
    let imported = other.store.import(&Manifest::read(folder.path()).unwrap(), |_| {}).await.unwrap();
    assert_eq!((imported.objects, imported.failed), (2, Vec::new()));
    let client = other.admin();
    assert!(plain(&client, "sealed").await == body);
    let head = client.head_object().bucket(BUCKET).key("sealed").send().await.unwrap();
    assert_eq!(head.server_side_encryption(), Some(&ServerSideEncryption::Aes256));
    assert!(!other.files("content").iter().any(|path| fs::metadata(path).unwrap().len() == 300_000));
    let head = client.head_object().bucket(BUCKET).key("plain").send().await.unwrap();
    assert_eq!(head.server_side_encryption(), None);

    fs::remove_file(master(&server)).unwrap();
    let folder = TempDir::new().unwrap();
    let exported = Inspector::open(server.folder()).unwrap().export(folder.path(), |_| {}).unwrap();
    assert_eq!((exported.objects, exported.failed.len()), (1, 2));
    assert!(exported.failed[1].contains("is missing"), "{:?}", exported.failed);
}
