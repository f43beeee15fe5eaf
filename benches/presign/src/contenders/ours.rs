//! This project's own signer.

use anyhow::{Context, Result};
use strongroom_presign::{Credentials, Endpoint, PostForm, PostPolicy, Request, Signer, Validity};

use super::{Lanes, OURS};
use crate::clock;
use crate::lane::{Lane, Signed};
use crate::task::{
    ACCESS_KEY, BUCKET, CONTENT_TYPE, DISPOSITION, HEADERS, LEAST, LIFE, MOST, Operation, REGION, SECRET_KEY,
};

pub(super) fn lanes() -> Result<Vec<Lane>> {
    let signer = signer()?;
    let validity = Validity::new(clock::now_unix()?, LIFE)?;
    let [get, named, put, signed, post] = [(); 5].map(|()| signer.clone());
    Ok(Lanes::of(OURS)?
        .called(Operation::Get, move |key| Ok(get.presign(&Request::get(key), validity)?))
        .called(Operation::GetNamed, move |key| {
            let request = Request::get(key).query("response-content-disposition", DISPOSITION);
            Ok(named.presign(&request, validity)?)
        })
        .called(Operation::Put, move |key| Ok(put.presign(&Request::put(key), validity)?))
        .called(Operation::PutSigned, move |key| {
            let request =
                HEADERS.iter().fold(Request::put(key), |request, (name, value)| request.header(*name, *value));
            Ok(signed.presign(&request, validity)?)
        })
        .called(Operation::Post, move |key| {
            let policy = PostPolicy::for_key(key)?
                .content_length(u64::from(LEAST), u64::from(MOST))
                .exact("Content-Type", CONTENT_TYPE);
            Ok(post.post(&policy, validity)?)
        })
        .lanes)
}

/// The URL of a download up to its signature.
pub(crate) fn unsigned_get(key: &str) -> Result<String> {
    let url = signer()?.presign(&Request::get(key), Validity::new(clock::now_unix()?, LIFE)?)?;
    let (unsigned, _) = url.rsplit_once("&X-Amz-Signature=").context("our URL has no signature")?;
    Ok(unsigned.to_owned())
}

/// The signer of the bucket that all sign for.
fn signer() -> Result<Signer> {
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY)?;
    Ok(Signer::new(credentials, Endpoint::aws(REGION)?, BUCKET)?)
}

impl From<PostForm> for Signed {
    fn from(form: PostForm) -> Self {
        Self::Form(form.fields)
    }
}
