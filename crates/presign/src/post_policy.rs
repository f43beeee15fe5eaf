//! Makes POST policies: the signed rules under which a browser's form may hand a file in.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html>.

use std::{fmt, iter};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::encode;
use crate::moment::iso8601;
use crate::object_key::{KeyError, check_key};
use crate::second::Second;
use crate::sha256::BLOCK;
use crate::signature::SigningKey;
use crate::signer::{SignError, Signer};
use crate::string_to_sign::ALGORITHM;
use crate::validity::{Validity, ValidityError};

/// The rules of one form and the fields it is filled with. A rule that no store can hold a form to is refused when the
/// form is signed ([`SignError::Field`], [`SignError::NoLength`]).
///
/// ```
/// # use strongroom_presign::{Credentials, Endpoint, PostPolicy, Signer, Validity};
/// # let signer = Signer::new(Credentials::new("AK", "secret")?, Endpoint::aws("us-east-1")?, "inbox")?;
/// let policy = PostPolicy::for_key("staging/4711")?
///     .content_length(1, 10 * 1024 * 1024)
///     .exact("Content-Type", "image/jpeg");
/// let form = signer.post(&policy, Validity::new(1_369_353_600, 600)?)?;
/// assert_eq!(form.url, "https://inbox.s3.us-east-1.amazonaws.com/");
/// assert!(form.fields.iter().any(|(name, _)| name == "x-amz-signature"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct PostPolicy {
    /// JSON, each condition with a comma behind it.
    conditions: String,
    fields: Vec<(String, String)>,
    /// The first thing that was wrong.
    refused: Option<SignError>,
}

/// The fields that signing and the store set, in lower case.
const OWN: [&str; 10] = [
    "awsaccesskeyid",
    "bucket",
    "file",
    "policy",
    "signature",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-signature",
];

impl PostPolicy {
    /// For exactly one key.
    pub fn for_key(key: &str) -> Result<Self, KeyError> {
        check_key(key)?;
        Ok(Self::empty().exact("key", key))
    }

    /// For any key below `prefix`, with `${filename}` as the rest, which the store replaces with the file's own name.
    /// An empty prefix allows every key of the bucket.
    pub fn for_prefix(prefix: &str) -> Result<Self, KeyError> {
        let key = format!("{prefix}${{filename}}");
        check_key(&key)?;
        Ok(Self::empty().starts_with("key", prefix, &key))
    }

    fn empty() -> Self {
        Self { conditions: String::with_capacity(256), fields: Vec::with_capacity(4), refused: None }
    }

    /// The field must have exactly this value; it goes into the form too.
    #[must_use]
    pub fn exact(mut self, field: &str, value: &str) -> Self {
        push_exact(&mut self.conditions, field, value);
        self.conditions.push(',');
        self.with_field(field, value)
    }

    /// The field must begin with `prefix` (anything, if that is empty), as does the `value` that the form has at first.
    #[must_use]
    pub fn starts_with(mut self, field: &str, prefix: &str, value: &str) -> Self {
        let conditions = &mut self.conditions;
        conditions.push_str("[\"starts-with\",\"$");
        push_escaped(conditions, field);
        conditions.push_str("\",\"");
        push_escaped(conditions, prefix);
        conditions.push_str("\"],");
        if !value.starts_with(prefix) {
            self.refuse(field, "does not begin with what its policy demands");
        }
        self.with_field(field, value)
    }

    /// The file must have between `least` and `most` bytes, both included.
    #[must_use]
    pub fn content_length(mut self, least: u64, most: u64) -> Self {
        if least > most {
            self.refused.get_or_insert(SignError::NoLength { least, most });
        }
        let conditions = &mut self.conditions;
        conditions.push_str("[\"content-length-range\",");
        encode::number(conditions, least);
        conditions.push(',');
        encode::number(conditions, most);
        conditions.push_str("],");
        self
    }

    fn with_field(mut self, field: &str, value: &str) -> Self {
        if let Some(why) = self.wrong_with(field, value) {
            self.refuse(field, why);
        }
        self.fields.push((field.to_owned(), value.to_owned()));
        self
    }

