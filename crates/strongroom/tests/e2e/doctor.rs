//! `strongroom doctor` on a sound installation, and on each of the troubles that users of S3 know.

use serde_json::Value;
use tempfile::TempDir;

use crate::app::{App, program};
use crate::caller::text;

const ORIGIN: &str = "[spaces.files]\norigins = [\"https://app.example.com\"]\n";

/// What the doctor says of a bucket that is the embedded store of a running service.
struct Patient {
    app: App,
    keys: Value,
    folder: TempDir,
}

impl Patient {
    fn new() -> Self {
        let app = App::start_embedded(ORIGIN);
        let keys = app.command_json(&["store", "keys", "--json"]);
        Self { app, keys, folder: tempfile::tempdir().unwrap() }
    }

    /// A configuration that works, for a bucket elsewhere.
    fn configuration(&self) -> String {
        let mut configuration = format!(
            "[storage]\nbucket = \"strongroom\"\nprovider = \"aws\"\naddressing = \"path\"\nregion = \"us-east-1\"\n\
             endpoint = \"{}\"\n{ORIGIN}",
            self.app.store()
        );
        for identity in ["reader", "writer", "janitor", "operator"] {
            let key = &self.keys[identity];
            let (id, secret) = (text(&key["access_key_id"]), text(&key["secret_access_key"]));
            let section = format!("[storage.{identity}]\naccess_key_id = \"{id}\"\nsecret_access_key = \"{secret}\"\n");
            configuration.push_str(&section);
        }
        configuration
    }

    /// The report and the exit code with this configuration.
    fn examine(&self, configuration: &str) -> (Value, Option<i32>) {
        let file = self.folder.path().join("strongroom.toml");
        std::fs::write(&file, configuration).unwrap();
        let output = program(&["doctor", "--json"], &file, &self.folder.path().join("data")).output().unwrap();
        let said = serde_json::from_slice(&output.stdout);
        let said = said.unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&output.stderr).into_owned()));
        (said, output.status.code())
    }

    /// Has to find this wrong, in words that hold these.
    #[track_caller]
    fn finds(&self, configuration: &str, what: &str, words: &[&str]) {
        let (report, code) = self.examine(configuration);
        assert_eq!(code, Some(1), "{report}");
        let bad: Vec<_> =
            report["checks"].as_array().unwrap().iter().filter(|check| check["verdict"] == "bad").collect();
        let found = bad.iter().find(|check| text(&check["what"]) == what).unwrap_or_else(|| panic!("{report:#}"));
        for word in words {
            assert!(found.to_string().contains(word), "no word of {word}: {found}");
        }
    }
}

#[tokio::test]
async fn a_sound_installation_gets_a_clean_bill() {
    let app = App::start_embedded(ORIGIN);
    for _ in 0..2 {
        let report = app.command_json(&["doctor", "--json"]);
        assert_eq!(report["verdict"], "good", "{report:#}");
        let seen: Vec<_> = report["checks"].as_array().unwrap().iter().map(|check| text(&check["what"])).collect();
        for what in [
            "configuration",
            "disk",
            "database",
            "clock",
            "storage",
            "credentials",
            "rights of the reader",
            "rights of the writer",
            "rights of the janitor",
            "upload by PUT",
            "upload by form",
            "links",
            "privacy",
            "unsigned headers",
            "CORS for https://app.example.com",
            "abandoned uploads",
        ] {
            assert!(seen.contains(&what), "no check of {what}: {seen:?}");
        }
    }
    assert_eq!(crate::bucket::keys(&app).await, [""; 0], "nothing is left behind");
    let lines = app.command(&["doctor"]);
    assert!(String::from_utf8_lossy(&lines.stdout).contains("ok    storage: "), "{lines:?}");
}

#[tokio::test]
async fn each_trouble_is_diagnosed_in_words_that_mend_it() {
    let patient = Patient::new();
    let good = patient.configuration();
    let (report, code) = patient.examine(&good);
    assert_eq!(code, Some(0), "{report:#}");

    let key = |identity: &str, half: &str| text(&patient.keys[identity][half]).to_owned();
    let secret = key("janitor", "secret_access_key");
    let wrong = good.replace(&secret, &secret.chars().rev().collect::<String>());
    patient.finds(&wrong, "storage", &["SignatureDoesNotMatch", "secret_access_key"]);
    let unknown = good.replace(&key("reader", "access_key_id"), "NOBODYKNOWSTHIS");
    patient.finds(&unknown, "credentials", &["InvalidAccessKeyId", "reader", "access_key_id"]);
    let weak = good
        .replace(&key("reader", "access_key_id"), &key("operator", "access_key_id"))
        .replace(&key("reader", "secret_access_key"), &key("operator", "secret_access_key"));
    patient.finds(&weak, "rights of the reader", &["AccessDenied", "strongroom policy"]);
    let elsewhere = good.replace("https://app.example.com", "https://other.example.com");
    patient.finds(&elsewhere, "CORS for https://other.example.com", &["preflight", "provision"]);
    let away = good.replace(patient.app.store(), "http://127.0.0.1:9");
    patient.finds(&away, "storage", &["storage.endpoint"]);
}

#[test]
fn every_known_trouble_has_its_entry() {
    let entries = include_str!("../../../../docs/troubleshooting.md");
    for trouble in
        ["AccessDenied", "NoSuchKey", "NoSuchBucket", "SignatureDoesNotMatch", "NoCredentials", "CORS", "Slow uploads"]
    {
        assert!(entries.contains(&format!("\n## {trouble}\n")), "no entry for {trouble}");
    }
}
