//! What lies in the bucket, page by page: objects, and multipart uploads that nobody has ended.

use jiff::Timestamp;
use strongroom_presign::{Method, Request};

use super::client::Error;
use super::identities::Janitor;
use super::key::{Location, ObjectKey};
use super::xml;

/// An object as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: ObjectKey,
    /// Its length.
    pub bytes: u64,
    /// When it was written.
    pub modified: Timestamp,
}

/// A multipart upload as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUpload {
    /// Its key.
    pub key: ObjectKey,
    /// The storage's id of it.
    pub multipart: String,
    /// When it was begun.
    pub initiated: Timestamp,
}

impl Janitor {
    /// One page of what lies under a prefix of the bucket, and the token of the next.
    pub async fn list(&self, prefix: &str, token: Option<&str>) -> Result<(Vec<Listed>, Option<String>), Error> {
        let mut request = Request::list_objects().query("prefix", prefix);
        if let Some(token) = token {
            request = request.query("continuation-token", token);
        }
        let page: xml::Objects = self.client.xml(&request, None).await?;
        let rows = page.contents.iter().filter_map(|row| {
            Some(Listed {
                key: relative(self.client.location(), &row.key)?,
                bytes: row.size,
                modified: row.last_modified.parse().ok()?,
            })
        });
        Ok((rows.collect(), page.next_continuation_token.filter(|token| !token.is_empty())))
    }

    /// All multipart uploads under a prefix of the bucket that were begun and not ended.
    pub async fn multiparts(&self, prefix: &str) -> Result<Vec<ListedUpload>, Error> {
        let mut all = Vec::new();
        let mut markers: Option<(String, String)> = None;
        loop {
            let mut request = Request::on_bucket(Method::Get).query("uploads", "").query("prefix", prefix);
            if let Some((key, upload)) = markers.take() {
                request = request.query("key-marker", key).query("upload-id-marker", upload);
            }
            let page: xml::Uploads = self.client.xml(&request, None).await?;
            all.extend(page.rows.into_iter().filter_map(|row| {
                Some(ListedUpload {
                    key: relative(self.client.location(), &row.key)?,
                    multipart: row.upload_id,
                    initiated: row.initiated.parse().ok()?,
                })
            }));
            match (page.next_key_marker, page.next_upload_id_marker) {
                (Some(key), upload) if page.is_truncated && !key.is_empty() => {
                    markers = Some((key, upload.unwrap_or_default()));
                }
                _ => return Ok(all),
            }
        }
    }
}

/// The key that a name in the bucket stands for; none for what another put there.
fn relative(location: &Location, name: &str) -> Option<ObjectKey> {
    ObjectKey::new(location.strip(name)?).ok()
}
