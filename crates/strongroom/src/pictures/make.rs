//! One picture: its bytes are fetched, its variants made on a thread of their own, and each put into storage.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use strongroom_imaging::{Limits, Output, Recipe, Refusal, Rendered, SVG, probe, render};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

use super::digest_of;
use super::draw::{Drawn, Task, draw};
use super::options::is_transform;
use crate::config::{LONGEST_SIDE, Variant as Declared};
use crate::db::objects::Object;
use crate::db::pictures::{Looks, Variant};
use crate::db::{self};
use crate::digest;
use crate::service::Service;
use crate::storage::{self, Content, KeyParts, ObjectKey, fill};

/// Why there are no variants.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The picture is to blame, and will be the next time.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The thread or the process that worked on it ended without a result.
    #[error("the picture brought down what worked on it")]
    BroughtDown,
    /// Another process was to draw it, and did not begin or could not be heard.
    #[error("another process was to draw the picture: {0}")]
    Drawing(#[source] io::Error),
    /// Somebody else is at work on it by now.
    #[error("somebody else took it up")]
    Overtaken,
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl From<storage::KeyError> for Error {
    fn from(error: storage::KeyError) -> Self {
        Self::Storage(error.into())
    }
}

/// How much memory pictures may take together: one half for their contents, the other for what is made of them. Who
/// waits for the second holds some of the first, and never the other way round.
#[derive(Debug)]
pub(super) struct Memory {
    contents: Half,
    pixels: Half,
}

impl Memory {
    pub(super) fn of(bytes: u64) -> Self {
        Self { contents: Half::of(bytes / 2), pixels: Half::of(bytes / 2) }
    }
}

/// Places of a MiB each.
#[derive(Debug)]
struct Half {
    places: Arc<Semaphore>,
    bytes: u64,
}

impl Half {
    fn of(bytes: u64) -> Self {
        let places = usize::try_from(bytes >> 20).unwrap_or(Semaphore::MAX_PERMITS).clamp(1, Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(places)), bytes: (places as u64) << 20 }
    }

    /// Room for so much, as soon as there is; refuses what there never will be room for.
    async fn take(&self, bytes: u64) -> Result<Room, Refusal> {
        if bytes > self.bytes {
            return Err(Refusal::TooMuchMemory { needed: bytes, limit: self.bytes });
        }
        let places = u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u32::MAX);
        // Nobody closes the semaphore; without a place there would be no bound, and nothing worse.
        Ok(Room { _places: Arc::clone(&self.places).acquire_many_owned(places).await.ok() })
    }
}

/// Room in memory, until it is dropped.
#[derive(Debug)]
struct Room {
    _places: Option<OwnedSemaphorePermit>,
}

/// What was made of a picture: each result with where it goes.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) looks: Looks,
    pub(super) variants: Vec<(Variant, Vec<u8>)>,
    /// For as long as the results are held.
    _room: Room,
}

/// Fetches the content of an object's served version and makes these variants of it. `begin` is told right before it is
/// decoded. `given_up` ends the work early.
pub(super) async fn make(
    service: &Service,
    memory: &Memory,
    object: &Object,
    wanted: &[Declared],
    alone: bool,
    given_up: &Arc<AtomicBool>,
    begin: impl Future<Output = Result<bool, db::Error>>,
) -> Result<Made, Error> {
    let length = u64::try_from(object.version.bytes).unwrap_or(u64::MAX);
    let for_content = memory.contents.take(length).await?;
    let bucket = service.storage.bucket(service.bucket_of(&object.space))?;
    let key = ObjectKey::new(object.version.key.clone())?;
    let content = match bucket.reader.whole(&key, length).await {
        Ok(piece) => piece.bytes,
        Err(error) => {
            // Who may not list is refused what is not there; the janitor is told.
            bucket.janitor.head(&key).await?;
            return Err(error.into());
        }
    };
    let processing = &service.config.processing;
    let mut begin = Some(begin);
    let (content, drawn) = if processing.svg && object.version.content_type == SVG {
        // What draws it may take half of it; the other half is for those who do not wait for that.
        let most = memory.pixels.bytes / 2;
        let _room = memory.pixels.take(if alone { memory.pixels.bytes } else { most }).await?;
        begun(begin.take()).await?;
        let variants = wanted.iter().filter(|declared| !declared.name.is_empty());
        let task = Task::new(variants, most, processing);
        let drawn = tokio::time::timeout(processing.timeout, draw(&content, &task));
        let Drawn { width, height, png } = drawn.await.map_err(|_| Refusal::OutOfTime)??;
        (Bytes::from(png), Some((width, height)))
    } else {
        (content, None)
    };
    let seen = probe(&content)?;
    let (pixels, frames, animation) = (processing.pixels, processing.frames, processing.animation_pixels);
    if u64::from(seen.width) * u64::from(seen.height) > pixels {
        return Err(Refusal::TooManyPixels { width: seen.width, height: seen.height, limit: pixels }.into());
    }
    let (owners, recipes): (Vec<&Declared>, Vec<Recipe>) = wanted
        .iter()
        // What moves or was drawn is served as it was handed in.
        .filter(|declared| !declared.name.is_empty() || (seen.frames == 1 && drawn.is_none()))
        .flat_map(|declared| declared.recipes(&seen).into_iter().map(move |recipe| (declared, sized(recipe, drawn))))
        .unzip();
    // What is decoded, and one result in two forms, such as before and after it is turned; of an animation also the frame
    // before, what differs, and what the encoder makes of that.
    let forms = if seen.frames > 1 { 6 } else { 2 };
    let result = |recipe: &Recipe| recipe.pixels(&seen).min(pixels) * (4 * forms + recipe.encoding.memory());
    let drawn_as = drawn.map_or(0, |_| content.len() as u64);
    let needed = seen.memory + recipes.iter().map(result).max().unwrap_or(0) + drawn_as;
    let room = memory.pixels.take(if alone { memory.pixels.bytes } else { needed }).await?;
    begun(begin).await?;
    let most = memory.pixels.bytes;
    let (end, given_up) = (Instant::now() + processing.timeout, Arc::clone(given_up));
    let rendered = on_a_thread(move || {
        let keep_going = || !given_up.load(Ordering::Relaxed) && Instant::now() < end;
        let limits = Limits { pixels, frames, animation, memory: most, keep_going: &keep_going, ..Limits::default() };
        let rendered = render(&content, &recipes, &limits);
        // The room is the thread's for as long as it runs, whether anybody still waits for it or not.
        drop((content, for_content));
        (rendered, room)
    });
    let (rendered, room) = rendered.await.ok_or(Error::BroughtDown)?;
    let Rendered { outputs, looks, steps, .. } = rendered?;
    tracing::debug!(object = %object.id, steps = steps.join("; "), "a picture was made into others");
    let looks = as_rows(&looks, drawn.unwrap_or((seen.width, seen.height)), seen.frames);
    let made = without_vain(owners.into_iter().zip(outputs)).into_iter().map(|(declared, output)| {
        let key = key_of(service, object, &declared.name, output.format.extension());
        let key = key.map_err(|error| Refusal::Recipe(format!("its key cannot be: {error}")))?;
        let variant = Variant {
            key: key.as_str().to_owned(),
            name: declared.name.clone(),
            recipe: digest_of(declared),
            content_type: output.format.media_type().to_owned(),
            width: output.width.into(),
            height: output.height.into(),
            bytes: output.bytes.len() as i64,
            sha256: digest::sha256_hex(&output.bytes),
        };
        Ok::<_, Refusal>((variant, output.bytes))
    });
    Ok(Made { variants: made.collect::<Result<_, _>>()?, looks, _room: room })
}

