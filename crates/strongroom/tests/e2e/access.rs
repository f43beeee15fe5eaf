//! Who may: every rule against every kind of principal, through every route that could give something away.

use serde_json::{Value, json};

use crate::app::App;
use crate::caller::{Answer, Caller, open, text};
use crate::files;
use crate::ways::{Handed, Way, begin, hand_in, handed, object};

/// Each rule, and the principals of [`principals`] whom it lets in besides the administrator.
const RULES: [(&str, &[&str]); 7] = [
    ("public", &["anonymous", "stranger", "owner", "creator", "shared", "member", "key"]),
    ("signed-in", &["stranger", "owner", "creator", "shared", "member", "key"]),
    ("owner", &["owner"]),
    ("creator", &["creator"]),
    ("shared", &["shared"]),
    ("role:team", &["member"]),
    ("key:files", &["key"]),
];

fn configuration() -> String {
    RULES.iter().fold(String::new(), |configuration, (rule, _)| {
        let name = rule.replace(':', "-");
        configuration
            + &format!("[spaces.{name}]\nwrite = [\"role:clerk\"]\nread = [\"{rule}\"]\nlist = [\"{rule}\"]\n")
            + &format!("delete = [\"{rule}\"]\n")
    })
}

fn principals(app: &App) -> Vec<(&'static str, Caller)> {
    let key = app.command_json(&["token", "create", "--name", "tests", "--scope", "files", "--json"]);
    vec![
        ("anonymous", app.anonymous()),
        ("stranger", app.user("mallory")),
        ("owner", app.user("olivia")),
        ("creator", app.user_with_roles("clara", &["clerk"])),
        ("shared", app.user("sam")),
        ("member", app.user_with_roles("tim", &["team"])),
        ("key", app.bearer(text(&key["token"]))),
        ("admin", app.admin()),
    ]
}

#[tokio::test]
async fn every_rule_lets_in_whom_it_names_and_nobody_else() {
    let app = App::start(&configuration());
    let principals = principals(&app);
    let clara = app.user_with_roles("clara", &["clerk"]);
    let bytes = files::png(1);
    for (rule, allowed) in RULES {
        let space = rule.replace(':', "-");
        let more = json!({ "owner": "olivia" });
        let made = object(&clara, Way::Raw, &Handed { more, ..handed(&space, "a.png", "image/png", &bytes) }).await;
        assert_eq!((&made["owner"], &made["creator"]), (&json!("olivia"), &json!("clara")));
        let path = format!("/v1/objects/{}", text(&made["id"]));
        app.admin().patch(&path, &json!({ "shared_with": ["sam"] })).await.ok(200);

        for (name, caller) in &principals {
            let may = *name == "admin" || allowed.contains(name);
            let told = format!("{rule}, {name}");
            assert_eq!(reads(caller, &path, &made).await, may, "{told}");
            assert_eq!(lists(caller, &space, &made).await, may, "{told}");
            assert_eq!(deletes(caller, &path).await, may, "{told}");
        }
    }
}

/// Looks at the object in each way that gives a link; all of them must agree.
async fn reads(caller: &Caller, path: &str, object: &Value) -> bool {
    let answers = [caller.get(path).await, caller.get(&format!("{path}/download")).await];
    let links = caller.post("/v1/links", &json!({ "items": [object["id"], object["version"]["key"]] })).await;
    if answers.iter().all(|answer| answer.status == 200) {
        let [shown, download] = answers.map(|answer| answer.ok(200));
        let links = links.ok(200);
        let urls =
            [&shown["link"]["url"], &download["download_url"], &links["items"][0]["url"], &links["items"][1]["url"]];
        for url in urls {
            assert_eq!(open(text(url)).await.status, 200);
        }
        return true;
    }
    for answer in &answers {
        hidden(answer);
    }
    if links.status == 200 {
        let links = links.ok(200);
        assert!(links["items"].as_array().unwrap().iter().all(|item| item["error"]["code"] == "not-found"), "{links}");
    } else {
        hidden(&links);
    }
    false
}

async fn lists(caller: &Caller, space: &str, object: &Value) -> bool {
    let answer = caller.get(&format!("/v1/spaces/{space}/objects")).await;
    if answer.status == 200 {
        return answer.ok(200)["items"].as_array().unwrap().iter().any(|item| item["id"] == object["id"]);
    }
    // Who may write here knows that the space exists; who may do nothing does not.
    assert!(matches!(answer.status, 401 | 403 | 404), "{}", answer.text());
    answer.problem();
    false
}

async fn deletes(caller: &Caller, path: &str) -> bool {
    let answer = caller.delete(path).await;
    if answer.status == 204 {
        caller.post(&format!("{path}/restore"), &json!({})).await.ok(200);
        return true;
    }
    hidden(&answer);
    false
}

/// Somebody who knows nothing of a thing is told that there is none, or to sign in.
fn hidden(answer: &Answer) {
    assert!(matches!(answer.status, 401 | 404), "{}", answer.text());
    answer.problem();
}

