//! What to do about a refusal, by S3's code: the entries of docs/troubleshooting.md.

/// The exact mend for a refusal of the storage that this section of the configuration describes.
pub fn mend(section: &str, code: &str, status: u16) -> String {
    let words = match (code, status) {
        ("NoSuchBucket", _) => {
            return format!(
                "see that {section}.bucket and {section}.endpoint are spelt right; `strongroom provision --apply` makes \
                 the bucket"
            );
        }
        ("NoSuchKey", _) => {
            return format!("see that {section}.location is what the objects lie below, neither missing nor doubled");
        }
        ("AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException", _) | (_, 301) => {
            return format!("set {section}.region to the region that the bucket is in");
        }
        ("InvalidAccessKeyId", _) => {
            "see that access_key_id belongs to this storage and was not deleted; `strongroom config check` says where \
             it comes from"
        }
        ("SignatureDoesNotMatch", _) => {
            "see that secret_access_key is the one of this access_key_id, whole and without blanks, and that no proxy \
             changes the Host header, the path or the query"
        }
        ("RequestTimeTooSkewed", _) => "set this machine's clock by NTP (`timedatectl set-ntp true`)",
        ("ExpiredToken" | "InvalidToken", _) => {
            "fetch fresh temporary credentials, or give the identity a key of its own"
        }
        ("AccessDenied", _) | (_, 403) => {
            return format!(
                "give the identity the policy that `strongroom policy` prints for it, and see that no bucket policy \
                 denies it and that {section}.bucket is spelt right: who has no right to a bucket may not be told that \
                 it is not there"
            );
        }
        ("SlowDown", _) | (_, 503) => "the storage is overloaded: try again later, or ask its operator",
        _ => "see the storage's own documentation for this code",
    };
    words.to_owned()
}
