//! `[spaces.NAME]`: the named classes of objects, each with its own keys, rules and limits.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::accept::Accept;
use super::bucket_settings::Days;
use super::duration;
use super::key_path::KeyPath;
use super::key_template::{KeyTemplate, Piece, Placeholder, STAGING, VariantKey};
use super::layers::Report;
use super::origin::Origin;
use super::rules::{Rule, Rules};
use super::size;
use super::storage::check_bucket;
use super::variant::{self, Make, Optimise, Variant};

/// A named class of objects.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Space {
    /// The bucket that its objects lie in; nothing means the installation's own.
    pub bucket: Option<String>,
    /// The bucket of the mirror that they lie in a second time, where the space has a bucket of its own.
    pub mirror_bucket: Option<String>,
    /// The pattern of its keys.
    pub key: KeyTemplate,
    /// The pattern of the keys of what is made of its objects.
    pub variant_key: VariantKey,
    /// The content types it accepts.
    pub accept: Accept,
    /// The largest content in bytes; nothing means as much as the store takes.
    #[serde(deserialize_with = "size::deserialize")]
    pub max_bytes: Option<u64>,
    /// Who may hand in and change.
    pub write: Rules,
    /// Who may have a link.
    pub read: Rules,
    /// Who sees the objects in lists.
    pub list: Rules,
    /// Who may delete and restore.
    pub delete: Rules,
    /// How long links last.
    pub links: Links,
    /// How long uploads may take.
    pub uploads: Uploads,
    /// How much fits in.
    pub quota: Quota,
    /// The web origins whose pages may talk to the store directly; `*` stands for all.
    pub origins: Vec<AllowedOrigin>,
    /// How long a deleted object can be restored.
    #[serde(deserialize_with = "duration::deserialize")]
    pub deleted_retention: Duration,
    /// What becomes of the space's objects as they age.
    pub lifecycle: Lifecycle,
    /// The pictures that are made of every picture.
    pub variants: Vec<Variant>,
    /// What takes the place of every picture that is handed in.
    pub optimise: Option<Optimise>,
    /// Who sees a picture as it was handed in.
    pub original: Original,
}

/// Who sees a picture as it was handed in: with the place where it was taken, and all else that a camera writes down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Original {
    /// All who may read it.
    #[default]
    Served,
    /// Only who may change it. All others see its variants.
    Private,
}

/// What becomes of objects as they age. Nothing means that nothing happens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lifecycle {
    /// When the storage moves them to a colder class, as `strongroom provision` tells it.
    pub colder_after: Option<Days>,
    /// The class that they move to, as the storage calls it.
    pub colder_class: String,
    /// When the clean-up removes them for good. No rule of the storage does so, or rows would point at nothing.
    #[serde(deserialize_with = "duration::deserialize")]
    pub expire_after: Option<Duration>,
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self { colder_after: None, colder_class: "STANDARD_IA".to_owned(), expire_after: None }
    }
}

/// How long links last: at least `minimum`, at most `minimum` and `window` together. Within one window the same object
/// gives the same URL, so that browsers and CDNs can cache it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Links {
    /// The life that every link still has when it is handed out.
    #[serde(deserialize_with = "duration::deserialize")]
    pub minimum: Duration,
    /// How long the URL stays the same; 0 makes a new one at each look.
    #[serde(deserialize_with = "duration::deserialize")]
    pub window: Duration,
}

/// How long uploads may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Uploads {
    /// How long an upload stays open after it was begun, and the longest life of any upload URL.
    #[serde(deserialize_with = "duration::deserialize")]
    pub expires: Duration,
    /// How long an upload in parts stays open; fresh URLs for its parts can be had until then.
    #[serde(deserialize_with = "duration::deserialize")]
    pub multipart_expires: Duration,
}

/// How much fits in. Nothing means no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Bytes for each owner.
    #[serde(deserialize_with = "size::deserialize")]
    pub owner_bytes: Option<u64>,
    /// Objects for each owner.
    pub owner_objects: Option<u64>,
    /// Bytes in the whole space.
    #[serde(deserialize_with = "size::deserialize")]
    pub space_bytes: Option<u64>,
    /// Objects in the whole space.
    pub space_objects: Option<u64>,
}

/// A web origin that is let in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub enum AllowedOrigin {
    /// `*`
    Any,
    /// One origin.
    One(Origin),
}

