//! Real users of the store that the whole suite runs on, each with exactly the policy that `strongroom policy` prints.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;
use strongroom_presign::{Method, Request};

use super::{IDENTITIES, REGION, administrator, as_admin};
use crate::caller::text;
use crate::ways::encoded;

/// Access key and secret of each identity.
pub(super) type Keys = BTreeMap<&'static str, (String, String)>;

/// The four users of one bucket. In `SeaweedFS`, where each user makes every change of a user slower, they go with it.
#[derive(Debug)]
pub(super) struct Users {
    endpoint: String,
    provider: String,
    name: String,
    pub(super) keys: Keys,
}

impl Users {
    /// Makes them, without any right yet. What they are called begins with `name`.
    pub(super) fn make(endpoint: &str, provider: &str, name: &str) -> Self {
        let mut users = Self {
            endpoint: endpoint.to_owned(),
            provider: provider.to_owned(),
            name: name.to_owned(),
            keys: Keys::new(),
        };
        for identity in IDENTITIES {
            let key = match provider {
                "ceph" => users.made_in_ceph(identity),
                "seaweedfs" => users.made(identity),
                // It knows no policies, so one key serves all.
                _ => administrator(provider),
            };
            users.keys.insert(identity, key);
        }
        users
    }

    /// What the names of the users begin with, for `strongroom policy --users`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Gives them the rights that were printed, and no others, as the printed script does it.
    pub(super) fn entitle(&self, printed: &Value) {
        if !self.is_ceph() && !self.is_seaweedfs() {
            return;
        }
        for identity in IDENTITIES {
            let (user, document) = (self.user(identity), printed[identity].to_string());
            if self.is_ceph() || identity == "writer" {
                let policy = [("UserName", &*user), ("PolicyName", "strongroom"), ("PolicyDocument", &document)];
                self.iam("PutUserPolicy", &policy);
                continue;
            }
            let arn = self.arn(identity);
            // There is none yet the first time.
            let _none = self.try_iam("DetachUserPolicy", &[("UserName", &user), ("PolicyArn", &arn)]);
            let _none = self.try_iam("DeletePolicy", &[("PolicyArn", &arn)]);
            self.iam("CreatePolicy", &[("PolicyName", &user), ("PolicyDocument", &document)]);
            self.iam("AttachUserPolicy", &[("UserName", &user), ("PolicyArn", &arn)]);
        }
        for (bucket, document) in printed["buckets"].as_object().into_iter().flatten() {
            let set = Request::on_bucket(Method::Put).query("policy", "");
            let (status, said) = as_admin((&self.endpoint, &self.provider), bucket, &set, &document.to_string());
            assert!(matches!(status, 200 | 204), "{said}");
        }
    }

    fn is_seaweedfs(&self) -> bool {
        self.provider == "seaweedfs"
    }

    fn is_ceph(&self) -> bool {
        self.provider == "ceph"
    }

    fn user(&self, identity: &str) -> String {
        format!("{}-{identity}", self.name)
    }

    fn arn(&self, identity: &str) -> String {
        format!("arn:aws:iam:::policy/{}", self.user(identity))
    }

    fn made(&self, identity: &str) -> (String, String) {
        let user = self.user(identity);
        self.iam("CreateUser", &[("UserName", &user)]);
        let made = self.iam("CreateAccessKey", &[("UserName", &user)]);
        (between(&made, "AccessKeyId").to_owned(), between(&made, "SecretAccessKey").to_owned())
    }

    /// Ceph makes users in a way of its own. Whoever may own buckets may make them, so only the operator does.
    fn made_in_ceph(&self, identity: &str) -> (String, String) {
        let (user, buckets) = (self.user(identity), if identity == "operator" { "1000" } else { "-1" });
        let request = Request::on_key(Method::Put, "user")
            .query("uid", &user)
            .query("display-name", &user)
            .query("max-buckets", buckets);
        let (status, said) = as_admin((&self.endpoint, &self.provider), "admin", &request, "");
        assert_eq!(status, 200, "{said}");
        let made: Value = serde_json::from_str(&said).expect("a user is JSON");
        let key = &made["keys"][0];
        (text(&key["access_key"]).to_owned(), text(&key["secret_key"]).to_owned())
    }

    /// Asks for an action of IAM; the answer.
    fn iam(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        self.try_iam(action, parameters).unwrap_or_else(|said| panic!("{action}: {said}"))
    }

    fn try_iam(&self, action: &str, parameters: &[(&str, &str)]) -> Result<String, String> {
        let mut form = vec!["--data-raw".to_owned(), format!("Action={action}&Version=2010-05-08")];
        for (name, value) in parameters {
            form.extend(["--data-raw".to_owned(), format!("{name}={}", encoded(value))]);
        }
        let (id, secret) = administrator(&self.provider);
        // curl signs for every service.
        let output = Command::new("curl")
            .args(["--silent", "--fail-with-body", "--noproxy", "*"])
            .args(["--aws-sigv4", &format!("aws:amz:{REGION}:iam"), "--user"])
            .arg(format!("{id}:{secret}"))
            .args(form)
            .arg(format!("{}/", self.endpoint))
            .output()
            .expect("curl is installed");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() { Ok(said) } else { Err(said) }
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        if !self.is_seaweedfs() {
            return;
        }
        for identity in IDENTITIES {
            // The store is thrown away in any case.
            let _gone = self.try_iam("DeleteUser", &[("UserName", &self.user(identity))]);
            let _gone = self.try_iam("DeletePolicy", &[("PolicyArn", &self.arn(identity))]);
        }
    }
}

/// What stands in the first element of this name.
fn between<'a>(document: &'a str, name: &str) -> &'a str {
    let inside = document.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once('<'));
    inside.unwrap_or_else(|| panic!("no {name} in {document}")).0
}
