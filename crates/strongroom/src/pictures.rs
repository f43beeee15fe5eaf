//! Pictures: in a space that declares variants, each picture is looked at and made into them before others see it.
//!
//! The work is a row in the database, written with the object itself, so nothing that was accepted is forgotten. Any
//! node takes it up under a lease; who is killed over it is followed by another.

pub mod demand;
mod draw;
mod make;
mod options;
mod room;
mod work;

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use strongroom_imaging::{Format, SVG};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use self::demand::{Demands, Unmade};
pub use self::draw::draw_as_told;
pub use self::options::{Options, OptionsError, Wanted};
pub use self::room::make_room;
pub use self::work::keep;

use crate::config::{Config, Processing, Space, Variant};
use crate::db::objects::Object;
use crate::db::pictures::{Counts, Picture, State};
use crate::db::{self};
use crate::digest;
use crate::service::Service;

/// How often it is counted how many wait.
const COUNTING: Duration = Duration::from_secs(5);

/// How often it is looked for pictures that were made by other declarations. Two nodes that were started with different
/// ones make them anew no more often.
const CATCHING_UP: Duration = Duration::from_mins(5);

/// How many rows are asked for at once.
const BATCH: i64 = 500;

/// Goes up when the same declaration gives another picture than before, so that what there is is made anew.
const EDITION: u32 = 1;

/// Goes up when pictures are read that were refused before, so that those are tried again.
const READERS: u32 = 1;

/// Tells a declaration from every other one.
fn digest_of(variant: &Variant) -> String {
    digest::short(format!("{EDITION} {variant:?}").as_bytes())
}

/// Tells what is made of a picture from what is made after a change of the declarations: on arrival, or on this demand.
fn recipes_of(space: Option<&Space>, demand: &str) -> String {
    if options::is_transform(demand) {
        return digest::short(format!("{EDITION} transforms").as_bytes());
    }
    let Some(space) = space.filter(|space| !space.variants.is_empty()) else { return digest_of_all(&[]) };
    if demand.is_empty() {
        let on_arrival: Vec<_> = space.made_on_arrival().cloned().collect();
        // Even where nothing is made of it, a picture is looked at.
        return if on_arrival.is_empty() { digest::short(b"looked at") } else { digest_of_all(&on_arrival) };
    }
    options::declared(space, demand).map_or_else(|| digest_of_all(&[]), |one| digest_of_all(&[one]))
}

/// Tells a refusal from what would come of the picture after a change of the declarations, of what a picture may cost, or
/// of what is read. Where there are no variants nothing would.
fn refused_of(space: Option<&Space>, recipes: &str, processing: &Processing) -> String {
    let Some(space) = space.filter(|space| !space.variants.is_empty()) else { return recipes.to_owned() };
    let key = space.variant_key.template();
    digest::short(format!("{READERS} {recipes} {processing:?} {key}").as_bytes())
}

/// Tells what a space makes of a picture from what it makes after any change of its variants.
fn digest_of_all(variants: &[Variant]) -> String {
    let mut digests: Vec<_> = variants.iter().map(digest_of).collect();
    digests.sort_unstable();
    digest::short(digests.join(" ").as_bytes())
}

/// Whether a content of this type is a picture that variants can be made of.
pub fn is_picture(config: &Config, content_type: &str) -> bool {
    Format::ALL.iter().any(|format| format.media_type() == content_type)
        || (config.processing.svg && content_type == SVG)
}

/// Whether the space makes anything of such an object.
pub fn is_wanted(config: &Config, space: &Space, content_type: &str) -> bool {
    (!space.variants.is_empty() || space.optimise.is_some()) && is_picture(config, content_type)
}

/// What is known of those of the objects that variants are made of. Where an object was read before its optimised form
/// took its place, it is as if somebody were at work on it still, so that no answer says that all is done and tells of
/// what was before.
pub async fn of(
    service: &Service,
    objects: impl Iterator<Item = &Object>,
) -> Result<HashMap<Uuid, Picture>, db::Error> {
    let wanted: HashMap<Uuid, &Object> = objects
        .filter(|object| {
            let space = service.config.spaces.get(&object.space);
            space.is_some_and(|space| is_wanted(&service.config, space, &object.version.content_type))
        })
        .map(|object| (object.id, object))
        .collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let versions: Vec<(Uuid, i64)> = wanted.values().map(|object| (object.id, object.version.number)).collect();
    let found = service.db.read(move |tx| db::pictures::of(tx, &versions)).await?;
    let found = found.into_iter().map(|(mut picture, key)| {
        if wanted.get(&picture.object).is_some_and(|read| read.version.key != key) {
            picture.state = State::Waiting;
        }
        (picture.object, picture)
    });
    Ok(found.collect())
}

/// How much there is to do.
pub async fn counts(service: &Service) -> Result<Counts, db::Error> {
    service.db.scan(db::pictures::counts).await
}

/// Counts what waits, for the metrics, for as long as it is not stopped.
pub async fn watch(service: &Service, stop: &CancellationToken) {
    loop {
        match counts(service).await {
            Ok(counts) => service.metrics.pictures_wait(counts.waiting),
            Err(error) => tracing::warn!(%error, "how many pictures wait is not known"),
        }
        if stop.run_until_cancelled(tokio::time::sleep(COUNTING)).await.is_none() {
            return;
        }
    }
}