impl AllowedOrigin {
    /// As CORS rules write it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Any => "*",
            Self::One(origin) => origin.as_str(),
        }
    }
}

impl TryFrom<String> for AllowedOrigin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "*" { Ok(Self::Any) } else { text.parse().map(Self::One) }
    }
}

/// A presigned URL may not live longer (AWS: Signature Version 4, query parameters).
const LONGEST_LIFE: Duration = Duration::from_hours(7 * 24);

impl Default for Space {
    fn default() -> Self {
        let own = || Rules::new([Rule::Owner]);
        Self {
            bucket: None,
            mirror_bucket: None,
            key: KeyTemplate::default(),
            variant_key: VariantKey::default(),
            accept: Accept::default(),
            max_bytes: None,
            write: own(),
            read: Rules::new([Rule::Owner, Rule::Shared]),
            list: own(),
            delete: own(),
            links: Links::default(),
            uploads: Uploads::default(),
            quota: Quota::default(),
            origins: Vec::new(),
            deleted_retention: Duration::from_hours(30 * 24),
            lifecycle: Lifecycle::default(),
            variants: Vec::new(),
            optimise: None,
            original: Original::default(),
        }
    }
}

impl Default for Links {
    fn default() -> Self {
        // Together five minutes: what somebody who asks for a short link expects it to live at the most.
        Self { minimum: Duration::from_mins(4), window: Duration::from_mins(1) }
    }
}

impl Default for Uploads {
    fn default() -> Self {
        Self { expires: Duration::from_mins(10), multipart_expires: Duration::from_hours(24) }
    }
}

impl Space {
    /// The space `files` that is there when no space is configured: everybody's own files, and all of them for
    /// services whose key has the scope `files`.
    pub fn files() -> Self {
        let rules = |own: &[Rule]| Rules::new(own.iter().cloned().chain([Rule::Key("files".to_owned())]));
        Self {
            write: rules(&[Rule::Owner]),
            read: rules(&[Rule::Owner, Rule::Shared]),
            list: rules(&[Rule::Owner]),
            delete: rules(&[Rule::Owner]),
            ..Self::default()
        }
    }

    /// The space `demo` of `serve --demo`: pictures that everybody who signed in can look at.
    pub fn demo() -> Self {
        let image = || "image/*".parse().ok();
        Self {
            accept: Accept::of(image()),
            read: Rules::new([Rule::SignedIn]),
            list: Rules::new([Rule::SignedIn]),
            variants: vec![Variant::thumbnail()],
            ..Self::default()
        }
    }

    /// The variants that are made of every picture as soon as it is handed in.
    pub fn made_on_arrival(&self) -> impl Iterator<Item = &Variant> {
        self.variants.iter().filter(|variant| variant.make == Make::OnArrival)
    }

    /// The variants that are made when somebody asks for them.
    pub fn made_on_demand(&self) -> impl Iterator<Item = &Variant> {
        self.variants.iter().filter(|variant| variant.make == Make::OnDemand)
    }

    fn validate(&self, name: &str, report: &mut Report) {
        let section = KeyPath::of(["spaces", name]);
        let begins_with_space = [&self.key, self.variant_key.template()]
            .into_iter()
            .any(|key| key.pieces().first() == Some(&Piece::Placeholder(Placeholder::Space)));
        if begins_with_space && name == STAGING {
            report.problem(
                &section,
                format!(
                    "would keep its objects below \"{STAGING}/\", where unverified uploads \
                 lie; give the space another name"
                ),
            );
        }
        for (name, bucket) in [("bucket", &self.bucket), ("mirror_bucket", &self.mirror_bucket)] {
            if let Some(Err(message)) = bucket.as_deref().map(check_bucket) {
                report.problem(&section.then(name), message);
            }
        }
        if self.accept.is_empty() {
            report.problem(
                &section.then("accept"),
                "would accept nothing; name content types, or remove the key to accept everything harmless",
            );
        }
        if self.max_bytes == Some(0) {
            report.problem(
                &section.then("max_bytes"),
                "would accept nothing; write the largest size, such as \"25 MiB\"",
            );
        }
        if self.write.contains(&Rule::Public) {
            report.warning(
                &section.then("write"),
                "lets anybody hand files in without signing in; set a quota at \
                     least",
            );
        }
        variant::validate(&self.variants, &section.then("variants"), report);
        if let Some(optimise) = &self.optimise {
            optimise.validate(&section.then("optimise"), report);
        }
        if self.original == Original::Private && self.variants.is_empty() {
            report.problem(
                &section.then("original"),
                "would leave nothing to look at; declare the variants that are shown in its place",
            );
        }
        self.validate_lives(&section, report);
        self.validate_lifecycle(&section.then("lifecycle"), report);
    }