/// Tells that it is decoded from now on, if that was not told before.
async fn begun(begin: Option<impl Future<Output = Result<bool, db::Error>>>) -> Result<(), Error> {
    let Some(begin) = begin else { return Ok(()) };
    if begin.await? { Ok(()) } else { Err(Error::Overtaken) }
}

/// A recipe that says no size, of what was drawn: the size that the drawing says, however large it was drawn for others.
fn sized(recipe: Recipe, drawn: Option<(u32, u32)>) -> Recipe {
    match drawn {
        Some((width, height)) if recipe.width.is_none() && recipe.height.is_none() => {
            let most = |side: u32| Some(side.min(LONGEST_SIDE));
            Recipe { width: most(width), height: most(height), ..recipe }
        }
        _ => recipe,
    }
}

/// Where a result lies: a variant with the others, and what takes the place of what was handed in where that lay.
fn key_of(service: &Service, object: &Object, name: &str, ext: &str) -> Result<ObjectKey, storage::KeyError> {
    let (made, stem) = (service.new_id(), stem(name));
    let (own, variants) = match service.config.spaces.get(&object.space) {
        Some(space) => (space.key.clone(), space.variant_key.clone()),
        None => Default::default(),
    };
    let (template, content) = if name.is_empty() {
        (&own, Content::Optimised(made))
    } else {
        (variants.template(), Content::Variant(&stem, made))
    };
    let parts = KeyParts {
        space: &object.space,
        owner: object.owner.as_deref(),
        group: object.group.as_deref(),
        id: object.id,
        content,
        ext,
    };
    let key = fill(template, &parts)?;
    key.in_bucket(&service.storage.location)?;
    Ok(key)
}

/// What the file of a variant is called: options would be long, and hard to read in a key.
fn stem(name: &str) -> Cow<'_, str> {
    if is_transform(name) { digest::short(name.as_bytes()).into() } else { name.into() }
}

/// Without those that are no shorter than what everybody can show: of such a variant there is then one format only.
fn without_vain<'a>(outputs: impl Iterator<Item = (&'a Declared, Output)>) -> Vec<(&'a Declared, Output)> {
    let mut kept: Vec<(&Declared, Output)> = Vec::new();
    for (declared, output) in outputs {
        let before = kept.last().filter(|(before, _)| before.name == declared.name);
        if before.is_none_or(|(_, before)| output.bytes.len() < before.bytes.len()) {
            kept.push((declared, output));
        }
    }
    kept
}

/// Puts a variant where it was planned.
pub(super) async fn put(service: &Service, space: &str, variant: &Variant, bytes: Vec<u8>) -> Result<(), Error> {
    let bucket = service.storage.bucket(service.bucket_of(space))?;
    let key = ObjectKey::new(variant.key.clone())?;
    Ok(bucket.janitor.put(&key, &variant.content_type, bytes.into()).await?)
}

/// Runs what keeps a processor busy beside everything that answers requests. Nothing if it panics.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, result) = oneshot::channel();
    let run = move || {
        // Who waited may have gone.
        let _ = sender.send(work());
    };
    std::thread::Builder::new().name("picture".to_owned()).spawn(run).ok()?;
    result.await.ok()
}

fn as_rows(looks: &strongroom_imaging::Looks, (width, height): (u32, u32), frames: u32) -> Looks {
    Looks {
        width: width.into(),
        height: height.into(),
        frames: frames.into(),
        dominant: base16ct::lower::encode_string(&looks.dominant),
        thumbhash: STANDARD.encode(&looks.thumbhash),
        perceptual_hash: looks.perceptual_hash.cast_signed(),
        features: base16ct::lower::encode_string(&looks.features),
    }
}
