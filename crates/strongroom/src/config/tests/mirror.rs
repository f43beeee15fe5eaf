//! The mirror, and what contradicts the storage that it mirrors.

use super::Setting;
use crate::config::{CredentialSource, Encryption, External, Place, Provider, Storage};

const STORAGE: &str = "
[storage]
bucket = \"media\"
endpoint = \"http://store:9000\"
location = \"a\"
[storage.all]
profile = \"first\"
";
const KEYS: &str = "
[storage.mirror.reader]
access_key_id = \"R\"
secret_access_key = \"rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr\"
[storage.mirror.janitor]
access_key_id = \"J\"
secret_access_key = \"jjjjjjjjjjjjjjjjjjjjjjjjjjjjjjjj\"
";

/// A storage with a mirror that has these keys, and more sections.
fn with(mirror: &str, rest: &str) -> Setting {
    Setting::new(&format!("{STORAGE}[storage.mirror]\n{mirror}\n{rest}"))
}

fn mirror(setting: &Setting) -> (Storage, External) {
    let mirror = *setting.load().storage.mirror.expect("there is a mirror");
    match mirror.place.clone() {
        Place::External(external) => (mirror, external),
        Place::Embedded(_) => panic!("a mirror is a bucket elsewhere"),
    }
}

#[test]
fn a_mirror_has_a_place_a_profile_and_identities_of_its_own() {
    let rest = format!("[storage.mirror.profile]\nmost_parts = 1000\n{KEYS}");
    let setting = with("bucket = \"copy\"\nregion = \"eu-west-1\"\nprovider = \"aws\"", &rest)
        // These are about the first storage.
        .variable("AWS_REGION", "eu-central-1")
        .variable("AWS_ENDPOINT_URL", "http://elsewhere")
        .variable("AWS_ACCESS_KEY_ID", "A")
        .variable("AWS_SECRET_ACCESS_KEY", "S");
    let (storage, external) = mirror(&setting);
    assert_eq!((storage.provider, storage.profile.most_parts), (Provider::Aws, 1000));
    assert_eq!(external.endpoint.as_str(), "https://s3.eu-west-1.amazonaws.com");
    // Where nothing is said, everything lies below the same prefix.
    assert_eq!(storage.location, "a/");
    assert!(matches!(&external.identities.reader, CredentialSource::Keys(keys) if keys.access_key_id == "R"));
    assert!(setting.warnings().iter().all(|warning| !warning.contains("mirror")), "{:?}", setting.warnings());
}

#[test]
fn a_mirror_can_be_set_by_variables_alone_and_have_another_location() {
    let setting = Setting::new(STORAGE)
        .variable("STRONGROOM__STORAGE__MIRROR__BUCKET", "copy")
        .variable("STRONGROOM__STORAGE__MIRROR__ENDPOINT", "http://store:9000")
        .variable("STRONGROOM__STORAGE__MIRROR__LOCATION", "")
        .variable("STRONGROOM__STORAGE__MIRROR__ALL__PROFILE", "second");
    let (storage, external) = mirror(&setting);
    assert_eq!((storage.location.as_str(), external.bucket.as_str()), ("", "copy"));
    assert_eq!(external.identities.janitor, CredentialSource::Profile("second".to_owned()));
}

