//! rust-s3 in its blocking form, which spares it the futures.

use std::borrow::Cow;
use std::collections::HashMap;

use anyhow::Result;
use http::{HeaderMap, HeaderName, HeaderValue};
use s3::creds::Credentials;
use s3::post_policy::{PostPolicyField as Field, PostPolicyValue as Value, PresignedPost};
use s3::{Bucket, PostPolicy};

use super::{Lanes, RUST_S3};
use crate::lane::{Lane, Signed};
use crate::task::{
    ACCESS_KEY, BUCKET, CONTENT_TYPE, DISPOSITION, HEADERS, LEAST, LIFE, MOST, Operation, REGION, SECRET_KEY,
};

pub(super) fn lanes() -> Result<Vec<Lane>> {
    let credentials = Credentials::new(Some(ACCESS_KEY), Some(SECRET_KEY), None, None, None)?;
    let bucket = Bucket::new(BUCKET, REGION.parse()?, credentials)?;
    let [get, named, put, signed, post] = [(); 5].map(|()| bucket.clone());
    Ok(Lanes::of(RUST_S3)?
        .called(Operation::Get, move |key| Ok(get.presign_get(key, LIFE, None)?))
        .called(Operation::GetNamed, move |key| {
            let query = HashMap::from([("response-content-disposition".to_owned(), DISPOSITION.to_owned())]);
            Ok(named.presign_get(key, LIFE, Some(query))?)
        })
        .called(Operation::Put, move |key| Ok(put.presign_put(key, LIFE, None, None)?))
        .called(Operation::PutSigned, move |key| {
            let headers: HeaderMap = HEADERS
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            Ok(signed.presign_put(key, LIFE, Some(headers), None)?)
        })
        .called(Operation::Post, move |key| {
            let policy = PostPolicy::new(LIFE)
                .condition(Field::Key, Value::Exact(Cow::Borrowed(key)))?
                .condition(Field::ContentLengthRange, Value::Range(LEAST, MOST))?
                .condition(Field::ContentType, Value::Exact(Cow::Borrowed(CONTENT_TYPE)))?;
            Ok(post.presign_post(policy)?)
        })
        .lanes)
}

impl From<PresignedPost> for Signed {
    fn from(form: PresignedPost) -> Self {
        form.fields.into()
    }
}
