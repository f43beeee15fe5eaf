//! Writes the query of a presigned URL in canonical order: the signature's own parameters among the caller's.

use crate::credentials::Credentials;
use crate::encode;
use crate::query::{self, Pair};
use crate::second::Second;
use crate::signer::SignError;

/// What the signature's own parameters say.
pub(crate) struct PresignedQuery<'a> {
    pub(crate) second: &'a Second,
    pub(crate) credentials: &'a Credentials,
    /// `X-Amz-Expires`.
    pub(crate) seconds: u32,
    /// The names of the signed headers, `host;x-amz-acl`.
    pub(crate) names: &'a str,
}

impl PresignedQuery<'_> {
    /// Writes all, with the question mark and without the signature.
    pub(crate) fn write(&self, url: &mut String, own: &[Pair<'_>]) -> Result<(), SignError> {
        query::check(own)?;
        if query::all_after_signature(own) {
            self.write_own(url);
            if !own.is_empty() {
                query::append(url, own, true);
            }
            return Ok(());
        }
        // A parameter that comes before or among the signature's is rare enough to sort them all.
        let mut signature = String::new();
        self.write_own(&mut signature);
        let signature = signature[1..].split('&').filter_map(|pair| pair.split_once('='));
        let mut pairs: Vec<_> = signature.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        pairs.extend(own.iter().map(|(name, value)| (encode::to_query(name), encode::to_query(value))));
        url.push('?');
        query::append_encoded(url, pairs, false);
        Ok(())
    }

    /// Writes the signature's own parameters, with the question mark.
    pub(crate) fn write_own(&self, url: &mut String) {
        url.push_str(&self.second.query_head);
        encode::number(url, u64::from(self.seconds));
        if let Some(token) = self.credentials.session_token() {
            url.push_str(TOKEN);
            encode::query(url, token.as_bytes());
        }
        url.push_str(SIGNED_HEADERS);
        encode::query(url, self.names.as_bytes());
    }

    /// At most as many bytes as [`Self::write`] writes: a byte becomes three, and a life has six digits.
    pub(crate) fn room(&self, own: &[Pair<'_>]) -> usize {
        let own: usize = own.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
        let token = self.credentials.session_token().map_or(0, |token| TOKEN.len() + 3 * token.len());
        self.second.query_head.len() + 6 + token + SIGNED_HEADERS.len() + 3 * self.names.len() + own
    }
}

const TOKEN: &str = "&X-Amz-Security-Token=";
const SIGNED_HEADERS: &str = "&X-Amz-SignedHeaders=";
