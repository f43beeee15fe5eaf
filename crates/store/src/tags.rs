//! The tags of an object: a few pairs of words, read from headers and documents, and held to S3's rules.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use crate::fault::{Code, Fault};
use crate::xml::{Tagging, Xml};

/// Tags by their key.
pub(crate) type Tags = BTreeMap<String, String>;

/// How many tags an object may have; S3's own figure.
const MAX_TAGS: usize = 10;
/// How many characters a key may have.
const MAX_KEY: usize = 128;
/// How many characters a value may have.
const MAX_VALUE: usize = 256;

/// Reads the header `x-amz-tagging`, which is written as a query is: `a=1&b=2`.
pub(crate) fn of_header(text: &str) -> Result<Tags, Fault> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| {
            Fault::new(Code::InvalidArgument, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded.")
                .with("ArgumentName", "x-amz-tagging")
        })
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(key)?, decode(value)?))
    });
    check(pairs.collect::<Result<Vec<_>, Fault>>()?)
}

/// Takes what a document says.
pub(crate) fn of_document(document: Tagging) -> Result<Tags, Fault> {
    check(document.set.tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// Holds a set of tags to the rules of
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>.
fn check(pairs: Vec<(String, String)>) -> Result<Tags, Fault> {
    if pairs.len() > MAX_TAGS {
        return Err(Fault::new(Code::BadRequest, format!("Object tags cannot be greater than {MAX_TAGS}")));
    }
    let mut tags = Tags::new();
    for (key, value) in pairs {
        let refuse = |why: &str| Err(Fault::new(Code::InvalidTag, why).with("TagKey", &*key));
        if key.is_empty() || key.chars().count() > MAX_KEY || !key.chars().all(fits) || key.starts_with("aws:") {
            return refuse("The TagKey you have provided is invalid");
        }
        if value.chars().count() > MAX_VALUE || !value.chars().all(fits) {
            return refuse("The TagValue you have provided is invalid");
        }
        if tags.contains_key(&key) {
            return refuse("Cannot provide multiple Tags with the same key");
        }
        tags.insert(key, value);
    }
    Ok(tags)
}

fn fits(character: char) -> bool {
    character.is_alphanumeric() || character == ' ' || "+-=._:/@".contains(character)
}

/// Writes a set of tags.
pub(crate) fn write(document: &mut Xml, tags: &Tags) {
    document.open("TagSet");
    for (key, value) in tags {
        document.open("Tag").text("Key", key).text("Value", value).close("Tag");
    }
    document.close("TagSet");
}
