//! `strongroom sign multipart`: the URLs of an upload in parts, one sub-word a request.

use std::fmt::Write as _;

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use strongroom_presign::Request;

use super::curl::Body;
use super::object::{Content, More, refuse_version};
use super::place::{Place, Target};
use crate::cli::named::{self, Separator};
use crate::cli::terminal::has_commands;

/// The requests, in the order they are made.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum MultipartVerb {
    /// Begin: the answer names the upload's id
    Create(Create),
    /// Send one part: the entity tag in the answer's headers is needed to complete
    Part(Part),
    /// List the parts that are there
    #[command(alias = "list-parts")]
    List(Whole),
    /// Make an object of the parts
    Complete(Complete),
    /// Drop the parts
    Abort(Whole),
}

/// Beginning.
#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    #[command(flatten)]
    place: Place,
    /// The content type that the object will have; it must be sent
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    #[command(flatten)]
    more: More,
}

/// One part.
#[derive(Debug, Args)]
pub(in crate::cli) struct Part {
    #[command(flatten)]
    whole: Whole,
    /// Which part, from 1 to 10000
    #[arg(long, value_name = "N")]
    number: u16,
    #[command(flatten)]
    content: Content,
}

/// What is asked of the whole upload.
#[derive(Debug, Args)]
pub(in crate::cli) struct Whole {
    #[command(flatten)]
    place: Place,
    /// The upload, as the answer to `create` names it
    #[arg(long, value_name = "ID")]
    upload_id: String,
    #[command(flatten)]
    more: More,
}

/// Completing.
#[derive(Debug, Args)]
pub(in crate::cli) struct Complete {
    #[command(flatten)]
    whole: Whole,
    /// A part with the entity tag that its answer named, for the body of the request; may be repeated
    #[arg(long = "part", value_name = "N=ETAG")]
    parts: Vec<String>,
}

impl MultipartVerb {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        match self {
            Self::Create(create) => create.run(),
            Self::Part(part) => {
                let target = part.whole.target()?;
                let request = Request::upload_part(&target.key, &part.whole.upload_id, part.number);
                let (request, body) = part.content.of(request)?;
                part.whole.more.sign(&target, request, &body.showing_headers())
            }
            Self::List(whole) => {
                let target = whole.target()?;
                whole.more.sign(&target, Request::list_parts(&target.key, &whole.upload_id), &Body::None)
            }
            Self::Complete(complete) => {
                let whole = &complete.whole;
                let body = body_of(&complete.parts)?;
                let target = whole.target()?;
                whole.more.sign(&target, Request::complete_multipart(&target.key, &whole.upload_id), &body)
            }
            Self::Abort(whole) => {
                let target = whole.target()?;
                whole.more.sign(&target, Request::abort_multipart(&target.key, &whole.upload_id), &Body::None)
            }
        }
    }
}

impl Create {
    fn run(&self) -> anyhow::Result<()> {
        let target = self.place.find()?;
        refuse_version(&target)?;
        let request = Request::create_multipart(&target.key);
        let request = match &self.content_type {
            Some(content_type) => request.header("content-type", content_type.as_str()),
            None => request,
        };
        self.more.sign(&target, request, &Body::None)
    }
}

impl Whole {
    fn target(&self) -> anyhow::Result<Target> {
        ensure!(!self.upload_id.is_empty(), "--upload-id is empty; take it from the answer to `create`");
        let target = self.place.find()?;
        refuse_version(&target)?;
        Ok(target)
    }
}

/// The body that completes an upload; read from standard input where no parts are named.
fn body_of(parts: &[String]) -> anyhow::Result<Body> {
    if parts.is_empty() {
        return Ok(Body::Stdin);
    }
    let mut read: Vec<(u16, &str)> = Vec::with_capacity(parts.len());
    for text in parts {
        let (number, etag) = named::split(text, Separator::Equals, "--part")?;
        let number = number.parse().ok().filter(|number| (1..=10_000).contains(number));
        let number = number
            .with_context(|| format!("--part is `{text}`; write the part's number, from 1 to 10000, and its ETag"))?;
        // Copied from a header, it comes with quotes and a carriage return.
        let etag = etag.trim().trim_matches('"');
        ensure!(
            !etag.is_empty() && !has_commands(etag),
            "--part is `{text}`; write the ETag behind the number as the part's answer named it"
        );
        read.push((number, etag));
    }
    read.sort_unstable();
    if let Some(twice) = read.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        anyhow::bail!("part {} is given twice; leave one of them out", twice[0].0);
    }
    let mut xml = String::from("<CompleteMultipartUpload>");
    for (number, etag) in read {
        let etag = quick_xml::escape::escape(etag);
        let _ = write!(xml, "<Part><PartNumber>{number}</PartNumber><ETag>&quot;{etag}&quot;</ETag></Part>");
    }
    xml.push_str("</CompleteMultipartUpload>");
    Ok(Body::Text(xml))
}

#[cfg(test)]
mod tests {
    use super::{Body, body_of};

    #[test]
    fn parts_come_in_order_with_one_pair_of_quotes() {
        let parts = ["2=\"b\"".to_owned(), "1=a\r".to_owned()];
        let Body::Text(xml) = body_of(&parts).unwrap() else { panic!("parts make a text") };
        assert_eq!(
            xml,
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag></Part>\
             <Part><PartNumber>2</PartNumber><ETag>&quot;b&quot;</ETag></Part></CompleteMultipartUpload>"
        );
        for wrong in ["a", "0=a", "10001=a", "1=", "1=a\nb", "=a"] {
            assert!(body_of(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
        assert!(body_of(&["1=a".to_owned(), "1=b".to_owned()]).is_err());
    }
}
