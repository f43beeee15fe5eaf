//! Variants that are made when somebody asks for them: once, by one node, awaited for a while, kept while there is room.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::kept::{clean_up, key};
use super::{PATIENCE, content, photograph, variants, worked_on};
use crate::app::App;
use crate::bucket;
use crate::caller::{Answer, Caller, open, text};
use crate::files;
use crate::nodes::Shared;
use crate::ways::{Way, handed, object};

/// One on arrival, one on demand.
const SPACE: &str = "[spaces.photos]\nread = [\"signed-in\"]\nlist = [\"signed-in\"]\nlinks = { minimum = \"3s\", window = \"0s\" }\n\
    [[spaces.photos.variants]]\nname = \"thumb\"\nfit = \"cover\"\nwidth = 32\nheight = 32\nformat = \"png\"\n\
    [[spaces.photos.variants]]\nname = \"large\"\nmake = \"on-demand\"\nwidth = 200\nformat = \"png\"\n";

fn path(object: &Value) -> String {
    format!("/v1/objects/{}/variants/large", text(&object["id"]))
}

/// Asks for something until it is there.
async fn awaited(caller: &Caller, path: &str) -> Value {
    let begun = tokio::time::Instant::now();
    loop {
        let answer = caller.get(path).await;
        if answer.status == 200 {
            return answer.ok(200);
        }
        assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
        answer.refused(503, "processing");
        assert!(begun.elapsed() < PATIENCE, "nobody makes {path}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn made_on_demand(app: &App) -> usize {
    bucket::keys(app).await.iter().filter(|key| key.contains("/large-")).count()
}

#[tokio::test]
async fn a_variant_on_demand_is_made_once_for_all_who_ask() {
    let app = App::start(SPACE);
    let alice = app.user("alice");
    let made = photograph(&alice, &files::photograph((900, 600), 1)).await;
    assert_eq!((variants(&made, "thumb").len(), variants(&made, "large").len()), (1, 0), "{made}");
    assert_eq!((&made["picture"]["state"], &made["picture"]["on_demand"]), (&json!("made"), &json!(["large"])));
    assert_eq!(made_on_demand(&app).await, 0);

    let path = path(&made);
    let answers = futures_util::future::join_all((0..30).map(|_| alice.get(&path))).await;
    let answers: Vec<Value> = answers.into_iter().map(|answer: Answer| answer.ok(200)).collect();
    let keys: BTreeSet<String> = answers.iter().map(key).collect();
    assert_eq!((keys.len(), made_on_demand(&app).await), (1, 1), "{keys:?}");
    assert_eq!((&answers[0]["width"], &answers[0]["height"]), (&json!(200), &json!(133)));
    // Its own link may have ended meanwhile.
    content(&alice.get(&path).await.ok(200)).await;

    // From now on it is there like any other.
    let object = alice.get(&format!("/v1/objects/{}", text(&made["id"]))).await.ok(200);
    assert_eq!(variants(&object, "large").len(), 1, "{object}");
    let list = alice.get("/v1/spaces/photos/objects").await.ok(200);
    assert_eq!(variants(&list["items"][0], "large").len(), 1, "{list}");
    let links = alice.post("/v1/links", &json!({ "items": [made["id"]], "variant": "large" })).await.ok(200);
    assert_eq!(open(text(&links["items"][0]["url"])).await.status, 200, "{links}");
    alice.get(&path.replace("large", "poster")).await.refused(404, "no-such-variant");
    let found = app.command_json(&["verify", "--json"]);
    assert_eq!((&found["missing"], &found["differ"], &found["orphans"]), (&json!(0), &json!(0), &json!(0)), "{found}");
}

#[tokio::test]
async fn who_may_not_read_a_picture_has_nothing_made_of_it() {
    let app = App::start(&SPACE.replace("signed-in", "owner"));
    let (alice, mallory) = (app.user("alice"), app.user("mallory"));
    let made = photograph(&alice, &files::photograph((300, 200), 1)).await;
    mallory.get(&path(&made)).await.refused(404, "not-found");
    app.anonymous().get(&path(&made)).await.refused(401, "unauthorized");
    let links = mallory.post("/v1/links", &json!({ "items": [made["id"]], "variant": "large" })).await.ok(200);
    assert_eq!(links["items"][0]["error"]["code"], "not-found", "{links}");
    alice.delete(&format!("/v1/objects/{}", text(&made["id"]))).await.ok(204);
    alice.get(&path(&made)).await.refused(409, "conflict");
    assert_eq!(made_on_demand(&app).await, 0);
}

#[tokio::test]
async fn nobody_waits_longer_than_is_said_and_a_full_queue_says_so() {
    let app = App::start(&format!("{SPACE}[processing]\nwait = \"0s\"\nqueue = 2\nthreads = 1\n"));
    let alice = app.user("alice");
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(photograph(&alice, &files::photograph((300, 200), 1)).await["id"].clone());
    }
    let wanted = json!({ "items": ids, "variant": "large" });
    let links = alice.post("/v1/links", &wanted).await.ok(200);
    let codes: Vec<_> = links["items"].as_array().unwrap().iter().map(|item| item["error"]["code"].clone()).collect();
    assert_eq!(codes, ["processing", "processing", "overloaded", "overloaded", "overloaded"], "{links}");
    // Whoever comes back gets all of it in the end.
    let begun = tokio::time::Instant::now();
    loop {
        let links = alice.post("/v1/links", &wanted).await.ok(200);
        if links["items"].as_array().unwrap().iter().all(|item| item["url"].is_string()) {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{links}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let other = photograph(&alice, &files::photograph((300, 200), 1)).await;
    alice.get(&path(&other)).await.refused(503, "processing");
    awaited(&alice, &path(&other)).await;
}

#[tokio::test]
async fn what_cannot_be_made_is_said_to_be_so() {
    let app = App::start(SPACE);
    let alice = app.user("alice");
    let whole = files::photograph((300, 200), 1);
    let broken = photograph(&alice, &whole[..whole.len() / 2]).await;
    alice.get(&path(&broken)).await.refused(422, "picture-refused");
    let links = alice.post("/v1/links", &json!({ "items": [broken["id"]], "variant": "large" })).await.ok(200);
    assert_eq!(links["items"][0]["error"]["code"], "picture-refused", "{links}");
    let text = object(&alice, Way::Raw, &handed("photos", "a.txt", "text/plain", b"words")).await;
    alice.get(&path(&text)).await.refused(404, "no-such-variant");
}

#[tokio::test]
async fn what_was_not_asked_for_the_longest_makes_room() {
    // As much as one of them takes, and not as two do.
    let mut app = App::start(SPACE);
    let bytes = files::photograph((300, 200), 1);
    let alice = app.user("alice");
    let (first, second) = (photograph(&alice, &bytes).await, photograph(&alice, &bytes).await);
    let length = alice.get(&path(&first)).await.ok(200)["bytes"].as_u64().unwrap();
    app.terminate();
    assert!(app.wait());
    app.reconfigure(&format!("{SPACE}[processing]\nkept = {}\n", length * 3 / 2));
    app.run();
    let alice = app.user("alice");
    let later = alice.get(&path(&second)).await.ok(200);
    let gone = key(&alice.get(&path(&first)).await.ok(200));
    assert_eq!(made_on_demand(&app).await, 2);

    // While links may lead to them, both stay; the second is asked for again before it is looked next.
    let begun = tokio::time::Instant::now();
    while made_on_demand(&app).await == 2 {
        assert!(begun.elapsed() < PATIENCE, "nothing makes room");
        alice.get(&path(&second)).await.ok(200);
        let seen = alice.get(&format!("/v1/objects/{}", text(&first["id"]))).await.ok(200);
        clean_up(&app);
        for variant in variants(&seen, "large") {
            open(text(&variant["url"])).await;
        }
    }
    let left = bucket::keys(&app).await;
    assert!(left.contains(&key(&later)) && !left.contains(&gone), "{left:?}");
    // It is made again for who asks again.
    let again = alice.get(&path(&first)).await.ok(200);
    assert_ne!(key(&again), gone);
    content(&again).await;
}

#[tokio::test]
async fn a_changed_declaration_on_demand_is_followed_when_somebody_asks() {
    let mut app = App::start(SPACE);
    let alice = app.user("alice");
    let made = photograph(&alice, &files::photograph((900, 600), 1)).await;
    let before = alice.get(&path(&made)).await.ok(200);
    app.terminate();
    assert!(app.wait());
    app.reconfigure(&SPACE.replace("width = 200", "width = 150"));
    app.run();
    let alice = app.user("alice");
    let after = alice.get(&path(&made)).await.ok(200);
    assert_eq!((&before["width"], &after["width"]), (&json!(200), &json!(150)));
    clean_up(&app);
    assert_eq!(made_on_demand(&app).await, 1, "never two copies");
    content(&alice.get(&path(&made)).await.ok(200)).await;

    // What nobody declares any longer is removed.
    app.terminate();
    assert!(app.wait());
    app.reconfigure(SPACE.split_once("[[spaces.photos.variants]]\nname = \"large\"").unwrap().0);
    app.run();
    let begun = tokio::time::Instant::now();
    while made_on_demand(&app).await > 0 {
        assert!(begun.elapsed() < PATIENCE, "it is still there");
        clean_up(&app);
    }
    app.user("alice").get(&path(&made)).await.refused(404, "no-such-variant");
}

#[tokio::test]
async fn of_two_nodes_one_makes_it_and_the_other_does_when_that_one_is_killed() {
    let shared = Shared::start();
    let configuration = format!("{SPACE}[processing]\nthreads = 1\n");
    let (mut one, other) = (shared.node(&configuration), shared.node(&configuration));
    let (alice, bob) = (one.user("alice"), other.user("alice"));
    let bytes = files::photograph((1600, 1200), 1);
    let mut made = Vec::new();
    for _ in 0..6 {
        made.push(object(&alice, Way::Raw, &handed("photos", "a.jpg", "image/jpeg", &bytes)).await);
    }
    for object in &made {
        worked_on(&bob, &object["id"]).await;
    }
    let first = path(&made[0]);
    let (from_one, from_other) = tokio::join!(awaited(&alice, &first), awaited(&bob, &first));
    assert_eq!((key(&from_one), made_on_demand(&other).await), (key(&from_other), 1));

    // Asked for at the one, which is killed in the middle of it.
    let wanted = json!({ "items": made.iter().map(|object| &object["id"]).collect::<Vec<_>>(), "variant": "large" });
    alice.post("/v1/links", &wanted).await.ok(200);
    tokio::time::sleep(Duration::from_millis(120)).await;
    one.kill();
    for object in &made {
        content(&awaited(&bob, &path(object)).await).await;
    }
    clean_up(&other);
    assert_eq!(made_on_demand(&other).await, made.len(), "nothing is left of what did not come to an end");
    let found = other.command_json(&["verify", "--json"]);
    assert_eq!((&found["missing"], &found["orphans"]), (&json!(0), &json!(0)), "{found}");
}
