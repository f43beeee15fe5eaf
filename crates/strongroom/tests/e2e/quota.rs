//! Quotas: room is reserved when an upload begins, settled when it ends, and given back when it comes to nothing.

use serde_json::{Value, json};

use crate::app::App;
use crate::caller::text;
use crate::files;
use crate::ways::{Way, begin, hand_in, handed, object, send_to_storage};

async fn account(app: &App, owner: Option<&str>) -> Value {
    let usage = app.admin().get("/v1/usage").await.ok(200);
    let accounts = usage["items"].as_array().unwrap();
    accounts.iter().find(|account| account["owner"] == json!(owner)).cloned().unwrap_or_default()
}

#[tokio::test]
async fn nobody_gets_more_room_than_the_owner_or_the_space_has() {
    for (quota, second_owner) in [
        ("owner_bytes = 5000", "alice"),
        ("owner_objects = 1", "alice"),
        ("space_bytes = 5000", "bob"),
        ("space_objects = 1", "bob"),
    ] {
        let app = App::start(&format!("[spaces.files]\nquota = {{ {quota} }}\n"));
        let bytes = files::large_png(1, 3000);
        let file = handed("files", "a.png", "image/png", &bytes);
        let first = object(&app.user("alice"), Way::Put, &file).await;
        for way in Way::ALL {
            let refused = hand_in(&app.user(second_owner), way, &file).await.refused(403, "quota-exceeded");
            assert!(text(&refused["detail"]).contains("room for"), "{refused}");
        }
        if second_owner == "alice" {
            object(&app.user("bob"), Way::Put, &file).await;
        }
        // Deleting alone makes no room, because what was deleted can be restored.
        app.user("alice").delete(&format!("/v1/objects/{}", text(&first["id"]))).await.ok(204);
        hand_in(&app.user(second_owner), Way::Raw, &file).await.refused(403, "quota-exceeded");
    }
}

#[tokio::test]
async fn an_open_upload_holds_its_room_and_gives_it_back() {
    let app = App::start("[spaces.files]\nquota = { owner_objects = 1 }\n");
    let alice = app.user("alice");
    let bytes = files::large_png(1, 3000);
    let file = handed("files", "a.png", "image/png", &bytes);
    let upload = begin(&alice, Way::Post, &file).await.ok(201);
    let held = account(&app, Some("alice")).await;
    assert_eq!((&held["reserved_bytes"], &held["reserved_objects"]), (&json!(3000), &json!(1)));
    begin(&alice, Way::Put, &file).await.refused(403, "quota-exceeded");

    alice.delete(&format!("/v1/uploads/{}", text(&upload["id"]))).await.ok(204);
    let held = account(&app, Some("alice")).await;
    assert_eq!((&held["reserved_bytes"], &held["reserved_objects"]), (&json!(0), &json!(0)));
    object(&alice, Way::Multipart, &file).await;
    let held = account(&app, Some("alice")).await;
    assert_eq!(
        held,
        json!({ "space": "files", "owner": "alice", "bytes": 3000, "objects": 1, "reserved_bytes": 0, "reserved_objects": 0 })
    );
    let whole = account(&app, None).await;
    assert_eq!((&whole["bytes"], &whole["objects"]), (&json!(3000), &json!(1)));
}

#[tokio::test]
async fn a_rejected_file_costs_nothing() {
    let app = App::start("[spaces.files]\naccept = [\"image/*\"]\n");
    let alice = app.user("alice");
    let page = files::html();
    for way in Way::ALL {
        hand_in(&alice, way, &handed("files", "a.png", "image/png", &page)).await.refused(415, "type-not-accepted");
    }
    let held = account(&app, Some("alice")).await;
    for field in ["bytes", "objects", "reserved_bytes", "reserved_objects"] {
        assert_eq!(held[field], 0, "{field}: {held}");
    }
    app.command_json(&["gc", "--grace", "0s", "--json"]);
    assert_eq!(crate::bucket::keys(&app).await, [""; 0]);
}

#[tokio::test]
async fn what_races_for_the_last_room_gets_it_once() {
    let app = App::start("[spaces.files]\nquota = { space_objects = 3 }\n");
    let bytes = files::png(1);
    let mut callers = Vec::new();
    for number in 0..12 {
        callers.push((app.user(&format!("user-{number}")), Way::DIRECT[number % 3]));
    }
    let file = handed("files", "a.png", "image/png", &bytes);
    let begun = futures_util::future::join_all(callers.iter().map(|(caller, way)| begin(caller, *way, &file))).await;
    let mut winners = 0;
    for (answer, (caller, _)) in begun.into_iter().zip(&callers) {
        if answer.status == 201 {
            let upload = answer.ok(201);
            assert_eq!(send_to_storage(caller, &upload, &file).await.status / 100, 2);
            crate::ways::complete(caller, &upload).await.ok(200);
            winners += 1;
        } else {
            answer.refused(403, "quota-exceeded");
        }
    }
    assert_eq!(winners, 3);
}

#[tokio::test]
async fn only_the_administrator_sees_what_everybody_holds() {
    let app = App::start("[spaces.files]\n");
    let bytes = files::png(1);
    for user in ["alice", "bob", "carol"] {
        object(&app.user(user), Way::Raw, &handed("files", "a.png", "image/png", &bytes)).await;
    }
    let mut owners = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app.admin().get(&format!("/v1/usage?limit=1{cursor}")).await.ok(200);
        owners.extend(page["items"].as_array().unwrap().iter().map(|account| account["owner"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(owners, [json!(null), json!("alice"), json!("bob"), json!("carol")]);
    app.user("alice").get("/v1/usage").await.refused(403, "forbidden");
    app.anonymous().get("/v1/usage").await.refused(401, "unauthorized");
}
