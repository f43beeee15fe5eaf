//! The embedded store or an external bucket, and whose keys are used.

use super::Setting;
use crate::config::{Addressing, CredentialSource, Credentials, Embedded, External, Place, Role};

const KEYS: &str = "
[storage.reader]
access_key_id = \"R\"
secret_access_key = \"rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr\"
[storage.writer]
access_key_id = \"W\"
secret_access_key = \"wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww\"
[storage.janitor]
access_key_id = \"J\"
secret_access_key = \"jjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjj\"
";
const OPERATOR: &str = "
[storage.operator]
access_key_id = \"O\"
secret_access_key = \"oooooooooooooooooooooooooooooooo\"
";

fn external(setting: &Setting) -> External {
    match setting.load().storage.place {
        Place::External(external) => external,
        Place::Embedded(_) => panic!("the bucket was not taken"),
    }
}

fn embedded(setting: &Setting) -> Embedded {
    match setting.load().storage.place {
        Place::Embedded(embedded) => embedded,
        Place::External(_) => panic!("the embedded store was not taken"),
    }
}

fn keys(source: &CredentialSource) -> &Credentials {
    match source {
        CredentialSource::Keys(keys) => keys,
        other => panic!("no keys: {other:?}"),
    }
}

#[test]
fn a_bucket_on_aws_needs_a_region_and_keys_alone() {
    let setting = Setting::new(&format!("storage.bucket = \"media\"\nstorage.region = \"eu-central-1\"\n{KEYS}"));
    let bucket = external(&setting);
    assert_eq!(bucket.endpoint.as_str(), "https://s3.eu-central-1.amazonaws.com");
    assert_eq!(bucket.addressing, Addressing::VirtualHost);
    assert_eq!(keys(&bucket.identities.reader).access_key_id, "R");
    assert!(bucket.identities.operator.is_none());
    assert!(setting.warnings().is_empty());
}

#[test]
fn another_store_is_addressed_by_path_and_may_do_without_a_region() {
    let setting = Setting::new("storage = { bucket = \"media\", endpoint = \"http://store:9000/\" }")
        .variable("AWS_ACCESS_KEY_ID", "A")
        .variable("AWS_SECRET_ACCESS_KEY", "S");
    let bucket = external(&setting);
    assert_eq!((bucket.endpoint.as_str(), bucket.region.as_str()), ("http://store:9000", "us-east-1"));
    assert_eq!(bucket.addressing, Addressing::Path);
}

#[test]
fn the_usual_variables_count_beneath_the_keys_of_the_configuration() {
    let setting = Setting::new("[storage]\nbucket = \"media\"")
        .variable("AWS_REGION", "eu-west-1")
        .variable("AWS_DEFAULT_REGION", "eu-west-2")
        .variable("AWS_ENDPOINT_URL", "http://general")
        .variable("AWS_ENDPOINT_URL_S3", "http://special")
        .variable("AWS_ACCESS_KEY_ID", "A")
        .variable("AWS_SECRET_ACCESS_KEY", "S")
        .variable("AWS_SESSION_TOKEN", "T");
    let bucket = external(&setting);
    assert_eq!((bucket.region.as_str(), bucket.endpoint.as_str()), ("eu-west-1", "http://special"));
    let janitor = keys(&bucket.identities.janitor);
    assert_eq!((janitor.access_key_id.as_str(), janitor.expires_at), ("A", None));
    assert!(janitor.session_token.as_ref().is_some_and(|token| token.matches("T")));
    assert!(setting.warnings()[0].contains("uses the same credentials for reader, writer, janitor, operator"));

    let setting = setting
        .variable("STRONGROOM__STORAGE__REGION", "eu-north-1")
        .variable("STRONGROOM__STORAGE__ENDPOINT", "http://own")
        .variable("STRONGROOM__STORAGE__READER__ACCESS_KEY_ID", "R")
        .variable("STRONGROOM__STORAGE__READER__SECRET_ACCESS_KEY", "s");
    let bucket = external(&setting);
    assert_eq!((bucket.region.as_str(), bucket.endpoint.as_str()), ("eu-north-1", "http://own"));
    assert_eq!(keys(&bucket.identities.reader).access_key_id, "R");
    assert!(keys(&bucket.identities.reader).session_token.is_none());
    assert_eq!(keys(&bucket.identities.writer).access_key_id, "A");
}

