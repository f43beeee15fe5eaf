//! Asks for explanations of nonsense. An input has five parts with empty lines between them: the URL, the method, the
//! headers, the prefix and the server's answer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_fuzz::signature::{NOW, credentials};
use strongroom_presign::{Endpoint, Evidence, explain};

fuzz_target!(|text: &str| {
    let mut parts = text.splitn(5, "\n\n");
    let mut part = || parts.next().unwrap_or_default();
    let (url, method, headers, prefix, answer) = (part(), part(), part(), part(), part());
    let headers: Vec<(&str, &str)> = headers.lines().filter_map(|line| line.split_once(": ")).collect();
    let endpoints = [Endpoint::custom("http://store.example.org:9000/base", "garage").expect("an endpoint")];
    let known = credentials();
    let bare = Evidence::of(url);
    let answered = bare.answer(answer).endpoints(&endpoints);
    let whole = answered.method(method).headers(&headers).prefix(prefix).credentials(&known);
    for evidence in [bare, answered, whole] {
        for now in [NOW, i64::MIN, i64::MAX] {
            let explanation = explain(&evidence, now);
            let said = explanation.to_string();
            assert!(!said.is_empty());
            assert!(!said.contains("AWS4secret"), "a secret is told: {said}");
            // What cannot be read at all is said to be so.
            assert!(explanation.link.is_some() || !explanation.findings.is_empty());
        }
    }
});
