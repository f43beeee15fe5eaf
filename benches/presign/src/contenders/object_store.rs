//! `object_store` with its own choice of cryptography. It signs neither `content-length` into a URL nor forms.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use http::Method;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer as _};
use tokio::runtime::Runtime;

use super::Lanes;
use crate::lane::Lane;
use crate::task::{ACCESS_KEY, BUCKET, DISPOSITION, LIFE, Operation, REGION, SECRET_KEY};

const LIVES: Duration = Duration::from_secs(LIFE as u64);

pub(super) fn lanes(runtime: &Rc<Runtime>) -> Result<Vec<Lane>> {
    let [get, named, put] = [store()?, store()?, store()?];
    Ok(Lanes::of("object_store")?
        .awaited(Operation::Get, runtime, async move |key| {
            Ok(String::from(get.signed_url(Method::GET, &Path::parse(key)?, LIVES).await?))
        })
        .awaited(Operation::GetNamed, runtime, async move |key| {
            let options = SignedUrlOptions::new().with_query([("response-content-disposition", DISPOSITION)]);
            Ok(String::from(named.signed_url_opts(Method::GET, &Path::parse(key)?, LIVES, &options).await?))
        })
        .awaited(Operation::Put, runtime, async move |key| {
            Ok(String::from(put.signed_url(Method::PUT, &Path::parse(key)?, LIVES).await?))
        })
        .lanes)
}

fn store() -> Result<AmazonS3> {
    Ok(AmazonS3Builder::new()
        .with_region(REGION)
        .with_bucket_name(BUCKET)
        .with_access_key_id(ACCESS_KEY)
        .with_secret_access_key(SECRET_KEY)
        .with_virtual_hosted_style_request(true)
        .build()?)
}
