//! aws-sigv4, the signer beneath AWS's own SDK. It signs any request that is put before it, and no forms.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningParams,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::Request;

use super::Lanes;
use crate::clock;
use crate::lane::Lane;
use crate::task::{ACCESS_KEY, HEADERS, LIFE, ORIGIN, Operation, REGION, SECRET_KEY};

/// The caller encodes; a fixed text costs the contender nothing.
const DISPOSITION: &str = "response-content-disposition=attachment%3B%20filename%3D%22photo.jpg%22";

pub(super) fn lanes() -> Result<Vec<Lane>> {
    let parameters = Arc::new(parameters()?);
    let [get, named, put, signed] = [(); 4].map(|()| Arc::clone(&parameters));
    Ok(Lanes::of("aws-sigv4")?
        .called(Operation::Get, move |key| presign("GET", format!("{ORIGIN}/{key}"), &[], &get))
        .called(Operation::GetNamed, move |key| presign("GET", format!("{ORIGIN}/{key}?{DISPOSITION}"), &[], &named))
        .called(Operation::Put, move |key| presign("PUT", format!("{ORIGIN}/{key}"), &[], &put))
        .called(Operation::PutSigned, move |key| presign("PUT", format!("{ORIGIN}/{key}"), &HEADERS, &signed))
        .lanes)
}

fn parameters() -> Result<SigningParams<'static>> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(u64::from(LIFE)));
    // What the SDK sets for S3.
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let identity = Box::leak(Box::new(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "bench").into()));
    let parameters =
        v4::SigningParams::builder().identity(identity).region(REGION).name("s3").time(clock::now()).settings(settings);
    Ok(parameters.build()?.into())
}

fn presign(
    method: &str,
    url: String,
    headers: &[(&'static str, &'static str)],
    parameters: &SigningParams<'_>,
) -> Result<String> {
    let request = SignableRequest::new(method, url.as_str(), headers.iter().copied(), SignableBody::UnsignedPayload)?;
    let (instructions, _) = sign(request, parameters)?.into_parts();
    let mut request = Request::builder().uri(url).body(())?;
    instructions.apply_to_request_http1x(&mut request);
    Ok(request.uri().to_string())
}
