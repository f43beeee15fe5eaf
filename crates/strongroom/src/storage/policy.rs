//! The least policy for each identity, in the words of AWS's IAM
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html>).

use std::collections::BTreeMap;

use serde::Serialize;

use super::key::Location;
use super::rights::{Identity, Reach, Right};
use crate::config::Provider;

/// A policy document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    version: &'static str,
    statement: Vec<Statement>,
}

/// One permission of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: &'static str,
    effect: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    principal: BTreeMap<&'static str, Vec<String>>,
    action: Vec<&'static str>,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    condition: BTreeMap<&'static str, BTreeMap<&'static str, Vec<String>>>,
}

/// In whose words a policy is written. All know those for objects; they differ in those for buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// AWS, and whoever follows it.
    Aws,
    /// Ceph's gateway, which refuses a policy with an action in it that it does not know.
    Ceph,
    /// `SeaweedFS`, which tells capitals from small letters where AWS does not.
    SeaweedFs,
}

/// What a policy is about.
#[derive(Debug, Clone, Copy)]
pub struct Terrain<'a> {
    /// The buckets that this installation uses.
    pub buckets: &'a [String],
    /// The prefix under which everything lies in them.
    pub location: &'a Location,
    /// The region of the buckets: AWS has partitions, and names things otherwise in each.
    pub region: &'a str,
    /// In whose words.
    pub dialect: Dialect,
    /// Whether a PUT there is final, so that the writer makes final objects by itself.
    pub puts_are_final: bool,
    /// The key of AWS's key service that the buckets encrypt with by themselves, if it is one of the account's own: those
    /// who may use AWS's key for S3 may use it with every bucket that they may use.
    pub kms_key: Option<&'a str>,
}

impl Policy {
    /// What this identity needs, and nothing else.
    pub fn least(identity: Identity, terrain: Terrain<'_>) -> Self {
        let mut statement = Vec::new();
        for (reach, rights) in identity.rights(terrain.puts_are_final) {
            let prefix = reach.prefix(terrain.location);
            let of_objects: Vec<_> = rights.iter().filter_map(|right| right.on_objects()).collect();
            if !of_objects.is_empty() {
                statement.push(Statement::allow("Objects", of_objects, terrain.arns(&format!("/{prefix}*"))));
            }
            if rights.contains(&Right::Create) {
                let resource = terrain.arns(&format!("/{prefix}*"));
                let mut create = Statement::allow("NewObjects", vec!["s3:PutObject"], resource);
                if terrain.dialect.tells_new_objects_from_others() {
                    let present = BTreeMap::from([("s3:if-none-match", vec!["false".to_owned()])]);
                    create.condition = BTreeMap::from([("Null", present)]);
                }
                statement.push(create);
            }
            if rights.contains(&Right::Put) && terrain.dialect == Dialect::SeaweedFs && identity == Identity::Writer {
                // Of a form, SeaweedFS asks first whether its signer may put an object without a name, and only then
                // whether this one.
                statement.push(Statement::allow("Forms", vec!["s3:PutObject"], terrain.arns("/")));
            }
            if rights.contains(&Right::List) {
                let mut list = Statement::allow("List", vec!["s3:ListBucket"], terrain.arns(""));
                if !prefix.is_empty() {
                    let below = BTreeMap::from([("s3:prefix", vec![format!("{prefix}*")])]);
                    list.condition = BTreeMap::from([("StringLike", below)]);
                }
                statement.push(list);
            }
            if rights.contains(&Right::ListUploads) {
                // No condition on the prefix exists for this one.
                let uploads = vec!["s3:ListBucketMultipartUploads"];
                statement.push(Statement::allow("Uploads", uploads, terrain.arns("")));
            }
            if rights.contains(&Right::Configure) {
                statement.push(Statement::allow("Configure", terrain.dialect.configuring(), terrain.arns("")));
            }
        }
        statement.extend(Self::encryption(identity, terrain));
        Self { version: "2012-10-17", statement }
    }

