//! The XML the protocol speaks: a writer that escapes everything, and the few documents that clients send.

use std::fmt::Write as _;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::fault::{Code, Fault};

/// The namespace of every S3 answer.
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// A document being written. Elements are closed by the one who opened them.
#[derive(Debug)]
pub(crate) struct Xml {
    text: String,
}

impl Xml {
    /// Begins a document without a namespace, as errors have it.
    pub(crate) fn document() -> Self {
        Self { text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned() }
    }

    /// Begins a document whose root carries S3's namespace.
    pub(crate) fn rooted(root: &str) -> Self {
        let mut xml = Self::document();
        let _ = write!(xml.text, "<{root} xmlns=\"{NAMESPACE}\">");
        xml
    }

    /// Opens an element.
    pub(crate) fn open(&mut self, name: &str) -> &mut Self {
        let _ = write!(self.text, "<{name}>");
        self
    }

    /// Closes an element.
    pub(crate) fn close(&mut self, name: &str) -> &mut Self {
        let _ = write!(self.text, "</{name}>");
        self
    }

    /// Writes an element that holds only text.
    pub(crate) fn text(&mut self, name: &str, text: &str) -> &mut Self {
        self.open(name);
        escape(&mut self.text, text);
        self.close(name)
    }

    /// Writes text into the element that is open.
    pub(crate) fn inner_text(&mut self, text: &str) -> &mut Self {
        escape(&mut self.text, text);
        self
    }

    /// Writes an element that holds a number or a truth value.
    pub(crate) fn value(&mut self, name: &str, value: impl std::fmt::Display) -> &mut Self {
        let _ = write!(self.text, "<{name}>{value}</{name}>");
        self
    }

    /// The finished document.
    pub(crate) fn finish(self) -> Bytes {
        self.text.into()
    }
}

/// Escapes markup, and writes control characters as references because a raw one would end the document.
fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\t' => out.push(character),
            control if control.is_control() || matches!(control, '\u{fffe}' | '\u{ffff}') => {
                let _ = write!(out, "&#x{:X};", u32::from(control));
            }
            plain => out.push(plain),
        }
    }
}

/// The body of `DeleteObjects`.
#[derive(Debug, Deserialize)]
pub(crate) struct Delete {
    /// The keys to delete.
    #[serde(rename = "Object", default)]
    pub(crate) objects: Vec<DeleteEntry>,
    /// Whether only failures are to be reported.
    #[serde(rename = "Quiet", default)]
    pub(crate) quiet: Option<String>,
}

/// One key of `DeleteObjects`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteEntry {
    /// The key.
    pub(crate) key: String,
    /// The version that is to go for good.
    pub(crate) version_id: Option<String>,
    /// Deletes only what still has this tag.
    #[serde(rename = "ETag")]
    pub(crate) etag: Option<String>,
}

/// The body of `CompleteMultipartUpload`.
#[derive(Debug, Deserialize)]
pub(crate) struct CompleteMultipartUpload {
    /// The parts, in order.
    #[serde(rename = "Part", default)]
    pub(crate) parts: Vec<CompletedPart>,
}

/// One part that the client believes it has sent.
#[derive(Debug, Deserialize)]
pub(crate) struct CompletedPart {
    /// Its number, 1 to 10,000.
    #[serde(rename = "PartNumber")]
    pub(crate) number: u32,
    /// The tag it was answered with, quoted or not.
    #[serde(rename = "ETag")]
    pub(crate) etag: String,
    /// Its checksums, if the client kept them.
    #[serde(rename = "ChecksumCRC32")]
    pub(crate) crc32: Option<String>,
    /// See `crc32`.
    #[serde(rename = "ChecksumCRC32C")]
    pub(crate) crc32c: Option<String>,
    /// See `crc32`.
    #[serde(rename = "ChecksumCRC64NVME")]
    pub(crate) crc64nvme: Option<String>,
    /// See `crc32`.
    #[serde(rename = "ChecksumSHA1")]
    pub(crate) sha1: Option<String>,
    /// See `crc32`.
    #[serde(rename = "ChecksumSHA256")]
    pub(crate) sha256: Option<String>,
}

/// The body of `PutObjectTagging`, and the field `tagging` of a form.
#[derive(Debug, Deserialize)]
pub(crate) struct Tagging {
    /// The set.
    #[serde(rename = "TagSet")]
    pub(crate) set: TagSet,
}

/// A set of tags.
#[derive(Debug, Deserialize)]
pub(crate) struct TagSet {
    /// The tags.
    #[serde(rename = "Tag", default)]
    pub(crate) tags: Vec<Tag>,
}

/// One tag.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tag {
    /// Its key.
    pub(crate) key: String,
    /// Its value.
    #[serde(default)]
    pub(crate) value: String,
}

