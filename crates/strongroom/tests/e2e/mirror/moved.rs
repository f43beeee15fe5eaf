//! `strongroom migrate storage`: everything is brought to another store, which takes the first one's place.

use std::time::Duration;

use serde_json::json;
use strongroom_testbed::Fault;

use super::{FILES, PATIENCE, Store, assert_same, expected, hand_in};
use crate::app::App;
use crate::caller::{open, text};
use crate::files;
use crate::ways::{Way, handed, object};

#[tokio::test(flavor = "multi_thread")]
async fn everything_moves_from_the_embedded_store_to_another_and_is_served_from_there() {
    let new = Store::start("main");
    let mut app = App::start_embedded(&format!("[storage]\nlocation = \"main\"\n{FILES}"));
    let mut made = hand_in(&app, 0..40).await;
    let picture = files::large_png(1, 18_000_000);
    let large = handed("files", "large.png", "image/png", &picture);
    made.push((object(&app.user("alice"), Way::Put, &large).await, picture));
    let mirrored = format!("[storage]\nlocation = \"main\"\n{}{FILES}", new.section("storage.mirror"));
    app.reconfigure(&mirrored);

    // The service that runs knows nothing of it yet. The command is killed in the midst, and goes on where it was.
    new.proxy.set(Fault::Late(Duration::from_millis(30)));
    let mut moving = app.begin(&["migrate", "storage"]);
    let begun = tokio::time::Instant::now();
    while !(1..20).contains(&new.contents("strongroom").await.len()) {
        assert!(begun.elapsed() < PATIENCE, "nothing moves");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    moving.kill().unwrap();
    moving.wait().unwrap();
    let then = new.contents("strongroom").await.len();
    assert!((1..made.len()).contains(&then), "{then} of {} were there when it was killed", made.len());
    new.proxy.heal();
    made.extend(hand_in(&app, 100..102).await);
    let moved = app.command_json(&["migrate", "storage", "--contents", "--json"]);
    let whole = json!({
        "versions": 43, "left": 0, "read": 43, "missing": 0, "differ": 0, "orphans": 0, "whole": true,
    });
    assert_eq!(moved, whole);

    // What came since, and what went, counts with the next run; the service may have stopped meanwhile.
    made.extend(hand_in(&app, 200..203).await);
    let (gone, _) = made.remove(0);
    app.user("alice").delete(&format!("/v1/objects/{}", text(&gone["id"]))).await.ok(204);
    app.kill();
    app.command_json(&["gc", "--json"]);
    let output = app.command(&["migrate", "storage"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("All 45 contents are in the mirror") && said.contains("[storage.writer]"), "{said}");
    assert_same(&new.contents("strongroom").await, &expected("main", &made));

    let alone = format!("{}{FILES}", new.section("storage"));
    app.reconfigure(&alone);
    app.use_other_store();
    app.run();
    let alice = app.user("alice");
    for (object, content) in &made {
        let seen = alice.get(&format!("/v1/objects/{}", text(&object["id"]))).await.ok(200);
        let url = text(&seen["link"]["url"]);
        assert!(url.starts_with(&new.endpoint()), "{url}");
        assert!(open(url).await.body == *content, "{url}");
    }
    for way in Way::ALL {
        let picture = files::png(900);
        let object = object(&alice, way, &handed("files", "b.png", "image/png", &picture)).await;
        assert_eq!(open(text(&object["link"]["url"])).await.body, picture);
    }
    assert_eq!(app.command(&["verify", "--contents"]).status.code(), Some(0));
    let log = app.log();
    assert!(log.contains("there is no mirror any longer"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_not_changed_before_everything_is_there() {
    let (old, new) = (Store::start("main"), Store::start("main"));
    let sections = [old.section("storage"), new.section("storage.mirror")].concat();
    new.proxy.set(Fault::s3(403, "AccessDenied"));
    let mut app = App::start_external(&format!("{}\n{sections}{FILES}", crate::tokens::configuration()));
    let made = hand_in(&app, 0..3).await;
    let output = app.command(&["migrate", "storage", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    app.kill();
    app.reconfigure(&format!("{}{FILES}", new.section("storage")));
    let refused = app.command(&["serve", "--listen", "127.0.0.1:0"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("strongroom migrate storage"), "{said}");

    new.proxy.heal();
    app.reconfigure(&format!("{sections}{FILES}"));
    let moved = app.command_json(&["migrate", "storage", "--json"]);
    assert_eq!((&moved["versions"], &moved["whole"]), (&json!(3), &json!(true)));
    // The old storage becomes the mirror of the new one, for the way back.
    let swapped = [new.section("storage"), old.section("storage.mirror")].concat();
    app.reconfigure(&format!("{swapped}{FILES}"));
    app.run();
    super::caught_up(&app).await;
    assert_same(&old.contents("strongroom").await, &expected("main", &made));
    assert_eq!(app.command(&["verify", "--contents"]).status.code(), Some(0));
}
