//! The bytes of a copy that cannot share its source's contents, because the two are encrypted differently: read,
//! opened, sealed and written, a stretch at a time.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt as _;

use crate::announced::Announced;
use crate::body::{Body, Reading, Slice};
use crate::call::Call;
use crate::checksum::{Algorithm, Sums};
use crate::content::Placed;
use crate::encryption::Protection;
use crate::fault::Fault;
use crate::intake::{self, Source};

/// What is stored already, on its way into another content.
struct Stored {
    body: Body,
    announced: Announced,
    /// A content was removed before it could be opened.
    is_gone: bool,
}

impl Source for Stored {
    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        match self.body.frame().await {
            None => Ok(None),
            Some(Ok(frame)) => Ok(frame.into_data().ok()),
            Some(Err(error)) => {
                self.is_gone = error.kind() == io::ErrorKind::NotFound;
                Err(error.into())
            }
        }
    }

    fn announced(&mut self) -> &mut Announced {
        &mut self.announced
    }
}

/// Writes slices into a content of their own; `None` if one of them has been removed.
pub(super) async fn write(
    call: Call<'_>,
    slices: Vec<Slice>,
    from: Protection,
    to: &Protection,
    algorithm: Option<Algorithm>,
) -> Result<Option<(Sums, Option<Placed>)>, Fault> {
    let contents = &call.store.contents;
    let room = call.store.space.reserve(slices.iter().map(|slice| slice.bytes).sum())?;
    let pin = contents.pin(slices.iter().map(|slice| slice.content).collect());
    let reading = Reading::new(Arc::clone(contents), slices, from.secret, Some(pin));
    let mut stored = Stored { body: Body::stored(reading), announced: Announced::default(), is_gone: false };
    match intake::receive(contents, &mut stored, algorithm, call.store.seal(to), room).await {
        Ok(received) => Ok(Some((received.sums, received.placed))),
        Err(_) if stored.is_gone => Ok(None),
        Err(fault) => Err(fault),
    }
}
