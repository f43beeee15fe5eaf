//! `strongroom provision` and `strongroom doctor` at real servers.

use serde_json::Value;
use strongroom_presign::{Method, Request};
use tempfile::TempDir;

use crate::place::{Kind, Place, random_hex, strongroom};
use crate::users::{IDENTITIES, Keys, install};

const LIFECYCLE: &str = "<LifecycleConfiguration><Rule><ID>theirs</ID><Filter><Prefix>z/</Prefix></Filter><Status>Enabled\
                         </Status><Expiration><Days>7</Days></Expiration></Rule><Rule><ID>strongroom-staging</ID><Filter>\
                         <Prefix>media/staging/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>3</Days>\
                         </Expiration></Rule></LifecycleConfiguration>";

/// A configuration for a bucket, and the commands on it.
struct Installation(TempDir);

impl Installation {
    fn new(place: &Place, bucket: &str, keys: &Keys) -> Self {
        let provider = match place.kind {
            Kind::SeaweedFs => "seaweedfs",
            Kind::Ceph => "ceph",
        };
        let mut text = format!(
            "[storage]\nbucket = \"{bucket}\"\nendpoint = \"{}\"\nprovider = \"{provider}\"\nlocation = \"media\"\n\
             [bucket]\nversioning = true\n[spaces.photos]\norigins = [\"https://app.example.com\"]\n\
             lifecycle = {{ expire_after = \"400d\" }}\n",
            place.endpoint
        );
        for (identity, (key, secret)) in keys {
            text += &format!("[storage.{identity}]\naccess_key_id = \"{key}\"\nsecret_access_key = \"{secret}\"\n");
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("strongroom.toml"), text).unwrap();
        Self(folder)
    }

    /// Runs a command with `--json`; what it said, and whether it went well.
    fn run(&self, words: &[&str]) -> (Value, bool) {
        let mut command = strongroom(words);
        command.arg("--json").arg("--config").arg(self.0.path().join("strongroom.toml"));
        let output = command.arg("--data").arg(self.0.path().join("data")).output().unwrap();
        let said = serde_json::from_slice(&output.stdout);
        (said.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))), output.status.success())
    }
}

fn administrator() -> Keys {
    IDENTITIES.into_iter().map(|identity| (identity, ("admin".to_owned(), "admin-secret".to_owned()))).collect()
}

fn state<'a>(report: &'a Value, what: &str) -> &'a str {
    let steps = report["buckets"][0]["steps"].as_array().unwrap();
    steps.iter().find(|step| step["what"] == what).and_then(|step| step["state"].as_str()).unwrap_or_default()
}

pub(crate) async fn a_bucket_is_made_as_it_should_be_and_then_nothing_is_left_to_do(place: &Place) {
    let bucket = format!("made-{}", random_hex());
    let installation = Installation::new(place, &bucket, &administrator());
    let (health, _) = installation.run(&["doctor"]);
    let storage = health["checks"].as_array().unwrap().iter().find(|check| check["what"] == "storage").unwrap();
    assert!(storage["found"].as_str().unwrap().contains("NoSuchBucket"), "{storage}");
    assert!(storage["mend"].as_str().unwrap().contains("provision --apply"), "{storage}");

    let (plan, good) = installation.run(&["provision"]);
    assert!(good && state(&plan, "bucket") == "planned" && state(&plan, "lifecycle") == "planned", "{plan}");
    let (again, _) = installation.run(&["provision"]);
    assert_eq!(plan, again, "a plan changes nothing");

    let (applied, good) = installation.run(&["provision", "--apply"]);
    assert!(good, "{applied}");
    for what in ["bucket", "versioning", "CORS", "lifecycle"] {
        assert_eq!(state(&applied, what), "changed", "{applied}");
    }
    if place.kind == Kind::Ceph {
        assert_eq!(state(&applied, "public access"), "changed", "{applied}");
    }

    let (second, good) = installation.run(&["provision", "--apply"]);
    let states: Vec<_> =
        second["buckets"][0]["steps"].as_array().unwrap().iter().map(|step| step["state"].as_str().unwrap()).collect();
    assert!(good && states.iter().all(|state| matches!(*state, "right" | "not-offered")), "{second}");

    // The service itself ends what is old, and its row with it.
    let ask = Request::on_bucket(Method::Get).query("lifecycle", "");
    let admin = place.signer_of("admin", "admin-secret", &bucket);
    let rules = place.send(&admin, &ask, "").await.body;
    assert!(rules.contains("strongroom-staging") && !rules.contains("400"), "{rules}");

    // One key for all is a risk, and nothing that does not work.
    let (health, _) = installation.run(&["doctor"]);
    let checks = health["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["verdict"] != "bad"), "{health:#}");
    assert!(checks.iter().any(|check| check["verdict"] == "doubtful"), "{health:#}");
}

pub(crate) async fn what_is_stricter_and_what_is_of_others_survives(place: &Place) {
    let installation = Installation::new(place, &place.bucket, &administrator());
    let set = Request::on_bucket(Method::Put).query("lifecycle", "");
    assert_eq!(place.send(&place.admin(), &set, LIFECYCLE).await.status, 200);
    let (applied, good) = installation.run(&["provision", "--apply"]);
    assert!(good && state(&applied, "lifecycle") == "changed", "{applied}");
    let ask = Request::on_bucket(Method::Get).query("lifecycle", "");
    let now = place.send(&place.admin(), &ask, "").await.body;
    assert!(now.contains("<ID>theirs</ID>") && now.contains("<Days>3</Days>"), "{now}");
    let (second, _) = installation.run(&["provision"]);
    assert_eq!(state(&second, "lifecycle"), "stricter", "{second}");

    installation.run(&["provision", "--apply", "--allow-loosen"]);
    let now = place.send(&place.admin(), &ask, "").await.body;
    assert!(now.contains("<ID>theirs</ID>") && !now.contains("<Days>3</Days>"), "{now}");
}

pub(crate) async fn with_the_least_policies_the_doctor_finds_nothing_wrong(place: &Place) {
    let keys = install(place, "media/").await;
    let installation = Installation::new(place, &place.bucket, &keys);
    let (applied, _) = installation.run(&["provision", "--apply"]);
    assert_eq!(state(&applied, "CORS"), "changed", "{applied}");
    let (health, good) = installation.run(&["doctor"]);
    let checks = health["checks"].as_array().unwrap();
    let form = checks.iter().find(|check| check["what"] == "upload by form").unwrap();
    assert_eq!(form["found"], "taken at the public endpoint", "{form}");
    let wrong: Vec<_> = checks.iter().filter(|check| check["verdict"] != "good").collect();
    assert!(good && wrong.is_empty(), "{wrong:#?}");
}