    fn wrong_with(&self, field: &str, value: &str) -> Option<&'static str> {
        let is = |other: &str| field.eq_ignore_ascii_case(other);
        if field.is_empty() {
            Some("has no name")
        } else if field.chars().chain(value.chars()).any(char::is_control) {
            Some("has a control character, which forms do not carry unchanged")
        } else if OWN.into_iter().any(is) {
            Some("is one that signing itself sets")
        } else if self.fields.iter().any(|(other, _)| is(other)) {
            Some("is given twice")
        } else if is("success_action_status") && !["200", "201", "204"].contains(&value) {
            Some("is not 200, 201 or 204")
        } else {
            None
        }
    }

    fn refuse(&mut self, field: &str, why: &'static str) {
        self.refused.get_or_insert_with(|| SignError::Field { field: field.to_owned(), why });
    }

    /// The status of success: 200, 201 (with an XML body) or 204.
    #[must_use]
    pub fn success_status(self, status: u16) -> Self {
        self.exact("success_action_status", &status.to_string())
    }

    /// Where the browser is sent after success.
    #[must_use]
    pub fn success_redirect(self, url: &str) -> Self {
        self.exact("success_action_redirect", url)
    }
}

/// A form ready to be filled with a file, which must be its last field, named `file`.
#[derive(Clone, PartialEq, Eq)]
pub struct PostForm {
    /// Where the form is sent, as `multipart/form-data`.
    pub url: String,
    /// The fields, in order.
    pub fields: Vec<(String, String)>,
    /// When the policy ends, in Unix seconds.
    pub expires_at: i64,
}

impl fmt::Debug for PostForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The policy repeats the session token.
        let is_secret = |name: &str| matches!(name, "x-amz-security-token" | "policy");
        let shown = |name, value| (name, if is_secret(name) { "[redacted]" } else { value });
        let fields: Vec<(&str, &str)> =
            self.fields.iter().map(|(name, value)| shown(name.as_str(), value.as_str())).collect();
        let Self { url, expires_at, .. } = self;
        f.debug_struct("PostForm").field("url", url).field("fields", &fields).field("expires_at", expires_at).finish()
    }
}

impl Signer {
    /// Signs a POST policy.
    pub fn post(&self, policy: &PostPolicy, validity: Validity) -> Result<PostForm, SignError> {
        if let Some(refused) = &policy.refused {
            return Err(refused.clone());
        }
        self.outlives(validity)?;
        let second = self.second(validity.signed_at())?;
        let expires_at = validity.expires_at();
        let expiration = iso8601(expires_at).ok_or(ValidityError::Time(expires_at))?;
        let begun = second.form.get_or_init(|| BegunForm::new(self, &second, &expiration));
        let other;
        let begun = if begun.expiration == expiration {
            begun
        } else {
            other = BegunForm::new(self, &second, &expiration);
            &other
        };
        let mut fields = Vec::with_capacity(policy.fields.len() + begun.fields.len() + 2);
        fields.extend_from_slice(&policy.fields);
        fields.extend_from_slice(&begun.fields);
        let (encoded, signature) = begun.finish(&policy.conditions);
        fields.push(("policy".to_owned(), encoded));
        fields.push(("x-amz-signature".to_owned(), signature));
        let place = self.place();
        let url = [&place.url_head[..place.path_start], &place.bucket_path].concat();
        Ok(PostForm { url, fields, expires_at })
    }
}

/// What all forms of one second that end at the same time have in common. It comes first in the policy, so that it is
/// encoded and hashed once.
pub(crate) struct BegunForm {
    expiration: String,
    /// The fields that signing adds.
    fields: Vec<(String, String)>,
    /// The beginning of the policy, encoded.
    encoded: String,
    /// The signature of the policy, of which all that is encoded is hashed.
    begun: SigningKey,
}

/// Bytes that base64 turns into one block of SHA-256.
const IN_A_BLOCK: usize = BLOCK / 4 * 3;

