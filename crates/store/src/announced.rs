//! What a request announces of its body, and the comparison with what came.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use strongroom_presign::BodyRule;

use crate::checksum::{Algorithm, Sums, hex};
use crate::fault::{Code, Fault};
use crate::headers;

/// The digests a body must have.
#[derive(Debug, Default)]
pub(crate) struct Announced {
    /// `x-amz-content-sha256`.
    sha256: Option<[u8; 32]>,
    /// `Content-MD5`.
    md5: Option<Vec<u8>>,
    /// `x-amz-checksum-…`, whose value may come in the trailer.
    checksum: Option<(Algorithm, Option<Vec<u8>>)>,
}

impl Announced {
    /// Reads the headers of a request. `rule` is what its signature says of the body. Where the checksum headers are
    /// not about the body, `checksums` is false.
    pub(crate) fn of(headers: &HeaderMap, rule: BodyRule, checksums: bool) -> Result<Self, Fault> {
        let about_body = |(name, _): &(&str, &[u8])| checksums || !name.starts_with("x-amz-checksum-");
        let mut announced = Self::of_fields(headers::lines(headers).filter(about_body))?;
        if let BodyRule::Sha256(digest) = rule {
            announced.sha256 = Some(digest);
        }
        if let Some(trailer) = headers::text(headers, "x-amz-trailer") {
            for name in trailer.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                let algorithm = Algorithm::of_header(name).ok_or_else(|| {
                    Fault::new(Code::InvalidRequest, "The value specified in the x-amz-trailer header is not supported")
                })?;
                announced.expect(algorithm, None)?;
            }
        }
        if let Some(name) = headers::text(headers, "x-amz-sdk-checksum-algorithm") {
            let algorithm = Algorithm::parse(name)?;
            // The header only says what the checksum header or trailer holds, but a client may have dropped that.
            if announced.checksum.is_none() {
                announced.checksum = Some((algorithm, None));
            }
        }
        Ok(announced)
    }

    /// Reads header lines or the fields of a form.
    pub(crate) fn of_fields<'a>(fields: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, Fault> {
        let mut announced = Self::default();
        for (name, value) in fields {
            if name.eq_ignore_ascii_case("content-md5") {
                let digest = STANDARD.decode(value).ok().filter(|digest| digest.len() == 16);
                announced.md5 =
                    Some(digest.ok_or_else(|| {
                        Fault::new(Code::InvalidDigest, "The Content-MD5 you specified is not valid.")
                    })?);
            } else if let Some(algorithm) = Algorithm::of_header(name) {
                let digest = algorithm.decode(&String::from_utf8_lossy(value))?;
                announced.expect(algorithm, Some(digest))?;
            }
        }
        Ok(announced)
    }

    fn expect(&mut self, algorithm: Algorithm, value: Option<Vec<u8>>) -> Result<(), Fault> {
        match self.checksum.replace((algorithm, value)) {
            None => Ok(()),
            Some(_) => Err(Fault::new(
                Code::InvalidRequest,
                "Expecting a single x-amz-checksum- header. Multiple checksum types are not allowed.",
            )),
        }
    }

    /// Takes the values that came after the body.
    pub(crate) fn take_trailers(&mut self, trailers: &[(String, String)]) -> Result<(), Fault> {
        for (name, value) in trailers {
            if let Some(algorithm) = Algorithm::of_header(name) {
                self.checksum = Some((algorithm, Some(algorithm.decode(value)?)));
            }
        }
        Ok(())
    }

    /// The checksum the client chose, which is kept with the object.
    pub(crate) fn chosen(&self) -> Option<Algorithm> {
        self.checksum.as_ref().map(|(algorithm, _)| *algorithm)
    }

    /// The algorithms that must be computed while the body arrives.
    pub(crate) fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.chosen().into_iter().chain(self.sha256.map(|_| Algorithm::Sha256))
    }

    /// Compares with what came.
    pub(crate) fn verify(&self, sums: &Sums) -> Result<(), Fault> {
        if let Some(sha256) = &self.sha256
            && sums.value(Algorithm::Sha256) != Some(sha256)
        {
            return Err(Fault::from(Code::XAmzContentSHA256Mismatch)
                .with("ClientComputedContentSHA256", hex(sha256))
                .with("S3ComputedContentSHA256", hex(sums.value(Algorithm::Sha256).unwrap_or_default())));
        }
        if let Some(md5) = &self.md5
            && md5.as_slice() != sums.md5
        {
            return Err(Fault::new(Code::BadDigest, "The Content-MD5 you specified did not match what we received.")
                .with("ExpectedDigest", STANDARD.encode(md5))
                .with("CalculatedDigest", STANDARD.encode(sums.md5)));
        }
        if let Some((algorithm, Some(value))) = &self.checksum
            && sums.value(*algorithm) != Some(value)
        {
            let name = algorithm.name();
            let message = format!("The {name} you specified did not match the calculated checksum.");
            return Err(Fault::new(Code::BadDigest, message));
        }
        Ok(())
    }
}
