//! rusty-s3, the fastest of the others. It signs no forms.

use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};

use super::{Lanes, RUSTY_S3};
use crate::clock;
use crate::lane::Lane;
use crate::task::{ACCESS_KEY, BUCKET, DISPOSITION, ENDPOINT, HEADERS, LIFE, Operation, REGION, SECRET_KEY};

const LIVES: Duration = Duration::from_secs(LIFE as u64);

pub(super) fn lanes() -> Result<Vec<Lane>> {
    let endpoint = ENDPOINT.parse().context("the endpoint is no URL")?;
    let bucket = Bucket::new(endpoint, UrlStyle::VirtualHost, BUCKET, REGION)?;
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY);
    let now = Timestamp::try_from(clock::now())?;
    let [get, named, put, signed] = [(); 4].map(|()| (bucket.clone(), credentials.clone()));
    Ok(Lanes::of(RUSTY_S3)?
        .called(Operation::Get, move |key| {
            Ok(String::from(get.0.get_object(Some(&get.1), key).sign_with_time(LIVES, &now)))
        })
        .called(Operation::GetNamed, move |key| {
            let mut action = named.0.get_object(Some(&named.1), key);
            action.query_mut().insert("response-content-disposition", DISPOSITION);
            Ok(String::from(action.sign_with_time(LIVES, &now)))
        })
        .called(Operation::Put, move |key| {
            Ok(String::from(put.0.put_object(Some(&put.1), key).sign_with_time(LIVES, &now)))
        })
        .called(Operation::PutSigned, move |key| {
            let mut action = signed.0.put_object(Some(&signed.1), key);
            for (name, value) in HEADERS {
                action.headers_mut().insert(name, value);
            }
            Ok(String::from(action.sign_with_time(LIVES, &now)))
        })
        .lanes)
}
