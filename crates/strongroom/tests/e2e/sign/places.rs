//! Where `strongroom sign` finds the object, the store and the credentials.

use crate::caller::text;
use crate::signing::Signing;

const GET: [&str; 2] = ["sign", "get"];

#[test]
fn every_form_of_an_address_leads_to_the_same_object() {
    let aws = Signing::example();
    let virtual_host = "https://photos.s3.eu-central-1.amazonaws.com/a%20b.jpg?X-Amz-";
    for words in [
        &["s3://photos/a b.jpg"][..],
        &["a b.jpg", "--bucket", "photos"],
        &["https://photos.s3.eu-central-1.amazonaws.com/a%20b.jpg"],
        &["https://s3.eu-central-1.amazonaws.com/photos/a%20b.jpg"],
        &["https://s3-eu-central-1.amazonaws.com/photos/a%20b.jpg"],
        &["https://photos.s3.dualstack.eu-central-1.amazonaws.com/a%20b.jpg"],
        &["https://photos.s3.amazonaws.com/a%20b.jpg"],
        &["s3://photos/a b.jpg", "--endpoint", "https://s3.eu-central-1.amazonaws.com"],
    ] {
        let url = aws.line(&[&GET, words].concat());
        assert!(url.starts_with(virtual_host), "{words:?}: {url}");
    }
    // What is signed already is signed anew.
    let signed = aws.line(&[&GET[..], &["s3://photos/a b.jpg", "--expires", "1h"]].concat());
    let again = aws.line(&[&GET[..], &[&signed, "--region", "eu-central-1"]].concat());
    assert!(again.starts_with(virtual_host) && again.contains("X-Amz-Expires=300"), "{again}");
}

#[test]
fn every_style_of_addressing_is_signed() {
    let aws = Signing::example();
    for (words, head) in [
        (&["--addressing", "path"][..], "https://s3.eu-central-1.amazonaws.com/photos/a.jpg?"),
        (&["--dual-stack"], "https://photos.s3.dualstack.eu-central-1.amazonaws.com/a.jpg?"),
        (&["--accelerate"], "https://photos.s3-accelerate.amazonaws.com/a.jpg?"),
        (&["--accelerate", "--dual-stack"], "https://photos.s3-accelerate.dualstack.amazonaws.com/a.jpg?"),
        (&["--region", "cn-north-1"], "https://photos.s3.cn-north-1.amazonaws.com.cn/a.jpg?"),
        (&["--endpoint", "http://127.0.0.1:9000"], "http://127.0.0.1:9000/photos/a.jpg?"),
        (&["--endpoint", "http://store:9000/s3/", "--addressing", "path"], "http://store:9000/s3/photos/a.jpg?"),
        (&["--endpoint", "https://store.example.org", "--addressing", "virtual"], "https://photos.store.example.org/a"),
        (&["--endpoint", "https://media.example.org", "--addressing", "custom"], "https://media.example.org/a.jpg?"),
    ] {
        let url = aws.line(&[&GET[..], &["s3://photos/a.jpg"], words].concat());
        assert!(url.starts_with(head), "{words:?}: {url}");
    }
    let local = aws.and("AWS_ENDPOINT_URL", "http://127.0.0.1:9000");
    let of_store = local.line(&[&GET[..], &["http://127.0.0.1:9000/photos/a.jpg"]].concat());
    assert!(of_store.starts_with("http://127.0.0.1:9000/photos/a.jpg?"), "{of_store}");
    // A URL says where it leads, whatever the environment says of other stores.
    let of_aws = local.line(&[&GET[..], &["https://photos.s3.eu-west-1.amazonaws.com/a.jpg"]].concat());
    assert!(of_aws.starts_with("https://photos.s3.eu-west-1.") && of_aws.contains("%2Feu-west-1%2F"), "{of_aws}");
}

#[test]
fn a_host_of_all_buckets_is_no_custom_domain() {
    let aws = Signing::example();
    for words in [
        &[][..],
        &["--accelerate"],
        &["--dual-stack"],
        &["--endpoint", "https://s3.eu-central-1.amazonaws.com"],
        &["--endpoint", "https://s3.cn-north-1.amazonaws.com.cn"],
    ] {
        let refused = aws.run(&[&GET[..], &["s3://photos/albums/cat.jpg", "--addressing", "custom"], words].concat());
        assert_eq!(refused.code, Some(2), "{words:?}: {}", refused.err);
        assert!(refused.out.is_empty() && refused.err.contains("custom-domain"), "{words:?}: {}", refused.err);
    }
}

#[test]
fn credentials_come_from_the_nearest_place() {
    let files = |signing: Signing| {
        signing.file(".aws/credentials", "[default]\naws_access_key_id=AKDEFAULT\naws_secret_access_key=s\n");
        signing.file(
            ".aws/config",
            "[default]\nregion=eu-north-1\n[profile team]\nregion=eu-west-2\naws_access_key_id=AKTEAM\n\
             aws_secret_access_key=s\ns3 =\n  addressing_style = path\n[profile office]\nsso_session = x\n",
        );
        signing
    };
    let found = |signing: &Signing, words: &[&str]| {
        let json = signing.json(&[&GET[..], &["s3://photos/a.jpg", "--json"], words].concat());
        (text(&json["access_key_id"]).to_owned(), text(&json["region"]).to_owned())
    };
    let pair = |key: &str, region: &str| (key.to_owned(), region.to_owned());
    let nobody = files(Signing::with(&[]));
    assert_eq!(found(&nobody, &[]), pair("AKDEFAULT", "eu-north-1"));
    assert_eq!(found(&nobody, &["--profile", "team"]), pair("AKTEAM", "eu-west-2"));
    let url = nobody.line(&[&GET[..], &["s3://photos/a.jpg", "--profile", "team"]].concat());
    assert!(url.starts_with("https://s3.eu-west-2.amazonaws.com/photos/a.jpg?"), "{url}");
    let named = files(Signing::with(&[("AWS_PROFILE", "team"), ("AWS_DEFAULT_REGION", "eu-south-1")]));
    assert_eq!(found(&named, &[]), pair("AKTEAM", "eu-south-1"));
    let own = files(Signing::example());
    assert_eq!(found(&own, &[]), pair("AKIAIOSFODNN7EXAMPLE", "eu-central-1"));
    assert_eq!(found(&own, &["--profile", "team"]), pair("AKTEAM", "eu-central-1"));
    let office = own.run(&[&GET[..], &["s3://photos/a.jpg", "--profile", "office"]].concat());
    assert_eq!(office.code, Some(2));
    assert!(office.err.contains("aws configure export-credentials --profile 'office' --format env"), "{}", office.err);
}