#[test]
fn a_bad_endpoint_in_the_environment_is_told_with_its_variable() {
    Setting::new(&format!("storage.bucket = \"media\"\nstorage.region = \"x\"\n{KEYS}"))
        .variable("AWS_ENDPOINT_URL", "store:9000")
        .assert_problem("environment variable AWS_ENDPOINT_URL: storage.endpoint: ", "needs a scheme");
}

#[test]
fn one_key_for_all_identities_is_allowed_with_a_warning() {
    let setting = Setting::new(
        "[storage]\nbucket = \"media\"\nregion = \"x\"\n[storage.all]\naccess_key_id = \"A\"\n\
         secret_access_key_file = \"key\"",
    )
    .file("key", "from-a-file\r\n");
    let bucket = external(&setting);
    assert_eq!(bucket.identities.reader, bucket.identities.janitor);
    assert!(keys(&bucket.identities.writer).secret_access_key.matches("from-a-file"));
    let warning = "strongroom.toml:1:2: storage: uses the same credentials";
    assert!(setting.warnings()[0].contains(warning), "{:?}", setting.warnings());
}

#[test]
fn a_bucket_without_any_keys_takes_those_of_the_usual_places_with_a_warning() {
    let setting = Setting::new("[storage]\nbucket = \"media\"\nregion = \"x\"");
    let identities = external(&setting).identities;
    assert_eq!((&identities.reader, &identities.janitor), (&CredentialSource::Chain, &CredentialSource::Chain));
    assert!(setting.warnings()[0].contains("uses the same credentials for reader, writer, janitor, operator"));
}

#[test]
fn each_identity_may_have_a_role_or_a_profile_of_its_own() {
    let setting = Setting::new(
        "storage.bucket = \"media\"\nstorage.region = \"x\"\n[storage.reader]\n\
         role_arn = \"arn:aws:iam::123456789012:role/reader\"\nexternal_id = \"us\"\n\
         [storage.writer]\nprofile = \"writing\"\n[storage.janitor]\nprofile = \"base\"\n\
         role_arn = \"arn:aws:iam:::role/janitor\"\nrole_session_name = \"cleaning\"\n\
         [storage.operator]\naccess_key_id = \"O\"\nsecret_access_key = \"o\"\n\
         role_arn = \"arn:aws:iam::123456789012:role/path/operator\"",
    );
    let identities = external(&setting).identities;
    let role = |arn: &str, external_id: Option<&str>, session_name: &str, base: CredentialSource| {
        let (arn, session_name) = (arn.to_owned(), session_name.to_owned());
        let external_id = external_id.map(str::to_owned);
        CredentialSource::Role(Box::new(Role { arn, external_id, session_name, base }))
    };
    let reader = "arn:aws:iam::123456789012:role/reader";
    assert_eq!(identities.reader, role(reader, Some("us"), "strongroom-reader", CredentialSource::Chain));
    assert_eq!(identities.writer, CredentialSource::Profile("writing".to_owned()));
    let base = CredentialSource::Profile("base".to_owned());
    assert_eq!(identities.janitor, role("arn:aws:iam:::role/janitor", None, "cleaning", base));
    let Some(CredentialSource::Role(operator)) = identities.operator else { panic!("no role") };
    assert_eq!(keys(&operator.base).access_key_id, "O");
    assert!(setting.warnings().is_empty());
}

