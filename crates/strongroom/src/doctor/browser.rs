//! What browsers do with links, forms and upload URLs, done as they do it: at the public endpoint, without any key.

use std::fmt::Write as _;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use strongroom_presign::Window;
use tokio::time::Instant;

use super::{Check, Instruments, Keys};
use crate::config::Rank;
use crate::storage::{Act, Bucket, Error, Identity, LinkTerms, ObjectKey, PutTerms, Seen, Storage};

const LIFE: Duration = Duration::from_mins(2);

/// As much as shows whether an upload is slow.
const SAMPLE: usize = 1 << 20;

/// Longer than this for a megabyte, and people wait.
const SLOW: Duration = Duration::from_secs(4);

const TYPE: &str = "application/octet-stream";

pub(super) async fn look(tools: Instruments<'_>, storage: &Storage, bucket: &Bucket, keys: &Keys) -> Vec<Check> {
    let look = Look { tools, http: tools.http, storage, bucket, key: &keys.staged, beside: &keys.beside };
    let mut found = Vec::new();
    if look.takes_uploads() {
        found.extend([("public endpoint", look.puts().await), ("public endpoint", look.posts().await)]);
    }
    found.extend([("public endpoint", look.gets().await), ("public endpoint", look.is_private().await)]);
    if look.takes_uploads() {
        found.push(("unsigned headers", look.unsigned_headers().await));
    }
    for origin in tools.config.origins() {
        found.push(("CORS", look.preflight(origin.as_str()).await));
    }
    let checked =
        |(what, found): (&str, Result<Check, Error>)| found.unwrap_or_else(|error| look.unreachable(what, &error));
    found.into_iter().map(checked).collect()
}

struct Look<'a> {
    tools: Instruments<'a>,
    http: &'a Client,
    storage: &'a Storage,
    bucket: &'a Bucket,
    key: &'a ObjectKey,
    beside: &'a ObjectKey,
}