    /// What the key service has to do for this identity, when S3 asks it to on the identity's behalf. Who puts needs to
    /// decrypt as well: so the parts of a multipart upload become one object.
    fn encryption(identity: Identity, terrain: Terrain<'_>) -> Option<Statement> {
        let key = terrain.kms_key.filter(|_| terrain.dialect == Dialect::Aws)?;
        let all: Vec<Right> = identity.rights(terrain.puts_are_final).flat_map(|(_, rights)| rights).copied().collect();
        let has = |rights: &[Right]| all.iter().any(|right| rights.contains(right));
        let puts = has(&[Right::Put, Right::Create]);
        let mut action = Vec::new();
        if puts {
            action.push("kms:GenerateDataKey");
        }
        if puts || has(&[Right::Get]) {
            action.push("kms:Decrypt");
        }
        if action.is_empty() {
            return None;
        }
        let partition = terrain.partition();
        // Without a bucket in the configuration nobody said where it is.
        let region = if terrain.region.is_empty() { "*" } else { terrain.region };
        let alias = key.split_once("alias/").map(|(_, name)| format!("alias/{name}"));
        let resource = match &alias {
            Some(_) => format!("arn:{partition}:kms:{region}:*:key/*"),
            None if key.starts_with("arn:") => key.to_owned(),
            None => format!("arn:{partition}:kms:{region}:*:key/{key}"),
        };
        let mut statement = Statement::allow("Encryption", action, vec![resource]);
        let end = if partition == "aws-cn" { ".cn" } else { "" };
        let via = BTreeMap::from([("kms:ViaService", vec![format!("s3.{region}.amazonaws.com{end}")])]);
        statement.condition.insert("StringLike", via);
        // A policy cannot name a key by its alias, but it can ask for one.
        if let Some(alias) = alias {
            let aliases = BTreeMap::from([("kms:ResourceAliases", vec![alias])]);
            statement.condition.insert("ForAnyValue:StringEquals", aliases);
        }
        Some(statement)
    }

    /// What this bucket itself has to allow the writer, which is the user of this name, where its own policy does not
    /// suffice: Ceph reads the policies of a user before it knows whose form it is, and that of the bucket afterwards.
    pub fn of_bucket(bucket: &str, writer: &str, terrain: Terrain<'_>) -> Option<Self> {
        if terrain.dialect != Dialect::Ceph {
            return None;
        }
        let buckets = [bucket.to_owned()];
        let here = Terrain { buckets: &buckets, ..terrain };
        let resource = here.arns(&format!("/{}*", Reach::Staging.prefix(terrain.location)));
        let mut forms = Statement::allow(Self::FORMS, vec!["s3:PutObject"], resource);
        forms.principal = BTreeMap::from([("AWS", vec![format!("arn:aws:iam:::user/{writer}")])]);
        Some(Self { version: "2012-10-17", statement: vec![forms] })
    }

    /// The name of the statement in a bucket's policy, by which it is known as ours.
    pub const FORMS: &'static str = "StrongroomForms";
}

impl Statement {
    fn allow(sid: &'static str, action: Vec<&'static str>, resource: Vec<String>) -> Self {
        Self { sid, effect: "Allow", principal: BTreeMap::new(), action, resource, condition: BTreeMap::new() }
    }
}

impl Terrain<'_> {
    fn partition(&self) -> &'static str {
        match self.region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    fn arns(&self, rest: &str) -> Vec<String> {
        let partition = self.partition();
        self.buckets.iter().map(|bucket| format!("arn:{partition}:s3:::{bucket}{rest}")).collect()
    }
}

impl Right {
    /// The action on objects that it is, if it is one.
    fn on_objects(self) -> Option<&'static str> {
        match self {
            Self::Get => Some("s3:GetObject"),
            Self::Put => Some("s3:PutObject"),
            Self::Delete => Some("s3:DeleteObject"),
            Self::Abort => Some("s3:AbortMultipartUpload"),
            Self::ListParts => Some("s3:ListMultipartUploadParts"),
            Self::Create | Self::List | Self::ListUploads | Self::Configure => None,
        }
    }
}

/// What everybody calls alike.
const CONFIGURING: [&str; 10] = [
    "s3:CreateBucket",
    "s3:GetBucketLocation",
    "s3:GetBucketPublicAccessBlock",
    "s3:PutBucketPublicAccessBlock",
    "s3:GetBucketVersioning",
    "s3:PutBucketVersioning",
    "s3:GetLifecycleConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:GetBucketNotification",
    "s3:PutBucketNotification",
];

impl From<Provider> for Dialect {
    fn from(provider: Provider) -> Self {
        match provider {
            Provider::Ceph | Provider::Spaces => Self::Ceph,
            Provider::Seaweedfs => Self::SeaweedFs,
            _ => Self::Aws,
        }
    }
}

impl Dialect {
    /// Whether a policy can allow a PUT only where nothing lies yet.
    pub fn tells_new_objects_from_others(self) -> bool {
        self == Self::Aws
    }

    fn configuring(self) -> Vec<&'static str> {
        let own: &[&str] = match self {
            Self::Aws => &[
                "s3:GetReplicationConfiguration",
                "s3:PutReplicationConfiguration",
                "s3:GetBucketCORS",
                "s3:PutBucketCORS",
                "s3:GetAccelerateConfiguration",
                "s3:PutAccelerateConfiguration",
                "s3:GetEncryptionConfiguration",
                "s3:PutEncryptionConfiguration",
                "s3:GetBucketOwnershipControls",
                "s3:PutBucketOwnershipControls",
            ],
            Self::Ceph => &["s3:GetBucketCORS", "s3:PutBucketCORS"],
            Self::SeaweedFs => &[
                "s3:GetBucketCors",
                "s3:PutBucketCors",
                "s3:GetEncryptionConfiguration",
                "s3:PutEncryptionConfiguration",
            ],
        };
        CONFIGURING.into_iter().chain(own.iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Dialect, Policy, Terrain};
    use crate::storage::{Identity, Location};

