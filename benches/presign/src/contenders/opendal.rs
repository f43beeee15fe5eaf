//! opendal. It signs neither length nor checksum into a URL, and no forms.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use opendal::Operator;
use opendal::services::S3;
use tokio::runtime::Runtime;

use super::Lanes;
use crate::lane::Lane;
use crate::task::{ACCESS_KEY, BUCKET, DISPOSITION, ENDPOINT, LIFE, Operation, REGION, SECRET_KEY};

const LIVES: Duration = Duration::from_secs(LIFE as u64);

pub(super) fn lanes(runtime: &Rc<Runtime>) -> Result<Vec<Lane>> {
    let service = S3::default()
        .bucket(BUCKET)
        .endpoint(ENDPOINT)
        .region(REGION)
        .access_key_id(ACCESS_KEY)
        .secret_access_key(SECRET_KEY)
        .enable_virtual_host_style()
        .disable_config_load()
        .disable_ec2_metadata();
    let operator = Operator::new(service)?;
    let [get, named, put] = [(); 3].map(|()| operator.clone());
    Ok(Lanes::of("opendal")?
        .awaited(Operation::Get, runtime, async move |key| Ok(get.presign_read(key, LIVES).await?.uri().to_string()))
        .awaited(Operation::GetNamed, runtime, async move |key| {
            let request = named.presign_read_with(key, LIVES).override_content_disposition(DISPOSITION).await?;
            Ok(request.uri().to_string())
        })
        .awaited(Operation::Put, runtime, async move |key| Ok(put.presign_write(key, LIVES).await?.uri().to_string()))
        .lanes)
}