#[tokio::test]
async fn who_may_read_and_not_change_is_told_so() {
    let app = App::start("[spaces.files]\nread = [\"signed-in\"]\n");
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let object = object(&alice, Way::Raw, &handed("files", "a.png", "image/png", &files::png(1))).await;
    let path = format!("/v1/objects/{}", text(&object["id"]));
    bob.get(&path).await.ok(200);
    bob.patch(&path, &json!({ "name": "mine now" })).await.refused(403, "forbidden");
    bob.delete(&path).await.refused(403, "forbidden");
    bob.post(&format!("{path}/restore"), &json!({})).await.refused(403, "forbidden");
    assert_eq!(alice.get(&path).await.ok(200)["name"], "a.png");
}

#[tokio::test]
async fn nobody_hands_in_for_somebody_else_unless_a_role_says_so() {
    let app = App::start("[spaces.files]\nwrite = [\"owner\", \"role:clerk\"]\n");
    let bytes = files::png(1);
    let more = json!({ "owner": "olivia" });
    let file = Handed { more, ..handed("files", "a.png", "image/png", &bytes) };
    for way in Way::ALL {
        hand_in(&app.user("mallory"), way, &file).await.refused(403, "forbidden");
        let made = object(&app.user_with_roles("clara", &["clerk"]), way, &file).await;
        assert_eq!((&made["owner"], &made["creator"]), (&json!("olivia"), &json!("clara")));
        object(&app.user("olivia"), way, &file).await;
    }
}

#[tokio::test]
async fn who_may_not_hand_in_gets_no_url() {
    let app = App::start("[spaces.files]\nwrite = [\"role:clerk\"]\nread = [\"public\"]\nlist = [\"signed-in\"]\n");
    let bytes = files::png(1);
    let file = handed("files", "a.png", "image/png", &bytes);
    for way in Way::ALL {
        hand_in(&app.user("mallory"), way, &file).await.refused(403, "forbidden");
        hand_in(&app.anonymous(), way, &file).await.refused(401, "unauthorized");
    }
    begin(&app.user_with_roles("clara", &["clerk"]), Way::Put, &file).await.ok(201);
}

#[tokio::test]
async fn a_shared_object_is_seen_until_it_is_shared_no_more() {
    let app = App::start("[spaces.files]\n");
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let object = object(&alice, Way::Raw, &handed("files", "a.png", "image/png", &files::png(1))).await;
    let path = format!("/v1/objects/{}", text(&object["id"]));
    bob.get(&path).await.refused(404, "not-found");
    alice.patch(&path, &json!({ "shared_with": ["bob"] })).await.ok(200);
    bob.get(&path).await.ok(200);
    bob.patch(&path, &json!({ "shared_with": ["bob", "mallory"] })).await.refused(403, "forbidden");
    alice.patch(&path, &json!({ "shared_with": [] })).await.ok(200);
    bob.get(&path).await.refused(404, "not-found");
}

/// Looks in quick succession share what was read once; what is changed in between counts at once, for everybody.
#[tokio::test]
async fn what_many_look_at_is_as_new_for_each_of_them() {
    // With the longest window, so that hardly ever two looks lie in different ones.
    let app = App::start("[spaces.files.links]\nwindow = \"6d\"\n");
    let (alice, bob, mallory) = (app.user("alice"), app.user("bob"), app.user("mallory"));
    let object = object(&alice, Way::Raw, &handed("files", "a.png", "image/png", &files::png(1))).await;
    let path = format!("/v1/objects/{}", text(&object["id"]));
    for round in 0..10 {
        alice.patch(&path, &json!({ "name": format!("{round}.png"), "shared_with": ["bob"] })).await.ok(200);
        for _ in 0..5 {
            let (first, second) = (alice.get(&path).await.ok(200), bob.get(&path).await.ok(200));
            assert_eq!(first, second);
            assert_eq!((&first["name"], &first["shared_with"]), (&json!(format!("{round}.png")), &json!(["bob"])));
            mallory.get(&path).await.refused(404, "not-found");
            app.anonymous().get(&path).await.refused(401, "unauthorized");
        }
        alice.patch(&path, &json!({ "shared_with": [] })).await.ok(200);
        bob.get(&path).await.refused(404, "not-found");
        alice.get(&path).await.ok(200);
        alice.delete(&path).await.ok(204);
        assert_eq!(alice.get(&path).await.ok(200)["link"], json!(null));
        alice.post(&format!("{path}/restore"), &json!({})).await.ok(200);
        assert_ne!(alice.get(&path).await.ok(200)["link"], json!(null));
    }
    let entries = app.admin().get("/v1/audit?action=link&actor=user:bob&limit=1000").await.ok(200);
    assert_eq!(entries["items"].as_array().unwrap().len(), 50, "each look of each is in the audit log");
}
