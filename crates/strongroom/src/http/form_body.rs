//! A body on its way into the form parser, which would gather without limit whatever comes before it finds a boundary.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::Stream;

/// How much may come before the file, and after it, in bytes.
const OUTSIDE_THE_FILE: u64 = 512 * 1024;

/// What the gate lets through while the file passes.
const OPEN: u64 = u64::MAX;

/// Says how much may still come.
#[derive(Debug, Clone)]
pub(super) struct Gate(Arc<AtomicU64>);

impl Gate {
    /// The file begins; it has a limit of its own.
    pub(super) fn open(&self) {
        self.0.store(OPEN, Ordering::Relaxed);
    }

    /// The file is over.
    pub(super) fn close(&self) {
        self.0.store(OUTSIDE_THE_FILE, Ordering::Relaxed);
    }
}

/// The body, a chunk at a time: the parser asks again and again as long as something is ready, so every other answer
/// is that nothing is, and what it has gathered is taken from it first.
#[derive(Debug)]
pub(super) struct FormBody {
    inner: BodyDataStream,
    gate: Gate,
    rested: bool,
}

impl FormBody {
    pub(super) fn new(body: Body) -> (Self, Gate) {
        let gate = Gate(Arc::new(AtomicU64::new(OUTSIDE_THE_FILE)));
        (Self { inner: body.into_data_stream(), gate: gate.clone(), rested: true }, gate)
    }
}

impl Stream for FormBody {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !std::mem::replace(&mut self.rested, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let chunk = match Pin::new(&mut self.inner).poll_next(context) {
            Poll::Ready(Some(Ok(chunk))) => chunk,
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(io::Error::other(error)))),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => return Poll::Pending,
        };
        self.rested = false;
        let left = self.gate.0.load(Ordering::Relaxed);
        if left == OPEN {
            return Poll::Ready(Some(Ok(chunk)));
        }
        match left.checked_sub(chunk.len() as u64) {
            Some(left) => {
                self.gate.0.store(left, Ordering::Relaxed);
                Poll::Ready(Some(Ok(chunk)))
            }
            None => Poll::Ready(Some(Err(io::Error::other("more than 512 KiB come outside the part `file`")))),
        }
    }
}
