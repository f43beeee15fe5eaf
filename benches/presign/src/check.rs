//! Looks at what a contender signs before its time is taken: the right key, all that was asked for, and a valid signature.

use anyhow::{Context, Result, bail, ensure};
use strongroom_presign::{Address, Credentials, IncomingRequest, Verifier};

use crate::clock;
use crate::lane::{Lane, Signed};
use crate::task::{
    ACCESS_KEY, BUCKET, CONTENT_TYPE, DISPOSITION, HEADERS, LEAST, LIFE, MOST, ORIGIN, Operation, REGION, SECRET_KEY,
};

/// Refuses a contender that signs something else than it was asked to.
pub(crate) fn lane(lane: &mut Lane, keys: &[String]) -> Result<()> {
    for key in [keys.first(), keys.last()].into_iter().flatten() {
        let (contender, operation) = (lane.contender, lane.operation);
        let checked = match (lane.work.sign(key), operation) {
            (Err(error), _) => Err(error),
            (Ok(Signed::Form(fields)), Operation::Post) => form(fields, key),
            (Ok(Signed::Url(signed)), operation) if operation != Operation::Post => {
                url(&signed, operation, key).with_context(|| signed)
            }
            (Ok(other), _) => bail!("{contender} answers {operation} with {other:?}"),
        };
        checked.with_context(|| format!("{contender} does not sign {operation} as asked"))?;
    }
    Ok(())
}

fn url(signed: &str, operation: Operation, key: &str) -> Result<()> {
    let address = Address::read(signed, &[])?;
    ensure!(address.bucket.as_deref() == Some(BUCKET), "the bucket is {:?}", address.bucket);
    ensure!(address.key.as_deref() == Some(key), "the key is {:?}", address.key);
    let rest = signed.strip_prefix(ORIGIN).context("the origin is another")?;
    let (path, query) = rest.split_once('?').context("there is no query")?;
    let method = if matches!(operation, Operation::Get | Operation::GetNamed) { "GET" } else { "PUT" };
    let mut headers: Vec<(&str, &[u8])> = vec![("host", ORIGIN.trim_start_matches("https://").as_bytes())];
    if operation == Operation::PutSigned {
        headers.extend(HEADERS.map(|(name, value)| (name, value.as_bytes())));
    }
    let now = clock::now_unix()?;
    let request = IncomingRequest { method, path, query, headers: &headers };
    let verified = Verifier::new(REGION).verify(&request, lookup, now)?;
    let mut wanted: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    wanted.sort_unstable();
    ensure!(verified.signed_headers == wanted, "the signed headers are {:?}", verified.signed_headers);
    ensure!(verified.expires_at == Some(verified.signed_at + i64::from(LIFE)), "it does not live as long as asked");
    let named = query.split('&').any(|pair| {
        pair.strip_prefix("response-content-disposition=").is_some_and(|value| decoded(value) == DISPOSITION)
    });
    ensure!(named == (operation == Operation::GetNamed), "the content disposition is not as asked");
    Ok(())
}

fn form(mut fields: Vec<(String, String)>, key: &str) -> Result<()> {
    // Some leave the fields that the caller named to the caller.
    for (name, value) in [("key", key), ("Content-Type", CONTENT_TYPE)] {
        if !fields.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)) {
            fields.push((name.to_owned(), value.to_owned()));
        }
    }
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let now = clock::now_unix()?;
    let policy = Verifier::new(REGION).verify_post(&fields, lookup, now)?.policy;
    policy.check_fields(&fields, BUCKET)?;
    let mut others = fields;
    for (_, value) in others.iter_mut().filter(|(name, _)| name.eq_ignore_ascii_case("key")) {
        *value = "another";
    }
    ensure!(policy.check_fields(&others, BUCKET).is_err(), "the policy allows other keys");
    let range = Some((u64::from(LEAST), u64::from(MOST)));
    ensure!(policy.content_length_range() == range, "the range of lengths is {:?}", policy.content_length_range());
    let life = policy.expires_at() - now;
    ensure!((i64::from(LIFE) - 60..=i64::from(LIFE) + 1).contains(&life), "the policy ends in {life} seconds");
    Ok(())
}

fn lookup(access_key: &str) -> Option<Credentials> {
    if access_key == ACCESS_KEY { Credentials::new(ACCESS_KEY, SECRET_KEY).ok() } else { None }
}

/// A query's value as it is meant; each of the contenders may encode a blank in its own way.
fn decoded(value: &str) -> String {
    percent_encoding::percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned()
}
