//! aws-sdk-s3, AWS's own SDK. It signs no forms.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{
    BehaviorVersion, Config, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_sdk_s3::presigning::PresigningConfig;
use tokio::runtime::Runtime;

use super::Lanes;
use crate::clock;
use crate::lane::Lane;
use crate::task::{ACCESS_KEY, BUCKET, DISPOSITION, HEADERS, LIFE, Operation, REGION, SECRET_KEY};

pub(super) fn lanes(runtime: &Rc<Runtime>) -> Result<Vec<Lane>> {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "bench"))
        .region(Region::new(REGION))
        // Otherwise it signs a checksum of a body that it does not have, and asks for one with a body that it gets.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .build();
    let client = Client::from_conf(config);
    let life = Duration::from_secs(u64::from(LIFE));
    let life = PresigningConfig::builder().start_time(clock::now()).expires_in(life).build()?;
    let [get, named, put, signed] = [(); 4].map(|()| (client.clone(), life.clone()));
    let [(_, length), (_, content_type), (_, checksum)] = HEADERS;
    let length: i64 = length.parse()?;
    Ok(Lanes::of("aws-sdk-s3")?
        .awaited(Operation::Get, runtime, async move |key| {
            let request = get.0.get_object().bucket(BUCKET).key(key);
            Ok(request.presigned(get.1.clone()).await?.uri().to_owned())
        })
        .awaited(Operation::GetNamed, runtime, async move |key| {
            let request = named.0.get_object().bucket(BUCKET).key(key).response_content_disposition(DISPOSITION);
            Ok(request.presigned(named.1.clone()).await?.uri().to_owned())
        })
        .awaited(Operation::Put, runtime, async move |key| {
            let request = put.0.put_object().bucket(BUCKET).key(key);
            Ok(request.presigned(put.1.clone()).await?.uri().to_owned())
        })
        .awaited(Operation::PutSigned, runtime, async move |key| {
            let request = signed.0.put_object().bucket(BUCKET).key(key);
            let request = request.content_length(length).content_type(content_type).checksum_sha256(checksum);
            Ok(request.presigned(signed.1.clone()).await?.uri().to_owned())
        })
        .lanes)
}
