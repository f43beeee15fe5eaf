//! The audit log: who did what to which object, in which request.

use serde_json::{Value, json};

use crate::app::App;
use crate::caller::{Caller, text};
use crate::files;
use crate::ways::{Way, begin, complete, handed, object, send_to_storage};

const FILES: &str = "[spaces.files]\nread = [\"owner\", \"shared\"]\n";

async fn entries(admin: &Caller, query: &str) -> Vec<Value> {
    let page = admin.get(&format!("/v1/audit?limit=1000&{query}")).await.ok(200);
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_life_of_an_object_can_be_read_from_it() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let bytes = files::png(1);
    let file = handed("files", "a.png", "image/png", &bytes);
    let upload = begin(&alice, Way::Put, &file).await.ok(201);
    send_to_storage(&alice, &upload, &file).await;
    let object = complete(&alice, &upload).await.ok(200);
    let id = text(&object["id"]);
    let path = format!("/v1/objects/{id}");
    alice.patch(&path, &json!({ "shared_with": ["bob"] })).await.ok(200);
    let seen = app.user("bob").get(&path).await;
    let request_id = seen.header("x-request-id").to_owned();
    seen.ok(200);
    alice.get(&format!("{path}/download")).await.ok(200);
    alice.delete(&path).await.ok(204);
    alice.post(&format!("{path}/restore"), &json!({})).await.ok(200);

    let mut all = entries(&app.admin(), &format!("object={id}")).await;
    all.reverse();
    let story: Vec<(&str, &str)> = all.iter().map(|entry| (text(&entry["actor"]), text(&entry["action"]))).collect();
    let (by_alice, by_bob) = ("user:alice", "user:bob");
    assert_eq!(
        story,
        [
            (by_alice, "upload.begin"),
            (by_alice, "object.create"),
            (by_alice, "link"),
            (by_alice, "object.change"),
            (by_alice, "link"),
            (by_bob, "link"),
            (by_alice, "link.download"),
            (by_alice, "object.delete"),
            (by_alice, "object.restore"),
            (by_alice, "link"),
        ]
    );
    assert_eq!(all[5]["request_id"], json!(request_id));
    assert!(all.windows(2).all(|pair| pair[0]["id"].as_i64() < pair[1]["id"].as_i64()));
    assert!(all.iter().all(|entry| text(&entry["at"]).parse::<jiff::Timestamp>().is_ok() && entry["space"] == "files"));
    assert!(!json!(all).to_string().contains("X-Amz-Signature"), "a link must not lie in the log");
}

#[tokio::test]
async fn it_is_searched_by_object_actor_and_action_and_paged() {
    let app = App::start(FILES);
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let bytes = files::png(1);
    for caller in [&alice, &bob, &alice] {
        object(caller, Way::Raw, &handed("files", "a.png", "image/png", &bytes)).await;
    }
    let admin = app.admin();
    assert_eq!(entries(&admin, "action=object.create").await.len(), 3);
    assert_eq!(entries(&admin, "action=object.create&actor=user:alice").await.len(), 2);
    assert_eq!(entries(&admin, "actor=user:nobody").await.len(), 0);
    let whole: Vec<Value> = entries(&admin, "").await.iter().map(|entry| entry["id"].clone()).collect();
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = admin.get(&format!("/v1/audit?limit=2{cursor}")).await.ok(200);
        paged.extend(page["items"].as_array().unwrap().iter().map(|entry| entry["id"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(paged, whole);
    admin.get("/v1/audit?object=nonsense").await.refused(400, "bad-request");
    alice.get("/v1/audit").await.refused(403, "forbidden");
    app.anonymous().get("/v1/audit").await.refused(401, "unauthorized");
}
