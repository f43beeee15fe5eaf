//! All that is the same for every URL signed at one second, made ready once.

use std::fmt;
use std::sync::OnceLock;

use crate::credentials::Credentials;
use crate::encode;
use crate::moment::{AmzDate, day_number};
use crate::post_policy::BegunForm;
use crate::signature::{Begun, SigningKey};
use crate::string_to_sign::{self, ALGORITHM};
use crate::validity::ValidityError;

/// The signing key of the day, the begun signature, and the texts with the date in them.
pub(crate) struct Second {
    pub(crate) at: i64,
    pub(crate) date: AmzDate,
    /// `20130524/us-east-1/s3/aws4_request`.
    pub(crate) scope: String,
    pub(crate) key: SigningKey,
    pub(crate) begun: Begun,
    /// `?X-Amz-Algorithm=…&X-Amz-Credential=…&X-Amz-Date=…&X-Amz-Expires=`, in canonical order.
    pub(crate) query_head: String,
    /// For the first life that was signed for in this second. Links of one kind all live equally long.
    pub(crate) plain: OnceLock<Plain>,
    /// For the first end of a form that was signed for.
    pub(crate) form: OnceLock<BegunForm>,
}

/// The texts around the path of every URL that lives equally long, adds no parameter and signs no header but `host`.
pub(crate) struct Plain {
    pub(crate) seconds: u32,
    /// From the question mark up to where the signature begins.
    pub(crate) query: String,
    /// What follows the path in the canonical request.
    pub(crate) rest: String,
}

impl Second {
    /// Made anew, with the key of `before` if that is of the same day.
    pub(crate) fn new(
        credentials: &Credentials,
        region: &str,
        at: i64,
        before: Option<&Self>,
    ) -> Result<Self, ValidityError> {
        let date = AmzDate::from_unix(at).ok_or(ValidityError::Time(at))?;
        let key = match before.filter(|before| day_number(before.at) == day_number(at)) {
            Some(before) => before.key.clone(),
            None => SigningKey::derive(credentials.secret_key(), date.date(), region, "s3"),
        };
        let scope = string_to_sign::scope(date.date(), region, "s3");
        let begun = key.begin(&string_to_sign::head(&date, &scope));
        let credential = encode::to_query(&format!("{}/{scope}", credentials.access_key()));
        let query_head = format!(
            "?X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={credential}&X-Amz-Date={}&X-Amz-Expires=",
            date.as_str()
        );
        Ok(Self { at, date, scope, key, begun, query_head, plain: OnceLock::new(), form: OnceLock::new() })
    }
}

impl fmt::Debug for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Second").field("at", &self.at).field("scope", &self.scope).finish_non_exhaustive()
    }
}
