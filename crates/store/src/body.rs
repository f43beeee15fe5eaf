//! The body of a response: nothing, a document, or stored bytes read a stretch ahead on blocking threads.

use std::collections::VecDeque;
use std::fs::File;
use std::future::Future as _;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use crate::content::{Contents, Pin as ContentPin};
use crate::encryption::{CHUNK, ContentKey, Secret, TAG, WRAPPED, sealed_length};

/// How much is read at once. Two such stretches are the most a transfer holds: one being sent, one being read.
pub(crate) const STRETCH: usize = 256 * 1024;

/// How many of them there may be in memory at once, in all transfers: 64 MiB. Clients that take their time hold them for
/// as long as they please, so whoever comes when all are taken is served in pieces, and nothing is read ahead for it.
pub(crate) const STRETCHES: usize = 256;

/// How much is read at once then; of a sealed content, a chunk.
const PIECE: usize = 16 * 1024;

/// A response body. Its only error is a failure to read what is stored, which ends the connection short of the
/// announced length, so that no client takes a part for the whole.
#[derive(Debug)]
pub struct Body {
    kind: Kind,
    /// Counts what is handed out.
    sent: Option<Counter>,
}

#[derive(Debug)]
enum Kind {
    Empty,
    Full(Bytes),
    Stored(Stored),
}

impl Body {
    /// A body without bytes.
    pub(crate) fn empty() -> Self {
        Self { kind: Kind::Empty, sent: None }
    }

    /// A body that is in memory already.
    pub(crate) fn full(bytes: Bytes) -> Self {
        Self { kind: Kind::Full(bytes), sent: None }
    }

    /// A body that is read from contents as the client takes it.
    pub(crate) fn stored(reading: Reading) -> Self {
        let left = reading.left();
        Self { kind: Kind::Stored(Stored { left, state: State::Idle(Box::new(reading)) }), sent: None }
    }

    /// The same, with the first stretch read already.
    pub(crate) fn begun(first: Bytes, reading: Reading) -> Self {
        let left = reading.left() + first.len() as u64;
        Self { kind: Kind::Stored(Stored { left, state: State::Read(first, Box::new(reading)) }), sent: None }
    }

    /// Has its bytes counted as the client takes them.
    pub(crate) fn count(&mut self, sent: Counter) {
        self.sent = Some(sent);
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let next = match &mut self.kind {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.kind = Kind::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(bytes)))
            }
            Kind::Stored(stored) => stored.poll(context),
        };
        if let (Poll::Ready(Some(Ok(bytes))), Some(sent)) = (&next, &self.sent) {
            sent.inc_by(bytes.len() as u64);
        }
        next.map(|next| next.map(|read| read.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Empty => true,
            Kind::Full(bytes) => bytes.is_empty(),
            Kind::Stored(stored) => stored.left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.kind {
            Kind::Empty => 0,
            Kind::Full(bytes) => bytes.len() as u64,
            Kind::Stored(stored) => stored.left,
        })
    }
}

#[derive(Debug)]
struct Stored {
    /// What the client has not been given yet.
    left: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle(Box<Reading>),
    Read(Bytes, Box<Reading>),
    Busy(JoinHandle<(io::Result<Bytes>, Box<Reading>)>),
    Ended,
}

impl Stored {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Poll::Ready(None),
                State::Idle(reading) if reading.left() == 0 => return Poll::Ready(None),
                State::Idle(reading) => self.state = State::Busy(read_ahead(reading)),
                State::Busy(mut job) => {
                    let Poll::Ready(joined) = Pin::new(&mut job).poll(context) else {
                        self.state = State::Busy(job);
                        return Poll::Pending;
                    };
                    let (read, reading) = joined.map_err(io::Error::other)?;
                    let bytes = read.inspect_err(|error| {
                        tracing::error!(%error, "a stored content could not be read to its end");
                    })?;
                    self.state = State::Read(bytes, reading);
                }
                State::Read(bytes, reading) => {
                    self.left -= bytes.len() as u64;
                    self.state = match reading.left() {
                        0 => State::Ended,
                        _ if reading.ample => State::Busy(read_ahead(reading)),
                        _ => State::Idle(reading),
                    };
                    return Poll::Ready(Some(Ok(bytes)));
                }
            }
        }
    }
}

fn read_ahead(mut reading: Box<Reading>) -> JoinHandle<(io::Result<Bytes>, Box<Reading>)> {
    let room = reading.room();
    tokio::task::spawn_blocking(move || (reading.next(room), reading))
}

