//! The commands that look after the embedded store, beside the running service and without it.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use serde_json::{Value, json};

use crate::app::App;
use crate::bucket::{client, keys, sdk};
use crate::caller::{open, text};
use crate::files;
use crate::ways::{Way, handed, object};

const FILES: &str = "[spaces.files]\n";
const BUCKET: &str = "strongroom";

async fn hand_in(app: &App, number: u32) -> Value {
    object(&app.user("alice"), Way::Raw, &handed("files", "a.png", "image/png", &files::large_png(number, 50_000)))
        .await
}

/// The answer of a command that may have found something.
fn answer(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

/// The files of the store's contents.
fn contents(app: &App) -> Vec<PathBuf> {
    let leaf = app.data().join("store/content/0000/000");
    let mut found: Vec<PathBuf> = fs::read_dir(leaf).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

#[tokio::test]
async fn a_key_made_beside_the_running_service_works_at_once_and_no_longer_when_it_is_revoked() {
    let app = App::start(FILES);
    let object = hand_in(&app, 1).await;
    let key = text(&object["version"]["key"]);
    let create = ["store", "keys", "create", "--name", "backup", "--bucket", BUCKET, "--allow", "get,list", "--json"];
    let made = app.command_json(&create);
    let sdk = |pair: &Value| client(&json!({"k": pair, "endpoint": made["endpoint"], "region": made["region"]}), "k");
    let backup = sdk(&made);
    backup.get_object().bucket(BUCKET).key(key).send().await.unwrap();
    assert_eq!(backup.list_objects_v2().bucket(BUCKET).send().await.unwrap().contents().len(), 1);
    let refused = backup.delete_object().bucket(BUCKET).key(key).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDenied"));

    let id = text(&made["access_key_id"]);
    let listed = app.command(&["store", "keys", "list", "--json"]);
    assert!(!String::from_utf8_lossy(&listed.stdout).contains(text(&made["secret_access_key"])));
    let listed = answer(&listed);
    assert_eq!(listed["items"][0]["access_key_id"], id);
    assert_eq!(listed["items"][0]["grants"], json!([{"bucket": BUCKET, "prefix": "", "actions": ["get", "list"]}]));
    assert_eq!(listed["service"].as_array().unwrap().len(), 4);

    let heir = app.command_json(&["store", "keys", "rotate", id, "--grace", "1h", "--json"]);
    for pair in [&made, &heir] {
        sdk(pair).get_object().bucket(BUCKET).key(key).send().await.unwrap();
    }
    app.command_json(&["store", "keys", "revoke", id, "--json"]);
    let refused = backup.get_object().bucket(BUCKET).key(key).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidAccessKeyId"));
    sdk(&heir).get_object().bucket(BUCKET).key(key).send().await.unwrap();
    let unknown = app.command(&["store", "keys", "revoke", id]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("store keys list"));
    let wrong = app.command(&["store", "keys", "create", "--name", "x", "--bucket", BUCKET, "--allow", "fly"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("list-parts"));
}

#[tokio::test]
async fn scrub_and_check_find_damage_beside_the_running_service_and_say_so_by_their_exit_code() {
    let app = App::start(FILES);
    let (one, other) = (hand_in(&app, 1).await, hand_in(&app, 2).await);
    let sound = app.command_json(&["store", "scrub", "--json"]);
    assert_eq!((&sound["contents"], &sound["damaged"]), (&json!(2), &json!([])));
    assert_eq!(app.command_json(&["store", "check", "--json"])["damaged"], json!([]));

    let [changed, missing] = contents(&app).try_into().unwrap();
    let mut bytes = fs::read(&changed).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&changed, bytes).unwrap();
    fs::remove_file(missing).unwrap();
    let scrubbed = app.command(&["store", "scrub", "--json"]);
    assert_eq!(scrubbed.status.code(), Some(1));
    let scrubbed = answer(&scrubbed);
    assert_eq!(scrubbed["damaged"].as_array().unwrap().len(), 2, "{scrubbed}");
    assert_eq!(scrubbed["damaged"][0]["objects"][0]["key"], one["version"]["key"]);
    assert_eq!(scrubbed["damaged"][1]["objects"][0]["key"], other["version"]["key"]);
    let checked = app.command(&["store", "check"]);
    assert_eq!(checked.status.code(), Some(1));
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(said.contains("it is missing") && said.contains("1 damaged"), "{said}");
    // Nobody is served what nobody handed in.
    assert_eq!(open(text(&one["link"]["url"])).await.status, 500);

    let repair = app.command(&["store", "check", "--repair"]);
    assert_eq!(repair.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&repair.stderr).contains("stop the service first"));
}

#[tokio::test]
async fn what_nothing_needs_is_removed_by_a_repair_and_by_the_next_start() {
    let mut app = App::start(FILES);
    hand_in(&app, 1).await;
    app.kill();
    let leaving = app.data().join("store/incoming/00000000000000ff");
    fs::write(&leaving, "leaving").unwrap();
    let checked = app.command_json(&["store", "check", "--json"]);
    assert_eq!(checked["leavings"], json!([leaving]));
    let repaired = app.command_json(&["store", "check", "--repair", "--json"]);
    assert_eq!((&repaired["leavings"], &repaired["removed"]), (&json!([]), &json!(1)));
    assert!(!leaving.exists());
}

#[tokio::test]
async fn what_is_exported_from_one_installation_is_imported_into_another() {
    let app = App::start(FILES);
    for number in 1..4 {
        hand_in(&app, number).await;
    }
    let folder = app.data().join("export");
    let folder = folder.to_str().unwrap();
    let exported = app.command_json(&["store", "export", folder, "--json"]);
    assert_eq!((&exported["objects"], &exported["unchanged"]), (&json!(3), &json!(0)));
    assert_eq!(app.command_json(&["store", "export", folder, "--json"])["unchanged"], 3);

    let mut other = App::start(FILES);
    let busy = other.command(&["store", "import", folder]);
    assert_eq!(busy.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&busy.stderr).contains("stop the service first"));
    other.kill();
    let imported = other.command_json(&["store", "import", folder, "--json"]);
    assert_eq!((&imported["objects"], &imported["failed"]), (&json!(3), &json!([])));
    let told = other.command(&["store", "import", folder]);
    assert!(String::from_utf8_lossy(&told.stderr).contains("brought in: 100%"), "{told:?}");
    other.run();
    let wanted = keys(&app).await;
    assert_eq!(keys(&other).await, wanted);
    for key in &wanted {
        let get = |app: &App| sdk(app, "reader").get_object().bucket(BUCKET).key(key).send();
        let (one, two) = (get(&app).await.unwrap(), get(&other).await.unwrap());
        assert_eq!((one.e_tag(), one.content_type()), (two.e_tag(), two.content_type()));
        assert_eq!(one.body.collect().await.unwrap().to_vec(), two.body.collect().await.unwrap().to_vec());
    }
}

#[tokio::test]
async fn the_metrics_tell_of_the_store() {
    let app = App::start(FILES);
    hand_in(&app, 1).await;
    let metrics = app.admin().get("/metrics").await.text();
    for line in [
        "strongroom_store_objects 1",
        "strongroom_store_contents 1",
        "strongroom_store_requests_total{operation=\"PutObject\",status=\"200\"} 1",
        "strongroom_store_damaged_contents 0",
    ] {
        assert!(metrics.lines().any(|told| told == line), "no line {line} in\n{metrics}");
    }
    assert!(metrics.contains("strongroom_store_disk_free_bytes "));
}
