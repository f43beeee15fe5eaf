//! Optimised originals: what was handed in is replaced once, whatever happens meanwhile, and nothing says otherwise.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::kept::clean_up;
use super::worked_on;
use crate::app::App;
use crate::bucket;
use crate::caller::{Caller, open, text};
use crate::files;
use crate::ways::{Way, handed, object};

/// Everything fits in a box of 200 × 200.
const SPACE: &str = "[spaces.photos]\nread = [\"signed-in\"]\nlist = [\"signed-in\"]\n\
    links = { minimum = \"3s\", window = \"0s\" }\n[spaces.photos.optimise]\nwidth = 200\nheight = 200\n";

async fn hand_in(caller: &Caller, way: Way, kind: &str, bytes: &[u8]) -> Value {
    let made = object(caller, way, &handed("photos", "a", kind, bytes)).await;
    worked_on(caller, &made["id"]).await
}

/// What is served of an object, which has to be what the answer says.
async fn served(object: &Value) -> Vec<u8> {
    let answer = open(text(&object["link"]["url"])).await;
    let version = &object["version"];
    assert_eq!((answer.status, answer.header("content-type")), (200, text(&version["content_type"])), "{object}");
    assert_eq!(version["bytes"], answer.body.len(), "{object}");
    let digest = base16ct::lower::encode_string(&Sha256::digest(&answer.body));
    assert_eq!(version["sha256"], digest, "{object}");
    answer.body
}

/// Cleans up until nothing is left but this.
async fn until_only(app: &App, mut keys: Vec<String>) {
    keys.sort_unstable();
    let begun = tokio::time::Instant::now();
    loop {
        clean_up(app);
        let left = bucket::keys(app).await;
        if left == keys {
            return;
        }
        assert!(begun.elapsed() < super::PATIENCE, "{left:?} instead of {keys:?}");
    }
}

