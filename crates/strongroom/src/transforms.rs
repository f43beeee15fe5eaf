//! Transforms: pictures that a URL says how to make, signed so that nobody makes up other ones.
//!
//! A signature is authority like a link: whoever has such a URL sees what it leads to, for as long as it says, or the
//! object is there. Without one it leads to what the asker may read, and to declared variants alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;
use uuid::Uuid;

use crate::config::{Config, Database, JwtKeys, Secret, Space};
use crate::db::objects::Object;
use crate::db::pictures::Variant;
use crate::db::{self};
use crate::links::{self, Item};
use crate::objects;
use crate::pictures::{self, Options, OptionsError, Unmade, Wanted, demand};
use crate::service::{Asker, Service};
use crate::spaces::{self, Denied};
use crate::storage::SignedUrl;

/// What stands in place of a signature where there is none.
const UNSIGNED: &str = "-";

/// What the key is derived for where none is configured.
const PURPOSE: &[u8] = b"strongroom transforms 1";

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody who has the key signed this.
    #[error(
        "the signature does not belong to these options and this object; it is HMAC-SHA-256 over `/options/id`, in \
         base64url"
    )]
    Signature,
    /// Without a signature there are declared variants only.
    #[error("without a signature there are presets alone, such as `/i/-/pr:thumb/…`; sign what says more")]
    Unsigned,
    /// It ended.
    #[error("this URL has expired; get a new one")]
    Expired,
    /// The options cannot be read.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// There is no key that all nodes have.
    #[error("there is no key to sign with: several nodes need one that all of them have; set transforms.key")]
    NoKey,
    /// It is not to be had.
    #[error(transparent)]
    Link(#[from] links::Error),
}

impl From<db::Error> for Error {
    fn from(error: db::Error) -> Self {
        Self::Link(error.into())
    }
}

impl From<demand::Error> for Error {
    fn from(error: demand::Error) -> Self {
        Self::Link(error.into())
    }
}

impl From<Unmade> for Error {
    fn from(unmade: Unmade) -> Self {
        Self::Link(unmade.into())
    }
}

/// The keys, and where the URLs lead.
#[derive(Debug)]
pub struct Transforms {
    keys: Vec<Secret>,
    api: String,
}

impl Transforms {
    /// With the configured keys, or else one that is derived from the secret that tokens are verified with. The one
    /// that is `generated` in the data folder serves for that only where one node has the database for itself.
    pub fn of(config: &Config, generated: &Secret, api: String) -> Self {
        let configured = &config.transforms.0;
        let keys = if configured.is_empty() {
            let secret = match (&config.auth.jwt.keys, &config.database) {
                (JwtKeys::Secret(secret), _) => Some(secret),
                (_, Database::Sqlite) => Some(generated),
                _ => None,
            };
            let derived = |secret: &Secret| Secret::new(URL_SAFE_NO_PAD.encode(digest(secret, PURPOSE)));
            secret.map(derived).into_iter().collect()
        } else {
            configured.clone()
        };
        Self { keys, api }
    }

    /// The URL of these options for an object.
    pub fn url(&self, options: &str, object: Uuid) -> Result<String, Error> {
        let key = self.keys.first().ok_or(Error::NoKey)?;
        let path = format!("/{options}/{object}");
        let signature = URL_SAFE_NO_PAD.encode(digest(key, path.as_bytes()));
        Ok(format!("{}/i/{signature}{path}", self.api))
    }

    /// Whether one of the keys signed this path. All of them are tried, each in a time that tells nothing.
    fn is_signed(&self, signature: &str, path: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        let by = |key| {
            let mut mac = keyed(key);
            mac.update(path.as_bytes());
            mac.verify_slice(&signature).is_ok()
        };
        self.keys.iter().map(by).fold(false, |before, one| before | one)
    }
}

fn keyed(key: &Secret) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).expect("HMAC takes keys of any length")
}

