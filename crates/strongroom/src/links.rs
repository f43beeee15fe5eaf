//! Links: time-limited URLs, made when somebody who may have them asks, and written down before they leave.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use crate::audit;
use crate::config::{Space, is_active};
use crate::db::objects::Object;
use crate::db::pictures::{Picture, State, Variant};
use crate::db::{self};
use crate::mirror;
use crate::objects;
use crate::pictures::{self, Unmade, demand};
use crate::service::{Asker, Service};
use crate::spaces::{self, Act};
use crate::storage::{self, LinkTerms, ObjectKey, SignedUrl, Window};
use recent::{Moment, Shown};

mod disposition;
mod recent;
mod reference;

pub use disposition::attachment;
pub use recent::Recent;
pub use reference::Reference;

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The storage's URL could not be signed. No unsigned one is handed out instead.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// The object is not to be had.
    #[error(transparent)]
    Object(#[from] objects::Error),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// There is no such variant, or not yet.
    #[error(transparent)]
    Unmade(#[from] Unmade),
    /// The link could not be written down, so it is not handed out.
    #[error(transparent)]
    Audit(#[from] audit::Error),
}

/// The links of an object, as far as the asker may have them.
#[derive(Debug, Clone, Default)]
pub struct Links {
    /// Its content as it was handed in.
    pub original: Option<SignedUrl>,
    /// What is known of it as a picture, with a link for each of its variants, in their order; nothing where none are
    /// made.
    pub picture: Option<(Picture, Vec<SignedUrl>)>,
    /// The names of what is made of such a picture when somebody asks for it.
    pub on_demand: Vec<String>,
}

/// One item of many: its object and link, or why there is none.
#[derive(Debug)]
pub enum Item {
    /// There it is.
    Link {
        /// The object.
        id: Uuid,
        /// Its link.
        link: SignedUrl,
    },
    /// There is no such thing, or not for the asker.
    NotFound,
    /// There is no such variant, or none yet.
    Unmade(Unmade),
    /// What was asked for names nothing that could be looked for.
    Malformed(String),
}

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be shown.
    Show,
    /// To be saved as a file.
    Download,
}

/// Which links of an object are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'a> {
    /// To its content as it was handed in, and to all its variants, to be shown.
    All,
    /// To its content as it was handed in.
    Original(Purpose),
    /// To the variant of this name, in every format that there is.
    Variant(&'a str),
}

/// Links for these objects, in their order; none for those that the asker may not read, or that are deleted.
pub async fn for_objects(
    service: &Service,
    asker: &Asker,
    objects: &[Object],
    which: Which<'_>,
) -> Result<Vec<Links>, Error> {
    let readable: Vec<bool> = objects
        .iter()
        .map(|object| object.deleted_at.is_none() && spaces::may_read(service, &asker.principal, object))
        .collect();
    let pictures = if let Which::Original(_) = which {
        HashMap::new()
    } else {
        let readable = objects.iter().zip(&readable).filter(|(_, may)| **may).map(|(object, _)| object);
        pictures::of(service, readable).await?
    };
    let keys = || {
        let variants = pictures.values().flat_map(|picture| &picture.variants).map(|variant| &variant.key);
        objects.iter().map(|object| &object.version.key).chain(variants).cloned().collect()
    };
    let held = mirror::standing_in(service, keys).await?;
    let signing = Signing { service, held: held.as_ref(), which };
    let mut links = Vec::with_capacity(objects.len());
    for (object, may) in objects.iter().zip(readable) {
        links.push(if may {
            let hidden = spaces::hides_original(service, &asker.principal, object);
            signing.links(object, pictures.get(&object.id), hidden)?
        } else {
            Links::default()
        });
    }
    write_down(service, asker, objects.iter().zip(&links), which).await?;
    Ok(links)
}

/// The links of one object that the asker was found to be allowed to read.
pub async fn for_object(service: &Service, asker: &Asker, object: &Object, which: Which<'_>) -> Result<Links, Error> {
    let links = for_objects(service, asker, std::slice::from_ref(object), which).await?;
    Ok(links.into_iter().next().unwrap_or_default())
}

impl From<demand::Error> for Error {
    fn from(error: demand::Error) -> Self {
        match error {
            demand::Error::Unmade(unmade) => unmade.into(),
            demand::Error::Db(error) => error.into(),
        }
    }
}

impl Links {
    /// The variant of this name: the smallest that the asker can show, or else the one that everybody can.
    fn variant(
        &self,
        name: &str,
        is_declared: bool,
        can_show: impl Fn(&str) -> bool,
    ) -> Result<(&Variant, &SignedUrl), Unmade> {
        let Some((picture, links)) = &self.picture else { return Err(Unmade::NoSuch(name.to_owned())) };
        // Of two formats the one that everybody can show is the longer one.
        let of_name = || picture.variants.iter().zip(links).filter(|(variant, _)| variant.name == name);
        match of_name().find(|(variant, _)| can_show(&variant.content_type)).or_else(|| of_name().next_back()) {
            Some(found) => Ok(found),
            None if !is_declared => Err(Unmade::NoSuch(name.to_owned())),
            None => Err(match &picture.reason {
                Some((_, detail)) => Unmade::Refused(detail.clone()),
                None => Unmade::Waiting,
            }),
        }
    }
}

/// The answer that shows an object with its links, as `write` writes it, if the asker may read it.
pub async fn show<E: From<Error>>(
    service: &Service,
    asker: &Asker,
    id: Uuid,
    write: impl FnOnce(Object, Links) -> Result<Bytes, E>,
) -> Result<Bytes, E> {
    let moment = Moment::now(service);
    let known = moment.and_then(|moment| service.recent.get(moment, id));
    // Who may not read it is refused below, and waits as long as for what does not exist.
    if let Some(known) =
        known.filter(|known| spaces::check(service, &asker.principal, &known.object, Act::Read).is_ok())
    {
        write_down(service, asker, std::iter::once((&known.object, &known.links)), Which::All).await?;
        return Ok(known.answer.clone());
    }
    let object = objects::get(service, asker, id, Act::Read).await.map_err(Error::from)?;
    let links = for_object(service, asker, &object, Which::All).await?;
    // What is shown of a hidden original depends on who looks.
    let Some(moment) = moment.filter(|_| !spaces::hides_originals(service, &object.space)) else {
        return write(object, links);
    };
    let answer = write(object.clone(), links.clone())?;
    service.recent.keep(moment, Shown { object, links, answer: answer.clone() });
    Ok(answer)
}

/// Links for many things, each named in one of the ways that [`Reference`] reads; each succeeds or fails by itself.
pub async fn for_references(
    service: &Service,
    asker: &Asker,
    references: &[String],
    variant: Option<&str>,
    purpose: Purpose,
) -> Result<Vec<Item>, Error> {
    let found = find(service, references).await?;
    let objects: Vec<Object> = found.iter().filter_map(|found| found.as_ref().ok()?.clone()).collect();
    let which = variant.map_or(Which::Original(purpose), Which::Variant);
    let links = for_objects(service, asker, &objects, which).await?;
    let missing = objects.iter().zip(&links).filter_map(|(object, links)| {
        let declared = demand::declared_on_demand(service, &object.space, variant?)?;
        let is_there = links.picture.as_ref().is_none_or(|(picture, _)| !picture.variants.is_empty());
        (!is_there).then(|| (object.clone(), declared.clone()))
    });
    let missing: Vec<_> = missing.collect();
    let mut in_vain = if missing.is_empty() { HashMap::new() } else { demand::ask(service, &missing).await? };
    let mut links = links.into_iter();
    let items = found.into_iter().map(|found| match found {
        Err(reason) => Item::Malformed(reason),
        Ok(None) => Item::NotFound,
        Ok(Some(object)) => {
            let found = item(service, asker, &object, links.next().unwrap_or_default(), variant);
            match (found, in_vain.remove(&object.id)) {
                (Item::Unmade(_), Some(why)) => Item::Unmade(why),
                (found, _) => found,
            }
        }
    });
    Ok(items.collect())
}

/// The objects that are named so, whether the asker may see them or not; the reason where a name is none.
pub async fn find(service: &Service, references: &[String]) -> Result<Vec<Result<Option<Object>, String>>, db::Error> {
    let references: Vec<_> = references.iter().map(|text| reference::read(service, text)).collect();
    let look_up = move |tx: &db::Tx| {
        let found = references.iter().map(|reference| match reference {
            Ok(reference) => Ok(Ok(reference.find(tx)?)),
            Err(reason) => Ok(Err(reason.clone())),
        });
        found.collect::<Result<Vec<_>, db::Error>>()
    };
    service.db.read(look_up).await
}

fn item(service: &Service, asker: &Asker, object: &Object, links: Links, variant: Option<&str>) -> Item {
    let Some(name) = variant else {
        return links.original.map_or(Item::NotFound, |link| Item::Link { id: object.id, link });
    };
    if object.deleted_at.is_some() || !spaces::may_read(service, &asker.principal, object) {
        return Item::NotFound;
    }
    match links.variant(name, is_declared(service, object, name), |_| false) {
        Ok((_, link)) => Item::Link { id: object.id, link: link.clone() },
        Err(unmade) => Item::Unmade(unmade),
    }
}

/// Whether the space of an object declares a variant of this name.
fn is_declared(service: &Service, object: &Object, name: &str) -> bool {
    let space = service.config.spaces.get(&object.space);
    space.is_some_and(|space| space.variants.iter().any(|variant| variant.name == name))
}

/// A variant of an object, if the asker may read it: the smallest that it can show.
pub async fn variant(
    service: &Service,
    asker: &Asker,
    id: Uuid,
    name: &str,
    can_show: impl Fn(&str) -> bool,
) -> Result<(Variant, SignedUrl), Error> {
    let object = objects::get(service, asker, id, Act::Read).await?;
    if object.deleted_at.is_some() {
        return Err(objects::Error::Deleted.into());
    }
    if let Some(declared) = demand::declared_on_demand(service, &object.space, name) {
        demand::made(service, &object, declared).await?;
    }
    let links = for_object(service, asker, &object, Which::Variant(name)).await?;
    let (variant, link) = links.variant(name, is_declared(service, &object, name), can_show)?;
    Ok((variant.clone(), link.clone()))
}

/// The smallest of these forms of one variant that the asker can show, for who was found to have a right to it.
pub async fn lead_to(
    service: &Service,
    asker: &Asker,
    object: &Object,
    variants: Vec<Variant>,
    can_show: impl Fn(&str) -> bool,
) -> Result<(Variant, SignedUrl), Error> {
    let Some(name) = variants.first().map(|variant| variant.name.clone()) else {
        return Err(Unmade::NoSuch(String::new()).into());
    };
    let keys = || variants.iter().map(|variant| variant.key.clone()).collect();
    let held = mirror::standing_in(service, keys).await?;
    let which = Which::Variant(&name);
    let picture = Picture { object: object.id, state: State::Made, reason: None, looks: None, variants };
    let links = Signing { service, held: held.as_ref(), which }.links(object, Some(&picture), true)?;
    write_down(service, asker, std::iter::once((object, &links)), which).await?;
    let (variant, link) = links.variant(&name, true, can_show)?;
    Ok((variant.clone(), link.clone()))
}

/// When a link ends that is handed out now.
pub fn end_of_links(space: Option<&Space>, now: Timestamp) -> Result<Timestamp, storage::Error> {
    let window = space.map_or_else(default_window, window)?;
    let life = window.at(now.as_second(), None).map_err(|error| storage::Error::Sign(error.into()))?;
    Ok(Timestamp::from_second(life.expires_at()).unwrap_or(Timestamp::MAX))
}

/// An object that can be downloaded by the asker, with the link that saves it under its name.
pub async fn download(service: &Service, asker: &Asker, id: Uuid) -> Result<(Object, SignedUrl), Error> {
    let object = objects::get(service, asker, id, Act::Read).await?;
    let link = for_object(service, asker, &object, Which::Original(Purpose::Download)).await?;
    let link = link.original.ok_or_else(|| objects::Error::from(spaces::nothing_for(&asker.principal)))?;
    Ok((object, link))
}

/// What signing several links has in common.
struct Signing<'a> {
    service: &'a Service,
    /// The keys that the mirror holds, if it stands in for the storage.
    held: Option<&'a HashSet<String>>,
    which: Which<'a>,
}