impl Look<'_> {
    /// Nobody uploads to a mirror; links lead there.
    fn takes_uploads(&self) -> bool {
        self.tools.config.storage.rank == Rank::First
    }

    fn unreachable(&self, what: &str, error: &Error) -> Check {
        let mend = format!(
            "see that {}.public_endpoint is right and can be reached from here and from where users are",
            self.tools.section()
        );
        Check::bad(what, error.to_string(), mend)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Seen, Error> {
        let response = request.send().await.map_err(|error| Error::Unavailable(error.without_url().to_string()))?;
        Seen::of(response).await
    }

    fn put(&self, bytes: usize) -> Result<RequestBuilder, Error> {
        let length = i64::try_from(bytes).unwrap_or(i64::MAX);
        let terms = PutTerms { content_type: TYPE, bytes: length, sha256: None, only_new: false };
        let signed = self.bucket.writer.put_url(self.key, terms, LIFE)?;
        let request = self.http.put(signed.url).body(vec![b'x'; bytes]);
        Ok(signed.headers.iter().fold(request, |request, (name, value)| request.header(name, value)))
    }

    fn link(&self) -> Result<String, Error> {
        let window = Window::new(1, 120).map_err(strongroom_presign::SignError::from)?;
        Ok(self.bucket.reader.link(self.key, LinkTerms { window, disposition: None })?.url)
    }

    async fn puts(&self) -> Result<Check, Error> {
        const WHAT: &str = "upload by PUT";
        let begun = Instant::now();
        let seen = self.send(self.put(SAMPLE)?).await?;
        let took = begun.elapsed();
        if !seen.is_done() {
            return Ok(Check::bad(WHAT, format!("an upload URL is refused: {}", seen.words()), self.tools.mend(&seen)));
        }
        let found = format!("1 MiB in {} ms at the public endpoint", took.as_millis());
        Ok(if took < SLOW {
            Check::good(WHAT, found)
        } else {
            Check::doubtful(
                WHAT,
                format!("slow: {found}"),
                "let users upload in parts, which go side by side; use a bucket near them or, on AWS, bucket.acceleration",
            )
        })
    }

    async fn posts(&self) -> Result<Check, Error> {
        const WHAT: &str = "upload by form";
        const BOUNDARY: &str = "strongroom-doctor-4f1c";
        if !self.storage.profile.form_post {
            return Ok(Check::good(WHAT, "not offered by this storage; uploads use PUT instead"));
        }
        let form = self.bucket.writer.post_form(self.key, TYPE, 1..=64, LIFE)?;
        let mut body = String::new();
        for (name, value) in &form.fields {
            let _ = write!(body, "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        let _ = write!(
            body,
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\nContent-Type: {TYPE}\
             \r\n\r\ntried by the doctor\r\n--{BOUNDARY}--\r\n"
        );
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let seen = self.send(self.http.post(form.url).header("content-type", kind).body(body)).await?;
        Ok(if seen.is_done() {
            Check::good(WHAT, "taken at the public endpoint")
        } else {
            Check::bad(WHAT, format!("a form is refused: {}", seen.words()), self.tools.mend(&seen))
        })
    }

    async fn gets(&self) -> Result<Check, Error> {
        const WHAT: &str = "links";
        let seen = self.send(self.http.get(self.link()?).header("range", "bytes=0-3")).await?;
        Ok(match seen.status {
            206 => Check::good(WHAT, "a link is served at the public endpoint, and ranges with it (206)"),
            200 => Check::doubtful(
                WHAT,
                "a link is served, but whole where a range was asked for",
                format!(
                    "see that no proxy in front of {}.public_endpoint drops the Range header: videos and resumed \
                     downloads need it",
                    self.tools.section()
                ),
            ),
            _ => Check::bad(WHAT, format!("a link is refused: {}", seen.words()), self.tools.mend(&seen)),
        })
    }

    async fn is_private(&self) -> Result<Check, Error> {
        const WHAT: &str = "privacy";
        let seen = self.send(self.http.get(self.storage.bare_url(self.bucket, self.key)?)).await?;
        Ok(if seen.is_done() {
            Check::bad(
                WHAT,
                "an object can be read without any signature",
                "`strongroom provision --apply` blocks public access; take away the bucket policy or ACL that allows it",
            )
        } else {
            Check::good(WHAT, format!("without a signature nothing is readable ({})", seen.status))
        })
    }

    /// Whether what the signature does not cover changes what an upload URL does.
    async fn unsigned_headers(&self) -> Result<Check, Error> {
        const WHAT: &str = "unsigned headers";
        self.bucket.attempt(Identity::Janitor, Act::Put, self.beside).await?;
        let source = format!("/{}/{}", self.bucket.name, self.beside.in_bucket(&self.storage.location)?);
        let copy = self.send(self.put(0)?.header("x-amz-copy-source", source)).await?;
        if copy.is_done() && self.length().await? != Some(0) {
            return Ok(Check::bad(
                WHAT,
                "an upload URL can be turned into a copy of any object that the writer's key can read",
                "give the writer the policy that `strongroom policy writer` prints, so that it can read none",
            ));
        }
        let acl = self.send(self.put(1)?.header("x-amz-acl", "public-read")).await?;
        let open = self.send(self.http.get(self.storage.bare_url(self.bucket, self.key)?)).await?;
        Ok(if acl.is_done() && open.is_done() {
            Check::bad(
                WHAT,
                "an upload URL can make its object public",
                "`strongroom provision --apply` blocks public access; or set upload_acl = \"private\" in \
                 [storage.profile]",
            )
        } else {
            Check::good(WHAT, "none of them changes what an upload URL does")
        })
    }

    async fn length(&self) -> Result<Option<u64>, Error> {
        match self.bucket.janitor.head(self.key).await {
            Ok(stored) => Ok(Some(stored.bytes)),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn preflight(&self, origin: &str) -> Result<Check, Error> {
        let mend = format!(
            "`strongroom provision --apply` sets it; a proxy in front of {}.public_endpoint must let OPTIONS and the \
             Origin header through",
            self.tools.section()
        );
        let (method, deed) = if self.takes_uploads() { ("PUT", "upload") } else { ("GET", "fetch") };
        let what = format!("CORS for {origin}");
        let from = if origin == "*" { "https://anywhere.example.com" } else { origin };
        let asked = self
            .http
            .request(Method::OPTIONS, self.storage.bare_url(self.bucket, self.key)?)
            .header("origin", from)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "content-type");
        let seen = self.send(asked).await?;
        let allowed = seen.header("access-control-allow-origin");
        if !seen.is_done() || !(allowed == "*" || allowed == from) {
            let found = format!("a page from there may not {deed}: the preflight got {}", seen.words());
            return Ok(Check::bad(what, found, mend));
        }
        let got = self.send(self.http.get(self.link()?).header("origin", from)).await?;
        if !self.takes_uploads() {
            let allowed = got.header("access-control-allow-origin");
            return Ok(if got.is_done() && (allowed == "*" || allowed == from) {
                Check::good(what, "pages from there may fetch")
            } else {
                Check::bad(what, format!("a page from there may not fetch: {}", got.words()), mend)
            });
        }
        let exposed = got.header("access-control-expose-headers").to_ascii_lowercase();
        Ok(if exposed.split(',').any(|name| matches!(name.trim(), "etag" | "*")) {
            Check::good(what, "pages from there may upload and fetch, and see the ETag")
        } else {
            Check::bad(what, "the ETag is not exposed, so uploads in parts never end", mend)
        })
    }
}