#[test]
fn what_cannot_be_a_role_is_told_and_so_is_what_needs_one() {
    let base = format!("storage.bucket = \"media\"\nstorage.region = \"x\"\n{KEYS}");
    let with = |line: &str| Setting::new(&format!("{base}{line}\n"));
    let place = "strongroom.toml:13:1: storage.janitor";
    with("role_arn = \"reader\"").assert_problem(&format!("{place}.role_arn"), "arn:aws:iam::");
    with("external_id = \"us\"").assert_problem(&format!("{place}.external_id"), "set role_arn");
    with("profile = \"p\"").assert_problem(&format!("{place}.profile"), "remove one of the two");
    let role = "role_arn = \"arn:aws:iam::123456789012:role/r\"\n";
    let place = "strongroom.toml:14:1: storage.janitor";
    with(&format!("{role}external_id = \"a b\"")).assert_problem(&format!("{place}.external_id"), "2 to 1,224");
    with(&format!("{role}role_session_name = \"/\"")).assert_problem(&format!("{place}.role_session_name"), "2 to 64");
    Setting::new(&format!("{KEYS}{OPERATOR}profile = \"p\"\n"))
        .assert_problem("strongroom.toml:15:1: storage.operator.profile", "belongs to an external bucket");
}

#[test]
fn keys_of_the_environment_may_say_when_they_end() {
    let setting = Setting::new("[storage]\nbucket = \"media\"\nregion = \"x\"")
        .variable("AWS_ACCESS_KEY_ID", "A")
        .variable("AWS_SECRET_ACCESS_KEY", "S")
        .variable("AWS_CREDENTIAL_EXPIRATION", "2026-01-31T12:00:00Z");
    let end = keys(&external(&setting).identities.reader).expires_at;
    assert_eq!(end, "2026-01-31T12:00:00Z".parse().ok());
    Setting::new("[storage]\nbucket = \"media\"\nregion = \"x\"")
        .variable("AWS_ACCESS_KEY_ID", "A")
        .variable("AWS_SECRET_ACCESS_KEY", "S")
        .variable("AWS_CREDENTIAL_EXPIRATION", "tomorrow")
        .assert_problem("environment variable AWS_CREDENTIAL_EXPIRATION: storage", "is not a time");
}

#[test]
fn a_missing_half_of_a_key_is_named() {
    let text = format!("storage.bucket = \"media\"\nstorage.region = \"x\"\n{KEYS}");
    let without_secret = text.replace("secret_access_key = \"wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww\"", "");
    Setting::new(&without_secret)
        .assert_problem("strongroom.toml:7:10: storage.writer.secret_access_key: ", "is missing");
    let without_writer = text.replace("[storage.writer]", "[storage.operator]");
    Setting::new(&without_writer).assert_problem("strongroom.toml:1:1: storage.writer: ", "is missing");
}

#[test]
fn a_secret_file_that_is_missing_empty_or_beside_its_secret_is_told() {
    let base = "[storage]\nbucket = \"media\"\nregion = \"x\"\n[storage.all]\naccess_key_id = \"A\"\n";
    let named = format!("{base}secret_access_key_file = \"key\"");
    let place = "strongroom.toml:6:1: storage.all.secret_access_key_file = \"key\": ";
    Setting::new(&named).assert_problem(place, "cannot be read");
    Setting::new(&named).file("key", "\n").assert_problem(place, "empty file");
    Setting::new(&format!("{named}\nsecret_access_key = \"x\"")).assert_problem(place, "remove one of the two");
}

#[test]
fn keys_of_the_one_kind_of_storage_are_refused_with_the_other() {
    let bucket =
        format!("storage.bucket = \"media\"\nstorage.region = \"x\"\nstorage.listen = \"127.0.0.1:1\"\n{KEYS}");
    Setting::new(&bucket)
        .assert_problem("strongroom.toml:3:9: storage.listen = ", "storage.bucket names an external one");
    for key in ["region = \"x\"", "endpoint = \"http://x\"", "addressing = \"path\""] {
        Setting::new(&format!("[storage]\n{key}")).assert_problem("strongroom.toml:2:1: ", "storage.bucket is not set");
    }
    let all = "[storage.all]\naccess_key_id = \"A\"\nsecret_access_key = \"x\"";
    Setting::new(all).assert_problem("strongroom.toml:1:10: storage.all: ", "belongs to an external bucket");
}

