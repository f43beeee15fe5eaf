//! One contender on one operation: can be asked for a signature to look at, and for the time that many of them take.

use std::collections::HashMap;
use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use tokio::runtime::Runtime;

use crate::clock::processor_time;
use crate::task::Operation;

/// A contender on one operation.
pub(crate) struct Lane {
    pub(crate) contender: &'static str,
    pub(crate) version: String,
    pub(crate) operation: Operation,
    pub(crate) work: Box<dyn Work>,
}

/// A contender's way to sign for one operation.
pub(crate) trait Work {
    /// One signature, to be looked at.
    fn sign(&mut self, key: &str) -> Result<Signed>;

    /// The processor time of `count` signatures for one key after the other, from the first again after the last.
    fn time(&mut self, keys: &[String], count: usize) -> Result<Duration>;
}

/// What a contender returns.
#[derive(Debug)]
pub(crate) enum Signed {
    Url(String),
    /// The fields of a form, in any order.
    Form(Vec<(String, String)>),
}

impl From<String> for Signed {
    fn from(url: String) -> Self {
        Self::Url(url)
    }
}

impl From<HashMap<String, String>> for Signed {
    fn from(fields: HashMap<String, String>) -> Self {
        Self::Form(fields.into_iter().collect())
    }
}

/// A contender that is called.
pub(crate) struct Called<F>(pub(crate) F);

impl<F: Fn(&str) -> Result<S>, S: Into<Signed>> Work for Called<F> {
    fn sign(&mut self, key: &str) -> Result<Signed> {
        self.0(key).map(S::into)
    }

    fn time(&mut self, keys: &[String], count: usize) -> Result<Duration> {
        let begin = processor_time();
        for key in keys.iter().cycle().take(count) {
            black_box(self.0(black_box(key))?);
        }
        Ok(processor_time() - begin)
    }
}

/// A contender that is awaited. The runtime is entered once for all signatures, so it costs none of them anything.
pub(crate) struct Awaited<F>(pub(crate) Rc<Runtime>, pub(crate) F);

impl<F: AsyncFn(&str) -> Result<S>, S: Into<Signed>> Work for Awaited<F> {
    fn sign(&mut self, key: &str) -> Result<Signed> {
        self.0.block_on(self.1(key)).map(S::into)
    }

    fn time(&mut self, keys: &[String], count: usize) -> Result<Duration> {
        self.0.block_on(async {
            let begin = processor_time();
            for key in keys.iter().cycle().take(count) {
                black_box(self.1(black_box(key)).await?);
            }
            Ok(processor_time() - begin)
        })
    }
}
