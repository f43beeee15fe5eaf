//! Bringing the mirror in line under one key: a content is carried over piece by piece and compared on its way, or
//! removed.

use bytes::Bytes;

use super::{Error, Mirror};
use crate::config::LEAST_PART;
use crate::db::copies::Copy;
use crate::db::objects::Known;
use crate::db::{self};
use crate::digest::{self, Looking};
use crate::service::Service;
use crate::storage::{self, Janitor, ObjectKey, Part, Reader, ServedAs};

/// How much of a content is held at once: what is not longer is sent in one piece, and what is longer in parts.
const PIECE: u64 = 8 << 20;

/// Makes the mirror hold under this key what the database says, whatever it holds now.
pub(super) async fn align(service: &Service, mirror: &Mirror, copy: &Copy) -> Result<(), Error> {
    let looked_for = copy.key.clone();
    let version = service.db.read(move |tx| Ok::<_, Error>(db::objects::known(tx, &looked_for)?)).await?;
    let key = ObjectKey::new(copy.key.clone()).map_err(|error| Error::Target(error.into()))?;
    let space = version.as_ref().map_or(&copy.space, |version| &version.space);
    let target = mirror.bucket(service, space).map_err(Error::Target)?;
    let Some(version) = version else {
        return target.janitor.delete(&key).await.map_err(Error::Target);
    };
    let source = service.storage.bucket(service.bucket_of(&version.space)).map_err(Error::Source)?;
    if let Some(served_as) = found(&target.janitor, &target.reader, &key, &version).await.map_err(Error::Target)? {
        // Somebody may have copied it before, with less than it is served as.
        let (_, wanted) = source.janitor.served_as(&key).await.map_err(Error::Source)?;
        if served_as == wanted {
            return Ok(());
        }
    }
    let route = Route { from: &source.reader, to: &target.janitor, key: &key, version: &version };
    let most_parts = mirror.storage.profile.most_parts;
    let piece = piece_bytes(route.bytes(), most_parts);
    if route.bytes() <= PIECE {
        return route.carry_whole().await;
    }
    let _place = if piece > PIECE {
        // Nobody closes the semaphore; without a place there would be no bound, and nothing worse.
        mirror.long_pieces.acquire().await.ok()
    } else {
        None
    };
    route.carry_in_pieces(piece).await
}

/// What the mirror serves under this key, if it has the content there already: after a crash, or from before.
async fn found(
    janitor: &Janitor,
    reader: &Reader,
    key: &ObjectKey,
    version: &Known,
) -> Result<Option<ServedAs>, storage::Error> {
    let (bytes, served_as) = match janitor.served_as(key).await {
        Ok(found) => found,
        Err(storage::Error::NotFound) => return Ok(None),
        Err(error) => return Err(error),
    };
    if i64::try_from(bytes) != Ok(version.bytes) {
        return Ok(None);
    }
    let seen = digest::look_at(reader.read(key).await?).await?;
    Ok((seen.sha256_hex() == version.sha256).then_some(served_as))
}

/// How long the pieces are: as long as needed for so many parts, in whole MiB.
fn piece_bytes(bytes: u64, most_parts: u16) -> u64 {
    let needed = bytes.div_ceil(u64::from(most_parts.max(1))).next_multiple_of(1 << 20);
    PIECE.max(needed).max(LEAST_PART)
}

/// One content, and where it goes.
struct Route<'a> {
    from: &'a Reader,
    to: &'a Janitor,
    key: &'a ObjectKey,
    version: &'a Known,
}

impl Route<'_> {
    fn bytes(&self) -> u64 {
        u64::try_from(self.version.bytes).unwrap_or(0)
    }

    async fn carry_whole(&self) -> Result<(), Error> {
        // One byte more than there should be shows that there is more.
        let piece = self.from.whole(self.key, self.bytes() + 1).await.map_err(Error::Source)?;
        let mut looking = Looking::default();
        looking.see(&piece.bytes);
        self.compare(looking)?;
        self.to.put_as(self.key, &piece.served_as, piece.bytes).await.map_err(Error::Target)
    }

    async fn carry_in_pieces(&self, length: u64) -> Result<(), Error> {
        let first = self.from.piece(self.key, 0, length).await.map_err(Error::Source)?;
        let multipart = self.to.begin_multipart_as(self.key, &first.served_as).await.map_err(Error::Target)?;
        let carried = match self.carry_parts(&multipart, first.bytes, length).await {
            Ok(parts) => self.to.complete_multipart(self.key, &multipart, &parts).await.map_err(Error::Target),
            Err(error) => Err(error),
        };
        if carried.is_err()
            && let Err(error) = self.to.abort_multipart(self.key, &multipart).await
        {
            tracing::warn!(key = %self.key, %error, "a multipart upload is left in the mirror, for the clean-up");
        }
        carried
    }

    async fn carry_parts(&self, multipart: &str, first: Bytes, length: u64) -> Result<Vec<Part>, Error> {
        let (mut looking, mut parts, mut content) = (Looking::default(), Vec::new(), first);
        let mut done = 0;
        loop {
            if content.len() as u64 != length.min(self.bytes() - done) {
                return Err(Error::Damaged);
            }
            looking.see(&content);
            done += content.len() as u64;
            let number = u16::try_from(parts.len() + 1).map_err(|_| Error::Damaged)?;
            parts.push(self.to.put_part(self.key, multipart, number, content).await.map_err(Error::Target)?);
            if done == self.bytes() {
                break;
            }
            let wanted = length.min(self.bytes() - done);
            content = self.from.piece(self.key, done, wanted).await.map_err(Error::Source)?.bytes;
        }
        self.compare(looking)?;
        Ok(parts)
    }

    /// Whether everything that passed by is what was handed in.
    fn compare(&self, looking: Looking) -> Result<(), Error> {
        let seen = looking.seen();
        if seen.bytes == self.bytes() && seen.sha256_hex() == self.version.sha256 {
            Ok(())
        } else {
            Err(Error::Damaged)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PIECE, piece_bytes};

    #[test]
    fn pieces_are_as_short_as_the_number_of_parts_lets_them_be() {
        for (bytes, most) in [(0, 10_000), (PIECE + 1, 10_000), (80 << 30, 10_000), (5 << 40, 10_000), (1 << 40, 1_000)]
        {
            let piece = piece_bytes(bytes, most);
            assert!(piece >= PIECE && bytes.div_ceil(piece) <= u64::from(most), "{bytes} in pieces of {piece}");
            assert!(piece == PIECE || bytes.div_ceil(piece - (1 << 20)) > u64::from(most));
        }
    }
}
