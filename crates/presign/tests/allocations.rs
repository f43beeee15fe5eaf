//! Counts allocations: a URL costs one, however many different keys are signed.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

use strongroom_presign::{Credentials, Endpoint, Request, Signer, Validity};

#[test]
fn signing_different_keys_allocates_once_a_url() {
    const URLS: u64 = 100_000;
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").unwrap();
    let signer = Signer::new(credentials, Endpoint::aws("eu-central-1").unwrap(), "photos").unwrap();
    let validity = Validity::new(1_369_353_600, 300).unwrap();
    let keys: Vec<String> = (0..URLS).map(|number| format!("profiles/{number}/föto {number}.jpg")).collect();
    signer.presign(&Request::get("the first one derives the key of the day"), validity).unwrap();
    let counted = allocation_counter::measure(|| {
        for key in &keys {
            signer.presign(&Request::get(key), validity).unwrap();
        }
    });
    assert_eq!(counted.count_total, URLS);
}
