//! minio, the SDK of the server of that name. It signs no headers into a URL.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use http::Method;
use minio::s3::builders::PostPolicy;
use minio::s3::creds::StaticProvider;
use minio::s3::http::BaseUrl;
use minio::s3::multimap_ext::{Multimap, MultimapExt as _};
use minio::s3::types::BucketName;
use minio::s3::utils::UtcTime;
use minio::s3::{MinioClient, MinioClientBuilder};
use tokio::runtime::Runtime;

use super::Lanes;
use crate::clock;
use crate::lane::Lane;
use crate::task::{ACCESS_KEY, BUCKET, CONTENT_TYPE, DISPOSITION, ENDPOINT, LEAST, LIFE, MOST, Operation, SECRET_KEY};

pub(super) fn lanes(runtime: &Rc<Runtime>) -> Result<Vec<Lane>> {
    let provider = StaticProvider::new(ACCESS_KEY, SECRET_KEY, None);
    let client = MinioClientBuilder::new(ENDPOINT.parse::<BaseUrl>()?).provider(Some(provider)).build()?;
    let bucket = BucketName::new(BUCKET)?;
    let now = UtcTime::from(clock::now());
    let [get, named, put, post] = [(); 4].map(|()| (client.clone(), bucket.clone()));
    Ok(Lanes::of("minio")?
        .awaited(Operation::Get, runtime, async move |key| url(&get, key, Method::GET, None, now).await)
        .awaited(Operation::GetNamed, runtime, async move |key| {
            let mut query = Multimap::new();
            query.add("response-content-disposition", DISPOSITION);
            url(&named, key, Method::GET, Some(query), now).await
        })
        .awaited(Operation::Put, runtime, async move |key| url(&put, key, Method::PUT, None, now).await)
        .awaited(Operation::Post, runtime, async move |key| {
            let mut policy = PostPolicy::new(post.1.clone(), now + Duration::from_secs(u64::from(LIFE)))?;
            policy.add_equals_condition("key", key)?;
            policy.add_content_length_range_condition(LEAST as usize, MOST as usize)?;
            policy.add_equals_condition("Content-Type", CONTENT_TYPE)?;
            Ok(post.0.get_presigned_post_form_data(policy).build().send().await?)
        })
        .lanes)
}

async fn url(
    (client, bucket): &(MinioClient, BucketName),
    key: &str,
    method: Method,
    query: Option<Multimap>,
    now: UtcTime,
) -> Result<String> {
    let request = client
        .get_presigned_object_url(bucket, key, method)?
        .extra_query_params(query)
        .expiry_seconds(Some(LIFE))
        .request_time(Some(now))
        .build();
    Ok(request.send().await?.url)
}
