//! What is wrong with an installation, found by trying everything for real, each with the exact mend.

mod around;
mod aside;
mod behind;
mod browser;
mod mend;
mod objects;
mod owners;
mod rights;

use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use crate::ambient::Clock;
use crate::config::{Config, Place, Rank};
use crate::db::Db;
use crate::storage::{Act, Bucket, Found, Identity, ObjectKey, Seen, Setting, Storage, children};
pub use mend::mend;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, and there is something to know.
    Doubtful,
    /// It does not work, or it is not safe.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub what: String,
    /// How it ended.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Check {
    fn good(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { what: what.into(), verdict: Verdict::Good, found: found.into(), mend: None }
    }

    fn doubtful(what: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), verdict: Verdict::Doubtful, found: found.into(), mend: Some(mend.into()) }
    }

    fn bad(what: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), verdict: Verdict::Bad, found: found.into(), mend: Some(mend.into()) }
    }
}

/// What the doctor looks at with.
#[derive(Debug, Clone, Copy)]
pub struct Instruments<'a> {
    /// The configuration, which was read without errors, as if the storage that is looked at were the only one.
    pub config: &'a Config,
    /// Sends what is not signed by an identity.
    pub http: &'a reqwest::Client,
    /// This machine's clock.
    pub clock: &'a Clock,
    /// A name that nothing else has.
    pub id: Uuid,
}

impl Instruments<'_> {
    /// The section of the configuration that describes the storage.
    fn section(&self) -> &'static str {
        self.config.storage.rank.section()
    }

    /// Those who use the storage while the service runs.
    fn identities(&self) -> impl Iterator<Item = Identity> {
        Identity::of(self.config.storage.rank).filter(|identity| *identity != Identity::Operator)
    }

    fn mend(&self, seen: &Seen) -> String {
        mend(self.section(), &seen.code, seen.status)
    }
}

/// The keys that are tried, and what lies beside them.
struct Keys {
    /// Where uploads land.
    staged: ObjectKey,
    /// Where they do not.
    beside: ObjectKey,
}

/// Looks at everything around the storage: the configuration, the disk, the issuer's keys.
pub async fn look_around(tools: Instruments<'_>) -> Vec<Check> {
    around::look(tools).await
}

/// Tells whose the credentials of a storage are, and looks at each of its buckets, and at what the database says of it
/// if that can be asked.
pub async fn look_at_storage(tools: Instruments<'_>, storage: &Storage, db: Option<&Db>) -> Vec<Check> {
    // Whatever asks AWS is large, and this waits in many others.
    let mut checks = vec![Box::pin(owners::look(tools, storage)).await];
    for bucket in storage.buckets() {
        checks.extend(look_at_bucket(tools, storage, bucket).await);
    }
    if let Some(db) = db {
        match tools.config.storage.rank {
            Rank::First => {
                checks.extend([objects::look(tools.config, storage, db).await, aside::look(storage, db).await]);
            }
            Rank::Mirror => checks.push(behind::look(tools, db).await),
        }
    }
    checks
}

/// Looks at a bucket, with one small object that is gone afterwards.
async fn look_at_bucket(tools: Instruments<'_>, storage: &Storage, bucket: &Bucket) -> Vec<Check> {
    let mut checks = Vec::new();
    let keys = Keys { staged: ObjectKey::staging(tools.id), beside: ObjectKey::trial(tools.id) };
    if !reach(tools, storage, bucket, &keys, &mut checks).await {
        return checks;
    }
    checks.extend(rights::look(tools, bucket, &keys).await);
    checks.extend(browser::look(tools, storage, bucket, &keys).await);
    checks.extend(leavings(tools, bucket).await);
    for key in [&keys.staged, &keys.beside] {
        if let Err(error) = bucket.janitor.delete(key).await {
            let mend = "delete it by hand, and see what the janitor may do";
            checks.push(Check::bad("cleaning up", format!("{key} could not be deleted: {error}"), mend));
        }
    }
    checks
}

