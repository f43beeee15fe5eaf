//! `DeleteObjects`: removes many keys in one transaction, each with its own right and its own result.

use http::Response;

use crate::access::Action;
use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::conditions::any_matches;
use crate::fault::{Code, Fault};
use crate::index::{buckets, objects};
use crate::payload::Payload;
use crate::xml::{self, Delete, DeleteEntry, Xml};

/// How many keys one request may name; S3's own figure.
const MAX_KEYS: usize = 1000;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
pub(super) async fn run(call: Call<'_>, mut payload: Payload) -> Result<Response<Body>, Fault> {
    let document = payload.document(call.store.limits.xml_bytes).await?;
    let Delete { objects: entries, quiet } = xml::parse(&document)?;
    if entries.is_empty() || entries.len() > MAX_KEYS {
        return Err(Fault::new(
            Code::MalformedXML,
            format!("Name between 1 and {MAX_KEYS} objects; these are {}.", entries.len()),
        ));
    }
    let quiet = quiet.is_some_and(|text| text.trim().eq_ignore_ascii_case("true"));
    let bucket_name = call.target.bucket.clone();
    let judged: Vec<(DeleteEntry, Option<Code>)> = entries
        .into_iter()
        .map(|entry| {
            let refused = if !call.identity.may(Action::Delete, &bucket_name, &entry.key) {
                Some(Code::AccessDenied)
            } else if entry.version_id.as_deref().is_some_and(|version| !matches!(version, "" | "null")) {
                Some(Code::NoSuchVersion)
            } else {
                None
            };
            (entry, refused)
        })
        .collect();
    let results = call
        .store
        .commit(None, move |connection| {
            let bucket = buckets::id(connection, &bucket_name)?;
            let mut freed = Vec::new();
            let mut results = Vec::with_capacity(judged.len());
            for (entry, mut refused) in judged {
                if refused.is_none() {
                    let changed = match &entry.etag {
                        None => false,
                        Some(tag) => objects::find(connection, bucket, &entry.key)?
                            .is_none_or(|object| !any_matches(tag, &object.etag)),
                    };
                    if changed {
                        refused = Some(Code::PreconditionFailed);
                    } else {
                        freed.extend(objects::delete(connection, bucket, &entry.key)?);
                    }
                }
                results.push((entry.key, refused));
            }
            Ok((results, freed))
        })
        .await?;
    let mut answer = Xml::rooted("DeleteResult");
    for (key, refused) in results {
        match refused {
            None if quiet => {}
            None => {
                answer.open("Deleted").text("Key", &key).close("Deleted");
            }
            Some(code) => {
                answer.open("Error").text("Key", &key).text("Code", code.name()).text("Message", code.message());
                answer.close("Error");
            }
        }
    }
    answer.close("DeleteResult");
    Ok(answer::xml(answer))
}
