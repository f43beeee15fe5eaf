//! What the bucket should be, from the configuration.

use std::fmt::Write as _;

use quick_xml::escape::escape;

use super::Site;
use crate::config::{AllowedOrigin, Config, Encryption, Place, Provider, Rank};
use crate::storage::{Location, ObjectKey, Setting, space_prefix};

/// One setting and what it should be.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) setting: Setting,
    pub(super) want: Want,
}

/// What a setting should be.
#[derive(Debug)]
pub(super) enum Want {
    /// It says this at least; the inside of its document.
    Value(String),
    /// Among its rules are these, and no others of ours. Whatever is no rule stands first.
    Rules { head: String, own: Vec<String> },
}

/// Everything that is wanted, in the order in which it can be had: copies elsewhere need versions.
pub(super) fn of(config: &Config, site: Site<'_>) -> Vec<Wanted> {
    let location = site.location;
    let settings = &config.bucket;
    let mut all = vec![
        Wanted { setting: Setting::PublicAccess, want: Want::Value(public_access(config.storage.provider)) },
        Wanted {
            setting: Setting::Ownership,
            want: Want::Value("<Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>".to_owned()),
        },
    ];
    let mut add = |setting, want| all.push(Wanted { setting, want });
    if let Some(by) = encryption(config) {
        let inside =
            format!("<Rule><ApplyServerSideEncryptionByDefault>{by}</ApplyServerSideEncryptionByDefault></Rule>");
        add(Setting::Encryption, Want::Value(inside));
    }
    if let Some(on) = settings.versioning {
        add(Setting::Versioning, Want::Value(status(on)));
    }
    add(Setting::Cors, Want::Rules { head: String::new(), own: cors(config).into_iter().collect() });
    add(Setting::Lifecycle, Want::Rules { head: String::new(), own: lifecycle(config, site) });
    if let Some(events) = &settings.events {
        add(Setting::Notifications, Want::Rules { head: String::new(), own: vec![notification(events, location)] });
    }
    if let (Some(replica), Some(role)) = (&settings.replica, &settings.replication_role) {
        let own = format!(
            "<Rule><ID>strongroom</ID><Priority>1</Priority><Status>Enabled</Status><Filter><Prefix>{}</Prefix>\
             </Filter><DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication><Destination>\
             <Bucket>{}</Bucket></Destination></Rule>",
            escape(location.as_str()),
            escape(replica)
        );
        add(Setting::Replication, Want::Rules { head: format!("<Role>{}</Role>", escape(role)), own: vec![own] });
    }
    if let Some(on) = settings.acceleration {
        add(Setting::Acceleration, Want::Value(status(on)));
    }
    all
}

fn status(on: bool) -> String {
    format!("<Status>{}</Status>", if on { "Enabled" } else { "Suspended" })
}

/// Under `BlockPublicAcls`, Ceph refuses every PUT, whatever its ACL; the others suffice.
fn public_access(provider: Provider) -> String {
    let all = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];
    let is_kin = matches!(provider, Provider::Ceph | Provider::Spaces);
    all.iter().fold(String::new(), |mut inside, name| {
        let _ = write!(inside, "<{name}>{}</{name}>", !is_kin || *name != "BlockPublicAcls");
        inside
    })
}

fn encryption(config: &Config) -> Option<String> {
    // SeaweedFS takes the setting even where it was given no key to encrypt with, and then fails every PUT.
    let usual = if config.storage.provider == Provider::Seaweedfs { Encryption::AsItIs } else { Encryption::SseS3 };
    match (config.bucket.encryption.unwrap_or(usual), &config.bucket.kms_key) {
        (Encryption::AsItIs, _) => None,
        (Encryption::SseS3, _) => Some("<SSEAlgorithm>AES256</SSEAlgorithm>".to_owned()),
        (Encryption::Kms, None) => Some("<SSEAlgorithm>aws:kms</SSEAlgorithm>".to_owned()),
        (Encryption::Kms, Some(key)) => {
            Some(format!("<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>{}</KMSMasterKeyID>", escape(key)))
        }
    }
}