#[test]
fn names_of_buckets_that_are_none_are_refused() {
    for name in ["s3://media", "media/photos", "arn:aws:s3:::media", "Media", "me", "-media", "a..b", "media_files"] {
        Setting::new(&format!("storage.bucket = \"{name}\"\nstorage.region = \"x\"\n{KEYS}"))
            .assert_problem("strongroom.toml:1:9: storage.bucket = ", "bucket");
    }
}

#[test]
fn a_bucket_with_dots_is_addressed_by_path_over_https() {
    let text = format!("storage.bucket = \"media.example.com\"\nstorage.region = \"eu-west-1\"\n{KEYS}");
    assert_eq!(external(&Setting::new(&text)).addressing, Addressing::Path);
    Setting::new(&format!("storage.addressing = \"virtual-host\"\n{text}"))
        .assert_problem("strongroom.toml:1:9: storage.addressing = ", "certificate");
}

#[test]
fn the_location_ends_with_exactly_one_slash() {
    let location = |text: &str| Setting::new(&format!("storage.location = \"{text}\"")).load().storage.location;
    assert_eq!(location(""), "");
    assert_eq!(location("media"), "media/");
    assert_eq!(location("media/"), "media/");
    assert_eq!(location("media/production"), "media/production/");
    for bad in ["/", "/media", "media//", "a//b", "a/../b", ".", "a b", "ä"] {
        Setting::new(&format!("storage.location = \"{bad}\"")).assert_problem("strongroom.toml:1:9: ", "usable prefix");
    }
}

#[test]
fn the_embedded_store_takes_four_different_keys_or_none() {
    assert!(embedded(&Setting::new("")).identities.is_none());
    let identities = embedded(&Setting::new(&format!("{KEYS}{OPERATOR}"))).identities.unwrap();
    assert_eq!(identities.operator.unwrap().access_key_id, "O");
    Setting::new(KEYS).assert_problem("strongroom.toml:2:2: storage.operator: ", "all four identities");
    let same = format!("{KEYS}{}", OPERATOR.replace("\"O\"", "\"R\""));
    Setting::new(&same).assert_problem("strongroom.toml:13:1: storage.operator.access_key_id", "used by another");
    let short = format!("{KEYS}{}", OPERATOR.replace("oooo", "o"));
    Setting::new(&short).assert_problem("strongroom.toml:14:1: storage.operator.secret_access_key: ", "too short");
}

#[test]
fn the_embedded_store_shows_itself_to_others_only_with_keys_that_were_chosen() {
    let mut setting = Setting::new("");
    setting.sources.store_listen = Some("0.0.0.0:9000".to_owned());
    setting.assert_problem("argument --store-listen: storage.listen = \"0.0.0.0:9000\": ", "[storage.reader]");
    let mut setting = Setting::new(&format!("{KEYS}{OPERATOR}"));
    setting.sources.store_listen = Some("0.0.0.0:9000".to_owned());
    assert_eq!(embedded(&setting).public_endpoint("10.0.0.1:9000".parse().unwrap()), "http://10.0.0.1:9000");
}

#[test]
fn old_signatures_are_taken_by_the_embedded_store_alone_and_only_where_they_are_switched_on() {
    assert!(!embedded(&Setting::new("")).signature_version_2);
    assert!(embedded(&Setting::new("storage.signature_version_2 = true")).signature_version_2);
    let elsewhere = format!(
        "storage.bucket = \"media\"\nstorage.region = \"eu-central-1\"\nstorage.signature_version_2 = true\n{KEYS}"
    );
    Setting::new(&elsewhere)
        .assert_problem("strongroom.toml:3:9: storage.signature_version_2", "about the embedded store");
}