impl Signing<'_> {
    fn links(&self, object: &Object, picture: Option<&Picture>, is_hidden: bool) -> Result<Links, storage::Error> {
        // What a browser might run is never shown in a page, whatever is asked for.
        let is_saved = self.which == Which::Original(Purpose::Download);
        let name = (is_saved || is_active(&object.version.content_type)).then(|| attachment(&object.name));
        let original = if is_hidden || matches!(self.which, Which::Variant(_)) {
            None
        } else {
            Some(self.sign(&object.space, &object.version.key, name.as_deref())?)
        };
        let picture = picture.map(|picture| {
            let mut picture = picture.clone();
            if let Which::Variant(name) = self.which {
                picture.variants.retain(|variant| variant.name == name);
            }
            let links = picture.variants.iter().map(|variant| self.sign(&object.space, &variant.key, None));
            let links = links.collect::<Result<_, storage::Error>>()?;
            Ok::<_, storage::Error>((picture, links))
        });
        let on_demand = self
            .service
            .config
            .spaces
            .get(&object.space)
            .filter(|_| picture.is_some())
            .map(|space| space.made_on_demand().map(|variant| variant.name.clone()).collect());
        Ok(Links { original, picture: picture.transpose()?, on_demand: on_demand.unwrap_or_default() })
    }

    fn sign(&self, space: &str, key: &str, disposition: Option<&str>) -> Result<SignedUrl, storage::Error> {
        let service = self.service;
        let bucket = match service.mirror.as_ref().zip(self.held) {
            Some((mirror, held)) if held.contains(key) => mirror.bucket(service, space)?,
            _ => service.storage.bucket(service.bucket_of(space))?,
        };
        let window = service.config.spaces.get(space).map_or_else(default_window, window)?;
        bucket.reader.link(&ObjectKey::new(key)?, LinkTerms { window, disposition })
    }
}

