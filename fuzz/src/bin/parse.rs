//! Throws texts at whatever reads addresses, and finds that what was read survives the way back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_presign::{Address, Addressing, Endpoint, Policy, check_bucket, check_key};

fuzz_target!(|text: &str| {
    let path = Endpoint::custom("http://store.example.org:9000/base", "garage").expect("an endpoint");
    let host = path.clone().with_addressing(Addressing::VirtualHost);
    let aws = Endpoint::aws("eu-central-1").expect("an endpoint");
    let own = Endpoint::custom("https://cdn.example.org", "garage").expect("an endpoint");
    let endpoints = [path, host, own.with_addressing(Addressing::CustomDomain)];
    if let Ok(address) = Address::read(text, &endpoints) {
        assert!(address.key.as_deref().is_none_or(|key| check_key(key).is_ok()), "{address:?}");
        assert!(address.bucket.as_deref().is_none_or(|bucket| check_bucket(bucket).is_ok()), "{address:?}");
        for endpoint in [&endpoints[0], &endpoints[1], &aws] {
            if let Some(Ok(url)) = address.url(endpoint) {
                assert_same(&Address::read(&url, &endpoints).expect("our own URL can be read"), &address);
            }
        }
        // Nothing is encoded in a URI, so one with this in its key or version cannot be told apart.
        let ambiguous = |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains("?versionId="));
        if let Some(uri) = address.s3_uri().filter(|_| !ambiguous(&address.key) && !ambiguous(&address.version)) {
            assert_same(&Address::read(&uri, &[]).expect("our own URI can be read"), &address);
        }
    }
    if let Ok(endpoint) = Endpoint::custom(text, "garage") {
        assert!(endpoint.url("photos", "a b.jpg").is_ok(), "{endpoint:?}");
    }
    if let Ok(policy) = Policy::read(text) {
        let _ = policy.check_fields(&[("key", "a"), ("Content-Type", "b")], "photos");
    }
});

fn assert_same(read: &Address, written: &Address) {
    assert_eq!((&read.bucket, &read.key, &read.version), (&written.bucket, &written.key, &written.version));
}
