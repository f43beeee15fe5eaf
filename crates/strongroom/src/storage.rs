//! Storage: always the S3 protocol, spoken by identities that cannot be taken for one another.
//!
//! The service itself is reader, writer and janitor. The operator, who may change the bucket's configuration, is not
//! among them: a running service has no use for that right.

mod carry;
mod client;
mod counts;
mod credentials;
mod identities;
mod key;
mod line;
mod listing;
mod operator;
mod policy;
mod probe;
mod promote;
mod rights;
mod xml;

use strongroom_presign::{Endpoint, EndpointError, UrlError};

use crate::config::Profile;
use credentials::{Held, State};

pub use carry::{Piece, ServedAs};
pub use client::Error;
pub use counts::Counts;
pub use credentials::{Keyring, KeyringError, owner};
pub use identities::{Form, Janitor, LinkTerms, Opened, Part, PutTerms, Reader, SignedPut, SignedUrl, Stored, Writer};
pub use key::{Content, KeyError, KeyParts, Location, ObjectKey, fill, space_prefix};
pub use line::Line;
pub use listing::{Listed, ListedUpload};
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
    /// The installation's own bucket.
    pub bucket: String,
    /// The buckets that spaces have for themselves.
    pub buckets_of_spaces: Vec<String>,
    /// The prefix under which everything lies, in each bucket.
    pub location: Location,
    /// What the storage can and cannot do.
    pub profile: Profile,
    /// The identities' credentials.
    pub keyring: Keyring,
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
    /// The installation's own bucket, for every space that has none for itself.
    pub own: Bucket,
    /// The buckets that spaces have for themselves.
    others: Vec<Bucket>,
    /// The prefix under which everything lies, in each bucket.
    pub location: Location,
    /// What it can and cannot do.
    pub profile: Profile,
    /// The endpoints under which the bucket is known, the public one first.
    endpoints: [Endpoint; 2],
    keyring: Keyring,
    line: Line,
}

/// How the credentials of the identities are, in words for the operator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialHealth {
    /// Some hold no more.
    pub ended: Option<String>,
    /// Some still hold and could not be replaced.
    pub troubled: Option<String>,
}

/// One bucket, as each identity reaches it.
#[derive(Debug)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Gets, and signs links.
    pub reader: Reader,
    /// Puts, and signs uploads.
    pub writer: Writer,
    /// Promotes, deletes and lists.
    pub janitor: Janitor,
    /// Configures it; there for commands alone.
    pub operator: Option<Operator>,
}

impl Storage {
    /// The bucket that a row or a space means: the installation's own when it names none.
    pub fn bucket(&self, name: &str) -> Result<&Bucket, Error> {
        if name.is_empty() || name == self.own.name {
            return Ok(&self.own);
        }
        let found = self.others.iter().find(|bucket| bucket.name == name);
        found.ok_or_else(|| Error::NoSuchBucket { name: name.to_owned() })
    }

    /// Every bucket, the installation's own first.
    pub fn buckets(&self) -> impl Iterator<Item = &Bucket> {
        std::iter::once(&self.own).chain(&self.others)
    }

    /// The endpoints under which the bucket is known.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Whether it failed again and again, and is left alone at this moment.
    pub fn is_left_alone(&self) -> bool {
        self.line.is_broken()
    }

    /// The public half of an identity's key, as it is now. The operator's is there for commands alone.
    pub fn access_key(&self, identity: Identity) -> Option<String> {
        let held = match identity {
            Identity::Reader => Some(&self.keyring.reader),
            Identity::Writer => Some(&self.keyring.writer),
            Identity::Janitor => Some(&self.keyring.janitor),
            Identity::Operator => self.keyring.operator.as_ref(),
        };
        held.map(|held| held.now().access_key().to_owned())
    }

    /// How the credentials of the identities are.
    pub fn credentials(&self) -> CredentialHealth {
        let mut health = CredentialHealth::default();
        for state in self.keyring.states() {
            match state {
                State::Good => {}
                State::Troubled(words) => health.troubled = health.troubled.or(Some(words)),
                State::Ended(words) => health.ended = health.ended.or(Some(words)),
            }
        }
        health
    }

    /// Makes the identities; nothing is sent yet.
    pub fn new(settings: Settings, line: &Line) -> Result<Self, SetupError> {
        let Settings { endpoint, public_endpoint, bucket, buckets_of_spaces, location, profile, keyring } = settings;
        let open = |bucket: &str, held: &Held| {
            let place = client::Place {
                endpoint: endpoint.clone(),
                public_endpoint: public_endpoint.clone(),
                bucket: bucket.to_owned(),
                location: location.clone(),
            };
            client::Client::new(place, held.clone(), line.clone())
        };
        let enter = |name: &String| {
            Ok::<_, SetupError>(Bucket {
                reader: Reader::new(open(name, &keyring.reader)?),
                writer: Writer::new(open(name, &keyring.writer)?, profile),
                janitor: Janitor::new(open(name, &keyring.janitor)?, profile),
                operator: keyring.operator.as_ref().map(|held| open(name, held)).transpose()?.map(Operator::new),
                name: name.clone(),
            })
        };
        Ok(Self {
            own: enter(&bucket)?,
            others: buckets_of_spaces.iter().filter(|name| **name != bucket).map(enter).collect::<Result<_, _>>()?,
            profile,
            endpoints: [public_endpoint.clone(), endpoint.clone()],
            location: location.clone(),
            keyring,
            line: line.clone(),
        })
    }
}
