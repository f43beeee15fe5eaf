//! The printed policies as the rights of real users: everything that an identity must be able to do is done, and
//! everything else is tried and refused.

use std::collections::BTreeMap;

use strongroom_presign::{Method, Request, Signer};

use crate::place::{Answer, Kind, Place, random_hex};
use crate::users::{Keys, install, signers};

const LOCATION: &str = "media/";

/// Where a key lies, as far as rights go.
const FINAL: &str = "media/photos/a";
const STAGED: &str = "media/staging/b";
const OUTSIDE: &str = "elsewhere/c";

/// Something that is tried by everybody, and who has to succeed.
struct Attempt {
    what: String,
    by: &'static [&'static str],
    /// Makes the request anew for each who tries it.
    request: Box<dyn Fn(&Fresh) -> Request<'static>>,
    body: &'static str,
}

/// What an attempt may use up.
struct Fresh {
    /// A multipart upload of the administrator for each of the keys.
    uploads: BTreeMap<&'static str, String>,
    bucket: String,
}

pub(crate) async fn each_identity_can_do_what_it_must_and_nothing_else(place: &Place) {
    let admin = place.admin();
    let keys = install(place, LOCATION).await;
    let mut wrong = Vec::new();
    for identity in ["reader", "writer", "janitor"] {
        let answer = makes_a_bucket(place, &keys, identity).await;
        assert_eq!(answer.status, 403, "{identity}: {}", answer.body);
    }
    let mut all = fresh(place, &admin).await;
    for (identity, signer) in signers(place, &keys) {
        for attempt in attempts(place.kind) {
            let answer = place.send(&signer, &(attempt.request)(&all), attempt.body).await;
            let must = attempt.by.contains(&identity);
            if is_refused(&answer) == must || answer.status >= 500 && answer.status != 501 {
                wrong.push(format!("{identity}: {}: {} {}", attempt.what, answer.status, answer.body));
            }
            // What was refused used nothing up.
            if !is_refused(&answer) {
                all = fresh(place, &admin).await;
            }
        }
    }
    // A form is judged in a way of its own by both: nobody's but the writer's is taken.
    for (identity, signer) in signers(place, &keys) {
        for key in [FINAL, STAGED, OUTSIDE] {
            let answer = place.send_form(&signer, key).await;
            let must = identity == "writer" && (key == STAGED || key == FINAL && place.kind == Kind::SeaweedFs);
            let expected: &[u16] = if must { &[200, 201, 204] } else { &[403] };
            if !expected.contains(&answer.status) {
                wrong.push(format!("{identity}: a form for {key}: {} {}", answer.status, answer.body));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Everything lies where it did, whatever an attempt before did to it.
async fn fresh(place: &Place, admin: &Signer) -> Fresh {
    let mut uploads = BTreeMap::new();
    for key in [FINAL, STAGED, OUTSIDE] {
        assert_eq!(place.send(admin, &Request::put(key), "content").await.status, 200);
        let begun = place.send(admin, &Request::create_multipart(key), "").await;
        let id = begun.body.split("<UploadId>").nth(1).and_then(|rest| rest.split('<').next());
        uploads.insert(key, id.unwrap_or_else(|| panic!("{}", begun.body)).to_owned());
    }
    Fresh { uploads, bucket: place.bucket.clone() }
}

/// Several objects are deleted with status 200, and each is refused in the body.
fn is_refused(answer: &Answer) -> bool {
    answer.status == 403 || answer.body.contains("<Code>AccessDenied</Code>")
}

fn attempts(kind: Kind) -> Vec<Attempt> {
    let mut all = Vec::new();
    let nobody: &[&str] = &[];
    let janitor: &[&str] = &["janitor"];
    for key in [FINAL, STAGED, OUTSIDE] {
        let (readers, putters, keepers) = match key {
            FINAL => (&["reader", "janitor"][..], janitor, janitor),
            STAGED => (&["reader", "janitor"][..], &["writer", "janitor"][..], janitor),
            _ => (nobody, nobody, nobody),
        };
        // On SeaweedFS a PUT is final, and the writer makes final objects by itself; who may put there may abort.
        let putters = if kind == Kind::SeaweedFs && key == FINAL { &["writer", "janitor"][..] } else { putters };
        // SeaweedFS tells who may put which parts have arrived.
        let counters = if kind == Kind::SeaweedFs { putters } else { keepers };
        let mut on = |what: &str, by, request: fn(&'static str, &Fresh) -> Request<'static>, body| {
            let request = Box::new(move |fresh: &Fresh| request(key, fresh));
            all.push(Attempt { what: format!("{what} {key}"), by, request, body });
        };
        on("get", readers, |key, _| Request::get(key), "");
        on("head", readers, |key, _| Request::head(key), "");
        on("put", putters, |key, _| Request::put(key), "other");
        on("begin an upload of", putters, |key, _| Request::create_multipart(key), "");
        on("put a part of", putters, |key, fresh| part(key, fresh), "other");
        on("abort an upload of", putters, |key, fresh| with_upload(Method::Delete, key, fresh), "");
        on("list the parts of", counters, |key, fresh| with_upload(Method::Get, key, fresh), "");
        on("list beside", keepers, |key, _| list(key.rsplit_once('/').map_or("", |(folder, _)| folder)), "");
        on("delete", keepers, |key, _| Request::delete(key), "");
        on("open to everybody", nobody, |key, _| of_key(key, "acl").header("x-amz-acl", "public-read"), "");
        on("read the ACL of", nobody, |key, _| Request::get(key).query("acl", ""), "");
        on("tag", nobody, |key, _| of_key(key, "tagging"), "<Tagging><TagSet></TagSet></Tagging>");
        on("read the tags of", nobody, |key, _| Request::get(key).query("tagging", ""), "");
    }
    for (from, to, by) in
        [(STAGED, FINAL, janitor), (OUTSIDE, FINAL, nobody), (FINAL, OUTSIDE, nobody), (FINAL, STAGED, janitor)]
    {
        let request = Box::new(move |fresh: &Fresh| Request::copy(to, &fresh.bucket, from, None).unwrap());
        all.push(Attempt { what: format!("copy {from} to {to}"), by, request, body: "" });
    }
    all.extend(on_the_bucket(kind));
    all
}

fn on_the_bucket(kind: Kind) -> Vec<Attempt> {
    let mut all = Vec::new();
    let mut on = |what: &str, by: &'static [&'static str], request: fn() -> Request<'static>, body| {
        all.push(Attempt { what: what.to_owned(), by, request: Box::new(move |_| request()), body });
    };
    on("list everything", &[], Request::list_objects, "");
    on("list the location", &["janitor"], || list(LOCATION), "");
    on("list a like prefix", &[], || list("media"), "");
    on("list uploads", &["janitor"], || of_bucket(Method::Get, "uploads"), "");
    on("list versions", &[], || of_bucket(Method::Get, "versions"), "");
    on("ask where the bucket is", &["operator"], || of_bucket(Method::Get, "location"), "");
    on("read CORS", &["operator"], || of_bucket(Method::Get, "cors"), "");
    on("set CORS", &["operator"], || of_bucket(Method::Put, "cors"), CORS);
    on("read lifecycle", &["operator"], || of_bucket(Method::Get, "lifecycle"), "");
    on("set lifecycle", &["operator"], || of_bucket(Method::Put, "lifecycle"), LIFECYCLE);
    on("read versioning", &["operator"], || of_bucket(Method::Get, "versioning"), "");
    on("set versioning", &["operator"], || of_bucket(Method::Put, "versioning"), VERSIONING);
    // Ceph 16 lets no policy of a user allow reading these two: only who owns the bucket reads them.
    let readers: &'static [&'static str] = if kind == Kind::SeaweedFs { &["operator"] } else { &[] };
    on("read notifications", readers, || of_bucket(Method::Get, "notification"), "");
    if kind == Kind::SeaweedFs {
        on("read encryption", &["operator"], || of_bucket(Method::Get, "encryption"), "");
    } else {
        on("read the public access block", readers, || of_bucket(Method::Get, "publicAccessBlock"), "");
        on("block public access", &["operator"], || of_bucket(Method::Put, "publicAccessBlock"), BLOCK);
    }
    on("read the policy", &[], || of_bucket(Method::Get, "policy"), "");
    on("delete the bucket", &[], || Request::on_bucket(Method::Delete), "");
    on("open the bucket", &[], || of_bucket(Method::Put, "acl").header("x-amz-acl", "public-read"), "");
    all
}

const CORS: &str = "<CORSConfiguration><CORSRule><AllowedOrigin>https://app.example.com</AllowedOrigin>\
                    <AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>";
const LIFECYCLE: &str = "<LifecycleConfiguration><Rule><ID>a</ID><Filter><Prefix>media/staging/</Prefix></Filter>\
                         <Status>Enabled</Status><Expiration><Days>3</Days></Expiration></Rule></LifecycleConfiguration>";
const VERSIONING: &str = "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
/// Without `BlockPublicAcls`, under which Ceph 16 refuses every PUT.
const BLOCK: &str = "<PublicAccessBlockConfiguration><BlockPublicAcls>false</BlockPublicAcls>\
                     <IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy>\
                     <RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>";

fn of_bucket(method: Method, part: &'static str) -> Request<'static> {
    Request::on_bucket(method).query(part, "")
}

fn of_key(key: &'static str, part: &'static str) -> Request<'static> {
    Request::put(key).query(part, "")
}

fn list(prefix: &'static str) -> Request<'static> {
    Request::list_objects().query("prefix", prefix)
}

fn with_upload(method: Method, key: &'static str, fresh: &Fresh) -> Request<'static> {
    Request::on_key(method, key).query("uploadId", fresh.uploads[key].clone())
}

fn part(key: &'static str, fresh: &Fresh) -> Request<'static> {
    with_upload(Method::Put, key, fresh).query("partNumber", "1")
}

/// Whoever can make buckets could pay for anything with somebody else's money.
async fn makes_a_bucket(place: &Place, keys: &Keys, identity: &str) -> Answer {
    let (key, secret) = &keys[identity];
    let signer = place.signer_of(key, secret, &format!("other-{}", random_hex()));
    place.send(&signer, &Request::on_bucket(Method::Put), "").await
}
