//! `GetObjectLockConfiguration`, `PutObjectLockConfiguration`, and the retention and the legal hold of versions.

use http::{Response, StatusCode};

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::index::buckets::{self, Rules, Versioning};
use crate::index::versions;
use crate::lock::{BucketLock, DefaultRetention, Lock, Mode, Retention, read_hold};
use crate::payload::Payload;
use crate::time::Moment;
use crate::xml::{self, ObjectLockConfiguration, Xml};

use super::chosen::Chosen;

/// How long a default retention may be, in days; S3's own figure of a hundred years.
const MAX_DAYS: u32 = 36_500;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectLockConfiguration.html>
pub(super) fn get_configuration(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let lock: Option<BucketLock> =
        call.read(|connection, bucket| buckets::rules(connection, bucket.id, Rules::ObjectLock))?;
    let lock = lock.ok_or(Code::ObjectLockConfigurationNotFoundError)?;
    let mut document = Xml::rooted("ObjectLockConfiguration");
    document.text("ObjectLockEnabled", "Enabled");
    if let Some(DefaultRetention { mode, days, years }) = lock.default {
        document.open("Rule").open("DefaultRetention").text("Mode", mode.word());
        if let Some(days) = days {
            document.value("Days", days);
        }
        if let Some(years) = years {
            document.value("Years", years);
        }
        document.close("DefaultRetention").close("Rule");
    }
    document.close("ObjectLockConfiguration");
    Ok(answer::xml(document))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectLockConfiguration.html>
pub(super) async fn put_configuration(call: Call<'_>, payload: Payload) -> Result<Response<Body>, Fault> {
    let document = call.document(payload).await?;
    let ObjectLockConfiguration { enabled, rule } = xml::parse(&document)?;
    if enabled.as_deref() != Some("Enabled") {
        return Err(Fault::new(Code::MalformedXML, "ObjectLockEnabled must be Enabled."));
    }
    let default = rule.map(|rule| {
        let xml::DefaultRetention { mode, days, years } = rule.default_retention;
        let length = days.or(years.map(|years| years.saturating_mul(365)));
        match length {
            Some(1..=MAX_DAYS) if days.is_some() != years.is_some() => {
                Ok(DefaultRetention { mode: Mode::parse(&mode)?, days, years })
            }
            _ => Err(Fault::new(
                Code::InvalidArgument,
                "Default retention period must be a positive number of days or years.",
            )),
        }
    });
    let (lock, name) = (BucketLock { default: default.transpose()? }, call.target.bucket.clone());
    call.store
        .commit(None, move |connection| {
            let bucket = buckets::find(connection, &name)?;
            if bucket.versioning != Versioning::Enabled {
                return Err(Fault::new(
                    Code::InvalidBucketState,
                    "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
                ));
            }
            Ok((buckets::set_rules(connection, bucket.id, Rules::ObjectLock, Some(&lock))?, Vec::new()))
        })
        .await?;
    Ok(answer::status(StatusCode::OK))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectRetention.html>
pub(super) fn get_retention(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let Retention { mode, until } = lock_of(call)?.retention.ok_or(Code::NoSuchObjectLockConfiguration)?;
    let mut document = Xml::rooted("Retention");
    document.text("Mode", mode.word()).text("RetainUntilDate", &Moment(until).iso()).close("Retention");
    Ok(answer::xml(document))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectRetention.html>
pub(super) async fn put_retention(call: Call<'_>, payload: Payload) -> Result<Response<Body>, Fault> {
    let document = call.document(payload).await?;
    let xml::Retention { mode, until } = xml::parse(&document)?;
    let wanted = match (mode, until) {
        (None, None) => None,
        (Some(mode), Some(until)) => Some(Retention::read(&mode, &until, call.now)?),
        _ => return Err(Fault::new(Code::MalformedXML, "A retention has a Mode and a RetainUntilDate.")),
    };
    let (now, bypass) = (call.now, call.bypasses_governance());
    change(call, move |lock| {
        lock.permit_retention(wanted, now, bypass)?;
        Ok(Lock { retention: wanted, ..lock })
    })
    .await
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectLegalHold.html>
pub(super) fn get_legal_hold(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let mut document = Xml::rooted("LegalHold");
    document.text("Status", if lock_of(call)?.hold { "ON" } else { "OFF" }).close("LegalHold");
    Ok(answer::xml(document))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectLegalHold.html>
pub(super) async fn put_legal_hold(call: Call<'_>, payload: Payload) -> Result<Response<Body>, Fault> {
    let document = call.document(payload).await?;
    let hold = read_hold(&xml::parse::<xml::LegalHold>(&document)?.status)?;
    change(call, move |lock| Ok(Lock { hold, ..lock })).await
}

/// The lock of the version that is asked for.
fn lock_of(call: Call<'_>) -> Result<Lock, Fault> {
    let chosen = Chosen::of(&call)?;
    call.read(|connection, bucket| {
        let found = chosen.find(connection, bucket)?;
        if bucket.locks { Ok(found.object.lock) } else { Err(missing()) }
    })
}

/// Changes the lock of a version.
async fn change(
    call: Call<'_>,
    change: impl FnOnce(Lock) -> Result<Lock, Fault> + Send + 'static,
) -> Result<Response<Body>, Fault> {
    let (chosen, name) = (Chosen::of(&call)?, call.target.bucket.clone());
    call.store
        .commit(None, move |connection| {
            let bucket = buckets::find(connection, &name)?;
            if !bucket.locks {
                return Err(missing());
            }
            let found = chosen.find(connection, bucket)?;
            let lock = change(found.object.lock)?;
            Ok((versions::set_lock(connection, bucket.id, &found, lock)?, Vec::new()))
        })
        .await?;
    Ok(answer::status(StatusCode::OK))
}

fn missing() -> Fault {
    Fault::new(Code::InvalidRequest, "Bucket is missing Object Lock Configuration")
}
