//! Sounds and videos that FFmpeg makes are as long and as large as FFmpeg says, few pieces of them tell that, and whatever is
//! broken in them is answered, too.
//!
//! Needs a Python with `PyAV`, named by `STRONGROOM_TEST_PYTHON`.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use strongroom_media::{Facts, File, Look, MOST_PIECES, look};

/// As many as there are, so that none gets lost.
const AT_LEAST: usize = 26;

/// How many pieces of an honest file are asked for at the most: of its beginning, its end, and what lies between its tracks.
const FEW: usize = 6;

#[test]
fn every_file_is_what_another_reader_says_and_so_is_what_is_left_of_it() {
    let samples = samples();
    assert!(samples.len() >= AT_LEAST, "{} samples", samples.len());
    let mut wrong = Vec::new();
    for Sample { name, content, milliseconds, size } in &samples {
        let (facts, pieces) = read(content);
        let facts = facts.unwrap_or_default();
        let is_as_long = milliseconds.contains(&facts.milliseconds.unwrap_or(0));
        if !is_as_long || facts.size != *size || pieces > FEW {
            wrong.push(format!("{name}: {facts:?} of {pieces} pieces, and not {milliseconds:?} and {size:?}"));
        }
        damaged(content);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Cuts a file off everywhere where it matters, and turns bits over, and looks at what is left.
fn damaged(content: &[u8]) {
    let ends = (0..content.len().min(4096)).step_by(7).chain((0..content.len()).step_by(content.len() / 40 + 1));
    for end in ends {
        read(&content[..end]);
    }
    // What tells of a file is at its beginning or at its end.
    let edge = content.len().min(1500);
    let mut broken = content.to_vec();
    for at in (0..edge).chain(content.len() - edge..content.len()) {
        for with in [0x01, 0x80, 0xFF] {
            broken[at] ^= with;
            read(&broken);
            broken[at] ^= with;
        }
    }
}

/// Reads a file as the service does, and tells how many pieces that took.
fn read(content: &[u8]) -> (Option<Facts>, usize) {
    let mut file = File::of(content.len() as u64);
    for pieces in 0.. {
        match look(&file) {
            Look::Told(facts) => return (facts, pieces),
            Look::Needs { first, bytes } => {
                assert!(pieces < MOST_PIECES);
                let range = usize::try_from(first).unwrap()..usize::try_from(first + bytes).unwrap();
                file.add(first, content[range].to_vec());
            }
        }
    }
    unreachable!("it ends when there are too many pieces")
}

struct Sample {
    name: String,
    content: Vec<u8>,
    milliseconds: Range<u64>,
    size: Option<(u32, u32)>,
}

#[expect(clippy::disallowed_methods, reason = "the test is told by the environment which Python has PyAV")]
fn samples() -> Vec<Sample> {
    let python = std::env::var("STRONGROOM_TEST_PYTHON").expect(
        "STRONGROOM_TEST_PYTHON must name a Python that has PyAV and numpy: `cargo xtask test` makes one, or run \
         `python3 -m venv V && V/bin/pip install av numpy` and set it to V/bin/python",
    );
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/make.py");
    let made = Command::new(python).arg("-B").arg(script).arg(folder.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let told = fs::read_to_string(folder.path().join("told.tsv")).unwrap();
    told.lines()
        .map(|line| {
            let (name, numbers) = line.split_once('\t').unwrap();
            let numbers: Vec<u64> = numbers.split('\t').map(|number| number.parse().unwrap()).collect();
            let [milliseconds, off, width, height] = numbers[..] else { panic!("{line}") };
            let side = |side: u64| u32::try_from(side).unwrap();
            Sample {
                name: name.to_owned(),
                content: fs::read(folder.path().join(name)).unwrap(),
                milliseconds: milliseconds.saturating_sub(off)..milliseconds + off + 1,
                size: (width > 0).then(|| (side(width), side(height))),
            }
        })
        .collect()
}
