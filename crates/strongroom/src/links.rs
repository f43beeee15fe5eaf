//! Links: time-limited URLs, made when somebody who may have them asks, and written down before they leave.

use bytes::Bytes;
use uuid::Uuid;

use crate::audit;
use crate::config::{Space, is_active};
use crate::db::objects::Object;
use crate::db::{self};
use crate::mirror;
use crate::objects;
use crate::service::{Asker, Service};
use crate::spaces::{self, Act};
use crate::storage::{self, Bucket, LinkTerms, ObjectKey, SignedUrl, Window};
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
    /// The link could not be written down, so it is not handed out.
    #[error(transparent)]
    Audit(#[from] audit::Error),
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

/// Links for these objects, in their order; nothing for those that the asker may not read, or that are deleted.
pub async fn for_objects(
    service: &Service,
    asker: &Asker,
    objects: &[Object],
    purpose: Purpose,
) -> Result<Vec<Option<SignedUrl>>, Error> {
    let (first, held) = (&service.storage, mirror::standing_in(service, objects).await?);
    let stands_in = service.mirror.as_ref().zip(held.as_ref());
    let mut links = Vec::with_capacity(objects.len());
    for object in objects {
        let readable = object.deleted_at.is_none() && spaces::may_read(service, &asker.principal, object);
        links.push(if readable {
            let bucket = match stands_in {
                Some((mirror, held)) if held.contains(&object.version.key) => mirror.bucket(service, &object.space)?,
                _ => first.bucket(service.bucket_of(&object.space))?,
            };
            Some(sign(service, bucket, object, purpose)?)
        } else {
            None
        });
    }
    let handed_out = objects.iter().zip(&links).filter_map(|(object, link)| Some((object, link.as_ref()?)));
    write_down(service, asker, handed_out, purpose).await?;
    Ok(links)
}

/// The answer that shows an object with its link, as `write` writes it, if the asker may read it.
pub async fn show<E: From<Error>>(
    service: &Service,
    asker: &Asker,
    id: Uuid,
    write: impl FnOnce(Object, Option<SignedUrl>) -> Result<Bytes, E>,
) -> Result<Bytes, E> {
    let moment = Moment::now(service);
    let known = moment.and_then(|moment| service.recent.get(moment, id));
    // Who may not read it is refused below, and waits as long as for what does not exist.
    if let Some(known) =
        known.filter(|known| spaces::check(service, &asker.principal, &known.object, Act::Read).is_ok())
    {
        let link = known.link.iter().map(|link| (&known.object, link));
        write_down(service, asker, link, Purpose::Show).await?;
        return Ok(known.answer.clone());
    }
    let object = objects::get(service, asker, id, Act::Read).await.map_err(Error::from)?;
    let link = for_object(service, asker, &object, Purpose::Show).await?;
    let answer = write(object.clone(), link.clone())?;
    if let Some(moment) = moment {
        service.recent.keep(moment, Shown { object, link, answer: answer.clone() });
    }
    Ok(answer)
}

/// The link of one object that the asker was found to be allowed to read.
pub async fn for_object(
    service: &Service,
    asker: &Asker,
    object: &Object,
    purpose: Purpose,
) -> Result<Option<SignedUrl>, Error> {
    let links = for_objects(service, asker, std::slice::from_ref(object), purpose).await?;
    Ok(links.into_iter().next().flatten())
}

/// Links for many things, each named in one of the ways that [`Reference`] reads; each succeeds or fails by itself.
pub async fn for_references(
    service: &Service,
    asker: &Asker,
    references: &[String],
    purpose: Purpose,
) -> Result<Vec<Item>, Error> {
    let references: Vec<_> = references.iter().map(|text| reference::read(service, text)).collect();
    let look_up = move |tx: &db::Tx| {
        let found = references.iter().map(|reference| match reference {
            Ok(reference) => Ok(Ok(reference.find(tx)?)),
            Err(reason) => Ok(Err(reason.clone())),
        });
        found.collect::<Result<Vec<_>, db::Error>>()
    };
    let found: Vec<Result<Option<Object>, String>> = service.db.read(look_up).await?;
    let objects: Vec<Object> = found.iter().filter_map(|found| found.as_ref().ok()?.clone()).collect();
    let mut links = for_objects(service, asker, &objects, purpose).await?.into_iter();
    let items = found.into_iter().map(|found| match found {
        Err(reason) => Item::Malformed(reason),
        Ok(None) => Item::NotFound,
        Ok(Some(object)) => match links.next().flatten() {
            Some(link) => Item::Link { id: object.id, link },
            None => Item::NotFound,
        },
    });
    Ok(items.collect())
}

/// An object that can be downloaded by the asker, with the link that saves it under its name.
pub async fn download(service: &Service, asker: &Asker, id: Uuid) -> Result<(Object, SignedUrl), Error> {
    let object = objects::get(service, asker, id, Act::Read).await?;
    let link = for_object(service, asker, &object, Purpose::Download).await?;
    let link = link.ok_or_else(|| objects::Error::from(spaces::nothing_for(&asker.principal)))?;
    Ok((object, link))
}

fn sign(service: &Service, bucket: &Bucket, object: &Object, purpose: Purpose) -> Result<SignedUrl, storage::Error> {
    let key = ObjectKey::new(object.version.key.clone())?;
    // What a browser might run is never shown in a page, whatever is asked for.
    let as_file = purpose == Purpose::Download || is_active(&object.version.content_type);
    let disposition = as_file.then(|| attachment(&object.name));
    let window = service.config.spaces.get(&object.space).map_or_else(default_window, window)?;
    bucket.reader.link(&key, LinkTerms { window, disposition: disposition.as_deref() })
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

/// Writes the links into the audit log. The URLs themselves are not in it: they are keys to what they name.
async fn write_down<'a>(
    service: &Service,
    asker: &Asker,
    links: impl Iterator<Item = (&'a Object, &'a SignedUrl)>,
    purpose: Purpose,
) -> Result<(), Error> {
    let now = service.now();
    let action = if purpose == Purpose::Download { "link.download" } else { "link" };
    let entries: Vec<_> = links
        .map(|(object, link)| {
            let entry = asker.entry(now, action).on(&object.space, Some(object.id));
            let entry = entry.with("version", object.version.number);
            entry.with("expires_at", link.expires_at.to_string()).into_inner()
        })
        .collect();
    if entries.is_empty() {
        return Ok(());
    }
    service.metrics.links_signed(entries.len() as u64);
    Ok(service.audit.append(entries).await?)
}
