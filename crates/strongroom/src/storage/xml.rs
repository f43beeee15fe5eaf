//! The few XML documents of the S3 protocol that the service reads and writes.

use std::fmt::Write as _;

use serde::Deserialize;

use super::client::Error;
use super::identities::Part;

/// An error document.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Fault {
    pub(super) code: String,
    pub(super) message: String,
}

/// The answer to `CreateMultipartUpload`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Initiated {
    pub(super) upload_id: String,
}

/// The answer to `CompleteMultipartUpload` and `CopyObject`, either of which may be an error under status 200.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Made {
    #[serde(rename = "ETag")]
    pub(super) etag: Option<String>,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
}

/// A page of `ListParts`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Parts {
    #[serde(default)]
    pub(super) is_truncated: bool,
    #[serde(default)]
    pub(super) next_part_number_marker: Option<String>,
    #[serde(rename = "Part", default)]
    pub(super) rows: Vec<PartRow>,
}

/// One part of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PartRow {
    pub(super) part_number: u16,
    #[serde(rename = "ETag")]
    pub(super) etag: String,
    pub(super) size: u64,
    #[serde(default)]
    pub(super) last_modified: String,
}

/// A page of `ListObjectsV2`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Objects {
    #[serde(default)]
    pub(super) next_continuation_token: Option<String>,
    #[serde(default)]
    pub(super) contents: Vec<ObjectRow>,
}

/// One object of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ObjectRow {
    pub(super) key: String,
    pub(super) size: u64,
    pub(super) last_modified: String,
}

/// A page of `ListMultipartUploads`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Uploads {
    #[serde(default)]
    pub(super) is_truncated: bool,
    #[serde(default)]
    pub(super) next_key_marker: Option<String>,
    #[serde(default)]
    pub(super) next_upload_id_marker: Option<String>,
    #[serde(rename = "Upload", default)]
    pub(super) rows: Vec<UploadRow>,
}

/// One multipart upload of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UploadRow {
    pub(super) key: String,
    pub(super) upload_id: String,
    pub(super) initiated: String,
}

/// Reads one document.
pub(super) fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let text = std::str::from_utf8(body).map_err(|error| Error::BadAnswer(error.to_string()))?;
    quick_xml::de::from_str(text).map_err(|error| Error::BadAnswer(error.to_string()))
}

/// The body of `CompleteMultipartUpload`.
pub(super) fn complete(parts: &[Part]) -> String {
    let mut xml = String::from("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for part in parts {
        let etag = quick_xml::escape::escape(&part.etag);
        let _ = write!(xml, "<Part><PartNumber>{}</PartNumber><ETag>{etag}</ETag></Part>", part.number);
    }
    xml.push_str("</CompleteMultipartUpload>");
    xml
}