#[tokio::test]
async fn what_is_handed_in_is_replaced_by_its_optimised_form() {
    let app = App::start(SPACE);
    let alice = app.user("alice");
    // On its side, with the place in it.
    let bytes = files::photograph((600, 300), 6);
    let mut keys = Vec::new();
    for way in Way::ALL {
        let made = hand_in(&alice, way, "image/jpeg", &bytes).await;
        let picture = &made["picture"];
        assert_eq!((&picture["state"], &picture["variants"]), (&json!("made"), &json!([])), "{made}");
        let body = served(&made).await;
        assert!(body.len() < bytes.len() && body.starts_with(&[0xFF, 0xD8]), "{made}");
        assert!(!body.windows(4).any(|bytes| bytes == b"GPS!" || bytes == b"Exif"));
        let seen = strongroom_imaging::probe(&body).unwrap();
        assert_eq!((seen.width, seen.height), (100, 200), "upright, in the box");
        keys.push(text(&made["version"]["key"]).to_owned());
    }
    let usage = app.admin().get("/v1/usage").await.ok(200);
    let list = alice.get("/v1/spaces/photos/objects").await.ok(200);
    let sum: u64 = list["items"].as_array().unwrap().iter().map(|one| one["version"]["bytes"].as_u64().unwrap()).sum();
    assert!(usage.to_string().contains(&format!("\"bytes\":{sum}")), "{sum}: {usage}");
    let entries = app.admin().get("/v1/audit?actor=upkeep&limit=1000").await.ok(200);
    let told = entries["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == "object.optimise");
    let told: Vec<_> = told.map(|entry| entry["detail"]["handed_in"]["bytes"].clone()).collect();
    assert_eq!(told, vec![json!(bytes.len()); Way::ALL.len()], "{entries}");
    until_only(&app, keys).await;
    let found = app.command_json(&["verify", "--json"]);
    assert_eq!((&found["missing"], &found["differ"], &found["orphans"]), (&json!(0), &json!(0), &json!(0)), "{found}");
}

#[tokio::test]
async fn what_cannot_be_optimised_stays_as_it_is() {
    let app = App::start(SPACE);
    let alice = app.user("alice");
    let whole = files::photograph((600, 300), 1);
    let broken = &whole[..whole.len() / 2];
    let made = hand_in(&alice, Way::Raw, "image/jpeg", broken).await;
    assert_eq!(made["picture"]["state"], "refused", "{made}");
    assert_eq!(served(&made).await, broken);
    let words = hand_in(&alice, Way::Raw, "text/plain", b"words").await;
    assert_eq!((served(&words).await, &words["picture"]), (b"words".to_vec(), &json!(null)));
    let keys = [&made, &words].map(|object| text(&object["version"]["key"]).to_owned());
    until_only(&app, keys.to_vec()).await;
}

#[tokio::test]
async fn variants_are_made_of_what_was_handed_in_and_a_format_is_followed() {
    let variant = "[[spaces.photos.variants]]\nname = \"large\"\nwidth = 400\nformat = \"png\"\n";
    let app = App::start(&format!("{SPACE}format = \"webp\"\n{variant}"));
    let alice = app.user("alice");
    let made = hand_in(&alice, Way::Raw, "image/jpeg", &files::photograph((600, 300), 1)).await;
    assert_eq!((&made["version"]["content_type"], &made["picture"]["width"]), (&json!("image/webp"), &json!(600)));
    assert!(text(&made["version"]["key"]).rsplit('.').next() == Some("webp"), "{made}");
    assert_eq!(strongroom_imaging::probe(&served(&made).await).unwrap().width, 200);
    assert_eq!(made["picture"]["variants"][0]["width"], 400, "not of the smaller one: {made}");
}

/// Whatever is declared later: what lies there stays, because what was handed in cannot be brought back.
#[tokio::test]
async fn a_declaration_counts_for_what_is_handed_in_from_then_on() {
    let mut app = App::start(SPACE.split_once("[spaces.photos.optimise]").unwrap().0);
    let bytes = files::photograph((600, 300), 1);
    let alice = app.user("alice");
    let before = object(&alice, Way::Raw, &handed("photos", "a", "image/jpeg", &bytes)).await;
    let variant = "[[spaces.photos.variants]]\nname = \"thumb\"\nwidth = 20\nformat = \"png\"\n";
    let smaller = SPACE.replace("200", "100");
    for (configuration, side) in [(format!("{SPACE}{variant}"), 200), (format!("{smaller}{variant}"), 100)] {
        app.terminate();
        assert!(app.wait());
        app.reconfigure(&configuration);
        app.run();
        let alice = app.user("alice");
        let made = hand_in(&alice, Way::Raw, "image/jpeg", &bytes).await;
        assert_eq!(strongroom_imaging::probe(&served(&made).await).unwrap().width, side);
        let begun = tokio::time::Instant::now();
        let first = loop {
            let first = alice.get(&format!("/v1/objects/{}", text(&before["id"]))).await.ok(200);
            if first["picture"]["state"] == "made" {
                break first;
            }
            assert!(begun.elapsed() < super::PATIENCE, "{first}");
        };
        assert_eq!((&first["version"], served(&first).await), (&before["version"], bytes.clone()));
    }
}

#[tokio::test]
async fn a_kill_while_it_is_replaced_leaves_the_one_or_the_other() {
    let mut app = App::start(&format!("{SPACE}\n[processing]\nthreads = 2\n"));
    let bytes = files::photograph((1600, 1200), 1);
    let mut made = Vec::new();
    for round in 0..4 {
        let alice = app.user("alice");
        for _ in 0..3 {
            made.push(object(&alice, Way::Raw, &handed("photos", "a.jpg", "image/jpeg", &bytes)).await);
        }
        // Later each time: before anything is begun, in the middle of it, and while it is stored.
        tokio::time::sleep(std::time::Duration::from_millis(70 * round)).await;
        app.kill();
        app.run();
    }
    let alice = app.user("alice");
    let mut keys = Vec::new();
    for object in &made {
        let object = worked_on(&alice, &object["id"]).await;
        assert_eq!(object["picture"]["state"], "made", "{object}");
        assert_eq!(strongroom_imaging::probe(&served(&object).await).unwrap().width, 200);
        keys.push(text(&object["version"]["key"]).to_owned());
    }
    until_only(&app, keys).await;
}
