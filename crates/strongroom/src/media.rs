//! Sounds and videos: how long and how large they are is looked up in a few pieces of them before others see them.

use strongroom_media::{Facts, File, Look, look as look_into};

use crate::db::objects::Media;
use crate::storage::{self, Bucket, ObjectKey};

/// What a content of this type and length tells of itself. What is broken, or of a kind that is not read, tells nothing,
/// and is none the worse for it.
pub async fn look(bucket: &Bucket, key: &ObjectKey, content_type: &str, bytes: u64) -> Result<Media, storage::Error> {
    let may_tell = content_type.starts_with("video/") || content_type.starts_with("audio/");
    if !may_tell && content_type != "application/ogg" {
        return Ok(Media::default());
    }
    let mut file = File::of(bytes);
    let facts = loop {
        match look_into(&file) {
            Look::Told(facts) => break facts.unwrap_or_default(),
            Look::Needs { first, bytes } => match bucket.reader.piece(key, first, bytes).await {
                Ok(piece) => file.add(first, piece.bytes.into()),
                Err(error) if error.is_away() => return Err(error),
                // A storage that gives no pieces is no reason to refuse what was whole a moment ago.
                Err(error) => {
                    tracing::warn!(%error, "a sound or a video cannot be looked at in pieces");
                    break Facts::default();
                }
            },
        }
    };
    Ok(Media {
        duration_ms: facts.milliseconds.and_then(|milliseconds| i64::try_from(milliseconds).ok()),
        width: facts.size.map(|(width, _)| width.into()),
        height: facts.size.map(|(_, height)| height.into()),
    })
}