/// Where the next stretch is read to. It is made by whoever waits for the stretch: a blocking thread would keep memory of
/// its own for it, and there are many of them.
#[derive(Debug)]
pub(crate) struct Room {
    buffer: Vec<u8>,
    /// Whether it is one of the whole stretches.
    counted: Option<OwnedSemaphorePermit>,
}

/// What is known of a content whose file is sealed.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// Its wrapped key.
    pub(crate) wrapped: [u8; WRAPPED],
    /// How long all of it is, unsealed.
    pub(crate) bytes: u64,
}

/// A stretch of one content.
#[derive(Debug, Clone)]
pub(crate) struct Slice {
    /// The content's number.
    pub(crate) content: u64,
    /// Where the stretch begins in it.
    pub(crate) start: u64,
    /// How long it is.
    pub(crate) bytes: u64,
    /// The content's CRC-64/NVME, if this is all of the content and its reader should hold it to that.
    pub(crate) crc64: Option<u64>,
    /// What opens the content, if it is sealed. The places above are those of what was sent.
    pub(crate) sealed: Option<Arc<Sealed>>,
}

/// Slices being read one after the other.
#[derive(Debug)]
pub(crate) struct Reading {
    contents: Arc<Contents>,
    slices: VecDeque<Slice>,
    left: u64,
    /// What opens sealed contents.
    secret: Option<Secret>,
    open: Option<File>,
    /// The key of the content at hand, if that is sealed.
    key: Option<ContentKey>,
    /// The checksum of what was read of the slice at hand.
    digest: Option<crc_fast::Digest>,
    /// Whether there was room in memory for a whole stretch the last time.
    ample: bool,
    /// What keeps the contents that are not open yet on disk.
    _pin: Option<ContentPin>,
}

impl Reading {
    /// Begins to read. The pin holds what is not open yet.
    pub(crate) fn new(
        contents: Arc<Contents>,
        slices: Vec<Slice>,
        secret: Option<Secret>,
        pin: Option<ContentPin>,
    ) -> Self {
        let left = slices.iter().map(|slice| slice.bytes).sum();
        let slices = slices.into_iter().filter(|slice| slice.bytes > 0).collect();
        Self { contents, slices, left, secret, open: None, key: None, digest: None, ample: false, _pin: pin }
    }

    /// How many bytes are still to be read.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Opens the first content, so that nobody can take it away any more; blocks on the disk.
    pub(crate) fn open(&mut self) -> io::Result<()> {
        if let Some(slice) = self.slices.front() {
            self.open = Some(self.contents.read(slice.content)?);
        }
        Ok(())
    }

    /// Room for the next stretch, or for a piece when all whole stretches are taken.
    pub(crate) fn room(&self) -> Room {
        let counted = Arc::clone(&self.contents.stretches).try_acquire_owned().ok();
        let most = most(counted.is_some());
        let bytes = self.slices.front().map_or(0, |slice| match &slice.sealed {
            // The chunks that a stretch touches, should it begin and end within one.
            Some(sealed) => sealed_length(sealed.bytes.min(most.max(CHUNK) + 2 * CHUNK)),
            None => slice.bytes.min(most),
        });
        Room { buffer: Vec::with_capacity(usize::try_from(bytes).unwrap_or(STRETCH)), counted }
    }

    /// Reads the next stretch; blocks on the disk. A content that is shorter than the index says is an error, and so is
    /// one that is not what was written: then the last stretch is kept back, so that no client takes it for the object.
    pub(crate) fn next(&mut self, room: Room) -> io::Result<Bytes> {
        let Some(slice) = self.slices.front_mut() else {
            return Ok(Bytes::new());
        };
        let file = match &mut self.open {
            Some(file) => file,
            closed => closed.insert(self.contents.read(slice.content)?),
        };
        let Room { buffer, counted } = room;
        self.ample = counted.is_some();
        let most = most(self.ample);
        let buffer = if let Some(sealed) = &slice.sealed {
            let key = match &self.key {
                Some(key) => key,
                None => self.key.insert(key_of(slice.content, sealed, self.secret.as_ref())?),
            };
            open_next(file, slice, sealed, key, most.max(CHUNK), buffer).inspect_err(|error| {
                if error.kind() == io::ErrorKind::InvalidData {
                    self.contents.damaged_reads.inc();
                }
            })?
        } else {
            read_exactly(file, slice.start, slice.bytes.min(most), buffer)?.into()
        };
        let wanted = buffer.len() as u64;
        if let Some(wanted) = slice.crc64 {
            let digest = self.digest.get_or_insert_with(|| crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme));
            digest.update(&buffer);
            if buffer.len() as u64 == slice.bytes && digest.finalize() != wanted {
                self.contents.damaged_reads.inc();
                return Err(damaged(slice.content));
            }
        }
        slice.start += wanted;
        slice.bytes -= wanted;
        self.left -= wanted;
        if slice.bytes == 0 {
            self.slices.pop_front();
            self.open = None;
            self.key = None;
            self.digest = None;
        }
        Ok(match counted {
            Some(counted) => Bytes::from_owner(Held { bytes: buffer, _counted: counted }),
            None => buffer,
        })
    }
}

