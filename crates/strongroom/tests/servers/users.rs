//! Real users of a server, with exactly the policies that `strongroom policy` prints.

use std::collections::BTreeMap;

use serde_json::Value;
use strongroom_presign::{Method, Request, Signer};

use crate::place::{Kind, Place, random_hex, strongroom, succeed};

pub(crate) const IDENTITIES: [&str; 4] = ["reader", "writer", "janitor", "operator"];

/// Access key and secret of each identity.
pub(crate) type Keys = BTreeMap<&'static str, (String, String)>;

/// Makes the four users, and runs the script that gives them their rights.
pub(crate) async fn install(place: &Place, location: &str) -> Keys {
    let users = format!("test{}", random_hex());
    let dialect = match place.kind {
        Kind::SeaweedFs => "seaweedfs",
        Kind::Ceph => "ceph",
    };
    let words = ["policy", "--format", "cli", "--for", dialect, "--users", &users, "--bucket", &place.bucket];
    let script = |words: &[&str]| succeed(strongroom(words).args(["--location", location]));
    let mut keys = Keys::new();
    if place.kind == Kind::Ceph {
        // The script tells how to do it where the cluster is administered; this is the same over HTTP.
        for identity in IDENTITIES {
            keys.insert(identity, made_in_ceph(place, &format!("{users}-{identity}"), identity == "operator").await);
        }
    }
    succeed(place.as_admin("sh").args(["-c", &script(&words)]));
    // It can be run again, as whoever changes the location has to.
    succeed(place.as_admin("sh").args(["-c", &script(&[&words[..], &["reader"]].concat())]));
    if place.kind == Kind::SeaweedFs {
        for identity in IDENTITIES {
            keys.insert(identity, key_of(place, &format!("{users}-{identity}")));
        }
    }
    keys
}

/// The signers of all identities.
pub(crate) fn signers(place: &Place, keys: &Keys) -> BTreeMap<&'static str, Signer> {
    keys.iter().map(|(identity, (key, secret))| (*identity, place.signer(key, secret))).collect()
}

async fn made_in_ceph(place: &Place, user: &str, may_have_buckets: bool) -> (String, String) {
    let (key, secret) = (random_hex(), random_hex());
    let administration = place.signer_of("admin", "admin-secret", "admin");
    let buckets = if may_have_buckets { "1000" } else { "-1" };
    let request = Request::on_key(Method::Put, "user")
        .query("uid", user)
        .query("display-name", user)
        .query("access-key", &key)
        .query("secret-key", &secret)
        .query("max-buckets", buckets);
    let made = place.send(&administration, &request, "").await;
    assert_eq!(made.status, 200, "{}", made.body);
    (key, secret)
}

fn key_of(place: &Place, user: &str) -> (String, String) {
    let words = ["iam", "create-access-key", "--output", "json", "--user-name", user];
    let made: Value = serde_json::from_str(&succeed(place.as_admin("aws").args(words))).unwrap();
    let text = |name: &str| made["AccessKey"][name].as_str().unwrap().to_owned();
    (text("AccessKeyId"), text("SecretAccessKey"))
}
