//! Where the object to sign for is: its address, and what the options and the usual places of AWS's tools add.

use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};
use strongroom_presign::{Address, AddressError, Addressing, Endpoint, Signer};

use crate::config::{Aws, process_environment};

/// What names an object and its store.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The object: `s3://BUCKET/KEY`, its URL in any style, or its key together with --bucket
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// The bucket, where the address does not name it
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
    #[command(flatten)]
    store: StoreOptions,
    /// Use AWS's endpoint for IPv4 and IPv6
    #[arg(long, conflicts_with = "endpoint")]
    dual_stack: bool,
    /// Use AWS's transfer acceleration
    #[arg(long, conflicts_with = "endpoint")]
    accelerate: bool,
    /// A profile of AWS's tools; it goes before the keys in the environment
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

/// What names a store.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct StoreOptions {
    /// The store's URL, where it is not AWS
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) endpoint: Option<String>,
    /// The region that is signed for
    #[arg(long, value_name = "REGION")]
    pub(in crate::cli) region: Option<String>,
    /// Where the bucket's name stands in a URL
    #[arg(long, value_name = "STYLE")]
    pub(in crate::cli) addressing: Option<Style>,
}

/// Where the bucket's name stands in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Style {
    /// `https://endpoint/bucket/key`
    Path,
    /// `https://bucket.endpoint/key`
    #[value(alias = "virtual")]
    VirtualHost,
    /// `https://endpoint/key`, the whole host being one bucket's
    #[value(alias = "custom")]
    CustomDomain,
}

impl From<Style> for Addressing {
    fn from(style: Style) -> Self {
        match style {
            Style::Path => Self::Path,
            Style::VirtualHost => Self::VirtualHost,
            Style::CustomDomain => Self::CustomDomain,
        }
    }
}

/// An object, and who signs for its bucket.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) signer: Signer,
    pub(super) key: String,
    pub(super) version: Option<String>,
}

impl Place {
    /// Finds the object, the store and the credentials.
    pub(super) fn find(&self) -> anyhow::Result<Target> {
        let aws = Aws::read(&process_environment(), self.profile.as_deref())?;
        let endpoint = self.endpoint(&aws)?;
        let address = self.read(&endpoint)?;
        let bucket = match (address.bucket, &self.bucket) {
            (Some(named), Some(given)) if named != *given => {
                bail!("the address is in the bucket `{named}`, and --bucket says `{given}`; leave one of them out")
            }
            (Some(bucket), _) => bucket,
            (None, Some(bucket)) => bucket.clone(),
            (None, None) => {
                bail!("the address `{}` names no bucket; write s3://BUCKET/KEY, or add --bucket", self.address)
            }
        };
        let key = address.key.with_context(|| {
            format!("the address names the bucket `{bucket}` and no object in it; write s3://{bucket}/KEY")
        })?;
        let signer = Signer::new(aws.credentials()?, endpoint, &bucket)?;
        Ok(Target { signer, key, version: address.version })
    }

    fn endpoint(&self, aws: &Aws) -> anyhow::Result<Endpoint> {
        let StoreOptions { endpoint, region, addressing } = &self.store;
        // A URL says by itself where its store is; the environment speaks for the rest.
        let of_aws = Address::read(&self.address, &[]).ok();
        let is_aws_url =
            of_aws.is_some() && self.address.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("http"));
        let forced = is_aws_url || self.dual_stack || self.accelerate;
        let url = endpoint.as_deref().or_else(|| aws.endpoint().filter(|_| !forced));
        let style = addressing.map(Addressing::from).or_else(|| match aws.addressing_style()? {
            "path" => Some(Addressing::Path),
            "virtual" => Some(Addressing::VirtualHost),
            _ => None,
        });
        ensure!(
            style != Some(Addressing::CustomDomain) || url.is_some(),
            "--addressing custom-domain says that the whole host is one bucket's, and AWS's hosts are not; \
             name that host with --endpoint, or leave --addressing out"
        );
        let made = if let Some(url) = url {
            // AWS's own hosts name their region; other stores hardly look at it, but something must be signed.
            let of_host = Address::read(&format!("{}/bucket/key", url.trim_end_matches('/')), &[]).ok();
            let of_host = of_host.and_then(|address| address.region);
            let region = region.as_deref().or(of_host.as_deref()).or_else(|| aws.region()).unwrap_or("us-east-1");
            let endpoint = Endpoint::custom(url, region).with_context(|| {
                format!("the endpoint `{url}` cannot be used; write one such as https://s3.example.com")
            })?;
            let host = endpoint.authority();
            let is_aws = host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn");
            if is_aws { endpoint.with_addressing(Addressing::VirtualHost) } else { endpoint }
        } else {
            let of_host = of_aws.and_then(|address| address.region);
            let region = region.as_deref().or(of_host.as_deref()).or_else(|| aws.region()).context(
                "the region is not known; add --region, set AWS_REGION, or say where another store is with --endpoint",
            )?;
            match (self.accelerate, self.dual_stack) {
                (true, dual_stack) => Endpoint::aws_accelerate(region, dual_stack)?,
                (false, true) => Endpoint::aws_dual_stack(region)?,
                (false, false) => Endpoint::aws(region)?,
            }
        };
        Ok(match style {
            Some(style) => made.with_addressing(style),
            None => made,
        })
    }

    fn read(&self, endpoint: &Endpoint) -> anyhow::Result<Address> {
        ensure!(!self.address.is_empty(), "the address is empty; write s3://BUCKET/KEY");
        match Address::read(&self.address, std::slice::from_ref(endpoint)) {
            Err(AddressError::UnknownHost(host)) => {
                bail!("`{host}` is neither AWS's nor {}; say where the store is with --endpoint", endpoint.authority())
            }
            Err(error) => Err(error).with_context(|| {
                format!("the address `{}` cannot be read; write s3://BUCKET/KEY or the object's URL", self.address)
            }),
            Ok(address) => Ok(address),
        }
    }
}