impl BegunForm {
    fn new(signer: &Signer, second: &Second, expiration: &str) -> Self {
        let credentials = signer.credentials();
        let credential = format!("{}/{}", credentials.access_key(), second.scope);
        let mut fields = vec![
            ("x-amz-algorithm".to_owned(), ALGORITHM.to_owned()),
            ("x-amz-credential".to_owned(), credential),
            ("x-amz-date".to_owned(), second.date.as_str().to_owned()),
        ];
        fields.extend(credentials.session_token().map(|token| ("x-amz-security-token".to_owned(), token.to_owned())));
        let mut document = format!("{{\"expiration\":\"{expiration}\",\"conditions\":[");
        push_exact(&mut document, "bucket", signer.bucket());
        for (name, value) in &fields {
            document.push(',');
            push_exact(&mut document, name, value);
        }
        document.push(',');
        // JSON allows blanks here; what is encoded and what is hashed both end with them.
        document.extend(iter::repeat_n(' ', document.len().next_multiple_of(IN_A_BLOCK) - document.len()));
        let encoded = STANDARD.encode(document);
        let begun = second.key.having_hashed(encoded.as_bytes());
        Self { expiration: expiration.to_owned(), fields, encoded, begun }
    }

    /// The policy and its signature. `conditions` is not empty, and has a comma behind each.
    fn finish(&self, conditions: &str) -> (String, String) {
        let rest = [conditions.strip_suffix(',').unwrap_or(conditions), "]}"].concat();
        let mut encoded = String::with_capacity(self.encoded.len() + rest.len().div_ceil(3) * 4);
        encoded.push_str(&self.encoded);
        STANDARD.encode_string(rest, &mut encoded);
        let signature = self.begun.sign(&encoded.as_bytes()[self.encoded.len()..]);
        (encoded, encode::hex_string(&signature))
    }
}

/// Writes `{"field":"value"}`.
fn push_exact(out: &mut String, field: &str, value: &str) {
    out.push_str("{\"");
    push_escaped(out, field);
    out.push_str("\":\"");
    push_escaped(out, value);
    out.push_str("\"}");
}

/// Writes the inside of a JSON string (RFC 8259, 7).
#[expect(clippy::needless_bitwise_bool, reason = "without branches the compiler takes many bytes at once")]
fn push_escaped(out: &mut String, text: &str) {
    let special = |byte: u8| (byte < b' ') | (byte == b'"') | (byte == b'\\');
    if !text.bytes().fold(false, |any, byte| any | special(byte)) {
        out.push_str(text);
        return;
    }
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\0'..'\x20' => {
                let digit = |nibble| char::from_digit(nibble, 16).expect("a nibble is one hex digit");
                out.push_str("\\u00");
                out.extend([digit(u32::from(character) >> 4), digit(u32::from(character) & 15)]);
            }
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_is_read_back_by_any_json_parser() {
        let text: String = (0..300).filter_map(char::from_u32).chain("\u{2028}🦀".chars()).collect();
        let mut document = String::new();
        push_exact(&mut document, &text, "plain");
        let value: serde_json::Value = serde_json::from_str(&document).unwrap();
        assert_eq!(value, serde_json::json!({ text: "plain" }));
    }

    #[test]
    fn forms_of_one_second_each_end_when_they_are_to_end() {
        let credentials = crate::Credentials::new("AK", "secret").unwrap().with_session_token("token").unwrap();
        let endpoint = crate::Endpoint::aws("us-east-1").unwrap();
        let signer = Signer::new(credentials.clone(), endpoint, "inbox").unwrap();
        for seconds in [600, 60, 600] {
            let policy = PostPolicy::for_prefix("staging/").unwrap().content_length(1, 1_000);
            let form = signer.post(&policy, Validity::new(1_369_353_600, seconds).unwrap()).unwrap();
            let fields: Vec<(&str, &str)> =
                form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let verified = crate::Verifier::new("us-east-1")
                .verify_post(&fields, |_| Some(credentials.clone()), 1_369_353_600)
                .unwrap();
            assert_eq!(verified.policy.expires_at(), form.expires_at);
            assert_eq!(form.expires_at, 1_369_353_600 + i64::from(seconds));
            verified.policy.check_fields(&fields, "inbox").unwrap();
        }
    }
}
