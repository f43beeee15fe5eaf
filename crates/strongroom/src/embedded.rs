//! The embedded store as the service runs it: its folder, its bucket, its identities and the pages it talks to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use strongroom_presign::CredentialsError;
use strongroom_store::{Action, Cors, Grant, Identity, OpenError, Options, Store};

use crate::ambient::{Clock, Random};
use crate::config::{Config, Credentials, Embedded, Identities, Place, Secret};
use crate::db::{self, Db, milestones};
use crate::secrets::{Secrets, StoreKey};
use crate::storage::{self, KeyError, Location, Reach, Right};

/// The bucket that everything lies in.
pub const BUCKET: &str = "strongroom";

/// The region that signatures name.
pub const REGION: &str = "us-east-1";

/// The store's folder inside the data folder.
const FOLDER: &str = "store";

/// What the milestone begins with that names the store which a shared database belongs to.
const CLAIM: &str = "embedded-store:";

/// Says where a running service can be reached, for the commands.
const ADDRESSES: &str = "addresses.json";

/// Why the embedded store does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The location is not a prefix for keys.
    #[error("the storage location cannot be used: {0}")]
    Location(#[from] KeyError),
    /// The database knows of bytes in another node's store.
    #[error(
        "the bytes of this database lie in the embedded store of another data folder, which this node cannot reach; \
         several nodes need a bucket that all of them reach: set storage.bucket, or give this one a database of its own"
    )]
    OfAnother,
    /// The database cannot be asked whose it is.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// A bucket of another store is configured.
    #[error("a bucket is configured, so there is no embedded store")]
    Elsewhere,
    /// A configured key cannot be used.
    #[error("a key of the embedded store cannot be used: {0}")]
    Credentials(#[from] CredentialsError),
}

/// Where a running service can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// The API.
    pub api: String,
    /// The store, from this machine.
    pub store: String,
}

impl Addresses {
    /// Leaves word in the data folder.
    pub fn leave(&self, data: &Path) -> io::Result<()> {
        let temporary = data.join(format!("{ADDRESSES}.new"));
        fs::write(&temporary, serde_json::to_vec(self)?)?;
        fs::rename(temporary, data.join(ADDRESSES))
    }

    /// What the last service left word of, if any did.
    pub fn find(data: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(data.join(ADDRESSES)).ok()?).ok()
    }
}

/// The store's folder inside a data folder.
pub fn folder(data: &Path) -> PathBuf {
    data.join(FOLDER)
}

/// The identities' keys: the configured ones, or else the generated ones.
pub fn identities(embedded: &Embedded, secrets: &Secrets) -> Identities {
    let key = |key: &StoreKey| Credentials {
        access_key_id: key.access_key_id.clone(),
        secret_access_key: Secret::new(key.secret_access_key.clone()),
        session_token: None,
        expires_at: None,
    };
    embedded.identities.clone().unwrap_or_else(|| Identities {
        reader: key(&secrets.store.reader),
        writer: key(&secrets.store.writer),
        janitor: key(&secrets.store.janitor),
        operator: Some(key(&secrets.store.operator)),
    })
}

/// Says in a shared database that its bytes lie in the store of this data folder; refused when they lie in another's.
/// A file of SQLite lies beside its store, and is nobody else's.
pub async fn claim(db: &Db, secrets: &Secrets, now: Timestamp) -> Result<(), Error> {
    if !db.is_shared() {
        return Ok(());
    }
    // The public half of a generated key: no two folders have the same.
    let own = format!("{CLAIM}{}", secrets.store.operator.access_key_id);
    db.write(move |tx| match milestones::beginning_with(tx, CLAIM)? {
        Some(found) if found != own => Err(Error::OfAnother),
        Some(_) => Ok(()),
        None => Ok(milestones::reach(tx, &own, now)?),
    })
    .await
}

/// Opens the store. `pages` are the origins of the service's own pages.
pub async fn open(
    config: &Config,
    identities: &Identities,
    pages: Vec<String>,
    clock: &Clock,
    random: &Random,
) -> Result<Store, Error> {
    let random = random.clone();
    let luck = Arc::new(move || u128::from_ne_bytes(random.bytes()));
    let Place::Embedded(embedded) = &config.storage.place else { return Err(Error::Elsewhere) };
    let mut options = Options::new(folder(&config.data), clock.as_fn(), luck);
    options.limits.min_free = embedded.care.min_free;
    options.signature_version_2 = embedded.signature_version_2;
    REGION.clone_into(&mut options.region);
    let others = config.buckets_of_spaces().into_iter().filter(|name| *name != BUCKET);
    let buckets: Vec<&str> = std::iter::once(BUCKET).chain(others).collect();
    options.buckets = buckets.iter().map(|name| (*name).to_owned()).collect();
    let location = Location::new(&config.storage.location)?;
    options.identities = grants(identities, &buckets, &location, config.storage.profile.puts_are_final())?;
    let origins = config.origins().into_iter().map(|origin| origin.as_str().to_owned());
    options.cors = Cors { allowed_origins: pages.into_iter().chain(origins).collect() };
    Ok(Store::open(options).await?)
}

/// Each identity with exactly what it needs. The writer makes final objects only where a PUT is final, and replaces none.
fn grants(
    identities: &Identities,
    buckets: &[&str],
    location: &Location,
    puts_are_final: bool,
) -> Result<Vec<Identity>, CredentialsError> {
    let all = [
        (storage::Identity::Reader, Some(&identities.reader)),
        (storage::Identity::Writer, Some(&identities.writer)),
        (storage::Identity::Janitor, Some(&identities.janitor)),
        (storage::Identity::Operator, identities.operator.as_ref()),
    ];
    let of = |(identity, credentials): (storage::Identity, Option<&Credentials>)| {
        let in_each = |(reach, rights): (Reach, &[Right])| {
            let actions: Vec<_> = rights.iter().copied().map(action).collect();
            let grant = |bucket: &&str| Grant {
                bucket: Some((*bucket).to_owned()),
                prefix: reach.prefix(location),
                actions: actions.clone(),
            };
            buckets.iter().map(grant).collect::<Vec<_>>()
        };
        let credentials = credentials?;
        let grants = identity.rights(puts_are_final).flat_map(in_each).collect();
        Some(Identity::new(&credentials.access_key_id, credentials.secret_access_key.expose(), grants))
    };
    all.into_iter().filter_map(of).collect()
}

/// A right as the store calls it.
fn action(right: Right) -> Action {
    match right {
        Right::Get => Action::Get,
        Right::Put => Action::Put,
        Right::Create => Action::Create,
        Right::Delete => Action::Delete,
        Right::Abort => Action::Abort,
        Right::ListParts => Action::ListParts,
        Right::List => Action::List,
        Right::ListUploads => Action::ListUploads,
        Right::Configure => Action::Configure,
    }
}
