//! One picture: its bytes are fetched, its variants made on a thread of their own, and each put into storage.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use strongroom_imaging::{Limits, Output, Probe, Recipe, Refusal, Rendered, probe, render};
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tokio::time::Instant;

use crate::config::Variant as Declared;
use crate::db::objects::Object;
use crate::db::pictures::{Looks, Variant};
use crate::digest;
use crate::service::Service;
use crate::storage::{self, ObjectKey};

/// Why there are no variants.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The picture is to blame, and will be the next time.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The thread that worked on it ended without a result.
    #[error("the picture brought down what worked on it")]
    BroughtDown,
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

impl From<storage::KeyError> for Error {
    fn from(error: storage::KeyError) -> Self {
        Self::Storage(error.into())
    }
}

/// How much memory pictures may take together: one half for their contents, the other for what is decoded of them. Who
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
    places: Semaphore,
    bytes: u64,
}

impl Half {
    fn of(bytes: u64) -> Self {
        Self { places: Semaphore::new(usize::try_from(bytes >> 20).unwrap_or(Semaphore::MAX_PERMITS).max(1)), bytes }
    }

    /// Room for so much, as soon as there is; refuses what there never will be room for.
    async fn take(&self, bytes: u64) -> Result<Option<SemaphorePermit<'_>>, Refusal> {
        if bytes > self.bytes {
            return Err(Refusal::TooMuchMemory { needed: bytes, limit: self.bytes });
        }
        let places = u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
        // Nobody closes the semaphore; without a place there would be no bound, and nothing worse.
        Ok(self.places.acquire_many(places).await.ok())
    }
}

/// What was made of a picture: each result with where it goes.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) looks: Looks,
    pub(super) variants: Vec<(Variant, Vec<u8>)>,
}

/// Makes these variants of an object's served version. `given_up` ends the work early.
pub(super) async fn make(
    service: &Service,
    memory: &Memory,
    object: &Object,
    wanted: &[Declared],
    given_up: &Arc<AtomicBool>,
) -> Result<Made, Error> {
    let length = u64::try_from(object.version.bytes).unwrap_or(u64::MAX);
    let _for_content = memory.contents.take(length).await?;
    let bucket = service.storage.bucket(service.bucket_of(&object.space))?;
    let content = bucket.reader.whole(&ObjectKey::new(object.version.key.clone())?, length).await?.bytes;
    let seen = probe(&content)?;
    let _for_pixels = memory.pixels.take(seen.memory).await?;
    let (owners, recipes): (Vec<&Declared>, Vec<Recipe>) = wanted
        .iter()
        .flat_map(|declared| declared.recipes(seen.alpha).into_iter().map(move |recipe| (declared, recipe)))
        .unzip();
    let processing = &service.config.processing;
    let (pixels, frames, most) = (processing.pixels, processing.frames, memory.pixels.bytes);
    let (end, given_up) = (Instant::now() + processing.timeout, Arc::clone(given_up));
    let rendered = on_a_thread(move || {
        let keep_going = || !given_up.load(Ordering::Relaxed) && Instant::now() < end;
        let limits = Limits { pixels, frames, memory: most, keep_going: &keep_going, ..Limits::default() };
        render(&content, &recipes, &limits)
    });
    let rendered = rendered.await.ok_or(Error::BroughtDown)??;
    let outputs: Vec<(&Declared, Output)> = owners.into_iter().zip(rendered.outputs.iter().cloned()).collect();
    let made = without_vain(&outputs).map(|(declared, output)| {
        let key = ObjectKey::generated(object.id, &declared.name, service.new_id(), output.format.extension());
        let variant = Variant {
            key: key.as_str().to_owned(),
            name: declared.name.clone(),
            recipe: declared.digest(),
            content_type: output.format.media_type().to_owned(),
            width: output.width.into(),
            height: output.height.into(),
            bytes: output.bytes.len() as i64,
            sha256: digest::sha256_hex(&output.bytes),
        };
        (variant, output.bytes.clone())
    });
    Ok(Made { variants: made.collect(), looks: looks(&rendered, &seen) })
}

/// Without those that are larger than what everybody can show: of such a variant there is then one format only.
fn without_vain<'a>(outputs: &'a [(&'a Declared, Output)]) -> impl Iterator<Item = &'a (&'a Declared, Output)> {
    outputs.iter().enumerate().filter_map(|(at, output)| {
        let before = outputs[..at].iter().rfind(|before| before.0.name == output.0.name);
        let is_vain = before.is_some_and(|before| before.1.bytes.len() <= output.1.bytes.len());
        (!is_vain).then_some(output)
    })
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

fn looks(rendered: &Rendered, probe: &Probe) -> Looks {
    use base64::Engine as _;
    let looks = &rendered.looks;
    Looks {
        width: probe.width.into(),
        height: probe.height.into(),
        frames: probe.frames.into(),
        dominant: base16ct::lower::encode_string(&looks.dominant),
        thumbhash: base64::engine::general_purpose::STANDARD.encode(&looks.thumbhash),
        perceptual_hash: looks.perceptual_hash.cast_signed(),
        features: base16ct::lower::encode_string(&looks.features),
    }
}
