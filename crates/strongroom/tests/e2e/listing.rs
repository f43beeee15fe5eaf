//! Lists: paging, every filter, every order.

use serde_json::{Value, json};

use crate::app::App;
use crate::caller::{Caller, text};
use crate::files;
use crate::ways::{Handed, Way, encoded, handed, object};

const FILES: &str = "[spaces.files]\nlist = [\"signed-in\"]\nwrite = [\"owner\", \"role:clerk\"]\n";
const LIST: &str = "/v1/spaces/files/objects";

/// The names on all pages, each page fetched with the cursor of the one before.
async fn names(caller: &Caller, query: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = caller.get(&format!("{LIST}?{query}{cursor}")).await.ok(200);
        names.extend(page["items"].as_array().unwrap().iter().map(|item| text(&item["name"]).to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={}", encoded(next)),
            None => return names,
        }
    }
}

async fn hand_in(caller: &Caller, name: &str, more: Value) -> Value {
    object(caller, Way::Raw, &Handed { more, ..handed("files", name, "image/png", &files::png(1)) }).await
}

#[tokio::test]
async fn pages_hold_everything_once_in_every_order() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let created = ["delta", "alpha", "echo", "charlie", "bravo", "alpha"];
    for name in created {
        hand_in(&alice, name, json!({})).await;
    }
    let oldest: Vec<String> = created.iter().map(|name| (*name).to_owned()).collect();
    let newest: Vec<String> = oldest.iter().rev().cloned().collect();
    let mut by_name = oldest.clone();
    by_name.sort();
    for limit in [1, 2, 4, 1000] {
        assert_eq!(names(&alice, &format!("limit={limit}&order=oldest")).await, oldest);
        assert_eq!(names(&alice, &format!("limit={limit}&order=newest")).await, newest);
        assert_eq!(names(&alice, &format!("limit={limit}")).await, newest);
        assert_eq!(names(&alice, &format!("limit={limit}&order=name")).await, by_name);
    }
    assert_eq!(alice.get(&format!("{LIST}?limit=6")).await.ok(200)["next_cursor"], json!(null));
}

#[tokio::test]
async fn what_comes_while_one_pages_moves_nothing() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    for name in ["a", "b", "c"] {
        hand_in(&alice, name, json!({})).await;
    }
    let first = alice.get(&format!("{LIST}?limit=2&order=newest")).await.ok(200);
    hand_in(&alice, "d", json!({})).await;
    let cursor = encoded(text(&first["next_cursor"]));
    let second = alice.get(&format!("{LIST}?limit=2&order=newest&cursor={cursor}")).await.ok(200);
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    assert_eq!(second["items"][0]["name"], "a");
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let app = App::start(FILES);
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    hand_in(&alice, "twill-blue.png", json!({ "group": "twills", "tags": ["blue", "wool"] })).await;
    let middle = hand_in(&alice, "twill-grey.png", json!({ "group": "twills", "tags": ["grey", "wool"] })).await;
    hand_in(&bob, "linen_100%.png", json!({ "group": "linens", "tags": ["blue"] })).await;
    let note = files::text(1, 100);
    object(&bob, Way::Raw, &handed("files", "notes.txt", "text/plain", &note)).await;
    let found = async |query: String| names(&alice, &format!("order=name&{query}")).await;

    assert_eq!(found("prefix=twill".into()).await, ["twill-blue.png", "twill-grey.png"]);
    assert_eq!(found("prefix=twill-g".into()).await, ["twill-grey.png"]);
    // What a database's patterns would read otherwise is only text here.
    assert_eq!(found("prefix=%25".into()).await, [""; 0]);
    assert_eq!(found("prefix=linen_1".into()).await, ["linen_100%.png"]);
    assert_eq!(found("prefix=linen-".into()).await, [""; 0]);
    assert_eq!(found("owner=bob".into()).await, ["linen_100%.png", "notes.txt"]);
    assert_eq!(found("group=twills".into()).await, ["twill-blue.png", "twill-grey.png"]);
    assert_eq!(found("tag=blue".into()).await, ["linen_100%.png", "twill-blue.png"]);
    assert_eq!(found("tag=bl".into()).await, [""; 0]);
    assert_eq!(found("type=text/plain".into()).await, ["notes.txt"]);
    assert_eq!(found("type=image/*".into()).await, ["linen_100%.png", "twill-blue.png", "twill-grey.png"]);
    assert_eq!(
        found("tag=wool&group=twills&prefix=twill-b&owner=alice&type=image/png".into()).await,
        ["twill-blue.png"]
    );
    // The pictures are the same to the byte.
    let digest = text(&middle["version"]["sha256"]);
    assert_eq!(found(format!("sha256={digest}")).await, ["linen_100%.png", "twill-blue.png", "twill-grey.png"]);
    assert_eq!(found(format!("sha256={}&owner=bob", digest.to_uppercase())).await, ["linen_100%.png"]);
    assert_eq!(found(format!("sha256={}", "0".repeat(64))).await, [""; 0]);
    let moment = encoded(text(&middle["created_at"]));
    assert_eq!(found(format!("created_after={moment}")).await, ["linen_100%.png", "notes.txt", "twill-grey.png"]);
    assert_eq!(found(format!("created_before={moment}")).await, ["twill-blue.png"]);
}

