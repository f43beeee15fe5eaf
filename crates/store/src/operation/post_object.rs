//! `PostObject`: a browser's form hands a file in under a signed policy.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, HOST, HeaderValue, LOCATION};
use http::request::Parts;
use http::{Response, StatusCode};
use strongroom_presign::Policy;
use tokio::time::timeout;

use crate::access::Action;
use crate::announced::Announced;
use crate::answer;
use crate::authentication::policy_refusal;
use crate::body::Body;
use crate::conditions::Conditions;
use crate::encryption::Asked;
use crate::fault::{Code, Fault};
use crate::form::{Fields, Form};
use crate::index::buckets;
use crate::index::objects::Object;
use crate::intake::{self, Source};
use crate::lock::Lock;
use crate::payload::Inbound;
use crate::publish::{Kept, Published, describe_version, publish};
use crate::store::Inner;
use crate::target::{MAX_KEY_BYTES, Target, too_long};
use crate::time::Moment;
use crate::xml::{self, Xml};
use crate::{encoding, headers, tags};

/// What a key may hold in place of the file's own name.
const FILENAME: &str = "${filename}";

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html>
///
/// The fields are read before anything is known of the sender, so they are bounded; the file is not touched until the
/// policy's signature holds.
pub(crate) async fn run(
    store: &Arc<Inner>,
    parts: &Parts,
    target: &Target,
    inbound: Inbound,
    now: Moment,
) -> Result<Response<Body>, Fault> {
    let content_type = headers::text(&parts.headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let mut form = Form::new(inbound, content_type, store.limits.form_bytes).ok_or_else(|| {
        Fault::new(Code::PreconditionFailed, "Bucket POST must be of the enclosure-type multipart/form-data")
            .with("Condition", "Bucket POST must be of the enclosure-type multipart/form-data")
    })?;
    // Nobody knows yet whose form it is, so it may not take its time byte by byte.
    let reading = timeout(store.limits.idle, form.fields()).await;
    let Fields { mut fields, filename } = reading.map_err(|_| Code::RequestTimeout)??;
    let (identity, verified) = store.authentication.form(&borrowed(&fields), now)?;
    let key = replace_filename(&mut fields, &filename)?;
    verified.policy.check_fields(&borrowed(&fields), &target.bucket).map_err(|error| policy_refusal(&error))?;
    identity.demand(Action::Put, &target.bucket, &key)?;
    let lines = || fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    headers::refuse_unsupported(lines())?;
    let tags = field(&fields, "tagging").map(|text| tags::of_document(xml::parse(text.as_bytes())?)).transpose()?;
    let kept =
        Kept { headers: headers::to_keep(lines())?, tags: tags.unwrap_or_default(), lock: Lock::of(lines(), now)? };
    identity.demand_lock(kept.lock, &target.bucket, &key)?;
    let announced = Announced::of_fields(lines())?;
    let asked = Asked::of(lines())?;
    check_redirect(&fields)?;
    store.index.read(|connection| buckets::id(connection, &target.bucket))?;
    let _place = store.admit_upload(&identity)?;
    // Nobody sets room aside for what does not say how long it is.
    let bytes = headers::content_length(&parts.headers).ok_or(Code::MissingContentLength)?;
    let room = store.space.reserve(bytes)?;
    let mut file = FormFile { form, policy: &verified.policy, most: store.limits.object_bytes, seen: 0, announced };
    let protection = store.protect(&asked).await?;
    let received = intake::receive(&store.contents, &mut file, None, store.seal(&protection), room).await?;
    drop(file);
    let received = (received, &protection);
    let Published { object, version } =
        publish(store, &target.bucket, &key, kept, received, Conditions::default()).await?;
    let mut response = succeed(parts, &target.bucket, &key, &object, &fields)?;
    protection.describe(response.headers_mut())?;
    describe_version(version.as_deref(), response.headers_mut())?;
    Ok(response)
}

/// A request that is neither a form nor anything else that is posted to a bucket.
pub(super) fn refuse() -> Result<Response<Body>, Fault> {
    Err(Fault::new(Code::MethodNotAllowed, "A form's signature goes into its fields, not into the request's headers."))
}

fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Puts the file's own name into the key, and answers the key.
fn replace_filename(fields: &mut [(String, String)], filename: &str) -> Result<String, Fault> {
    let key = fields.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case("key")).map(|(_, key)| key);
    let key = key.filter(|key| !key.is_empty()).ok_or_else(|| {
        Fault::new(Code::UserKeyMustBeSpecified, "Bucket POST must contain a field named 'key' before the file.")
    })?;
    *key = key.replace(FILENAME, filename);
    if key.is_empty() {
        let message = "The key is the file's own name alone, and the file has none.";
        return Err(Fault::new(Code::UserKeyMustBeSpecified, message));
    }
    if key.len() > MAX_KEY_BYTES { Err(too_long(key)) } else { Ok(key.clone()) }
}

