//! Takes a body in: gathered in stretches, digested and written on blocking threads, verified, and placed durably.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::announced::Announced;
use crate::body::STRETCH;
use crate::checksum::{Algorithm, Digests, Sums};
use crate::content::{Contents, Finished, Incoming, Placed};
use crate::encryption::Sealing;
use crate::fault::Fault;
use crate::space::Room;

/// Where the bytes of a body come from.
pub(crate) trait Source: Send {
    /// The next bytes; `None` at the end, when `announced` is complete.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, Fault>> + Send;
    /// What the body must turn out to be.
    fn announced(&mut self) -> &mut Announced;
}

impl Source for crate::payload::Payload {
    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        Self::next(self).await
    }

    fn announced(&mut self) -> &mut Announced {
        &mut self.announced
    }
}

/// A body that has come whole and is what was announced. An empty one has no content.
#[derive(Debug)]
pub(crate) struct Received {
    /// Its content, durable and not yet referred to.
    pub(crate) placed: Option<Placed>,
    /// Its length and digests.
    pub(crate) sums: Sums,
    /// The checksum the client chose.
    pub(crate) chosen: Option<Algorithm>,
}

/// Takes a body in, into the room it was given, and seals it if it is to be. `asked` is a checksum wanted besides those
/// the client announced.
pub(crate) async fn receive(
    contents: &Arc<Contents>,
    source: &mut impl Source,
    asked: Option<Algorithm>,
    mut sealing: Option<Sealing>,
    mut room: Room,
) -> Result<Received, Fault> {
    let asked: Vec<Algorithm> = source.announced().algorithms().chain(asked).collect();
    // While one stretch is being written the next one arrives; so there are never more than two in memory.
    let mut writing: Option<tokio::task::JoinHandle<Result<Incoming, Fault>>> = None;
    let mut stretch = Stretch::default();
    // How long the stretch is that is being written.
    let mut under_way = 0;
    while let Some(bytes) = source.next().await? {
        stretch.push(bytes);
        if stretch.bytes >= STRETCH {
            let incoming = match writing.take() {
                Some(job) => Some(job.await??),
                None => None,
            };
            room.written(std::mem::replace(&mut under_way, stretch.bytes as u64));
            let (contents, asked, stretch) = (Arc::clone(contents), asked.clone(), std::mem::take(&mut stretch));
            let sealing = sealing.take();
            writing = Some(tokio::task::spawn_blocking(move || {
                let incoming = match incoming {
                    Some(incoming) => incoming,
                    None => Incoming::begin(&contents, &asked, sealing)?,
                };
                write(incoming, stretch)
            }));
        }
    }
    let announced = std::mem::take(source.announced());
    let chosen = announced.chosen();
    let incoming = match writing.take() {
        Some(job) => Some(job.await??),
        None => None,
    };
    let contents = Arc::clone(contents);
    let job = tokio::task::spawn_blocking(move || {
        let incoming = match incoming {
            Some(incoming) => incoming,
            None if stretch.bytes == 0 => {
                let sums = Digests::new(asked).finish();
                announced.verify(&sums)?;
                return Ok((None, sums));
            }
            None => Incoming::begin(&contents, &asked, sealing)?,
        };
        let (finished, sums) = write(incoming, stretch)?.finish()?;
        announced.verify(&sums)?;
        Ok::<_, Fault>((Some(Finished::place(finished)?), sums))
    });
    let (placed, sums) = job.await??;
    Ok(Received { placed, sums, chosen })
}

fn write(mut incoming: Incoming, stretch: Stretch) -> Result<Incoming, Fault> {
    for piece in stretch.pieces.iter().chain([&stretch.small.freeze()]) {
        incoming.write(piece)?;
    }
    Ok(incoming)
}

/// The shortest piece that is kept as it came. A shorter one is copied: it would hold on to the whole buffer that it came
/// in, and a body in chunks of one byte would take forty times its length.
const OWN: usize = 16 * 1024;

/// What is gathered before it is written at once.
#[derive(Debug, Default)]
struct Stretch {
    pieces: Vec<Bytes>,
    /// The short pieces that came after the last of `pieces`.
    small: BytesMut,
    bytes: usize,
}

impl Stretch {
    fn push(&mut self, piece: Bytes) {
        self.bytes += piece.len();
        if piece.len() < OWN {
            self.small.extend_from_slice(&piece);
        } else {
            if !self.small.is_empty() {
                self.pieces.push(self.small.split().freeze());
            }
            self.pieces.push(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{OWN, Stretch};

    #[test]
    fn what_comes_in_crumbs_takes_no_more_than_its_length() {
        let sent = (0..200_000_u32).map(|number| number.to_le_bytes()[0]).collect::<Bytes>();
        let mut stretch = Stretch::default();
        let mut at = 0;
        for (round, length) in [1, 7, OWN - 1, OWN, 3].into_iter().cycle().enumerate() {
            let end = sent.len().min(at + if round < 50_000 { length.min(2) } else { length });
            stretch.push(sent.slice(at..end));
            at = end;
            if at == sent.len() {
                break;
            }
        }
        assert_eq!(stretch.bytes, sent.len());
        assert!(stretch.pieces.len() < 40, "{} pieces", stretch.pieces.len());
        let kept: Vec<u8> = [&stretch.pieces.concat()[..], &stretch.small].concat();
        assert_eq!(kept, sent);
    }
}
