//! What a client needs to send the bytes of an upload to storage: URLs, headers, fields.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::begin::with_multipart_id;
use super::{Error, bucket, find, parse_sha256, settings};
use crate::config::Profile;
use crate::db::uploads::{Method, State, Upload};
use crate::service::{Asker, Service};
use crate::storage::{ObjectKey, PutTerms};

/// How many part URLs are signed at once.
pub const MAX_PARTS_AT_ONCE: usize = 100;

/// How long the parts are that a file is cut into, as long as their number allows it.
const PART_BYTES: u64 = 8 << 20;

/// Where to send the bytes, and with what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ticket {
    /// From then on what is signed here is refused; the upload may be open for longer.
    pub expires_at: Option<Timestamp>,
    /// Where to PUT or POST.
    pub url: Option<String>,
    /// Headers that must come with a PUT, each with exactly this value.
    pub headers: Vec<(String, String)>,
    /// Fields that must come before the file in a form POST.
    pub fields: Option<Vec<(String, String)>>,
    /// How long each part but the last is.
    pub part_bytes: Option<u64>,
    /// How many parts there are.
    pub part_count: Option<u64>,
    /// The first parts' URLs.
    pub parts: Option<Vec<PartUrl>>,
}

/// Where to PUT one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartUrl {
    /// Its number, from 1.
    pub number: u16,
    /// Where.
    pub url: String,
}

/// What the client of an upload needs, signed afresh; nothing once the upload is no longer open.
pub fn ticket(service: &Service, upload: &Upload) -> Result<Ticket, Error> {
    if upload.state != State::Open || upload.method == Method::Service {
        return Ok(Ticket::default());
    }
    let Some(life) = remaining(service, upload)? else { return Ok(Ticket::default()) };
    let expires_at = Some(whole_second(service) + life);
    let key = ObjectKey::new(upload.staging_key.clone())?;
    let writer = &bucket(service, upload)?.writer;
    let bytes = u64::try_from(upload.bytes).unwrap_or(0);
    Ok(match upload.method {
        Method::Service => Ticket::default(),
        Method::Put => {
            let sha256 = upload.sha256.as_deref().and_then(parse_sha256);
            let terms = PutTerms {
                content_type: &upload.content_type,
                bytes: upload.bytes,
                sha256,
                only_new: !key.is_staging(),
            };
            let signed = writer.put_url(&key, terms, life)?;
            Ticket { expires_at, url: Some(signed.url), headers: signed.headers, ..Ticket::default() }
        }
        Method::Post => {
            let form = writer.post_form(&key, &upload.content_type, 0..=bytes, life)?;
            Ticket { expires_at, url: Some(form.url), fields: Some(form.fields), ..Ticket::default() }
        }
        Method::Multipart => {
            let (part_bytes, part_count) = parts(bytes, &service.storage.profile);
            let first = (1..=part_count.min(MAX_PARTS_AT_ONCE as u64)).filter_map(|number| u16::try_from(number).ok());
            let urls = sign_parts(service, upload, first, life)?;
            Ticket {
                expires_at,
                part_bytes: Some(part_bytes),
                part_count: Some(part_count),
                parts: Some(urls),
                ..Ticket::default()
            }
        }
    })
}

/// URLs for more parts of a multipart upload, or for some of them again, and when they end.
pub async fn part_urls(
    service: &Service,
    asker: &Asker,
    id: Uuid,
    numbers: &[u16],
) -> Result<(Timestamp, Vec<PartUrl>), Error> {
    let upload = with_multipart_id(service, find(service, asker, id).await?).await?;
    if upload.method != Method::Multipart {
        return Err(Error::Unfit("only an upload by the method multipart has parts".to_owned()));
    }
    let life = match upload.state {
        State::Open => remaining(service, &upload)?.ok_or(Error::Expired)?,
        State::Verifying => return Err(Error::InProgress),
        State::Ready => return Err(Error::Ended("is complete")),
        State::Rejected | State::Aborted | State::Expired => return Err(Error::Ended("has ended")),
    };
    let (_, count) = parts(u64::try_from(upload.bytes).unwrap_or(0), &service.storage.profile);
    if let Some(beyond) = numbers.iter().find(|number| **number == 0 || u64::from(**number) > count) {
        return Err(Error::Unfit(format!("there is no part {beyond}; this upload has the parts 1 to {count}")));
    }
    let urls = sign_parts(service, &upload, numbers.iter().copied(), life)?;
    Ok((whole_second(service) + life, urls))
}

/// How long each part but the last is, and how many there are.
pub(super) fn parts(bytes: u64, profile: &Profile) -> (u64, u64) {
    let usual = PART_BYTES.min(profile.longest_put);
    let least = bytes.div_ceil(u64::from(profile.most_parts)).next_multiple_of(1 << 20);
    let part_bytes = least.min(profile.longest_put).max(usual);
    (part_bytes, bytes.div_ceil(part_bytes).max(1))
}

fn sign_parts(
    service: &Service,
    upload: &Upload,
    numbers: impl Iterator<Item = u16>,
    life: Duration,
) -> Result<Vec<PartUrl>, Error> {
    let key = ObjectKey::new(upload.staging_key.clone())?;
    let writer = &bucket(service, upload)?.writer;
    let multipart = upload.multipart_id.as_deref().ok_or(Error::InProgress)?;
    let total = u64::try_from(upload.bytes).unwrap_or(0);
    let (part_bytes, _) = parts(total, &service.storage.profile);
    let sign = |number: u16| {
        let before = part_bytes * u64::from(number - 1);
        let bytes = part_bytes.min(total.saturating_sub(before));
        Ok(PartUrl { number, url: writer.part_url(&key, multipart, (number, bytes), life)? })
    };
    numbers.map(sign).collect()
}

/// How long URLs signed now may live, which is never beyond what signs them; nothing when the upload is over, or will be
/// within this second.
fn remaining(service: &Service, upload: &Upload) -> Result<Option<Duration>, Error> {
    let left = upload.expires_at.as_second() - service.now().as_second();
    let left = u64::try_from(left).ok().filter(|left| *left > 0).map(Duration::from_secs);
    let (Some(left), Ok(space)) = (left, settings(service, upload)) else { return Ok(None) };
    Ok(Some(bucket(service, upload)?.writer.at_most(left.min(space.uploads.expires))?))
}

/// The second that signatures count from.
fn whole_second(service: &Service) -> Timestamp {
    let now = service.now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::parts;
    use crate::config::{Profile, Provider};

    #[test]
    fn parts_cover_the_content_and_never_exceed_what_the_storage_takes() {
        let aws = Provider::Aws.profile();
        let few = Profile { most_parts: 1000, longest_put: 8 << 20, ..aws };
        for (bytes, profile) in
            [(1, aws), (8 << 20, aws), ((8 << 20) + 1, aws), (80 << 30, aws), (5 << 40, aws), (1000 * (8 << 20), few)]
        {
            let (part_bytes, count) = parts(bytes, &profile);
            assert!(part_bytes >= 5 << 20 && part_bytes <= profile.longest_put, "{part_bytes}");
            assert!(count <= u64::from(profile.most_parts), "{count}");
            assert!(part_bytes * count >= bytes && part_bytes * (count - 1) < bytes, "{bytes}");
        }
    }
}