fn digest(key: &Secret, text: &[u8]) -> [u8; 32] {
    let mut mac = keyed(key);
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// Where a URL leads, and until when that may be remembered.
#[derive(Debug)]
pub struct Led {
    /// What it leads to.
    pub variant: Variant,
    /// The link to it.
    pub link: SignedUrl,
    /// When the URL itself ends, if it does.
    pub expires_at: Option<Timestamp>,
}

/// Follows such a URL, whose `path` is what stands behind the signature: makes the picture if it is not there.
pub async fn follow(
    service: &Service,
    asker: &Asker,
    signature: &str,
    path: &str,
    can_show: impl Fn(&str) -> bool,
) -> Result<Led, Error> {
    let (options, id) = path.rsplit_once('/').unwrap_or(("", path));
    let is_signed = signature != UNSIGNED;
    if is_signed && !service.transforms.is_signed(signature, &format!("/{path}")) {
        return Err(Error::Signature);
    }
    let Options { wanted, expires } = Options::read(options)?;
    let id = id.parse::<Uuid>().ok().filter(|parsed| parsed.to_string() == id);
    if !is_signed {
        let Wanted::Preset(name) = wanted else { return Err(Error::Unsigned) };
        let id = id.ok_or_else(|| nothing(spaces::nothing_for(&asker.principal)))?;
        let (variant, link) = links::variant(service, asker, id, &name, can_show).await?;
        return Ok(Led { variant, link, expires_at: None });
    }
    let expires_at = expires.map(|seconds| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX));
    if expires_at.is_some_and(|end| end <= service.now()) {
        return Err(Error::Expired);
    }
    let id = id.ok_or_else(|| nothing(Denied::NotFound))?;
    let object = service.db.read_one(move |tx| db::objects::get(tx, id)).await?;
    let object = object.filter(|object| object.deleted_at.is_none());
    let found = object.and_then(|object| Some((service.config.spaces.get(&object.space)?, object)));
    let (space, object) = found.ok_or_else(|| nothing(Denied::NotFound))?;
    let variants = variants(service, space, &object, &wanted).await?;
    let (variant, link) = links::lead_to(service, asker, &object, variants, can_show).await?;
    Ok(Led { variant, link, expires_at })
}

/// What there is of an object as it is wanted, after it was made if need be.
async fn variants(service: &Service, space: &Space, object: &Object, wanted: &Wanted) -> Result<Vec<Variant>, Error> {
    let name = match wanted {
        Wanted::Own(variant) => return Ok(demand::made(service, object, variant).await?),
        Wanted::Preset(name) => name,
    };
    if let Some(declared) = space.made_on_demand().find(|variant| variant.name == *name) {
        return Ok(demand::made(service, object, declared).await?);
    }
    let mut picture = pictures::of(service, std::iter::once(object)).await?.remove(&object.id);
    let variants = picture.as_mut().map(|picture| std::mem::take(&mut picture.variants)).unwrap_or_default();
    let variants: Vec<Variant> = variants.into_iter().filter(|variant| variant.name == *name).collect();
    let is_declared = space.variants.iter().any(|variant| variant.name == *name);
    match picture {
        Some(_) if !variants.is_empty() => Ok(variants),
        Some(picture) if is_declared => {
            Err(picture.reason.map_or(Unmade::Waiting, |(_, detail)| Unmade::Refused(detail)).into())
        }
        _ => Err(Unmade::NoSuch(name.clone()).into()),
    }
}

fn nothing(denied: Denied) -> Error {
    Error::Link(objects::Error::Denied(denied).into())
}

/// URLs for many things, each of them for as long as links of its space live; each succeeds or fails by itself. A
/// picture whose original is hidden from the asker has presets alone.
pub async fn for_references(
    service: &Service,
    asker: &Asker,
    references: &[String],
    options: &str,
) -> Result<Vec<Item>, Error> {
    let Options { wanted, .. } = Options::read(options)?;
    let found = links::find(service, references).await?;
    let mut entries = Vec::new();
    let mut items = Vec::with_capacity(found.len());
    for found in found {
        let object = match found {
            Err(reason) => {
                items.push(Item::Malformed(reason));
                continue;
            }
            Ok(object) => object,
        };
        let readable =
            object.filter(|object| object.deleted_at.is_none() && spaces::may_read(service, &asker.principal, object));
        let Some(object) = readable else {
            items.push(Item::NotFound);
            continue;
        };
        let space = service.config.spaces.get(&object.space);
        let is_there = pictures::is_picture(&service.config, &object.version.content_type)
            && match &wanted {
                Wanted::Preset(name) => space.is_some_and(|space| space.variants.iter().any(|one| one.name == *name)),
                Wanted::Own(_) => true,
            };
        if !is_there {
            items.push(Item::Unmade(Unmade::NoSuch(options.to_owned())));
            continue;
        }
        if matches!(wanted, Wanted::Own(_)) && spaces::hides_original(service, &asker.principal, &object) {
            items.push(Item::NotFound);
            continue;
        }
        let end = links::end_of_links(space, service.now()).map_err(links::Error::from)?;
        let url = service.transforms.url(&format!("{options}/exp:{}", end.as_second()), object.id)?;
        let entry = asker.entry(service.now(), "link.transform").on(&object.space, Some(object.id));
        let entry = entry.with("version", object.version.number).with("expires_at", end.to_string());
        entries.push(entry.with("transform", options).into_inner());
        items.push(Item::Link { id: object.id, link: SignedUrl { url, expires_at: end } });
    }
    if !entries.is_empty() {
        service.metrics.links_signed(entries.len() as u64);
        service.audit.append(entries).await.map_err(links::Error::from)?;
    }
    Ok(items)
}