/// Credentials, bucket, location and clock, all of which the first request needs.
async fn reach(
    tools: Instruments<'_>,
    storage: &Storage,
    bucket: &Bucket,
    keys: &Keys,
    checks: &mut Vec<Check>,
) -> bool {
    let begun = Instant::now();
    let seen = match bucket.attempt(Identity::Janitor, Act::List, &keys.staged).await {
        Ok(seen) => seen,
        Err(error) => {
            let mend = format!(
                "see that {}.endpoint is right and can be reached from this machine: name, port, TLS, firewall, proxy",
                tools.section()
            );
            checks.push(Check::bad("storage", error.to_string(), mend));
            return false;
        }
    };
    checks.extend(clock(tools, &seen));
    let place = format!("the bucket {} below \"{}\"", bucket.name, storage.location.as_str());
    if !seen.is_done() {
        checks.push(refused(tools, "storage", &format!("the janitor may not list {place}"), &seen));
        return false;
    }
    let millis = begun.elapsed().as_millis();
    checks.push(Check::good("storage", format!("{place} answers in {millis} ms, and the janitor's key is known")));
    let identities: Vec<_> = tools.identities().collect();
    for identity in identities.iter().copied().filter(|identity| *identity != Identity::Janitor) {
        let act = if identity == Identity::Writer { Act::Put } else { Act::Get };
        match bucket.attempt(identity, act, &keys.staged).await {
            Ok(seen) if matches!(seen.code.as_str(), "InvalidAccessKeyId" | "SignatureDoesNotMatch") => {
                checks.push(refused(tools, "credentials", &format!("the {identity}'s key is refused"), &seen));
                return false;
            }
            Ok(_) => {}
            Err(error) => {
                checks.push(Check::bad("credentials", format!("{identity}: {error}"), "try again"));
                return false;
            }
        }
    }
    let names: Vec<_> = identities.iter().map(Identity::to_string).collect();
    checks.push(Check::good("credentials", format!("the storage knows the keys of {}", names.join(", "))));
    true
}

/// What was refused, in the storage's words and in ours.
fn refused(tools: Instruments<'_>, what: &str, found: &str, seen: &Seen) -> Check {
    Check::bad(what, format!("{found}: {}", seen.words()), tools.mend(seen))
}

/// Signatures that are more than 15 minutes away from the storage's clock are refused.
fn clock(tools: Instruments<'_>, seen: &Seen) -> Option<Check> {
    const HARMLESS: i64 = 30;
    let theirs = jiff::fmt::rfc2822::parse(seen.header("date")).ok()?.timestamp();
    let offset = tools.clock.now().as_second() - theirs.as_second();
    let found = format!("this machine's clock is {} s {}", offset.abs(), if offset < 0 { "behind" } else { "ahead" });
    Some(match offset.abs() {
        0..=HARMLESS => Check::good("clock", found),
        _ => Check::bad(
            "clock",
            format!("{found} of the storage's"),
            "set it by NTP (`timedatectl set-ntp true`): signatures that are 15 minutes off are refused, and links \
             end by so much too soon or too late",
        ),
    })
}

/// Whether the storage takes away by itself what nobody finished.
async fn leavings(tools: Instruments<'_>, bucket: &Bucket) -> Option<Check> {
    const WHAT: &str = "abandoned uploads";
    const MEND: &str = "`strongroom provision --apply` sets it; until then the service's own clean-up has to do";
    if matches!(tools.config.storage.place, Place::Embedded(_)) {
        return Some(Check::good(WHAT, "the service clears them away"));
    }
    let Some(operator) = &bucket.operator else {
        let mend = format!("set [{}.operator] where you run this command, to have it looked at", tools.section());
        return Some(Check::doubtful(WHAT, "without the operator's key nobody can see the lifecycle", mend));
    };
    Some(match operator.read(Setting::Lifecycle).await {
        Ok(Found::Set(document))
            if children(&document)
                .iter()
                .any(|rule| rule.facts.iter().any(|fact| fact.starts_with("AbortIncompleteMultipartUpload/"))) =>
        {
            Check::good(WHAT, "a lifecycle rule takes them away")
        }
        Ok(Found::NotOffered(words)) => Check::doubtful(
            WHAT,
            format!("the storage has no lifecycle: {words}"),
            "the service's own clean-up has to do",
        ),
        Ok(_) => Check::doubtful(WHAT, "no lifecycle rule takes them away", MEND),
        Err(error) => Check::bad(
            WHAT,
            format!("the operator cannot read the lifecycle: {error}"),
            "give it the policy that `strongroom policy operator` prints",
        ),
    })
}
