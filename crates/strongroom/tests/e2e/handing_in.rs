//! Handing files in, by every way, and what the service makes of them.

mod attacked;
mod direct;
mod instead;
mod lands;
mod resumed;
mod verified;

use serde_json::{Value, json};

use crate::app::App;
use crate::caller::{open, send, text};
use crate::files;
use crate::ways::{Handed, Way, form, handed, object, raw};

const FILES: &str = "[spaces.files]\n";

#[tokio::test]
async fn every_way_gives_the_same_object_with_a_link_to_the_same_bytes() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    for (number, way) in (1..).zip(Way::ALL) {
        let picture = files::png(number);
        let object = object(&alice, way, &handed("files", "a fabric.png", "image/png", &picture)).await;
        assert_eq!(object["space"], "files", "{way:?}");
        assert_eq!(object["owner"], "alice", "{way:?}");
        assert_eq!(object["creator"], "alice", "{way:?}");
        assert_eq!(object["name"], "a fabric.png", "{way:?}");
        assert_eq!(object["group"], json!(null), "{way:?}");
        assert_eq!(object["tags"], json!([]), "{way:?}");
        assert_eq!(object["metadata"], json!({}), "{way:?}");
        assert_eq!(object["deleted_at"], json!(null), "{way:?}");
        assert_eq!(object["version"]["number"], 1, "{way:?}");
        assert_eq!(object["version"]["content_type"], "image/png", "{way:?}");
        assert_eq!(object["version"]["bytes"], picture.len(), "{way:?}");
        assert_eq!(object["version"]["sha256"], files::sha256(&picture), "{way:?}");
        assert!(text(&object["version"]["key"]).starts_with("files/"), "{way:?}: {object}");

        let served = open(text(&object["link"]["url"])).await;
        assert_eq!(served.status, 200, "{way:?}: {}", served.text());
        assert_eq!(served.body, picture, "{way:?}");
        assert_eq!(served.header("content-type"), "image/png", "{way:?}");

        let mut seen = alice.get(&format!("/v1/objects/{}", text(&object["id"]))).await.ok(200);
        // A minute may have ended between the two, and then they lead there by other signatures.
        let place = |link: &Value| text(&link["url"]).split('?').next().unwrap().to_owned();
        assert_eq!(place(&seen["link"]), place(&object["link"]), "{way:?}");
        seen["link"] = object["link"].clone();
        assert_eq!(seen, object, "{way:?}");
    }
}

#[tokio::test]
async fn every_way_takes_group_tags_and_metadata() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let picture = files::png(1);
    for way in Way::ALL {
        let more =
            json!({ "group": "twills", "tags": ["blue", "indigo"], "metadata": { "width": 150, "für": "Ärmel" } });
        let object = object(&alice, way, &Handed { more, ..handed("files", "a.png", "image/png", &picture) }).await;
        assert_eq!(object["group"], "twills", "{way:?}");
        assert_eq!(object["tags"], json!(["blue", "indigo"]), "{way:?}");
        assert_eq!(object["metadata"], json!({ "width": 150, "für": "Ärmel" }), "{way:?}");
    }
}

#[tokio::test]
async fn what_was_created_through_the_service_says_where_it_is() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let picture = files::png(1);
    let file = handed("files", "a.png", "image/png", &picture);
    for request in [raw(&alice, &file), form(&alice, &file)] {
        let answer = send(request).await;
        let location = answer.header("location").to_owned();
        let object = answer.ok(201);
        assert_eq!(location, format!("/v1/objects/{}", text(&object["id"])));
        assert_eq!(alice.get(&location).await.ok(200)["id"], object["id"]);
    }
}

#[tokio::test]
async fn a_key_template_keeps_everybody_in_a_folder_of_their_own() {
    let app = App::start("[spaces.profiles]\nkey = \"profiles/{owner}/{id}.{ext}\"\naccept = [\"image/*\"]\n");
    let picture = files::png(1);
    for (subject, folder) in [("alice", Some("profiles/alice/")), ("../bob", None), ("a/b", None), ("..", None)] {
        let object = object(&app.user(subject), Way::Put, &handed("profiles", "me.png", "image/png", &picture)).await;
        let key = text(&object["version"]["key"]);
        let segments: Vec<&str> = key.split('/').collect();
        assert_eq!(segments.len(), 3, "{key}");
        assert_eq!(segments[0], "profiles");
        assert!(!segments.iter().any(|segment| segment.is_empty() || *segment == "." || *segment == ".."), "{key}");
        assert!(std::path::Path::new(segments[2]).extension().is_some_and(|extension| extension == "png"), "{key}");
        assert!(folder.is_none_or(|folder| key.starts_with(folder)), "{key}");
        assert_eq!(open(text(&object["link"]["url"])).await.body, picture, "{key}");
    }
}

#[tokio::test]
async fn a_space_refuses_what_is_larger_than_it_takes() {
    let app = App::start("[spaces.files]\nmax_bytes = \"2 KiB\"\n");
    let alice = app.user("alice");
    let fits = files::large_png(1, 2048);
    let large = files::large_png(1, 2049);
    for way in Way::ALL {
        object(&alice, way, &handed("files", "a.png", "image/png", &fits)).await;
        let refused = crate::ways::hand_in(&alice, way, &handed("files", "a.png", "image/png", &large)).await;
        refused.refused(413, "too-large");
    }
    assert_eq!(alice.get("/v1/spaces/files/objects").await.ok(200)["items"].as_array().unwrap().len(), Way::ALL.len());
}

#[tokio::test]
async fn a_space_that_does_not_exist_takes_nothing() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    for way in Way::ALL {
        let refused = crate::ways::hand_in(&alice, way, &handed("attic", "a.png", "image/png", &files::png(1))).await;
        refused.refused(404, "not-found");
    }
}
