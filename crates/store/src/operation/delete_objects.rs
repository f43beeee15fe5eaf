//! `DeleteObjects`: removes many keys in one transaction, each with its own right and its own result.

use http::Response;
use rusqlite::Connection;

use crate::access::Action;
use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::index::buckets::Bucket;
use crate::index::versions::Change;
use crate::index::{buckets, versions};
use crate::payload::Payload;
use crate::time::Moment;
use crate::xml::{self, Delete, DeleteEntry, Xml};

use super::delete_object::{demand_room, is_meant};

/// How many keys one request may name; S3's own figure.
const MAX_KEYS: usize = 1000;

/// What holds for all of the keys.
#[derive(Clone, Copy)]
struct Terms {
    now: Moment,
    /// Whether locks that can be lifted are to be.
    bypass: bool,
    luck: u64,
}

/// What became of one of the keys.
struct Outcome {
    entry: DeleteEntry,
    result: Result<Change, Code>,
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
pub(super) async fn run(call: Call<'_>, payload: Payload) -> Result<Response<Body>, Fault> {
    let document = call.document(payload).await?;
    let Delete { objects: entries, quiet } = xml::parse(&document)?;
    if entries.is_empty() || entries.len() > MAX_KEYS {
        return Err(Fault::new(
            Code::MalformedXML,
            format!("Name between 1 and {MAX_KEYS} objects; these are {}.", entries.len()),
        ));
    }
    let quiet = quiet.is_some_and(|text| text.trim().eq_ignore_ascii_case("true"));
    let bucket = call.target.bucket.clone();
    let judged: Vec<(DeleteEntry, bool)> = entries
        .into_iter()
        .map(|entry| {
            let allowed = call.identity.may(Action::Delete, &bucket, &entry.key);
            (entry, allowed)
        })
        .collect();
    // Who may delete none of them is not told whether there is such a bucket.
    let outcomes = if judged.iter().any(|(_, allowed)| *allowed) {
        if judged.iter().any(|(entry, allowed)| *allowed && version(entry).is_none()) {
            demand_room(call)?;
        }
        let terms = Terms { now: call.now, bypass: call.bypasses_governance(), luck: call.store.luck() };
        call.store.commit(None, move |connection| delete(connection, &bucket, judged, terms)).await?
    } else {
        judged.into_iter().map(|(entry, _)| Outcome { entry, result: Err(Code::AccessDenied) }).collect()
    };
    let mut answer = Xml::rooted("DeleteResult");
    for outcome in outcomes {
        write(&mut answer, &outcome, quiet);
    }
    answer.close("DeleteResult");
    Ok(answer::xml(answer))
}

fn delete(
    connection: &Connection,
    bucket: &str,
    judged: Vec<(DeleteEntry, bool)>,
    terms: Terms,
) -> Result<(Vec<Outcome>, Vec<u64>), Fault> {
    let bucket = buckets::find(connection, bucket)?;
    let (mut outcomes, mut freed) = (Vec::with_capacity(judged.len()), Vec::new());
    for (entry, allowed) in judged {
        let mut result = if allowed { delete_one(connection, bucket, &entry, terms)? } else { Err(Code::AccessDenied) };
        if let Ok(change) = &mut result {
            freed.append(&mut change.freed);
        }
        outcomes.push(Outcome { entry, result });
    }
    Ok((outcomes, freed))
}

/// The version that is named.
fn version(entry: &DeleteEntry) -> Option<&str> {
    entry.version_id.as_deref().filter(|version| !version.is_empty())
}

fn delete_one(
    connection: &Connection,
    bucket: Bucket,
    entry: &DeleteEntry,
    terms: Terms,
) -> Result<Result<Change, Code>, Fault> {
    let version = version(entry);
    if let Some(tag) = &entry.etag
        && !is_meant(connection, bucket, &entry.key, version, tag)?
    {
        return Ok(Err(Code::PreconditionFailed));
    }
    let Some(version) = version else {
        return Ok(Ok(versions::delete(connection, bucket, &entry.key, terms.now, terms.luck)?));
    };
    match versions::delete_version(connection, bucket, &entry.key, version, (terms.now, terms.bypass)) {
        Ok(change) => Ok(Ok(change.unwrap_or_default())),
        // One that is locked is refused before anything of it has changed.
        Err(locked) if locked.code == Code::AccessDenied => Ok(Err(Code::AccessDenied)),
        Err(fault) => Err(fault),
    }
}

fn write(document: &mut Xml, outcome: &Outcome, quiet: bool) {
    let Outcome { entry, result } = outcome;
    match result {
        Ok(_) if quiet => {}
        Ok(change) => {
            document.open("Deleted").text("Key", &entry.key);
            if let Some(version) = &entry.version_id {
                document.text("VersionId", version);
            }
            if change.marker {
                document.value("DeleteMarker", true);
                document.text("DeleteMarkerVersionId", change.version.as_deref().unwrap_or_default());
            }
            document.close("Deleted");
        }
        Err(code) => {
            document.open("Error").text("Key", &entry.key);
            if let Some(version) = &entry.version_id {
                document.text("VersionId", version);
            }
            document.text("Code", code.name()).text("Message", code.message()).close("Error");
        }
    }
}
