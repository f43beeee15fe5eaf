//! The commands that look after buckets know the mirror's: `doctor`, `provision` and `policy`.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use strongroom_testbed::Fault;

use super::{FILES, Pair, Store, caught_up, configuration, hand_in, key, until};
use crate::app::App;
use crate::caller::text;

const ORIGINS: &str = "origins = [\"https://app.example.com\"]\n";

/// What the doctor says, each check by its name.
fn examined(app: &App) -> BTreeMap<String, Value> {
    let output = app.command(&["doctor", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let checks = report["checks"].as_array().unwrap();
    checks.iter().map(|check| (text(&check["what"]).to_owned(), check.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_looks_at_the_mirror_and_says_which_storage_is_meant() {
    let spaces = format!("{FILES}{ORIGINS}");
    let (first, second) = (Store::with("main", &spaces), Store::with("copy", &spaces));
    let alone = format!("{}\n{}{spaces}", crate::tokens::configuration(), first.section("storage"));
    let mut app = App::start_external(&alone);
    let made = hand_in(&app, 0..2).await;
    let mirrored = format!("{}{}{spaces}", first.section("storage"), second.section("storage.mirror"));
    app.reconfigure(&mirrored);
    let checks = examined(&app);
    assert_eq!(checks["mirror: copies"]["verdict"], "doubtful", "{checks:#?}");
    assert!(text(&checks["mirror: copies"]["found"]).contains("never started"), "{checks:#?}");

    app.kill();
    app.run();
    caught_up(&app).await;
    let checks = examined(&app);
    for what in ["storage", "owners", "clock", "credentials", "links", "privacy", "copies"] {
        for what in [what.to_owned(), format!("mirror: {what}")] {
            // What the first one lacks of the mirror's is told of its objects.
            let what = if what == "copies" { "objects".to_owned() } else { what };
            assert_eq!(checks[&what]["verdict"], "good", "{what}: {checks:#?}");
        }
    }
    for what in ["rights of the reader", "rights of the janitor", "CORS for https://app.example.com"] {
        let check = &checks[&format!("mirror: {what}")];
        assert_eq!(check["verdict"], "good", "{check}");
    }
    for what in ["rights of the writer", "upload by PUT", "upload by form", "unsigned headers"] {
        let (of_first, of_mirror) = (checks.contains_key(what), checks.contains_key(&format!("mirror: {what}")));
        assert_eq!((of_first, of_mirror), (true, false), "{what}: nobody uploads to a mirror");
    }
    assert!(!text(&checks["mirror: owners"]["found"]).contains("writer"), "{checks:#?}");
    assert_eq!(second.contents("strongroom").await.len(), made.len(), "the doctor left something behind");

    // Whose the trouble is shows in its name, and in the keys that its mend names.
    second.proxy.set(Fault::s3(403, "AccessDenied"));
    let made = hand_in(&app, 10..11).await;
    until(&app, "one to fail", |mirror| mirror["failing"] == 1).await;
    let checks = examined(&app);
    assert_eq!((&checks["storage"]["verdict"], &checks["mirror: storage"]["verdict"]), (&json!("good"), &json!("bad")));
    assert!(text(&checks["mirror: storage"]["mend"]).contains("storage.mirror.bucket"), "{checks:#?}");
    assert!(!checks.contains_key("mirror: links"), "{checks:#?}");
    app.kill();
    second.proxy.heal();
    let copies = &examined(&app)["mirror: copies"];
    assert_eq!(copies["verdict"], "bad", "{copies}");
    assert!(text(&copies["found"]).contains(key(&made[0].0)), "{copies}");
    second.proxy.set(Fault::Reset);
    let away = &examined(&app)["mirror: storage"];
    assert!(away["verdict"] == "bad" && text(&away["mend"]).contains("storage.mirror.endpoint"), "{away}");
}

#[tokio::test(flavor = "multi_thread")]
async fn provision_sees_to_the_buckets_of_both_and_says_whose_operator_is_missing() {
    let (first, second) = (Store::start("main"), Store::start("copy"));
    let operator = |store: &Store, section: &str| {
        let keys = store.app.keys();
        let half = |half: &str| text(&keys["operator"][half]).to_owned();
        let (id, secret) = (half("access_key_id"), half("secret_access_key"));
        format!("[{section}.operator]\naccess_key_id = \"{id}\"\nsecret_access_key = \"{secret}\"\n")
    };
    let own = operator(&first, "storage");
    let app = App::start_external(&format!("{}{own}", configuration(&first, &second)));
    // What was planned for the first is told all the same.
    let output = app.command(&["provision", "--json"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(!output.status.success() && said.contains("[storage.mirror.operator]"), "{said}");
    assert_eq!(plan["buckets"].as_array().unwrap().len(), 1, "{plan}");

    let sections = [first.section("storage"), own, second.section("storage.mirror")].concat();
    app.reconfigure(&format!("{sections}{}{FILES}{ORIGINS}", operator(&second, "storage.mirror")));
    let plan = app.command_json(&["provision", "--json"]);
    let of = |number: usize| (text(&plan["buckets"][number]["storage"]), text(&plan["buckets"][number]["bucket"]));
    assert_eq!([of(0), of(1)], [("storage", "strongroom"), ("storage.mirror", "strongroom")]);
    let steps = |number: usize| -> BTreeMap<&str, String> {
        let steps = plan["buckets"][number]["steps"].as_array().unwrap();
        steps.iter().map(|step| (text(&step["what"]), step.to_string())).collect()
    };
    let (of_storage, of_mirror) = (steps(0), steps(1));
    assert!(of_mirror.contains_key("public access") && of_mirror.contains_key("lifecycle"), "{plan:#}");
    assert!(of_storage["CORS"].contains("AllowedMethod=PUT"), "{plan:#}");
    assert!(of_mirror["CORS"].contains("AllowedMethod=GET") && !of_mirror["CORS"].contains("PUT"), "{plan:#}");
}

#[test]
fn the_policies_of_the_mirrors_identities_are_about_its_buckets_and_hold_no_writer() {
    let pair = Pair::start();
    let documents = pair.app.command_json(&["policy", "--mirror"]);
    let names: Vec<_> = documents.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["janitor", "operator", "reader"]);
    let reader = documents["reader"].to_string();
    assert!(reader.contains("strongroom/copy/*") && !reader.contains("main/"), "{reader}");
    let alone = pair.app.command_json(&["policy", "reader", "--mirror"]);
    assert_eq!(alone, documents["reader"]);
    let script = pair.app.command(&["policy", "--mirror", "--format", "cli"]);
    let script = String::from_utf8(script.stdout).unwrap();
    assert!(script.contains("strongroom-mirror-janitor") && script.contains(&pair.second.endpoint()), "{script}");
    let writer = pair.app.command(&["policy", "writer", "--mirror"]);
    assert!(String::from_utf8_lossy(&writer.stderr).contains("a mirror has no writer"), "{writer:?}");
    let none = App::start(FILES).command(&["policy", "--mirror"]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("[storage.mirror]"), "{none:?}");
}
