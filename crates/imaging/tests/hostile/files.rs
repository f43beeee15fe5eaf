//! The files that harm is done to: the seeds of the fuzzer, which has some of each format.

use std::path::Path;

use strongroom_imaging::{Format, probe};

/// A small file of each format and of most kinds of it, by name. What the fuzzer starts with is what is damaged here, so
/// that a format that is added is added to both at once.
pub(crate) fn samples() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/picture");
    let mut samples: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            // The first byte says what the fuzzer is to make of the rest.
            let file = std::fs::read(entry.path()).unwrap().split_off(1);
            (entry.file_name().into_string().unwrap(), file)
        })
        .filter(|(_, file)| probe(file).is_ok())
        .collect();
    samples.sort();
    samples
}

#[test]
fn there_is_a_sample_of_every_format() {
    let samples = samples();
    for format in Format::ALL {
        assert!(samples.iter().any(|(_, file)| Format::of(file) == Some(format)), "{format} lacks one");
    }
}
