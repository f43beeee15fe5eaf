//! The mirror: a second storage that gets everything, stands in for the first, and can take its place.

mod away;
mod buckets;
mod compared;
mod examined;
mod killed;
mod moved;
mod nodes;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use serde_json::Value;
use strongroom_testbed::Proxy;

use crate::app::App;
use crate::bucket::sdk;
use crate::caller::text;
use crate::files;
use crate::ways::{Way, handed, object};

const FILES: &str = "[spaces.files]\ndeleted_retention = \"0s\"\n";

/// How long the mirror may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A store that is there for others: the embedded one of a service that does nothing besides, behind a proxy.
struct Store {
    app: App,
    proxy: Proxy,
    location: &'static str,
}

impl Store {
    /// Its identities may do what they do below this location.
    fn start(location: &'static str) -> Self {
        Self::with(location, "")
    }

    /// The same, with buckets of spaces.
    fn with(location: &'static str, spaces: &str) -> Self {
        let app = App::start_embedded_on(None, &format!("[storage]\nlocation = \"{location}\"\n{spaces}"));
        let proxy = Proxy::start(app.store().trim_start_matches("http://").parse().unwrap()).unwrap();
        Self { app, proxy, location }
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.proxy.address())
    }

    /// The section of the configuration that describes it as a storage, or as the mirror.
    fn section(&self, name: &str) -> String {
        let keys = self.app.keys();
        let mut section = format!(
            "[{name}]\nprovider = \"seaweedfs\"\nbucket = \"strongroom\"\nendpoint = \"{}\"\nlocation = \"{}\"\n",
            self.endpoint(),
            self.location
        );
        let identities: &[&str] =
            if name == "storage" { &["reader", "writer", "janitor"] } else { &["reader", "janitor"] };
        for identity in identities {
            let half = |half: &str| text(&keys[identity][half]).to_owned();
            let (id, secret) = (half("access_key_id"), half("secret_access_key"));
            write!(section, "[{name}.{identity}]\naccess_key_id = \"{id}\"\nsecret_access_key = \"{secret}\"\n")
                .unwrap();
        }
        section
    }

    /// Everything in one of its buckets, by key.
    async fn contents(&self, bucket: &str) -> BTreeMap<String, Vec<u8>> {
        let client = sdk(&self.app, "janitor");
        let mut contents = BTreeMap::new();
        let mut pages =
            client.list_objects_v2().bucket(bucket).prefix(format!("{}/", self.location)).into_paginator().send();
        while let Some(page) = pages.next().await {
            for listed in page.unwrap().contents() {
                let key = listed.key().unwrap();
                let got = client.get_object().bucket(bucket).key(key).send().await.unwrap();
                contents.insert(key.to_owned(), got.body.collect().await.unwrap().to_vec());
            }
        }
        contents
    }

    /// How many multipart uploads are neither complete nor aborted.
    async fn multiparts(&self) -> usize {
        let listed = sdk(&self.app, "janitor").list_multipart_uploads().bucket("strongroom");
        listed.prefix(format!("{}/", self.location)).send().await.unwrap().uploads().len()
    }

    /// Writes behind the back of whoever uses it.
    async fn lay(&self, key: &str, bytes: &[u8]) {
        let put = sdk(&self.app, "janitor").put_object().bucket("strongroom").key(key).content_type("image/png");
        put.body(ByteStream::from(bytes.to_vec())).send().await.unwrap();
    }

    /// Deletes behind the back of whoever uses it.
    async fn lose(&self, key: &str) {
        sdk(&self.app, "janitor").delete_object().bucket("strongroom").key(key).send().await.unwrap();
    }
}

/// A service with a storage and a mirror.
struct Pair {
    app: App,
    first: Store,
    second: Store,
}

impl Pair {
    fn start() -> Self {
        let (first, second) = (Store::start("main"), Store::start("copy"));
        let app = App::start_external(&configuration(&first, &second));
        Self { app, first, second }
    }

    /// Waits until the mirror has got everything.
    async fn caught_up(&self) {
        caught_up(&self.app).await;
    }
}

fn configuration(first: &Store, second: &Store) -> String {
    let sections = [first.section("storage"), second.section("storage.mirror")].concat();
    format!("{}\n{sections}{FILES}", crate::tokens::configuration())
}