#[tokio::test]
async fn a_list_shows_only_what_its_reader_may_see() {
    let app = App::start("[spaces.files]\nlist = [\"owner\", \"shared\", \"role:clerk\"]\n");
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let shared = hand_in(&alice, "shared.png", json!({})).await;
    hand_in(&alice, "own.png", json!({})).await;
    hand_in(&bob, "other.png", json!({})).await;
    alice.patch(&format!("/v1/objects/{}", text(&shared["id"])), &json!({ "shared_with": ["bob"] })).await.ok(200);

    assert_eq!(names(&alice, "order=name").await, ["own.png", "shared.png"]);
    assert_eq!(names(&bob, "order=name").await, ["other.png", "shared.png"]);
    assert_eq!(names(&bob, "order=name&owner=alice").await, ["shared.png"]);
    let clerk = app.user_with_roles("carol", &["clerk"]);
    assert_eq!(names(&clerk, "order=name").await, ["other.png", "own.png", "shared.png"]);
    assert_eq!(names(&app.user("dave"), "").await, [""; 0]);
    app.anonymous().get(LIST).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn who_may_list_and_not_read_sees_no_link() {
    let app = App::start("[spaces.files]\nlist = [\"signed-in\"]\n");
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let object = hand_in(&alice, "a.png", json!({})).await;
    let seen = bob.get(LIST).await.ok(200);
    assert_eq!(seen["items"][0]["id"], object["id"]);
    assert_eq!(seen["items"][0]["link"], json!(null));
    let own = alice.get(LIST).await.ok(200);
    assert!(own["items"][0]["link"]["url"].is_string());
    bob.get(&format!("/v1/objects/{}", text(&object["id"]))).await.refused(403, "forbidden");
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    for query in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=x",
        "cursor=nonsense",
        "cursor=eyJ4Ijoxf",
        "order=upwards",
        "deleted=maybe",
        "created_after=yesterday",
        "no_such_filter=1",
    ] {
        alice.get(&format!("{LIST}?{query}")).await.refused(400, "bad-request");
    }
    alice.get("/v1/spaces/attic/objects").await.refused(404, "not-found");
}

#[tokio::test]
async fn the_spaces_are_those_in_which_one_may_do_something() {
    let app = App::start(
        "[spaces.open]\nlist = [\"public\"]\naccept = [\"image/*\"]\nmax_bytes = \"1 MiB\"\n[spaces.closed]\nwrite = [\"role:clerk\"]\nread = [\"role:clerk\"]\nlist = [\"role:clerk\"]\ndelete = [\"role:clerk\"]\n",
    );
    let seen = app.anonymous().get("/v1/spaces").await.ok(200);
    let wanted = json!([{ "name": "open", "accept": ["image/*"], "max_bytes": 1_048_576, "may": { "write": false, "list": true } }]);
    assert_eq!(seen["items"], wanted);
    let seen = app.user("alice").get("/v1/spaces").await.ok(200);
    assert_eq!(seen["items"][0]["may"], json!({ "write": true, "list": true }));
    assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    let seen = app.user_with_roles("carol", &["clerk"]).get("/v1/spaces").await.ok(200);
    assert_eq!(seen["items"].as_array().unwrap().len(), 2);
}