/// The value of a field unless it is empty.
fn field<'a>(fields: &'a [(String, String)], wanted: &str) -> Option<&'a str> {
    let found = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

/// Where the browser is to go afterwards, if the form says so.
fn redirect(fields: &[(String, String)]) -> Option<&str> {
    field(fields, "success_action_redirect").or_else(|| field(fields, "redirect"))
}

/// Refuses a redirect that no header can carry while nothing is stored yet.
fn check_redirect(fields: &[(String, String)]) -> Result<(), Fault> {
    match redirect(fields).map(|url| HeaderValue::from_bytes(url.as_bytes())) {
        Some(Err(_)) => Err(Fault::new(Code::InvalidArgument, "success_action_redirect is not a URL.")
            .with("ArgumentName", "success_action_redirect")),
        _ => Ok(()),
    }
}

/// The file of a form, held to the policy's length while it arrives.
struct FormFile<'a> {
    form: Form,
    policy: &'a Policy,
    most: u64,
    seen: u64,
    announced: Announced,
}

impl Source for FormFile<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        let Some(bytes) = self.form.next().await? else {
            self.policy.check_length(self.seen).map_err(|error| policy_refusal(&error))?;
            return Ok(None);
        };
        self.seen += bytes.len() as u64;
        let most = self.policy.content_length_range().map_or(self.most, |(_, most)| most.min(self.most));
        if self.seen > most {
            return Err(Fault::from(Code::EntityTooLarge)
                .with("ProposedSize", format!("at least {}", self.seen))
                .with("MaxSizeAllowed", most.to_string()));
        }
        Ok(Some(bytes))
    }

    fn announced(&mut self) -> &mut Announced {
        &mut self.announced
    }
}

/// The answer the form asked for: a redirect, or a status with or without a document.
fn succeed(
    parts: &Parts,
    bucket: &str,
    key: &str,
    object: &Object,
    fields: &[(String, String)],
) -> Result<Response<Body>, Fault> {
    let host = headers::text(&parts.headers, HOST.as_str()).unwrap_or_default();
    // The path of the bucket as it was asked for is right in either style, with its name there or in the host's name.
    let location = format!("http://{host}{}/{}", parts.uri.path().trim_end_matches('/'), encoding::url(key));
    let redirect = redirect(fields);
    let mut response = match (redirect, field(fields, "success_action_status")) {
        (Some(url), _) => {
            let separator = if url.contains('?') { '&' } else { '?' };
            let url =
                format!("{url}{separator}bucket={bucket}&key={}&etag=%22{}%22", encoding::query(key), object.etag);
            let mut response = answer::status(StatusCode::SEE_OTHER);
            response.headers_mut().insert(LOCATION, headers::value(&url)?);
            response
        }
        (None, Some("201")) => {
            let mut document = Xml::document();
            document.open("PostResponse").text("Location", &location).text("Bucket", bucket).text("Key", key);
            document.text("ETag", &format!("\"{}\"", object.etag)).close("PostResponse");
            let mut response = answer::xml(document);
            *response.status_mut() = StatusCode::CREATED;
            response
        }
        (None, Some("200")) => answer::status(StatusCode::OK),
        (None, _) => answer::status(StatusCode::NO_CONTENT),
    };
    response.headers_mut().insert(ETAG, headers::etag(&object.etag)?);
    if redirect.is_none() {
        response.headers_mut().insert(LOCATION, headers::value(&location)?);
    }
    Ok(response)
}
