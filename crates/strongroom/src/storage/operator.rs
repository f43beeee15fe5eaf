//! The operator: reads and writes the settings of the bucket, as the documents that S3 has for them. No object is any
//! of its business.

mod document;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use md5::{Digest as _, Md5};
use strongroom_presign::{Method, Request};

use super::client::{Client, Error, read};
pub use document::{Child, children, facts};

/// A setting of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// What cannot be made public.
    PublicAccess,
    /// To whom objects belong that others put there.
    Ownership,
    /// How objects are encrypted that say nothing of it.
    Encryption,
    /// Whether earlier contents are kept.
    Versioning,
    /// Which pages may speak with the bucket.
    Cors,
    /// What goes by itself, and when.
    Lifecycle,
    /// Who is told of what happens.
    Notifications,
    /// Where everything is copied to.
    Replication,
    /// Whether uploads may take AWS's own network.
    Acceleration,
}

impl Setting {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::PublicAccess => "public access",
            Self::Ownership => "ownership",
            Self::Encryption => "encryption",
            Self::Versioning => "versioning",
            Self::Cors => "CORS",
            Self::Lifecycle => "lifecycle",
            Self::Notifications => "notifications",
            Self::Replication => "replication",
            Self::Acceleration => "acceleration",
        }
    }

    /// What selects it in a URL.
    fn query(self) -> &'static str {
        match self {
            Self::PublicAccess => "publicAccessBlock",
            Self::Ownership => "ownershipControls",
            Self::Encryption => "encryption",
            Self::Versioning => "versioning",
            Self::Cors => "cors",
            Self::Lifecycle => "lifecycle",
            Self::Notifications => "notification",
            Self::Replication => "replication",
            Self::Acceleration => "accelerate",
        }
    }

    /// The outermost element of its document.
    fn root(self) -> &'static str {
        match self {
            Self::PublicAccess => "PublicAccessBlockConfiguration",
            Self::Ownership => "OwnershipControls",
            Self::Encryption => "ServerSideEncryptionConfiguration",
            Self::Versioning => "VersioningConfiguration",
            Self::Cors => "CORSConfiguration",
            Self::Lifecycle => "LifecycleConfiguration",
            Self::Notifications => "NotificationConfiguration",
            Self::Replication => "ReplicationConfiguration",
            Self::Acceleration => "AccelerateConfiguration",
        }
    }

    /// A document of it with this inside.
    pub fn document(self, inside: &str) -> String {
        format!("<{0} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{inside}</{0}>", self.root())
    }
}

/// What the storage answers about a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Its document.
    Set(String),
    /// Nothing was ever set.
    Unset,
    /// The storage does not offer it; its words.
    NotOffered(String),
}

/// What came of setting something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It is set.
    Done,
    /// The storage does not offer it, or not like this; its words.
    NotOffered(String),
}

/// Configures the bucket.
#[derive(Debug)]
pub struct Operator(Client);

impl Operator {
    pub(super) fn new(client: Client) -> Self {
        Self(client)
    }

    /// The region that the bucket is in, as the storage calls it; nothing when there is no such bucket.
    pub async fn region(&self) -> Result<Option<String>, Error> {
        match self.0.send(&Request::on_bucket(Method::Get).query("location", ""), None).await {
            Ok(response) => {
                let document = text(response).await?;
                let found = facts(&document).map(|(_, facts)| facts).unwrap_or_default();
                // Everybody else's document has it as the root's own text, one server's one level further inside.
                let region = found.iter().find_map(|fact| fact.rsplit_once('=').map(|(_, region)| region.to_owned()));
                Ok(Some(region.unwrap_or_default()))
            }
            Err(Error::NotFound) => Ok(None),
            Err(Error::Refused { code, .. }) if code == "NoSuchBucket" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes the bucket, in a region if one has to be named.
    pub async fn create(&self, region: Option<&str>) -> Result<(), Error> {
        let body = region.map(|region| {
            format!(
                "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>\
                 {region}</LocationConstraint></CreateBucketConfiguration>"
            )
        });
        match self.0.send(&Request::on_bucket(Method::Put), body.map(Bytes::from)).await {
            Ok(_) => Ok(()),
            Err(Error::Refused { code, .. }) if code == "BucketAlreadyOwnedByYou" => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What is set.
    pub async fn read(&self, setting: Setting) -> Result<Found, Error> {
        let request = Request::on_bucket(Method::Get).query(setting.query(), "");
        match self.0.send(&request, None).await {
            Ok(response) => {
                let document = text(response).await?;
                // Who does not know the question answers another: it lists the bucket. And one server's element has a
                // longer name than all others'.
                match facts(&document) {
                    Some((root, _)) if root.ends_with(setting.root()) => Ok(Found::Set(document)),
                    Some((root, _)) => Ok(Found::NotOffered(format!("it answered with {root}"))),
                    None => Err(Error::BadAnswer("it is no XML".to_owned())),
                }
            }
            Err(Error::NotFound) => Ok(Found::Unset),
            Err(error) => not_offered(error).map(Found::NotOffered),
        }
    }

    /// Sets it to this document.
    pub async fn write(&self, setting: Setting, document: String) -> Result<Written, Error> {
        // AWS wants a digest of what changes a bucket.
        let digest = STANDARD.encode(Md5::digest(&document));
        let request = Request::on_bucket(Method::Put).query(setting.query(), "").header("content-md5", digest);
        match self.0.send(&request, Some(document.into())).await {
            Ok(_) => Ok(Written::Done),
            Err(error) => not_offered(error).map(Written::NotOffered),
        }
    }

    /// Takes away all rules of a setting that has rules.
    pub async fn clear(&self, setting: Setting) -> Result<Written, Error> {
        if setting == Setting::Notifications {
            return self.write(setting, setting.document("")).await;
        }
        match self.0.send(&Request::on_bucket(Method::Delete).query(setting.query(), ""), None).await {
            Ok(_) | Err(Error::NotFound) => Ok(Written::Done),
            Err(error) => not_offered(error).map(Written::NotOffered),
        }
    }
}

/// The words of a storage that does not have what was asked; or the error, if it means something else. Some take what
/// they do not know for the wish to make the bucket, which is there.
fn not_offered(error: Error) -> Result<String, Error> {
    match error {
        Error::Refused { status: status @ (501 | 405 | 409 | 400), code, message } => {
            Ok(format!("{status} {code} {message}").trim_end().to_owned())
        }
        Error::NotFound => Ok("404".to_owned()),
        error => Err(error),
    }
}

async fn text(response: reqwest::Response) -> Result<String, Error> {
    String::from_utf8(read(response).await?).map_err(|error| Error::BadAnswer(error.to_string()))
}
