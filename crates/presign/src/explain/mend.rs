//! What to do about each cause.

use super::cause::Cause;

impl Cause {
    /// What mends it, in a sentence.
    pub fn mend(&self) -> &'static str {
        match self {
            Self::NotAUrl => "Give the whole URL, with its scheme.",
            Self::NotSigned => {
                "Hand out a presigned URL, made when somebody asks, instead of the object's permanent one."
            }
            Self::HtmlEscaped => "Take the URL from where it is not escaped, or replace each `&amp;` by `&`.",
            Self::Blanks | Self::SignatureCut { .. } | Self::Incomplete { .. } => {
                "Copy the URL as a whole; on a command line put it in single quotes, as `&` ends a command."
            }
            Self::RepeatedParameter { .. } => "Sign once, and add nothing to a signed URL.",
            Self::Algorithm { .. } | Self::OldSignature => {
                "Sign with Signature Version 4 (in boto3: signature_version s3v4)."
            }
            Self::Scope { .. } | Self::Date { .. } | Self::ScopeDay { .. } | Self::Service { .. } => {
                "Let a signer for S3 make the URL, with the same moment in all its parts."
            }
            Self::RegionOfHost { .. } | Self::WrongRegion { .. } => {
                "Configure the signer with the bucket's own region."
            }
            Self::WrongEndpoint { .. } => "Configure the signer with the bucket's own endpoint and region.",
            Self::Life { .. } => "Sign for 7 days at most, and make a new link when one is asked for.",
            Self::HostNotSigned => "Sign `host`; every S3 signer does.",
            Self::TokenMissing { .. } | Self::TokenInvalid => {
                "Sign with the access key, secret and session token of one and the same session."
            }
            Self::TokenExpired => "Sign with fresh or long-lived credentials, and let no link outlive them.",
            Self::Expired { .. } => "Ask for a new link; do not store links, store keys.",
            Self::NotYetValid { .. } | Self::Skewed { .. } => {
                "Set the clocks (NTP) of the signing machine and of the client."
            }
            Self::KeyMissing => "Name the object behind the bucket.",
            Self::KeyEncodedTwice { .. } => "Hand the signer the plain key, and leave the encoding to it.",
            Self::PlusInPath { .. } => "Write %20 for a blank and %2B for a plus.",
            Self::DotSegment { .. } => "Use keys without `.` and `..` segments.",
            Self::LeadingSlash { .. } => {
                "Leave out the slash at the beginning of the key, unless the object was stored with it."
            }
            Self::BucketTwice { .. } => "Give the signer the key without the bucket, and the endpoint without it too.",
            Self::PrefixMissing { .. } | Self::PrefixDoubled { .. } => "Apply the prefix once, in one place.",
            Self::MethodDiffers { .. } => {
                "Use the method that was signed, or sign for the one that is used; HEAD and GET differ."
            }
            Self::PathDiffers { .. }
            | Self::SlashesMerged { .. }
            | Self::PathPrefixed { .. }
            | Self::PathStripped { .. } => {
                "Let the request reach the store as it was signed: configure the proxy to pass the path on unchanged, or sign for the path it makes."
            }
            Self::QueryDiffers { .. } => "Add nothing to a signed URL; what is needed must be there when it is signed.",
            Self::HostDiffers { .. } => {
                "Sign for the host that the client uses, and let proxies pass Host on unchanged."
            }
            Self::HeaderNotSent { .. } | Self::HeaderDiffers { .. } | Self::HeadersToSend { .. } => {
                "Send each signed header as it was signed, or leave it out of the signature."
            }
            Self::HeadersNotSigned { .. } => "Sign these headers too, or do not send them.",
            Self::MultipartForm { .. } => {
                "Send the file itself as the body, not a form; or use a POST policy for forms."
            }
            Self::PayloadDiffers { .. } => "Do not send x-amz-content-sha256 with a presigned URL.",
            Self::TimeLineDiffers { .. } => "Look for what rewrites the query on the way.",
            Self::AlteredOrOtherSecret => {
                "Compare the secret of the signer with the one given here, and the URL with the one that was made."
            }
            Self::ChangedOrOtherSecret { .. } => {
                "Compare the request that the store logs with the URL, and look for a proxy in between; then compare the store's secret."
            }
            Self::ServerSecret { .. } => {
                "Look up the secret in the store: it may have been changed after the signer was configured."
            }
            Self::CredentialsUnused => {
                "Make the link anew with the same key pair, policy and end, and compare the two."
            }
            Self::OtherAccessKey { .. } => {
                "Give the credentials of the access key in the URL to have its signature checked."
            }
            Self::MethodOrSecret { .. } => {
                "Give the credentials, the method and the headers that were sent, to have it narrowed down."
            }
            Self::Denied => {
                "Look at the rights of the signing identity (GetObject for reading, PutObject for writing), at the bucket's policy, at KMS, and whether the key exists."
            }
            Self::UnknownAccessKey { .. } => "Sign with an access key of this store.",
            Self::NoSuchKey { .. } => {
                "Compare the key with a listing: a prefix, the case and the encoding are the usual differences."
            }
            Self::NoSuchBucket { .. } => {
                "Compare bucket, endpoint and addressing style with the store's configuration."
            }
            Self::NoSuchVersion => "Leave out versionId, or take one from a listing of versions.",
            Self::PolicyFailed { .. } => "Send the form's fields exactly as they were made, with the file last.",
            Self::TooLarge { .. } | Self::TooSmall { .. } => "Send a file within the bounds, or sign for others.",
            Self::LengthMissing => "Send the body with a known length.",
            Self::DigestDiffers => "Compute the digest over the very bytes that are sent.",
            Self::Archived => "Restore the object first.",
            Self::Other { .. } => "Look the code up in the store's list of errors.",
            Self::SignatureHolds { .. } => {
                "If it fails all the same, give the store's answer and what the client sent."
            }
        }
    }
}
