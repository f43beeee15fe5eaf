//! `strongroom doctor` on a sound installation, and on each of the troubles that users of S3 know.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use strongroom_testbed::{Fault, Proxy};
use tempfile::TempDir;

use crate::app::{App, program};
use crate::bucket::overseer;
use crate::caller::text;
use crate::files;
use crate::standin::StandIn;
use crate::ways::{Way, handed, object};

const ORIGIN: &str = "[spaces.files]\norigins = [\"https://app.example.com\"]\n";

/// What the doctor says of a bucket that is the embedded store of a running service.
struct Patient {
    app: App,
    keys: Value,
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Patient {
    fn new() -> Self {
        // On SQLite, so that its database can be looked at beside it.
        let app = App::start_embedded_on(None, ORIGIN);
        let keys = app.command_json(&["store", "keys", "--json"]);
        // Where AWS's tools look last for credentials there is nobody here.
        let environment = vec![("AWS_EC2_METADATA_DISABLED", "true".to_owned())];
        Self { app, keys, folder: tempfile::tempdir().unwrap(), environment }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
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
        let mut command = program(&["doctor", "--json"], &file, &self.data());
        let output = command.envs(self.environment.iter().map(|(name, value)| (name, value))).output().unwrap();
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
    // On SQLite, so that its database can be looked at beside it.
    let app = App::start_embedded_on(None, ORIGIN);
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
            "owners",
            "credentials",
            "objects",
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

#[tokio::test]
async fn a_bucket_that_is_not_there_and_credentials_that_are_nowhere_are_called_by_their_names() {
    let patient = Patient::new();
    let good = patient.configuration();
    // Who has no right to a bucket is not told whether it is there, so the janitor is somebody who has it.
    let words = ["store", "keys", "create", "--name", "overseer", "--bucket", "*", "--allow", "all", "--json"];
    let overseer = patient.app.command_json(&words);
    let nowhere = ["access_key_id", "secret_access_key"]
        .iter()
        .fold(good.clone(), |all, half| all.replace(text(&patient.keys["janitor"][half]), text(&overseer[half])))
        .replace("bucket = \"strongroom\"", "bucket = \"nobody-made-this\"");
    patient.finds(&nowhere, "storage", &["NoSuchBucket", "storage.bucket", "provision"]);
    let without = good.split("[storage.reader]").next().unwrap();
    patient.finds(without, "credentials", &["NoCredentials", "environment", "access_key_id"]);
}

#[tokio::test]
async fn objects_that_are_looked_for_in_the_wrong_place_or_are_gone_are_missed() {
    let patient = Patient::new();
    let alice = patient.app.user("alice");
    let bytes = files::png(1);
    let made = object(&alice, Way::Raw, &handed("files", "a.png", "image/png", &bytes)).await;
    let key = text(&made["version"]["key"]);
    // The installation looks at the same database, and for its objects at the bucket alone.
    std::fs::create_dir(patient.data()).unwrap();
    for entry in std::fs::read_dir(patient.app.data()).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("strongroom.sqlite") {
            std::fs::copy(entry.path(), patient.data().join(entry.file_name())).unwrap();
        }
    }
    let good = patient.configuration();
    let (report, code) = patient.examine(&good);
    assert_eq!(code, Some(0), "{report:#}");
    // With a prefix that nobody used, nothing is where it is looked for.
    let moved = good.replace("[storage]\n", "[storage]\nlocation = \"media\"\n");
    patient.finds(&moved, "objects", &["NoSuchKey", &format!("media/{key}"), "storage.location"]);
    overseer(&patient.app).delete_object().bucket("strongroom").key(key).send().await.unwrap();
    patient.finds(&good, "objects", &["NoSuchKey", key, "strongroom verify"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_line_for_uploads_is_noticed_and_no_failure() {
    let patient = Patient::new();
    let proxy = Proxy::start(patient.app.store().trim_start_matches("http://").parse().unwrap()).unwrap();
    let far = format!("[storage]\npublic_endpoint = \"http://{}\"\n", proxy.address());
    let configuration = patient.configuration().replace("[storage]\n", &far);
    // The first that comes this way is the upload of the doctor.
    proxy.set_times(&Fault::Late(Duration::from_secs(5)), 1);
    let (report, code) = patient.examine(&configuration);
    let checks = report["checks"].as_array().unwrap();
    let upload = checks.iter().find(|check| check["what"] == "upload by PUT").unwrap();
    assert_eq!((&upload["verdict"], code), (&"doubtful".into(), Some(0)), "{report:#}");
    assert!(upload.to_string().contains("slow") && upload.to_string().contains("in parts"), "{upload}");
}

/// AWS's STS cannot be here, so a stand-in answers as it does.
#[tokio::test(flavor = "multi_thread")]
async fn whose_the_credentials_are_is_told_as_sts_says_it() {
    let sts = StandIn::start(|asked| {
        let is_right = asked.body.contains("Action=GetCallerIdentity")
            && asked.header("authorization").is_some_and(|value| value.contains("/sts/aws4_request"));
        let told = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                    <GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/media</Arn><UserId>AIDA</UserId>\
                    <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
        (if is_right { 200 } else { 403 }, told.to_owned())
    });
    let mut patient = Patient::new();
    patient.environment.push(("AWS_ENDPOINT_URL_STS", sts.url().to_owned()));
    let (report, code) = patient.examine(&patient.configuration());
    assert_eq!(code, Some(0), "{report:#}");
    let owners = report["checks"].as_array().unwrap().iter().find(|check| check["what"] == "owners").unwrap();
    let key = text(&patient.keys["reader"]["access_key_id"]);
    let told = format!("the reader has the key {key} of arn:aws:iam::123456789012:user/media");
    assert!(text(&owners["found"]).contains(&told), "{owners}");
    for identity in ["reader", "writer", "janitor", "operator"] {
        let secret = text(&patient.keys[identity]["secret_access_key"]);
        assert!(!report.to_string().contains(secret), "a secret shows");
    }
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
