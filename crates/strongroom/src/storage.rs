//! Storage: always the S3 protocol, spoken by identities that cannot be taken for one another.
//!
//! The service itself is reader, writer and janitor. The operator, who may change the bucket's configuration, is not
//! among them: a running service has no use for that right.

mod client;
mod identities;
mod key;
mod operator;
mod policy;
mod probe;
mod rights;
mod xml;

use strongroom_presign::{Credentials, CredentialsError, Endpoint, EndpointError, UrlError};

use crate::ambient::Clock;
use crate::config::Profile;

pub use client::Error;
pub use identities::{
    Form, Janitor, LinkTerms, Listed, ListedUpload, Part, PutTerms, Reader, SignedPut, SignedUrl, Stored, Writer,
};
pub use key::{KeyError, KeyParts, Location, ObjectKey, fill, space_prefix};
pub use operator::{Child, Found, Operator, Setting, Written, children, facts};
pub use policy::{Dialect, Policy, Terrain};
pub use probe::{Act, Seen};
pub use rights::{Identity, Reach, Right};
pub use strongroom_presign::Window;

/// What it takes to reach the storage.
#[derive(Debug)]
pub struct Settings {
    /// The URL at which the service reaches the storage, and how buckets are addressed there.
    pub endpoint: Endpoint,
    /// The URL at which browsers reach it.
    pub public_endpoint: Endpoint,
    /// The bucket.
    pub bucket: String,
    /// The prefix under which everything lies.
    pub location: Location,
    /// What the storage can and cannot do.
    pub profile: Profile,
    /// The identities' credentials.
    pub credentials: IdentityCredentials,
}

/// One set of credentials an identity.
#[derive(Debug)]
pub struct IdentityCredentials {
    /// May get.
    pub reader: Credentials,
    /// May put.
    pub writer: Credentials,
    /// May promote, delete and list.
    pub janitor: Credentials,
    /// May configure the bucket; only commands are it.
    pub operator: Option<Credentials>,
}

/// Why the storage cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The endpoint is not a usable URL.
    #[error("the storage endpoint cannot be used: {0}")]
    Endpoint(#[from] EndpointError),
    /// The bucket's name is not one, or the endpoint cannot address it.
    #[error("the bucket cannot be used: {0}")]
    Bucket(#[from] UrlError),
    /// A key cannot be used.
    #[error("the storage credentials cannot be used: {0}")]
    Credentials(#[from] CredentialsError),
    /// The location is not a prefix for keys.
    #[error("the storage location cannot be used: {0}")]
    Location(#[from] KeyError),
    /// The HTTP client cannot be built.
    #[error("no HTTP client for the storage: {0}")]
    Client(String),
}

/// The storage of this installation.
#[derive(Debug)]
pub struct Storage {
    /// Gets, and signs links.
    pub reader: Reader,
    /// Puts, and signs uploads.
    pub writer: Writer,
    /// Promotes, deletes and lists.
    pub janitor: Janitor,
    /// Configures the bucket; there for commands alone.
    pub operator: Option<Operator>,
    /// The bucket.
    pub bucket: String,
    /// The prefix under which everything lies.
    pub location: Location,
    /// What it can and cannot do.
    pub profile: Profile,
    /// The endpoints under which the bucket is known, the public one first.
    endpoints: [Endpoint; 2],
}

impl Storage {
    /// The endpoints under which the bucket is known.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Makes the identities; nothing is sent yet.
    pub fn new(settings: Settings, http: &reqwest::Client, clock: &Clock) -> Result<Self, SetupError> {
        let Settings { endpoint, public_endpoint, bucket, location, profile, credentials } = settings;
        let open = |credentials: Credentials| {
            let place = client::Place {
                endpoint: endpoint.clone(),
                public_endpoint: public_endpoint.clone(),
                bucket: bucket.clone(),
                location: location.clone(),
            };
            client::Client::new(place, credentials, http.clone(), clock.clone())
        };
        Ok(Self {
            reader: Reader::new(open(credentials.reader)?),
            writer: Writer::new(open(credentials.writer)?),
            janitor: Janitor::new(open(credentials.janitor)?),
            operator: credentials.operator.map(open).transpose()?.map(Operator::new),
            profile,
            endpoints: [public_endpoint, endpoint],
            bucket,
            location,
        })
    }
}