/// Pages of all spaces' origins, and of the service itself, may hand in and fetch. Uploads in parts need the `ETag`. From
/// a mirror they may fetch, because links lead there.
fn cors(config: &Config) -> Option<String> {
    let mut origins: Vec<&str> = config.origins().into_iter().map(AllowedOrigin::as_str).collect();
    if let (Some(own), Place::External(_)) = (&config.server.public_url, &config.storage.place) {
        origins.push(own.as_str());
    }
    origins.sort_unstable();
    origins.dedup();
    if origins.is_empty() {
        return None;
    }
    let mut rule = "<CORSRule><ID>strongroom</ID><AllowedHeader>*</AllowedHeader>".to_owned();
    let mut add = |name: &str, value: &str| {
        let _ = write!(rule, "<{name}>{}</{name}>", escape(value));
    };
    let methods: &[&str] = match config.storage.rank {
        Rank::First => &["GET", "HEAD", "POST", "PUT"],
        Rank::Mirror => &["GET", "HEAD"],
    };
    for method in methods {
        add("AllowedMethod", method);
    }
    for origin in origins {
        add("AllowedOrigin", origin);
    }
    for header in ["ETag", "Location"] {
        add("ExposeHeader", header);
    }
    add("MaxAgeSeconds", "3600");
    Some(rule + "</CORSRule>")
}

/// Each does one thing, so that a storage which lacks one thing can do the others. None ends what a row points at: that
/// is for the clean-up, which ends the row with it.
fn lifecycle(config: &Config, site: Site<'_>) -> Vec<String> {
    let location = site.location;
    let rule = |id: &str, prefix: &str, what: &str| {
        format!(
            "<Rule><ID>{}</ID><Filter><Prefix>{}</Prefix></Filter><Status>Enabled</Status>{what}</Rule>",
            escape(id),
            escape(prefix)
        )
    };
    let days = config.bucket.abandoned_after.0;
    let abort = format!(
        "<AbortIncompleteMultipartUpload><DaysAfterInitiation>{days}</DaysAfterInitiation>\
         </AbortIncompleteMultipartUpload>"
    );
    let expire = |days: u32| format!("<Expiration><Days>{days}</Days></Expiration>");
    let mut all = vec![rule("strongroom-abandoned-uploads", location.as_str(), &abort)];
    if config.storage.rank == Rank::First {
        all.push(rule("strongroom-staging", &ObjectKey::staging_prefix(location), &expire(days)));
    }
    if config.bucket.versioning == Some(true) {
        let days = config.bucket.noncurrent_retention.0;
        let past = format!(
            "<NoncurrentVersionExpiration><NoncurrentDays>{days}</NoncurrentDays></NoncurrentVersionExpiration>"
        );
        all.push(rule("strongroom-noncurrent", location.as_str(), &past));
    }
    let here = config.spaces.iter().filter(|(_, space)| space.bucket.as_deref() == site.of_spaces);
    for (name, space) in here {
        let prefix = space_prefix(&space.key, name, location);
        if let Some(days) = space.lifecycle.colder_after {
            let colder = format!(
                "<Transition><Days>{}</Days><StorageClass>{}</StorageClass></Transition>",
                days.0,
                escape(&space.lifecycle.colder_class)
            );
            all.push(rule(&format!("strongroom-colder-{name}"), &prefix, &colder));
        }
    }
    all
}

fn notification(events: &str, location: &Location) -> String {
    let (kind, name) = if events.contains(":sqs:") { ("Queue", "Queue") } else { ("Topic", "Topic") };
    format!(
        "<{kind}Configuration><Id>strongroom</Id><{name}>{}</{name}><Event>s3:ObjectCreated:*</Event><Filter><S3Key>\
         <FilterRule><Name>prefix</Name><Value>{}</Value></FilterRule></S3Key></Filter></{kind}Configuration>",
        escape(events),
        escape(ObjectKey::staging_prefix(location))
    )
}