/// How long the links of a space last, and how long they stay the same.
fn window(space: &Space) -> Result<Window, storage::Error> {
    let seconds = |time: std::time::Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    let (every, at_least) = (seconds(space.links.window).max(1), seconds(space.links.minimum));
    Window::new(every, at_least).map_err(|error| storage::Error::Sign(error.into()))
}

fn default_window() -> Result<Window, storage::Error> {
    window(&Space::default())
}

/// The names of a picture's variants, each once.
fn variant_names(picture: &Picture) -> Vec<String> {
    let mut names: Vec<String> = picture.variants.iter().map(|variant| variant.name.clone()).collect();
    names.dedup();
    names
}

/// Writes the links into the audit log. The URLs themselves are not in it: they are keys to what they name.
async fn write_down<'a>(
    service: &Service,
    asker: &Asker,
    links: impl Iterator<Item = (&'a Object, &'a Links)>,
    which: Which<'_>,
) -> Result<(), Error> {
    let now = service.now();
    let action = if which == Which::Original(Purpose::Download) { "link.download" } else { "link" };
    let mut signed = 0;
    let entries: Vec<_> = links
        .filter_map(|(object, links)| {
            let (variants, names) = match &links.picture {
                Some((picture, links)) => (&links[..], variant_names(picture)),
                None => (&[][..], Vec::new()),
            };
            let expires_at = links.original.iter().chain(variants).map(|link| link.expires_at).max()?;
            signed += u64::from(links.original.is_some()) + variants.len() as u64;
            let mut entry = asker.entry(now, action).on(&object.space, Some(object.id));
            entry = entry.with("version", object.version.number).with("expires_at", expires_at.to_string());
            if !variants.is_empty() {
                entry = entry.with("original", links.original.is_some()).with("variants", names);
            }
            Some(entry.into_inner())
        })
        .collect();
    if entries.is_empty() {
        return Ok(());
    }
    service.metrics.links_signed(signed);
    Ok(service.audit.append(entries).await?)
}
