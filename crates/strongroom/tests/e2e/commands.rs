//! The commands beside `serve`, as somebody would type them.

use serde_json::json;

use crate::app::App;
use crate::files;
use crate::ways::{Way, begin, handed, send_to_storage};

const FILES: &str = "[spaces.files]\n";

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn the_example_is_a_configuration_that_works() {
    let example = stdout(&App::start(FILES).command(&["config", "example"]));
    assert!(example.contains("[spaces.") && example.lines().count() > 50);
    let app = App::start_bare(&example, &[]);
    let checked = app.command(&["config", "check"]);
    assert!(checked.status.success(), "{}", stderr(&checked));
    assert!(stdout(&checked).starts_with("ok"));
}

#[tokio::test]
async fn every_mistake_in_a_configuration_is_named_with_its_place_and_its_mend() {
    let app = App::start(FILES);
    let mistakes = "[server]\nlistne = \"127.0.0.1:1\"\n[spaces.files]\nmax_bytes = \"25 MB!\"\nread = [\"ownr\"]\nlinks = { minimum = \"8d\" }\n";
    let file = app.data().join("mistakes.toml");
    std::fs::write(&file, mistakes).unwrap();
    let checked = crate::app::program(&["config", "check"], &file, &app.data()).output().unwrap();
    assert_eq!(checked.status.code(), Some(2));
    let said = stderr(&checked);
    for word in ["mistakes.toml", "server.listne", "listen", "spaces.files.max_bytes", "spaces.files.read", "owner"] {
        assert!(said.contains(word), "no word of {word}:\n{said}");
    }
    let served = crate::app::program(&["serve"], &file, &app.data()).output().unwrap();
    assert_eq!(served.status.code(), Some(2), "{}", stderr(&served));
    let as_json = crate::app::program(&["config", "check", "--json"], &file, &app.data()).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&as_json.stdout).unwrap();
    assert_eq!(report["ok"], json!(false));
    assert!(report["problems"].as_array().unwrap().len() >= 3, "{report}");
}

#[tokio::test]
async fn the_environment_overrides_the_file() {
    let app = App::start(FILES);
    let file = app.data().join("file.toml");
    std::fs::write(&file, "[spaces.files]\nmax_bytes = \"1 MiB\"\n").unwrap();
    let check = |name: &str, value: &str| {
        crate::app::program(&["config", "check", "--json"], &file, &app.data()).env(name, value).output().unwrap()
    };
    assert!(check("STRONGROOM__SPACES__FILES__MAX_BYTES", "2 MiB").status.success());
    let refused = check("STRONGROOM__SPACES__FILES__MAX_BYTES", "much");
    assert_eq!(refused.status.code(), Some(2));
    assert!(stdout(&refused).contains("STRONGROOM__SPACES__FILES__MAX_BYTES"), "{}", stdout(&refused));
    let refused = check("STRONGROOM__SERVER__LISTNE", "127.0.0.1:1");
    assert_eq!(refused.status.code(), Some(2));
    assert!(stdout(&refused).contains("listen"), "{}", stdout(&refused));
}

#[tokio::test]
async fn the_clean_up_says_what_it_would_do_before_it_does_it() {
    let app = App::start("[spaces.files]\nuploads = { expires = \"1s\", multipart_expires = \"1s\" }\n");
    let alice = app.user("alice");
    let bytes = files::png(1);
    let file = handed("files", "a.png", "image/png", &bytes);
    let mut staged = 0;
    for way in Way::DIRECT {
        let upload = begin(&alice, way, &file).await.ok(201);
        // On a busy machine it may be over before it is answered, and then it says nowhere to send anything.
        if upload["url"].is_null() && upload["parts"].is_null() {
            continue;
        }
        staged += usize::from(send_to_storage(&alice, &upload, &file).await.status / 100 == 2 && way != Way::Multipart);
    }
    let planned = loop {
        let planned = app.command_json(&["gc", "--dry-run", "--grace", "0s", "--json"]);
        if planned["expired"].as_u64().unwrap() + planned["arrived"].as_u64().unwrap() == 3 {
            break planned;
        }
    };
    assert_eq!(crate::bucket::keys(&app).await.len(), staged, "a dry run deletes nothing: {planned}");
    let report = app.command_json(&["gc", "--grace", "0s", "--json"]);
    assert_eq!((&report["expired"], &report["arrived"]), (&planned["expired"], &planned["arrived"]), "{report}");
    let objects = alice.get("/v1/spaces/files/objects").await.ok(200)["items"].as_array().unwrap().len();
    assert_eq!(planned["arrived"], objects, "what arrived and nobody completed is an object now");
    assert_eq!(crate::bucket::keys(&app).await.len(), objects);
    assert_eq!(crate::bucket::multiparts(&app).await, []);
    assert!(stdout(&app.command(&["gc", "--dry-run", "--grace", "0s"])).contains("Nothing was changed"));
}

#[tokio::test]
async fn what_does_not_exist_is_refused_with_a_hint() {
    let app = App::start(FILES);
    for words in
        [vec!["dance"], vec!["token", "revoke", "nothing"], vec!["gc", "--grace", "soon"], vec!["token", "create"]]
    {
        let output = app.command(&words);
        assert!(!output.status.success(), "{words:?}");
        assert!(!output.stderr.is_empty(), "{words:?}");
    }
    assert!(app.command(&["--version"]).status.success() || app.command(&["config", "example"]).status.success());
}