    fn validate_lifecycle(&self, section: &KeyPath, report: &mut Report) {
        let Lifecycle { colder_after, colder_class, expire_after } = &self.lifecycle;
        if colder_class.is_empty() || !colder_class.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
            report.problem(
                &section.then("colder_class"),
                "is not the name of a storage class, such as \"STANDARD_IA\" or \"GLACIER_IR\"",
            );
        }
        if *expire_after == Some(Duration::ZERO) {
            report.problem(
                &section.then("expire_after"),
                "would remove objects as soon as they are handed in; write a longer time, or remove this key",
            );
        }
        if let (Some(colder), Some(expire)) = (colder_after, expire_after)
            && *expire <= Duration::from_hours(24 * u64::from(colder.0))
        {
            report.problem(
                &section.then("expire_after"),
                "would delete objects before they move to the colder class; write a longer time than colder_after",
            );
        }
        let begins = self.key.pieces().first();
        let is_apart = matches!(begins, Some(Piece::Placeholder(Placeholder::Space)))
            || matches!(begins, Some(Piece::Literal(text)) if text.contains('/'));
        if colder_after.is_some() && !is_apart {
            report.problem(
                &section.then("colder_after"),
                "needs a folder that holds this space alone, because storages know objects by their prefixes; begin \
                 the space's key with {space}/ or a folder's name",
            );
        }
    }

    fn validate_lives(&self, section: &KeyPath, report: &mut Report) {
        let second = Duration::from_secs(1);
        let links = section.then("links");
        if self.links.minimum < second {
            report.problem(
                &links.then("minimum"),
                "would hand out links that are over already; write \"1s\" or \
                 more",
            );
        }
        if self.links.minimum.saturating_add(self.links.window) > LONGEST_LIFE {
            report.problem(
                &links.then("minimum"),
                "and links.window together are more than 7 days, which is the \
                 longest a presigned URL can live; lower one of them",
            );
        }
        for (name, length) in [("minimum", self.links.minimum), ("window", self.links.window)] {
            if length.subsec_nanos() != 0 {
                report.problem(&links.then(name), "must be whole seconds, because URLs say their life in seconds");
            }
        }
        for (key, life) in [("expires", self.uploads.expires), ("multipart_expires", self.uploads.multipart_expires)] {
            if life < second || life > LONGEST_LIFE {
                report.problem(
                    &section.then("uploads").then(key),
                    "must be from \"1s\" to \"7d\": a presigned URL cannot live longer",
                );
            }
        }
    }
}

/// Checks the declared spaces and adds those that are there by themselves.
pub(super) fn validate(
    mut spaces: BTreeMap<String, Space>,
    demo: bool,
    report: &mut Report,
) -> BTreeMap<String, Space> {
    for (name, space) in &spaces {
        if let Err(message) = check_name(name) {
            report.problem(&KeyPath::of(["spaces", name]), message);
        }
        space.validate(name, report);
    }
    if !report.is_set(&KeyPath::of(["spaces"])) {
        spaces.insert("files".to_owned(), Space::files());
    }
    if demo {
        spaces.entry("demo".to_owned()).or_insert_with(Space::demo);
    }
    if spaces.is_empty() {
        report.problem(
            &KeyPath::of(["spaces"]),
            "declares no space, so nothing could be handed in; add one, or \
             remove the section to get the space \"files\"",
        );
    }
    spaces
}

/// The name stands in URLs and keys, and in variables with `_` for `-`.
fn check_name(name: &str) -> Result<(), String> {
    const LONGEST: usize = 63;
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_right = (1..=LONGEST).contains(&name.len())
        && name.bytes().all(is_inner)
        && !name.starts_with('-')
        && !name.ends_with('-');
    if is_right {
        return Ok(());
    }
    let mended: String =
        name.to_ascii_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let mended = mended.trim_matches('-');
    let example = if mended.is_empty() || mended.len() > LONGEST { "profile-photos" } else { mended };
    Err(format!(
        "is not the name of a space; those have 1 to {LONGEST} lower-case letters, digits and hyphens, such as \
             \"{example}\""
    ))
}
