//! Finds out who sent a request, and answers as S3 does when that does not work out.

use std::sync::Arc;

use http::request::Parts;
use strongroom_presign::{IncomingRequest, PolicyError, Verified, VerifiedPost, Verifier, VerifyError};

use crate::access::Identity;
use crate::fault::{Code, Fault};
use crate::keyring::Watch;
use crate::time::Moment;

/// Verifies signatures, and knows whose keys they are made with.
#[derive(Debug)]
pub(crate) struct Authentication {
    verifier: Verifier,
    region: String,
    /// Those the store was opened with.
    identities: Vec<Arc<Identity>>,
    /// Those an operator made.
    keyring: Watch,
}

impl Authentication {
    /// For one region and its identities. `version2` is given where Signature Version 2 is taken too: the host names
    /// under which a bucket is the first label.
    pub(crate) fn new(region: &str, identities: Vec<Identity>, version2: Option<&[String]>, keyring: Watch) -> Self {
        let verifier = Verifier::new(region);
        let verifier = match version2 {
            Some(domains) => verifier.with_version2(domains.to_vec()),
            None => verifier,
        };
        let identities = identities.into_iter().map(Arc::new).collect();
        Self { verifier, region: region.to_owned(), identities, keyring }
    }

    /// The region.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Verifies a request signed by headers or by its URL.
    pub(crate) fn request(&self, parts: &Parts, now: Moment) -> Result<(Arc<Identity>, Verified), Fault> {
        let mut headers: Vec<(&str, &[u8])> =
            parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        if let Some(authority) = parts.uri.authority()
            && !parts.headers.contains_key(http::header::HOST)
        {
            headers.push(("host", authority.as_str().as_bytes()));
        }
        let incoming = IncomingRequest {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &headers,
        };
        let verified = self
            .verifier
            .verify(&incoming, |key| Some(self.find(key, now)?.credentials.clone()), now.seconds())
            .map_err(|error| refusal(error, now))?;
        Ok((self.known(&verified.access_key, now)?, verified))
    }

    /// Verifies the fields of a form.
    pub(crate) fn form(&self, fields: &[(&str, &str)], now: Moment) -> Result<(Arc<Identity>, VerifiedPost), Fault> {
        let verified = self
            .verifier
            .verify_post(fields, |key| Some(self.find(key, now)?.credentials.clone()), now.seconds())
            .map_err(|error| refusal(error, now))?;
        Ok((self.known(&verified.access_key, now)?, verified))
    }

    fn find(&self, access_key: &str, now: Moment) -> Option<Arc<Identity>> {
        let own = self.identities.iter().find(|identity| identity.access_key_id() == access_key);
        own.map(Arc::clone).or_else(|| self.keyring.find(access_key, now.seconds()))
    }

    fn known(&self, access_key: &str, now: Moment) -> Result<Arc<Identity>, Fault> {
        self.find(access_key, now).ok_or_else(|| Code::InvalidAccessKeyId.into())
    }
}

/// S3's answer to a signature that does not hold.
fn refusal(error: VerifyError, now: Moment) -> Fault {
    let iso = |seconds: i64| Moment(seconds.saturating_mul(1000)).iso();
    match error {
        VerifyError::Missing => Fault::new(Code::AccessDenied, "Access Denied: the request is not signed."),
        VerifyError::Twice => Fault::new(
            Code::InvalidArgument,
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
        ),
        VerifyError::Algorithm(_) | VerifyError::SigV2Off => Fault::new(
            Code::InvalidRequest,
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        ),
        VerifyError::UnknownKey { access_key } => {
            Fault::from(Code::InvalidAccessKeyId).with("AWSAccessKeyId", access_key)
        }
        VerifyError::Token | VerifyError::CredentialsExpired { .. } => Code::InvalidToken.into(),
        VerifyError::Expired { expired_at, .. } => Fault::new(Code::AccessDenied, "Request has expired")
            .with("Expires", iso(expired_at))
            .with("ServerTime", now.iso()),
        VerifyError::NotYetValid { signed_at, .. } => Fault::new(Code::AccessDenied, "Request is not valid yet")
            .with("RequestTime", iso(signed_at))
            .with("ServerTime", now.iso()),
        VerifyError::Skewed { signed_at, max, .. } => Fault::from(Code::RequestTimeTooSkewed)
            .with("RequestTime", iso(signed_at))
            .with("ServerTime", now.iso())
            .with("MaxAllowedSkewMilliseconds", (max * 1000).to_string()),
        VerifyError::Life(seconds) => Fault::new(
            Code::AuthorizationQueryParametersError,
            format!("X-Amz-Expires must be between 1 second and a week (604800 seconds); it is {seconds}"),
        ),
        VerifyError::Region { expected, found } => Fault::new(
            Code::AuthorizationHeaderMalformed,
            format!("The authorization header is malformed; the region '{found}' is wrong; expecting '{expected}'"),
        )
        .with("Region", expected),
        VerifyError::UnsignedHeaders(names) => {
            Fault::new(Code::AccessDenied, "There were headers present in the request which were not signed")
                .with("HeadersNotSigned", names.join(", "))
        }
        VerifyError::HeaderNotSent(name) => Fault::new(
            Code::SignatureDoesNotMatch,
            format!("The header '{name}' is signed, and was not sent. Send it exactly as it was signed."),
        ),
        VerifyError::Mismatch(mismatch) => {
            let fault = Fault::from(Code::SignatureDoesNotMatch)
                .with("AWSAccessKeyId", mismatch.access_key.clone())
                .with("StringToSign", mismatch.string_to_sign.clone())
                .with("SignatureProvided", mismatch.provided.clone());
            if mismatch.canonical_request.is_empty() {
                fault
            } else {
                fault.with("CanonicalRequest", mismatch.canonical_request.clone())
            }
        }
        VerifyError::Malformed { what, why } => Fault::new(malformed_code(what), format!("{what}: {why}")),
        other => Fault::new(Code::AuthorizationHeaderMalformed, other.to_string()),
    }
}

/// The code for something in a signature that cannot be read, by where it stood.
fn malformed_code(what: &str) -> Code {
    match what {
        "Authorization" => Code::AuthorizationHeaderMalformed,
        "policy" => Code::InvalidPolicyDocument,
        "query" | "path" => Code::InvalidURI,
        "x-amz-content-sha256" => Code::InvalidRequest,
        parameter if parameter.starts_with("X-Amz-") => Code::AuthorizationQueryParametersError,
        _ => Code::InvalidArgument,
    }
}

/// S3's answer to a form that does not keep to its policy.
pub(crate) fn policy_refusal(error: &PolicyError) -> Fault {
    match error {
        PolicyError::TooSmall { actual, least } => Fault::from(Code::EntityTooSmall)
            .with("ProposedSize", actual.to_string())
            .with("MinSizeAllowed", least.to_string()),
        PolicyError::TooLarge { actual, most } => Fault::from(Code::EntityTooLarge)
            .with("ProposedSize", actual.to_string())
            .with("MaxSizeAllowed", most.to_string()),
        PolicyError::ExtraField(name) => {
            Fault::new(Code::AccessDenied, format!("Invalid according to Policy: Extra input fields: {name}"))
        }
        PolicyError::Unreadable(why) => Fault::new(Code::InvalidPolicyDocument, format!("Invalid Policy: {why}.")),
        other => Fault::new(Code::AccessDenied, format!("Invalid according to Policy: {other}")),
    }
}
