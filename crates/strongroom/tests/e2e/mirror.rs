//! The mirror: a second storage that gets everything, stands in for the first, and can take its place.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::App;
use crate::caller::{open, text};
use crate::files;
use crate::store::sdk;
use crate::ways::{Way, handed, object};

const SPACE: &str = "[spaces.files]\ndeleted_retention = \"0s\"\n";

/// How long the mirror may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The embedded store of another service, which is a storage like any other to this one.
fn section(name: &str, store: &App, location: &str) -> String {
    let keys = store.command_json(&["store", "keys", "--json"]);
    let mut text = format!(
        "[{name}]\nbucket = \"strongroom\"\nendpoint = \"{}\"\nregion = \"us-east-1\"\nlocation = \"{location}\"\n",
        store.store()
    );
    for identity in ["reader", "writer", "janitor"] {
        if identity == "writer" && name == "storage.mirror" {
            continue;
        }
        let key = &keys[identity];
        let (id, secret) = (crate::caller::text(&key["access_key_id"]), crate::caller::text(&key["secret_access_key"]));
        text += &format!("[{name}.{identity}]\naccess_key_id = \"{id}\"\nsecret_access_key = \"{secret}\"\n");
    }
    text
}

/// Asks for the status until it is as it should be.
async fn status(app: &App, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let clock = tokio::time::Instant::now();
    loop {
        let status = app.admin().get("/v1/status").await.ok(200);
        if is_so(&status["mirror"]) {
            return status;
        }
        assert!(clock.elapsed() < PATIENCE, "{what}: {status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn caught_up(app: &App) {
    status(app, "the mirror does not catch up", |mirror| mirror["pending"] == 0).await;
}

#[tokio::test]
async fn the_mirror_gets_what_is_ready_and_loses_what_is_gone_for_good() {
    let other = App::start("[spaces.files]\n");
    let app =
        App::start(&format!("[storage]\nlocation = \"main\"\n{}{SPACE}", section("storage.mirror", &other, "copy")));
    let alice = app.user("alice");
    let mut made = Vec::new();
    for (number, way) in (0..).zip(Way::ALL) {
        // The last is longer than a part.
        let picture = if way == Way::Multipart { files::large_png(number, 18 << 20) } else { files::png(number) };
        made.push((object(&alice, way, &handed("files", "a.png", "image/png", &picture)).await, picture));
    }
    caught_up(&app).await;
    for (object, picture) in &made {
        let key = format!("copy/{}", text(&object["version"]["key"]));
        let got = sdk(&other, "reader").get_object().bucket("strongroom").key(&key).send().await.unwrap();
        assert_eq!(got.content_type(), Some("image/png"));
        assert!(got.body.collect().await.unwrap().to_vec() == *picture, "{key} is another in the mirror");
    }
    assert_eq!(crate::store::keys(&other).await.len(), made.len());
    assert_eq!(crate::store::multiparts(&other).await, []);
    let output = app.command(&["verify", "--contents", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.lines().count(), 2, "{said}");

    alice.delete(&format!("/v1/objects/{}", text(&made[0].0["id"]))).await.ok(204);
    app.command_json(&["gc", "--json"]);
    caught_up(&app).await;
    assert_eq!(crate::store::keys(&other).await.len(), made.len() - 1);

    let lost = format!("copy/{}", text(&made[1].0["version"]["key"]));
    sdk(&other, "janitor").delete_object().bucket("strongroom").key(&lost).send().await.unwrap();
    let output = app.command(&["verify"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), said.matches("missing  mirror").count()), (Some(1), 1), "{said}");
    let metrics = app.anonymous().get("/metrics").await.text();
    assert!(metrics.contains("strongroom_mirror_pending 0"), "{metrics}");
}

#[tokio::test]
async fn links_lead_to_the_mirror_while_the_storage_is_away() {
    let (mut first, second) = (App::start("[spaces.files]\n"), App::start("[spaces.files]\n"));
    let sections = format!("{}{}", section("storage", &first, ""), section("storage.mirror", &second, ""));
    let app = App::start_external(&format!("{}\n{sections}{SPACE}", crate::tokens::configuration()));
    let alice = app.user("alice");
    let picture = files::png(1);
    let made = object(&alice, Way::Put, &handed("files", "a.png", "image/png", &picture)).await;
    assert!(text(&made["link"]["url"]).starts_with(first.store()));
    caught_up(&app).await;
    first.kill();
    status(&app, "nobody stands in", |mirror| mirror["stands_in"] == true).await;
    let path = format!("/v1/objects/{}", text(&made["id"]));
    let seen = alice.get(&path).await.ok(200);
    assert!(text(&seen["link"]["url"]).starts_with(second.store()), "{seen}");
    assert_eq!(open(text(&seen["link"]["url"])).await.body, picture);
    let download = alice.get(&format!("{path}/download")).await.ok(200);
    assert_eq!(open(text(&download["download_url"])).await.body, picture);
}

#[tokio::test]
async fn a_storage_is_moved_by_way_of_the_mirror() {
    let (first, second) = (App::start("[spaces.files]\n"), App::start("[spaces.files]\n"));
    let (old, new) = (section("storage", &first, "a"), section("storage", &second, "b"));
    let mut app = App::start_external(&format!("{}\n{old}{SPACE}", crate::tokens::configuration()));
    let alice = app.user("alice");
    let mut made = Vec::new();
    for number in 0..12 {
        let picture = files::png(number);
        made.push((object(&alice, Way::Raw, &handed("files", "a.png", "image/png", &picture)).await, picture));
    }
    let output = app.command(&["migrate", "storage"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("storage.mirror"), "{output:?}");
    let configuration = app.data().with_file_name("strongroom.toml");
    let write =
        |text: String| std::fs::write(&configuration, format!("{}\n{text}{SPACE}", crate::tokens::configuration()));
    write(format!("{old}{}", section("storage.mirror", &second, "b"))).unwrap();
    for _ in 0..2 {
        let moved = app.command_json(&["migrate", "storage", "--contents", "--json"]);
        let whole = json!({ "versions": 12, "left": 0, "read": 12, "missing": 0, "differ": 0, "orphans": 0 });
        assert_eq!(moved, whole);
    }
    app.kill();
    write(new).unwrap();
    app.run();
    drop(first);
    for (object, picture) in &made {
        let seen = app.user("alice").get(&format!("/v1/objects/{}", text(&object["id"]))).await.ok(200);
        assert!(text(&seen["link"]["url"]).starts_with(second.store()));
        assert_eq!(open(text(&seen["link"]["url"])).await.body, *picture);
    }
    assert_eq!(app.command(&["verify", "--contents"]).status.code(), Some(0));
}
