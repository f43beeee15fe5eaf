//! Signs, verifies, reads and explains S3 requests and links, without I/O and without a clock of its own.
//!
//! Everything here is a function of what it is given: the time is an argument (Unix seconds), nothing is read from the
//! environment, and no request is sent. So it works with any HTTP client and server, blocking or not, and every rule
//! can be tested at any moment.
//!
//! ```
//! use strongroom_presign::{Credentials, Endpoint, Request, Signer, Window};
//!
//! let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")?;
//! let signer = Signer::new(credentials, Endpoint::aws("eu-central-1")?, "photos")?;
//! // The same link for a quarter of an hour, so that browsers can cache; each lives five minutes at least.
//! let stable = signer.stable(Window::new(900, 300)?, 1_369_353_600)?;
//! let link = signer.presign(&Request::get("albums/7/cat.jpg"), stable)?;
//! # assert!(link.starts_with("https://photos.s3.eu-central-1.amazonaws.com/albums/7/cat.jpg?"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | use |
//! |---|---|
//! | presign a URL | [`Signer::presign`] with a [`Request`] and a [`Validity`] or [`Window`] |
//! | sign a request by headers | [`Signer::sign`] |
//! | let a browser's form hand a file in | [`PostPolicy`], [`Signer::post`] |
//! | serve a store that knows Signature Version 2 alone | [`Signer::presign_v2`] |
//! | sign for CloudFront | `CloudFrontSigner` (feature `cloudfront`, on unless switched off) |
//! | verify what arrives | [`Verifier::verify`], [`Verifier::verify_post`], [`Verified::chunk_decoder`] |
//! | tell bucket and key from any address | [`Address::read`] |
//! | learn why a link fails | [`explain()`] |
//!
//! # How a URL is signed
//!
//! Signature Version 4 has three steps, and each has a file of its own: `canonical_request.rs` writes the request so that
//! client and server write it the same way, `string_to_sign.rs` binds its hash to a time and a scope, and `signature.rs`
//! makes the HMAC over that with the key of the day. A URL costs little more than the hashing it cannot do without,
//! because what is constant is done once: the key and the first block of every HMAC once a day, the head of the string
//! to sign and the text around the key once a second (`second.rs`), the host and the path of the bucket once a
//! [`Signer`]. The canonical request is put together on the stack with its padding, and hashed in one go.
//!
//! # What it refuses
//!
//! Keys are encoded exactly as boto3 does, with empty segments and leading slashes kept. A key with a `.` or `..` segment,
//! a control character or more than 1,024 bytes is refused, as are lives of zero or over seven days, URLs that would
//! outlive their credentials, headers and parameters that signing itself sets, and chunks of a body whose signature does
//! not hold. Secret keys are wiped from memory when dropped. Neither they nor session tokens appear in an error or in the
//! `Debug` of a signer, of what it signed or of why a request was refused.

mod address;
mod canonical_request;
mod chunks;
#[cfg(feature = "cloudfront")]
mod cloudfront;
mod credentials;
mod encode;
mod endpoint;
mod explain;
mod moment;
mod object_key;
mod post_policy;
mod presigned_query;
mod query;
mod request;
mod second;
mod sha256;
mod signature;
mod signed_headers;
mod signer;
mod sigv2;
mod string_to_sign;
mod validity;
mod verify;

pub use address::{Address, AddressError};
pub use chunks::{ChunkDecoder, ChunkError, Trailers};
#[cfg(feature = "cloudfront")]
pub use cloudfront::{CloudFrontError, CloudFrontPolicy, CloudFrontSigner};
pub use credentials::{Credentials, CredentialsError};
pub use endpoint::{Addressing, Endpoint, EndpointError, UrlError};
pub use explain::{Cause, Certainty, Evidence, Explanation, Finding, Link, LinkSignature, Version4, explain};
pub use object_key::{BucketError, KeyError, MAX_KEY_BYTES, check_bucket, check_key};
pub use post_policy::{PostForm, PostPolicy};
pub use request::{Method, Request};
pub use signed_headers::HeaderError;
pub use signer::{Payload, SignError, SignedRequest, Signer};
pub use validity::{MAX_LIFE, Validity, ValidityError, Window};
pub use verify::{
    BodyRule, IncomingRequest, MAX_SKEW, Mechanism, Mismatch, Policy, PolicyError, Verified, VerifiedPost, Verifier,
    VerifyError,
};

/// The page on signing and explaining, whose example in Rust is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/presigning.md")]
struct Documented;
