//! What was made of pictures over time: new declarations, deletions, crashes.

use std::time::Duration;

use serde_json::{Value, json};

use super::{SPACE, content, photograph, variants, worked_on};
use crate::app::App;
use crate::bucket;
use crate::caller::{Caller, open, text};
use crate::files;
use crate::ways::{Way, handed, object};

/// Looks at an object until it is as wanted.
pub(super) async fn until(caller: &Caller, id: &Value, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let begun = tokio::time::Instant::now();
    loop {
        let object = worked_on(caller, id).await;
        if holds(&object) {
            return object;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{what}: {object}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<_> =
        object["picture"]["variants"].as_array().unwrap().iter().map(|variant| text(&variant["name"])).collect();
    names.dedup();
    names
}

/// Where a variant lies.
pub(super) fn key(variant: &Value) -> String {
    let path = text(&variant["url"]).split('?').next().unwrap();
    path[path.find("generated/").unwrap()..].to_owned()
}

pub(super) fn clean_up(app: &App) {
    app.command_json(&["gc", "--grace", "0s", "--json"]);
}

#[tokio::test]
async fn a_changed_declaration_is_followed_for_what_is_there_already() {
    let mut app = App::start("[spaces.photos]\n");
    let alice = app.user("alice");
    let bytes = files::photograph((300, 200), 1);
    let made = object(&alice, Way::Raw, &handed("photos", "a.jpg", "image/jpeg", &bytes)).await;
    assert_eq!(made["picture"], json!(null));

    app.terminate();
    assert!(app.wait());
    app.reconfigure(SPACE);
    app.run();
    let alice = app.user("alice");
    let first = until(&alice, &made["id"], "variants are made of what was there", |object| {
        object["picture"]["state"] == "made"
    });
    let first = first.await;
    assert_eq!(names(&first), ["display", "thumb"]);

    app.terminate();
    assert!(app.wait());
    app.reconfigure(&SPACE.replace("width = 32\nheight = 32", "width = 48\nheight = 48"));
    app.run();
    let alice = app.user("alice");
    let second = until(&alice, &made["id"], "the changed one is made anew", |object| {
        variants(object, "thumb").first().is_some_and(|thumb| thumb["width"] == 48)
    });
    let second = second.await;
    // What did not change is the same, and of what did there is one only.
    let keys = |object: &Value, name| variants(object, name).into_iter().map(key).collect::<Vec<_>>();
    assert_eq!(keys(&first, "display"), keys(&second, "display"));
    assert_eq!((keys(&second, "thumb").len(), keys(&first, "thumb") == keys(&second, "thumb")), (1, false));
    clean_up(&app);
    let left = bucket::keys(&app).await;
    assert_eq!(left.len(), 1 + second["picture"]["variants"].as_array().unwrap().len(), "{left:?}");
    assert!(!left.contains(&key(variants(&first, "thumb")[0])), "{left:?}");
    content(variants(&second, "thumb")[0]).await;

    app.terminate();
    assert!(app.wait());
    app.reconfigure("[spaces.photos]\n");
    app.run();
    let begun = tokio::time::Instant::now();
    loop {
        clean_up(&app);
        if bucket::keys(&app).await == [text(&made["version"]["key"])] {
            break;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "what nobody declares any longer is still there");
    }
}

#[tokio::test]
async fn a_refused_picture_is_tried_again_when_more_is_allowed() {
    let mut app = App::start(&format!("{SPACE}\n[processing]\npixels = 1000\n"));
    let bytes = files::photograph((300, 200), 1);
    let handed_in = object(&app.user("alice"), Way::Raw, &handed("photos", "a.jpg", "image/jpeg", &bytes)).await;
    let refused = worked_on(&app.user("alice"), &handed_in["id"]).await;
    assert_eq!(refused["picture"]["reason"]["code"], "picture-too-many-pixels", "{refused}");

    app.terminate();
    assert!(app.wait());
    app.reconfigure(SPACE);
    app.run();
    let is_made = |object: &Value| object["picture"]["state"] == "made";
    let made = until(&app.user("alice"), &handed_in["id"], "it is tried again", is_made).await;
    assert_eq!((names(&made).len(), &made["picture"]["reason"]), (2, &json!(null)), "{made}");
}

#[tokio::test]
async fn a_picture_that_is_gone_takes_its_variants_along() {
    let app = App::start(&SPACE.replace("read =", "deleted_retention = \"0s\"\nread ="));
    let alice = app.user("alice");
    let (gone, kept) = (
        photograph(&alice, &files::photograph((300, 200), 1)).await,
        photograph(&alice, &files::photograph((200, 300), 1)).await,
    );
    let path = format!("/v1/objects/{}", text(&gone["id"]));
    alice.delete(&path).await.ok(204);
    assert_eq!(alice.get(&path).await.ok(200)["picture"], json!(null));
    clean_up(&app);
    let left = bucket::keys(&app).await;
    assert_eq!(left.len(), 1 + kept["picture"]["variants"].as_array().unwrap().len(), "{left:?}");
    assert!(left.iter().all(|key| key.contains(text(&kept["id"]))), "{left:?}");
    for variant in gone["picture"]["variants"].as_array().unwrap() {
        assert_eq!(open(text(&variant["url"])).await.status / 100, 4);
    }
    let found = app.command_json(&["verify", "--json"]);
    assert_eq!((&found["missing"], &found["differ"], &found["orphans"]), (&json!(0), &json!(0), &json!(0)), "{found}");
}

#[tokio::test]
async fn whoever_is_killed_over_a_picture_is_followed_by_another() {
    let mut app = App::start(&format!("{SPACE}\n[processing]\nthreads = 2\n"));
    let bytes = files::photograph((1600, 1200), 1);
    let mut made = Vec::new();
    for round in 0..4 {
        let alice = app.user("alice");
        for _ in 0..4 {
            made.push(object(&alice, Way::Raw, &handed("photos", "a.jpg", "image/jpeg", &bytes)).await);
        }
        // Later each time: before anything is begun, in the middle of it, and while it is stored.
        tokio::time::sleep(Duration::from_millis(60 * round)).await;
        app.kill();
        app.run();
    }
    let alice = app.user("alice");
    let mut keys = Vec::new();
    for object in &made {
        let object = worked_on(&alice, &object["id"]).await;
        assert_eq!(object["picture"]["state"], "made", "{object}");
        assert_eq!(names(&object), ["display", "thumb"]);
        keys.push(text(&object["version"]["key"]).to_owned());
        for variant in object["picture"]["variants"].as_array().unwrap() {
            content(variant).await;
            keys.push(key(variant));
        }
    }
    clean_up(&app);
    keys.sort_unstable();
    assert_eq!(bucket::keys(&app).await, keys, "nothing is left of what did not come to an end");
}

/// That the service was stopped over a picture says nothing of the picture, and nobody waits until a lease has ended.
#[tokio::test]
async fn a_picture_is_not_blamed_for_what_happens_to_the_service() {
    let mut app = App::start(&format!("{SPACE}\n[processing]\nthreads = 4\nattempts = 1\n"));
    let bytes = files::photograph((2000, 1500), 1);
    let alice = app.user("alice");
    let mut made = Vec::new();
    for _ in 0..4 {
        made.push(object(&alice, Way::Raw, &handed("photos", "a.jpg", "image/jpeg", &bytes)).await);
    }
    for _ in 0..3 {
        app.terminate();
        assert!(app.wait());
        app.run();
    }
    let alice = app.user("alice");
    for object in made {
        let object = worked_on(&alice, &object["id"]).await;
        assert_eq!(object["picture"]["state"], "made", "{object}");
    }
}

#[tokio::test]
async fn what_is_made_already_is_not_made_again_and_what_is_gone_is_said_to_be() {
    let mut app = App::start(SPACE);
    let alice = app.user("alice");
    let made = photograph(&alice, &files::photograph((300, 200), 1)).await;
    let key = format!(
        "{}{}",
        text(&app.admin().get("/v1/status").await.ok(200)["storage"]["location"]),
        text(&made["version"]["key"])
    );
    bucket::sdk(&app, "janitor").delete_object().bucket(app.bucket()).key(key).send().await.unwrap();
    let (thumb, display) = SPACE.split_once("[[spaces.photos.variants]]\nname = \"display\"").unwrap();
    for (configuration, state, kept) in [
        // Without the second, without the first, and with one that is new.
        (thumb.to_owned(), "made", vec!["thumb"]),
        (SPACE.to_owned(), "refused", vec!["thumb"]),
    ] {
        app.terminate();
        assert!(app.wait());
        app.reconfigure(&configuration);
        app.run();
        let alice = app.user("alice");
        let what = format!("it is {state} with {}", display.len());
        let object =
            until(&alice, &made["id"], &what, |object| object["picture"]["state"] == state && names(object) == kept);
        let object = object.await;
        if state == "refused" {
            assert_eq!(object["picture"]["reason"]["code"], "picture-gone", "{object}");
        }
        content(variants(&object, "thumb")[0]).await;
    }
}

/// What one hands in a thousand of does not keep another waiting for all of them.
#[tokio::test]
async fn everybody_has_a_turn() {
    let app = App::start(&format!("{SPACE}\n[processing]\nthreads = 1\n"));
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let bytes = files::photograph((2000, 1500), 1);
    let mut of_alice = Vec::new();
    for _ in 0..12 {
        of_alice.push(object(&alice, Way::Raw, &handed("photos", "a.jpg", "image/jpeg", &bytes)).await);
    }
    let of_bob = photograph(&bob, &bytes).await;
    assert_eq!(of_bob["picture"]["state"], "made");
    let last = alice.get(&format!("/v1/objects/{}", text(&of_alice[11]["id"]))).await.ok(200);
    assert_eq!(last["picture"]["state"], "waiting", "bob came last and was not the last to be served");
}
