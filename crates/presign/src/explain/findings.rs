//! Collects what was found, each cause once and the surest first.

use super::cause::{Cause, Certainty};

/// One finding: a cause, and how sure it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How sure it is.
    pub certainty: Certainty,
    /// What it is.
    pub cause: Cause,
}

#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn certain(&mut self, cause: Cause) {
        self.add(Certainty::Certain, cause);
    }

    /// Adds a cause, unless one of the same kind was found with as much certainty.
    pub(super) fn add(&mut self, certainty: Certainty, cause: Cause) {
        let code = cause.code();
        let several = matches!(cause, Cause::HeaderNotSent { .. } | Cause::HeaderDiffers { .. });
        match self.0.iter_mut().find(|found| found.cause.code() == code && (!several || found.cause == cause)) {
            Some(found) if certainty < found.certainty => *found = Finding { certainty, cause },
            Some(_) => {}
            None => self.0.push(Finding { certainty, cause }),
        }
    }

    /// Puts a surer account of the same kind of cause in the place of an earlier one.
    pub(super) fn replace(&mut self, cause: Cause) {
        self.0.retain(|found| found.cause.code() != cause.code());
        self.certain(cause);
    }

    pub(super) fn has(&self, code: &str) -> bool {
        self.0.iter().any(|found| found.cause.code() == code)
    }

    pub(super) fn has_certain(&self) -> bool {
        self.0.iter().any(|found| found.certainty == Certainty::Certain)
    }

    pub(super) fn sorted(mut self) -> Vec<Finding> {
        self.0.sort_by_key(|found| found.certainty);
        self.0
    }
}