/// Asks for what the status says of the mirror until it is so.
async fn until(app: &App, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let begun = tokio::time::Instant::now();
    loop {
        let status = app.admin().get("/v1/status").await.ok(200)["mirror"].clone();
        if is_so(&status) {
            return status;
        }
        assert!(begun.elapsed() < PATIENCE, "waiting for {what}: {status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn caught_up(app: &App) {
    until(app, "the mirror to catch up", |mirror| mirror["pending"] == 0).await;
}

/// Hands pictures in, each another; their keys and contents.
async fn hand_in(app: &App, numbers: std::ops::Range<u32>) -> Vec<(Value, Vec<u8>)> {
    let alice = app.user("alice");
    let mut made = Vec::new();
    for number in numbers {
        let picture = files::png(number);
        made.push((object(&alice, Way::Raw, &handed("files", "a.png", "image/png", &picture)).await, picture));
    }
    made
}

fn key(object: &Value) -> &str {
    text(&object["version"]["key"])
}

/// What is in the mirror when it is as it should be.
fn expected(location: &str, made: &[(Value, Vec<u8>)]) -> BTreeMap<String, Vec<u8>> {
    made.iter().map(|(object, content)| (format!("{location}/{}", key(object)), content.clone())).collect()
}

/// The keys that differ, for a message of bearable length.
#[track_caller]
fn assert_same(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>) {
    let differ: Vec<_> = expected.iter().filter(|(key, content)| found.get(*key) != Some(content)).collect();
    let keys: Vec<_> = differ.iter().map(|(key, _)| key).collect();
    assert!(keys.is_empty(), "{} of {} are missing or differ: {keys:?}", keys.len(), expected.len());
    assert_eq!(found.len(), expected.len(), "there is more than there should be: {:?}", found.keys());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mirror_gets_what_is_ready_and_loses_what_is_gone_for_good() {
    let pair = Pair::start();
    let alice = pair.app.user("alice");
    let mut made = Vec::new();
    for (number, way) in (0..).zip(Way::ALL) {
        // The last is longer than what is held of a content at once.
        let picture = if way == Way::Multipart { files::large_png(number, 20_000_000) } else { files::png(number) };
        made.push((object(&alice, way, &handed("files", "a.png", "image/png", &picture)).await, picture));
    }
    pair.caught_up().await;
    assert_same(&pair.second.contents("strongroom").await, &expected("copy", &made));
    assert_eq!(pair.second.multiparts().await, 0);
    for (object, _) in &made {
        let head = sdk(&pair.second.app, "reader").head_object().bucket("strongroom");
        let head = head.key(format!("copy/{}", key(object))).send().await.unwrap();
        assert_eq!(head.content_type(), Some("image/png"));
    }

    // What can be restored stays; what cannot any longer goes.
    alice.delete(&format!("/v1/objects/{}", text(&made[0].0["id"]))).await.ok(204);
    pair.caught_up().await;
    assert_eq!(pair.second.contents("strongroom").await.len(), made.len());
    assert_eq!(pair.app.command_json(&["gc", "--json"])["purged"], 1);
    pair.caught_up().await;
    assert_same(&pair.second.contents("strongroom").await, &expected("copy", &made[1..]));
    assert_same(&pair.first.contents("strongroom").await, &expected("main", &made[1..]));
    assert_eq!(pair.app.command(&["verify", "--contents"]).status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_the_mirror_is_behind_is_told_and_what_fails_keeps_nobody_waiting() {
    let pair = Pair::start();
    pair.second.proxy.set(strongroom_testbed::Fault::Reset);
    let made = hand_in(&pair.app, 0..6).await;
    let behind = until(&pair.app, "the mirror to be behind", |mirror| mirror["pending"] == 6).await;
    let since: jiff::Timestamp = text(&behind["since"]).parse().unwrap();
    assert!(since.as_second() > crate::tokens::now() - 600, "{behind}");
    until(&pair.app, "the mirror to be away", |mirror| mirror["healthy"] == false).await;
    metric(&pair.app, "strongroom_mirror_pending", |count| count == 6).await;
    metric(&pair.app, "strongroom_mirror_lag_seconds", |seconds| seconds >= 1).await;

    // One of them is not what was handed in any longer: it is not copied, and said so, and the others are.
    let (damaged, content) = &made[2];
    let in_storage = format!("main/{}", key(damaged));
    let mut other = content.clone();
    *other.last_mut().unwrap() ^= 1;
    pair.first.lay(&in_storage, &other).await;
    pair.second.proxy.heal();
    let failing = until(&pair.app, "one to fail", |mirror| mirror["pending"] == 1 && mirror["failing"] == 1).await;
    assert!(text(&failing["detail"]).starts_with(key(damaged)), "{failing}");
    assert_eq!(pair.app.user("alice").get("/v1/status").await.ok(200)["mirror"]["detail"], Value::Null);
    let rest: Vec<_> = made.iter().filter(|(object, _)| object["id"] != damaged["id"]).cloned().collect();
    assert_same(&pair.second.contents("strongroom").await, &expected("copy", &rest));
    metric(&pair.app, "strongroom_mirror_copies_total{outcome=\"done\"}", |count| count == 5).await;
    metric(&pair.app, "strongroom_mirror_copies_total{outcome=\"failed\"}", |count| count >= 3).await;

    pair.first.lay(&in_storage, content).await;
    pair.caught_up().await;
    assert_same(&pair.second.contents("strongroom").await, &expected("copy", &made));
    metric(&pair.app, "strongroom_mirror_pending", |count| count == 0).await;
}

/// Waits until a number of the metrics is right.
async fn metric(app: &App, name: &str, is_right: impl Fn(i64) -> bool) {
    let begun = tokio::time::Instant::now();
    loop {
        let metrics = app.anonymous().get("/metrics").await.text();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}"));
        let number: i64 = line.trim().parse().unwrap();
        if is_right(number) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{name} is {number}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