#[test]
fn as_a_storage_of_its_own_a_mirror_has_nothing_that_names_something_of_the_first() {
    let of_spaces = "[spaces.a]\nbucket = \"scans\"\nmirror_bucket = \"scans-copy\"\nlifecycle = { colder_after = \
                     \"90d\" }\n";
    let bucket = "[bucket]\nversioning = true\nencryption = \"kms\"\nkms_key = \"arn:aws:kms:eu-central-1:1:key/1\"\n\
                  events = \"arn:aws:sqs:eu-central-1:1:uploads\"\n";
    let operator = "[storage.mirror.operator]\nprofile = \"second\"\n";
    let rest = format!("{KEYS}{operator}{bucket}{of_spaces}");
    let config = with("bucket = \"copy\"\nendpoint = \"http://other:9000\"", &rest).load();
    let [first, second] = <[_; 2]>::try_from(config.storages()).expect("there are two");
    assert_eq!((first.storage.rank.section(), second.storage.rank.section()), ("storage", "storage.mirror"));
    assert_eq!(
        (first.spaces["a"].bucket.as_deref(), second.spaces["a"].bucket.as_deref()),
        (Some("scans"), Some("scans-copy"))
    );
    assert_eq!((first.bucket.encryption, second.bucket.encryption), (Some(Encryption::Kms), None));
    assert_eq!((second.bucket.events, second.bucket.kms_key, second.bucket.versioning), (None, None, Some(true)));
    assert_eq!(second.spaces["a"].lifecycle.colder_after, None);
    let Place::External(external) = second.storage.place else { panic!("a mirror is a bucket elsewhere") };
    assert_eq!(external.identities.operator, Some(CredentialSource::Profile("second".to_owned())));
    // Without a mirror there is one.
    assert_eq!(Setting::new(STORAGE).load().storages().len(), 1);
}

#[test]
fn half_a_mirror_is_refused() {
    let place = "endpoint = \"http://store:9001\"";
    with(place, KEYS).assert_problem("strongroom.toml", "name the bucket that shall hold everything a second time");
    let only_reader = KEYS.split("[storage.mirror.janitor]").next().unwrap();
    let setting = with(&format!("bucket = \"copy\"\n{place}"), only_reader);
    setting.assert_problem("strongroom.toml", "a mirror needs a reader and a janitor");
    with("bucket = \"copy\"", KEYS).assert_problem("strongroom.toml", "set storage.mirror.endpoint");
    let writer = "[storage.mirror.writer]\naccess_key_id = \"W\"\n";
    let setting = with(&format!("bucket = \"copy\"\n{place}"), &format!("{KEYS}{writer}"));
    setting.assert_problem("strongroom.toml", "storage.mirror.writer");
}

#[test]
fn what_would_be_mirrored_into_itself_is_refused() {
    let same = "bucket = \"media\"\nendpoint = \"http://store:9000\"";
    for location in ["", "location = \"a\"", "location = \"a/copy\"", "location = \"\""] {
        with(&format!("{same}\n{location}"), KEYS).assert_problem("strongroom.toml", "where the objects lie already");
    }
    // Beside it in the same bucket is a place of its own, if a poor one.
    assert_eq!(mirror(&with(&format!("{same}\nlocation = \"copy\""), KEYS)).0.location, "copy/");
    let embedded = "[storage.mirror]\nbucket = \"strongroom\"\nendpoint = \"http://127.0.0.1:9000\"\n";
    Setting::new(&format!("{embedded}{KEYS}")).assert_problem("strongroom.toml", "lies in the embedded store");
}

#[test]
fn each_bucket_of_a_space_needs_one_mirror_bucket_for_itself() {
    let place = "bucket = \"copy\"\nendpoint = \"http://other:9000\"";
    let space = |name: &str, keys: &str| format!("[spaces.{name}]\n{keys}\n");
    let own = "bucket = \"scans\"";
    with(place, &format!("{KEYS}{}", space("a", own))).assert_problem("strongroom.toml", "name the bucket there");
    let without = space("a", "mirror_bucket = \"scans-copy\"");
    with(place, &format!("{KEYS}{without}")).assert_problem("strongroom.toml", "a space with a bucket of its own");
    Setting::new(&without).assert_problem("strongroom.toml", "but there is none");

    let both = |mirror_bucket: &str| format!("{own}\nmirror_bucket = \"{mirror_bucket}\"");
    let two = format!("{KEYS}{}{}", space("a", &both("one")), space("b", &both("two")));
    with(place, &two).assert_problem("strongroom.toml", "each bucket has one mirror bucket");
    let shared = format!("{KEYS}{}{}", space("a", &both("one")), space("b", &both("one")));
    assert_eq!(with(place, &shared).load().spaces["b"].mirror_bucket.as_deref(), Some("one"));
}
