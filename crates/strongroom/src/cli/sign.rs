//! `strongroom sign`: presigned URLs, forms and CloudFront links from the command line, without a network.

mod cloudfront;
mod curl;
mod form;
mod life;
mod multipart;
mod object;
mod output;
mod place;
mod transform;

use std::process::ExitCode;

use clap::Subcommand;

pub(super) use place::StoreOptions;

/// What to sign.
#[derive(Debug, Subcommand)]
pub(super) enum SignVerb {
    /// A URL that reads an object
    Get(object::Read),
    /// A URL that reads an object's headers
    Head(object::Read),
    /// A URL that an object is written to
    Put(object::Put),
    /// A URL that deletes an object
    Delete(object::Delete),
    /// A form that a browser hands a file in with
    Post(form::Post),
    /// The URLs of an upload in parts
    #[command(subcommand)]
    Multipart(multipart::MultipartVerb),
    /// A URL or cookies for a CloudFront distribution
    Cloudfront(cloudfront::CloudFront),
    /// The URL of a picture of this installation that is made as the URL says
    Transform(transform::Transform),
}

impl SignVerb {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Get(get) => get.run(strongroom_presign::Method::Get),
            Self::Head(head) => head.run(strongroom_presign::Method::Head),
            Self::Put(put) => put.run(),
            Self::Delete(delete) => delete.run(),
            Self::Post(post) => post.run(),
            Self::Multipart(verb) => verb.run(),
            Self::Cloudfront(cloudfront) => cloudfront.run(),
            Self::Transform(transform) => transform.run(),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}
