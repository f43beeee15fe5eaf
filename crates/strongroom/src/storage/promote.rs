//! Promotion: copying what was staged to its final key, in one request or, where it is too long for that, in parts.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use strongroom_presign::Request;

use super::client::Error;
use super::identities::{Janitor, Part, Stored, made};
use super::key::ObjectKey;
use crate::config::LEAST_PART;

/// How long the parts of a copy are where the storage's limits let them: short enough that none of them takes longer
/// than a request may.
const USUAL_PART: u64 = 256 << 20;

/// How many parts are copied at once.
const AT_ONCE: usize = 4;

impl Janitor {
    /// Copies exactly the content that `stored` tells of; fails when another lies there by now.
    pub async fn promote(
        &self,
        from: &ObjectKey,
        stored: &Stored,
        to: &ObjectKey,
        content_type: &str,
    ) -> Result<(), Error> {
        if stored.bytes > self.profile.longest_copy {
            return self.promote_in_parts(from, stored, to, content_type).await;
        }
        let (source, name) = (self.client.name(from)?, self.client.name(to)?);
        let request = Request::copy(&name, self.client.bucket(), &source, None)?
            .header("x-amz-copy-source-if-match", &stored.etag)
            .header("x-amz-metadata-directive", "REPLACE")
            .header("content-type", content_type);
        made(&self.client, &request, None).await.map(drop)
    }

    /// Each part is copied on the same condition. What a crash leaves of it is swept like any multipart upload.
    async fn promote_in_parts(
        &self,
        from: &ObjectKey,
        stored: &Stored,
        to: &ObjectKey,
        content_type: &str,
    ) -> Result<(), Error> {
        let multipart = self.begin_multipart(to, content_type).await?;
        let copied = stream::iter(ranges(stored.bytes, self.profile.longest_copy, self.profile.most_parts))
            .map(|(number, first, last)| self.copy_part(from, &stored.etag, to, &multipart, (number, first, last)))
            .buffered(AT_ONCE)
            .try_collect::<Vec<Part>>()
            .await;
        let joined = match copied {
            Ok(parts) => self.complete_multipart(to, &multipart, &parts).await,
            Err(error) => Err(error),
        };
        match joined {
            // A try whose answer was lost may have joined the parts already. Nobody else writes to this key.
            Err(Error::NotFound) if self.head(to).await.is_ok_and(|there| there.bytes == stored.bytes) => Ok(()),
            Err(error) => {
                self.abort_multipart(to, &multipart).await?;
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    async fn copy_part(
        &self,
        from: &ObjectKey,
        etag: &str,
        to: &ObjectKey,
        multipart: &str,
        (number, first, last): (u16, u64, u64),
    ) -> Result<Part, Error> {
        let (source, name) = (self.client.name(from)?, self.client.name(to)?);
        let request = Request::copy(&name, self.client.bucket(), &source, None)?
            .query("partNumber", number.to_string())
            .query("uploadId", multipart)
            // Ceph wants every part to say how long its body is, even one that has none.
            .header("content-length", "0")
            .header("x-amz-copy-source-range", format!("bytes={first}-{last}"))
            .header("x-amz-copy-source-if-match", etag);
        let etag = made(&self.client, &request, None).await?;
        Ok(Part { number, bytes: last - first + 1, etag })
    }
}

/// The number, the first and the last byte of each part, all of one length but the last.
fn ranges(bytes: u64, longest: u64, most: u16) -> impl Iterator<Item = (u16, u64, u64)> {
    let whole_mib = bytes.div_ceil(u64::from(most)).next_multiple_of(1 << 20);
    let length = USUAL_PART.max(whole_mib).clamp(LEAST_PART, longest.max(LEAST_PART));
    let starts = (0..bytes).step_by(usize::try_from(length).unwrap_or(usize::MAX));
    (1..=u16::MAX).zip(starts).map(move |(number, first)| (number, first, (first + length).min(bytes) - 1))
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn the_parts_of_a_copy_cover_everything_within_the_limits() {
        for (bytes, longest, most) in [
            ((5 << 30) + 1, 5 << 30, 10_000),
            (5 << 40, 5 << 30, 10_000),
            (20 << 20, 6 << 20, 10_000),
            ((6 << 20) + 1, 6 << 20, 2),
        ] {
            let parts: Vec<_> = ranges(bytes, longest, most).collect();
            assert!(parts.len() <= usize::from(most), "{} parts", parts.len());
            assert_eq!((parts[0].1, parts[parts.len() - 1].2), (0, bytes - 1));
            assert!(parts.windows(2).all(|pair| pair[0].2 + 1 == pair[1].1 && pair[0].0 + 1 == pair[1].0));
            assert!(parts.iter().all(|(_, first, last)| last - first < longest));
        }
    }
}