/// How much is read at once.
fn most(is_whole_stretch: bool) -> u64 {
    if is_whole_stretch { STRETCH as u64 } else { PIECE as u64 }
}

/// A stretch that is counted until the last who holds it lets it go.
struct Held {
    bytes: Bytes,
    _counted: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads so much from a place in a file into an empty buffer.
fn read_exactly(file: &mut File, start: u64, bytes: u64, mut buffer: Vec<u8>) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    file.take(bytes).read_to_end(&mut buffer)?;
    if (buffer.len() as u64) < bytes {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a content is shorter than the index says"));
    }
    Ok(buffer)
}

/// The key of a sealed content.
fn key_of(content: u64, sealed: &Sealed, secret: Option<&Secret>) -> io::Result<ContentKey> {
    let key = secret.and_then(|secret| ContentKey::unwrap(secret, &sealed.wrapped));
    key.ok_or_else(|| {
        let message = format!("content {content:016x} cannot be opened: its wrapped key in the index is damaged");
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}

/// Opens the next stretch of a sealed content: the chunks that it touches, and no others. If more is to follow it ends
/// with a chunk, so that no chunk is opened twice.
fn open_next(
    file: &mut File,
    slice: &Slice,
    sealed: &Sealed,
    key: &ContentKey,
    most: u64,
    buffer: Vec<u8>,
) -> io::Result<Bytes> {
    let mut end = slice.start + slice.bytes.min(most);
    if slice.bytes > most {
        end -= end % CHUNK;
    }
    let first = slice.start / CHUNK;
    // The last chunk may be a short one.
    let until = sealed_length(sealed.bytes.min(end.next_multiple_of(CHUNK)));
    let begin = first * (CHUNK + TAG);
    let mut buffer = read_exactly(file, begin, until.saturating_sub(begin), buffer)?;
    if !key.open(&mut buffer, first, sealed.bytes) {
        return Err(damaged(slice.content));
    }
    let skipped = first * CHUNK;
    let place = |at: u64| usize::try_from(at - skipped).unwrap_or(usize::MAX);
    let (from, to) = (place(slice.start), place(end));
    if to > buffer.len() {
        return Err(damaged(slice.content));
    }
    Ok(Bytes::from(buffer).slice(from..to))
}

/// What a reader gets in place of bytes that nobody wrote.
fn damaged(content: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("content {content:016x} is not what was written: its checksum differs; `store scrub` names all such"),
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use super::{PIECE, Reading, STRETCH, STRETCHES, Slice};
    use crate::content::{Contents, path_of};

    #[test]
    fn whoever_comes_when_the_memory_for_stretches_is_taken_reads_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let contents = Arc::new(Contents::open(folder.path(), 0).unwrap());
        let written: Vec<u8> = (0..3 * STRETCH + 5).map(|at| at.to_le_bytes()[1]).collect();
        let content = contents.number();
        let path = path_of(&folder.path().join("content"), content);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &written).unwrap();
        let reading = || {
            let slice = Slice { content, start: 0, bytes: written.len() as u64, crc64: None, sealed: None };
            Reading::new(Arc::clone(&contents), vec![slice], None, None)
        };
        let read_on = |reading: &mut Reading| reading.next(reading.room()).unwrap();
        let (mut slow, mut held) = (Vec::new(), Vec::new());
        for _ in 0..STRETCHES {
            let mut one = reading();
            held.push(read_on(&mut one));
            slow.push(one);
        }
        assert!(held.iter().all(|bytes| bytes.len() == STRETCH));

        let mut late = reading();
        let mut read = read_on(&mut late).to_vec();
        assert_eq!(read.len(), PIECE);
        // A stretch that one of them has got rid of is there for the next who asks.
        held.pop();
        let next = read_on(&mut late);
        assert_eq!(next.len(), STRETCH);
        read.extend_from_slice(&next);
        while late.left() > 0 {
            read.extend_from_slice(&read_on(&mut late));
        }
        assert!(read == written);
    }
}
