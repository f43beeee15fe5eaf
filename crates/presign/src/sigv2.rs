//! Signs URLs with Signature Version 2, for old stores that know nothing newer; AWS itself no longer takes it.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha1::Sha1;

use crate::encode;
use crate::query::{self, Pair};
use crate::request::Request;
use crate::signed_headers::SignedHeaders;
use crate::signer::{SignError, Signer};
use crate::validity::Validity;

/// The parameters that change what a request means and are therefore signed: those of AWS's page and those that its
/// SDKs sign beside them. All others are not, which is one reason to prefer Signature Version 4.
pub(crate) const SIGNED: [&str; 35] = [
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

impl Signer {
    /// A URL presigned with Signature Version 2. Nothing in this crate uses it unless this is called.
    ///
    /// It can sign `content-type`, `content-md5` and `x-amz-*`; a request with another header is refused, as the store
    /// would not hold the client to it.
    ///
    /// ```
    /// # use strongroom_presign::{Credentials, Endpoint, Request, Signer, Validity};
    /// # let endpoint = Endpoint::custom("http://old.example.org", "us-east-1")?;
    /// # let signer = Signer::new(Credentials::new("AK", "secret")?, endpoint, "photos")?;
    /// let url = signer.presign_v2(&Request::get("cat.jpg"), Validity::new(1_369_353_600, 300)?)?;
    /// assert!(url.starts_with("http://old.example.org/photos/cat.jpg?AWSAccessKeyId=AK&Expires=1369353900&Signature="));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn presign_v2(&self, request: &Request<'_>, validity: Validity) -> Result<String, SignError> {
        self.outlives(validity)?;
        let credentials = self.credentials();
        if let Some((name, _)) = request.query_pairs().find(|(name, _)| is_taken(name)) {
            return Err(SignError::Query(name.to_owned()));
        }
        query::check(&request.query)?;
        let token = credentials.session_token().map(|token| ("x-amz-security-token", token));
        let added: Vec<(&str, &str)> = token.into_iter().collect();
        // Written for Version 4, but checked, lower-cased, trimmed and sorted all the same.
        let headers = SignedHeaders::of_request("", &added, &request.headers)?;
        let headers = headers.lines.lines().filter_map(|line| line.split_once(':')).filter(|(name, _)| *name != "host");
        let (mut content_type, mut content_md5, mut amz) = ("", "", String::new());
        for (name, value) in headers {
            match name {
                "content-type" => content_type = value,
                "content-md5" => content_md5 = value,
                amz_name if amz_name.starts_with("x-amz-") => {
                    for part in [amz_name, ":", value, "\n"] {
                        amz.push_str(part);
                    }
                }
                other => return Err(SignError::NotInVersion2(other.to_owned())),
            }
        }
        let expires = validity.expires_at();
        let mut url = self.bare_url(request)?;
        let resource = self.resource(&url[self.place().path_start..], &request.query);
        let method = request.method.as_str();
        let string_to_sign = format!("{method}\n{content_md5}\n{content_type}\n{expires}\n{amz}{resource}");
        let signature = STANDARD.encode(hmac_sha1(credentials.secret_key(), &string_to_sign));

        url.push('?');
        for (name, value) in request.query_pairs() {
            push_pair(&mut url, name, value);
            url.push('&');
        }
        push_pair(&mut url, "AWSAccessKeyId", credentials.access_key());
        url.push_str("&Expires=");
        url.push_str(&expires.to_string());
        url.push('&');
        push_pair(&mut url, "Signature", &signature);
        for (name, value) in added {
            url.push('&');
            push_pair(&mut url, name, value);
        }
        Ok(url)
    }

    /// The bucket and the encoded path, whatever the addressing, and the signed parameters with their plain values.
    fn resource(&self, path: &str, query: &[Pair<'_>]) -> String {
        let mut resource = String::new();
        // Where the path of the bucket is `/`, the host names it.
        if self.place().bucket_path.ends_with('/') {
            resource.push('/');
            resource.push_str(self.bucket());
        }
        resource.push_str(&path[self.endpoint().base_path().len()..]);
        let mut signed: Vec<&Pair<'_>> = query.iter().filter(|(name, _)| SIGNED.contains(&&**name)).collect();
        signed.sort_unstable();
        for (at, (name, value)) in signed.into_iter().enumerate() {
            resource.push(if at == 0 { '?' } else { '&' });
            resource.push_str(name);
            if !value.is_empty() {
                resource.push('=');
                resource.push_str(value);
            }
        }
        resource
    }
}

pub(crate) fn hmac_sha1(key: &str, message: &str) -> [u8; 20] {
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().into()
}

fn is_taken(name: &str) -> bool {
    name.is_empty() || ["AWSAccessKeyId", "Expires", "Signature", "x-amz-security-token"].contains(&name)
}

fn push_pair(url: &mut String, name: &str, value: &str) {
    encode::query(url, name.as_bytes());
    if !value.is_empty() {
        url.push('=');
        encode::query(url, value.as_bytes());
    }
}