    fn printed(identity: Identity, location: &str, region: &str) -> serde_json::Value {
        with_key(identity, location, region, None)
    }

    /// The same where the buckets encrypt with a key of the account's own.
    fn with_key(identity: Identity, location: &str, region: &str, kms_key: Option<&str>) -> serde_json::Value {
        let (buckets, location) = (["photos".to_owned(), "papers".to_owned()], Location::new(location).unwrap());
        let terrain = Terrain {
            buckets: &buckets,
            location: &location,
            region,
            dialect: Dialect::Aws,
            puts_are_final: true,
            kms_key,
        };
        serde_json::to_value(Policy::least(identity, terrain)).unwrap()
    }

    /// The statement about the key service, or null.
    fn of_encryption(identity: Identity, kms_key: &str, region: &str) -> serde_json::Value {
        let policy = with_key(identity, "", region, Some(kms_key));
        let mut statements = policy["Statement"].as_array().unwrap().iter();
        statements.find(|statement| statement["Sid"] == "Encryption").cloned().unwrap_or_default()
    }

    #[test]
    fn each_identity_has_the_key_service_do_what_it_needs_and_only_for_the_storage() {
        let key = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        let both = json!(["kms:GenerateDataKey", "kms:Decrypt"]);
        let expected = [
            (Identity::Reader, json!(["kms:Decrypt"])),
            (Identity::Writer, both.clone()),
            (Identity::Janitor, both),
            (Identity::Operator, json!(null)),
        ];
        for (identity, actions) in expected {
            let statement = of_encryption(identity, key, "eu-central-1");
            assert_eq!(statement["Action"], actions, "{identity}");
            if identity != Identity::Operator {
                assert_eq!(statement["Resource"], json!([key]));
                let via = json!({"StringLike": {"kms:ViaService": ["s3.eu-central-1.amazonaws.com"]}});
                assert_eq!(statement["Condition"], via);
            }
        }
        // A key may be told in other ways, too.
        let by_id = of_encryption(Identity::Reader, "1234abcd", "eu-central-1");
        assert_eq!(by_id["Resource"], json!(["arn:aws:kms:eu-central-1:*:key/1234abcd"]));
        for alias in ["alias/media", "arn:aws:kms:eu-central-1:123456789012:alias/media"] {
            let by_alias = of_encryption(Identity::Reader, alias, "eu-central-1");
            assert_eq!(by_alias["Resource"], json!(["arn:aws:kms:eu-central-1:*:key/*"]));
            let aliases = &by_alias["Condition"]["ForAnyValue:StringEquals"]["kms:ResourceAliases"];
            assert_eq!(aliases, &json!(["alias/media"]));
        }
    }

    #[test]
    fn the_reader_gets_below_the_location_and_does_nothing_else() {
        let expected = json!({"Version": "2012-10-17", "Statement": [{
            "Sid": "Objects", "Effect": "Allow", "Action": ["s3:GetObject"],
            "Resource": ["arn:aws:s3:::photos/media/*", "arn:aws:s3:::papers/media/*"],
        }]});
        assert_eq!(printed(Identity::Reader, "media/", "eu-central-1"), expected);
    }

    #[test]
    fn beside_the_staging_folder_the_writer_only_makes_what_is_not_there() {
        let policy = printed(Identity::Writer, "", "cn-north-1");
        assert_eq!(policy["Statement"][0]["Resource"][0], "arn:aws-cn:s3:::photos/staging/*");
        assert_eq!(policy["Statement"][1]["Condition"], json!({"Null": {"s3:if-none-match": ["false"]}}));
        assert_eq!(policy["Statement"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn lists_are_held_to_the_location_where_there_is_one() {
        let condition = json!({"StringLike": {"s3:prefix": ["media/*"]}});
        assert_eq!(printed(Identity::Janitor, "media", "")["Statement"][1]["Condition"], condition);
        assert!(printed(Identity::Janitor, "", "")["Statement"][1].get("Condition").is_none());
    }

    #[test]
    fn the_operator_touches_no_object() {
        let policy = printed(Identity::Operator, "", "us-gov-west-1").to_string();
        assert!(
            !policy.contains("Object\"") && !policy.contains("/*") && policy.contains("arn:aws-us-gov:"),
            "{policy}"
        );
    }
}