/// The body of `PutBucketVersioning`.
#[derive(Debug, Deserialize)]
pub(crate) struct VersioningConfiguration {
    /// `Enabled` or `Suspended`.
    #[serde(rename = "Status")]
    pub(crate) status: Option<String>,
    /// Whether deleting takes a second factor, which the store does not know.
    #[serde(rename = "MfaDelete")]
    pub(crate) mfa_delete: Option<String>,
}

/// The body of `PutObjectLockConfiguration`.
#[derive(Debug, Deserialize)]
pub(crate) struct ObjectLockConfiguration {
    /// `Enabled`.
    #[serde(rename = "ObjectLockEnabled")]
    pub(crate) enabled: Option<String>,
    /// What new versions are locked with.
    #[serde(rename = "Rule")]
    pub(crate) rule: Option<ObjectLockRule>,
}

/// What new versions are locked with.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ObjectLockRule {
    /// How, and for how long.
    pub(crate) default_retention: DefaultRetention,
}

/// A mode, and either days or years.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DefaultRetention {
    /// `GOVERNANCE` or `COMPLIANCE`.
    pub(crate) mode: String,
    /// How many days.
    pub(crate) days: Option<u32>,
    /// How many years.
    pub(crate) years: Option<u32>,
}

/// The body of `PutObjectRetention`; an empty one lifts the retention.
#[derive(Debug, Deserialize)]
pub(crate) struct Retention {
    /// `GOVERNANCE` or `COMPLIANCE`.
    #[serde(rename = "Mode")]
    pub(crate) mode: Option<String>,
    /// An ISO 8601 date.
    #[serde(rename = "RetainUntilDate")]
    pub(crate) until: Option<String>,
}

/// The body of `PutObjectLegalHold`.
#[derive(Debug, Deserialize)]
pub(crate) struct LegalHold {
    /// `ON` or `OFF`.
    #[serde(rename = "Status")]
    pub(crate) status: String,
}

/// The body of `PutBucketAcl` and `PutObjectAcl`.
#[derive(Debug, Deserialize)]
pub(crate) struct AccessControlPolicy {
    /// Who may do what.
    #[serde(rename = "AccessControlList")]
    pub(crate) list: AccessControlList,
}

/// A list of grants.
#[derive(Debug, Deserialize)]
pub(crate) struct AccessControlList {
    /// The grants.
    #[serde(rename = "Grant", default)]
    pub(crate) grants: Vec<AclGrant>,
}

/// What one of them may do.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AclGrant {
    grantee: Grantee,
    permission: String,
}

/// Somebody with an id, or a group with none.
#[derive(Debug, Deserialize)]
struct Grantee {
    #[serde(rename = "ID")]
    id: Option<String>,
}

impl AclGrant {
    /// Whether it grants this to this one.
    pub(crate) fn is(&self, id: &str, permission: &str) -> bool {
        self.grantee.id.as_deref() == Some(id) && self.permission == permission
    }
}

/// The body of `CreateBucket`, when there is one.
#[derive(Debug, Deserialize)]
pub(crate) struct CreateBucketConfiguration {
    /// The region the client wants the bucket in.
    #[serde(rename = "LocationConstraint")]
    pub(crate) location: Option<String>,
}

/// Reads a document that a client sent. The caller has bounded its length.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(document: &[u8]) -> Result<T, Fault> {
    let text = std::str::from_utf8(document)
        .map_err(|error| Fault::new(Code::MalformedXML, format!("The XML you provided is not UTF-8: {error}")))?;
    quick_xml::de::from_str(text)
        .map_err(|error| Fault::new(Code::MalformedXML, format!("The XML you provided was not well-formed: {error}")))
}

#[cfg(test)]
mod tests {
    use super::{Delete, parse};
    use crate::fault::Code;

    #[test]
    fn a_key_keeps_its_blanks_and_deep_or_expanding_documents_cost_nothing() {
        let keys = |document: &str| -> Vec<String> {
            parse::<Delete>(document.as_bytes()).unwrap().objects.into_iter().map(|entry| entry.key).collect()
        };
        let document = "<?xml version=\"1.0\"?>\n<Delete>\n <Object>\n  <Key> a </Key>\n </Object>\n <Object><Key>&#10;b&#x20;&amp; </Key></Object><Object><Key><![CDATA[ <c> ]]> </Key></Object></Delete>";
        assert_eq!(keys(document), [" a ", "\nb & ", " <c>  "]);
        let deep = format!(
            "<Delete><Object><Key>k</Key></Object>{}{}</Delete>",
            "<x>".repeat(200_000),
            "</x>".repeat(200_000)
        );
        // What must not happen is that it takes the stack with it: some builds of the parser read it, others refuse it.
        match parse::<Delete>(deep.as_bytes()) {
            Ok(read) => assert_eq!(read.objects.len(), 1),
            Err(refused) => assert_eq!(refused.code, Code::MalformedXML),
        }
        let bomb = "<!DOCTYPE d [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><Delete><Object><Key>&b;</Key></Object></Delete>";
        assert!(parse::<Delete>(bomb.as_bytes()).is_err());
    }
}
