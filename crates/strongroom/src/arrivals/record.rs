//! S3's events as AWS, Ceph and MinIO send them
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>).

use serde::Deserialize;

use super::Error;

/// What came at once. A test event has no records, and is none.
#[derive(Debug, Deserialize)]
pub(super) struct Notice {
    #[serde(rename = "Records", default)]
    pub(super) records: Vec<Record>,
}

/// One event; members that are not known are passed over.
#[derive(Debug, Deserialize)]
pub(super) struct Record {
    #[serde(rename = "eventName")]
    event: String,
    s3: Place,
}

#[derive(Debug, Deserialize)]
struct Place {
    bucket: Bucket,
    object: Object,
}

#[derive(Debug, Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Object {
    key: String,
}

impl Notice {
    pub(super) fn read(body: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(body).map_err(|error| Error::Malformed(error.to_string()))
    }
}

impl Record {
    /// The bucket and the name of what was created; nothing when it tells of something else.
    pub(super) fn created(&self) -> Option<(&str, String)> {
        let event = self.event.strip_prefix("s3:").unwrap_or(&self.event);
        let is_creation = event.starts_with("ObjectCreated:");
        Some((self.s3.bucket.name.as_str(), decoded(&self.s3.object.key)?)).filter(|_| is_creation)
    }
}

/// The name as it is: it comes as in the query of a form, with `+` for a space. Ceph sends it as it is, which makes no
/// difference for names that we give.
fn decoded(key: &str) -> Option<String> {
    let spaced = key.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::Notice;

    fn created(event: &str, key: &str) -> Option<String> {
        let text = serde_json::json!({ "Records": [{
            "eventName": event, "s3": { "bucket": { "name": "b" }, "object": { "key": key, "size": 1 } }, "more": {},
        }] });
        let notice = Notice::read(text.to_string().as_bytes()).unwrap();
        notice.records[0].created().map(|(_, key)| key)
    }

    #[test]
    fn names_come_out_as_they_were_given() {
        assert_eq!(created("ObjectCreated:Put", "media%2Fstaging%2Fa+b%C3%A9").as_deref(), Some("media/staging/a bé"));
        assert_eq!(created("s3:ObjectCreated:Post", "staging/x").as_deref(), Some("staging/x"));
        assert_eq!(created("ObjectRemoved:Delete", "staging/x"), None);
        assert_eq!(created("ObjectCreated:Put", "%ff"), None);
    }

    #[test]
    fn a_test_event_holds_nothing() {
        let notice = Notice::read(br#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#).unwrap();
        assert!(notice.records.is_empty());
        assert!(Notice::read(b"{\"Records\":[{}]}").is_err());
    }
}