/// Asks for what the declarations of today want and nobody asked for, for as long as it is not stopped: pictures that
/// were handed in before, or at a node that was not yet restarted with these declarations, and those that were made by
/// other ones.
pub async fn catch_up(service: &Service, stop: &CancellationToken) {
    let mut looked_at = None;
    loop {
        let now = service.now();
        match stop.run_until_cancelled(ask_for_all_missing(service, looked_at)).await {
            Some(Ok(())) => looked_at = Some(now),
            Some(Err(error)) => {
                tracing::warn!(%error, "not every picture was looked for that lacks variants; it is tried again");
            }
            None => return,
        }
        if let Some(Err(error)) = stop.run_until_cancelled(ask_again(service)).await {
            tracing::warn!(%error, "pictures that are to be made anew could not be asked for; it is tried again");
        }
        if stop.run_until_cancelled(tokio::time::sleep(CATCHING_UP)).await.is_none() {
            return;
        }
    }
}

/// Asks for pictures that nobody asked for: all, or only of those objects that may have arrived after this time.
async fn ask_for_all_missing(service: &Service, since: Option<Timestamp>) -> Result<(), db::Error> {
    for (name, space) in service.config.spaces.iter().filter(|(_, space)| !space.variants.is_empty()) {
        // An object has its id, and with that its place, from the moment that its upload was begun.
        let longest = SignedDuration::try_from(space.uploads.multipart_expires * 2).unwrap_or(SignedDuration::MAX);
        let first = since.map(|since| since.saturating_sub(longest).unwrap_or(Timestamp::MIN));
        let mut after = Some(first.map_or_else(Uuid::nil, db::objects::first_id_after));
        while let Some(last) = after {
            after = ask_for_missing(service, name, last).await?;
        }
    }
    Ok(())
}

/// Asks once more for pictures that were made by other declarations.
async fn ask_again(service: &Service) -> Result<(), db::Error> {
    for (name, space) in &service.config.spaces {
        let mut recipes: Vec<String> =
            space.made_on_demand().map(|variant| recipes_of(Some(space), &variant.name)).collect();
        // Of transforms there is one edition, whatever they are.
        recipes.extend(["", ":"].map(|demand| recipes_of(Some(space), demand)));
        let processing = &service.config.processing;
        let refused: Vec<_> = recipes.iter().map(|recipes| refused_of(Some(space), recipes, processing)).collect();
        recipes.extend(refused);
        recipes.sort_unstable();
        loop {
            let (now, name, recipes) = (service.now(), name.clone(), recipes.clone());
            let bucket = service.bucket_of(&name).to_owned();
            let again = move |tx: &db::Tx| {
                let outdated = db::pictures::ask_again(tx, &name, &recipes, now, BATCH)?;
                doom(tx, &name, &bucket, &outdated.gone, now)?;
                Ok::<_, db::Error>(outdated.count)
            };
            if service.db.write(again).await? < BATCH.unsigned_abs() {
                break;
            }
        }
    }
    Ok(())
}

/// Has the bytes under these keys deleted, here and in the mirror.
fn doom(tx: &db::Tx, space: &str, bucket: &str, keys: &[String], now: Timestamp) -> Result<(), db::Error> {
    keys.iter().try_for_each(|key| {
        db::doomed::insert(tx, bucket, key, now)?;
        db::copies::ask(tx, space, key, now)
    })
}

/// Asks for those of a batch of objects that are pictures and not known as such; the last of the batch.
async fn ask_for_missing(service: &Service, space: &str, after: Uuid) -> Result<Option<Uuid>, db::Error> {
    let (now, space) = (service.now(), space.to_owned());
    let batch = service.db.scan(move |tx| db::pictures::candidates(tx, &space, after, BATCH)).await?;
    let last = batch.last().map(|(id, ..)| *id).filter(|_| batch.len() as i64 == BATCH);
    let missing: Vec<Uuid> = batch
        .into_iter()
        .filter(|(_, content_type, is_known)| !is_known && is_picture(&service.config, content_type))
        .map(|(id, ..)| id)
        .collect();
    if !missing.is_empty() {
        let ask = move |tx: &db::Tx| {
            for id in &missing {
                if let Some(object) = db::objects::get(tx, *id)? {
                    db::pictures::ask(tx, &object, false, now)?;
                }
            }
            Ok::<_, db::Error>(())
        };
        service.db.write(ask).await?;
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::{digest_of, digest_of_all};
    use crate::config::Variant;

    fn declared(text: &str) -> Variant {
        toml::from_str(text).unwrap()
    }

    /// A digest that is another one after an upgrade would have every picture of every installation made anew.
    #[test]
    fn the_digest_of_a_declaration_stays_what_it_is() {
        let thumb = declared("name = \"thumb\"\nfit = \"cover\"\nwidth = 320\nheight = 320\n");
        assert_eq!(digest_of(&thumb), "7cc3dd9c6c9b4058");
        let other = Variant { quality: Some(81), ..thumb.clone() };
        assert_ne!(digest_of(&thumb), digest_of(&other));
        assert_eq!(digest_of_all(&[thumb.clone(), other.clone()]), digest_of_all(&[other, thumb]));
    }
}
