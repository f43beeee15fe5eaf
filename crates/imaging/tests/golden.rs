//! Pictures of every kind that other programs make are what those programs say they are, and what is made of them can be
//! read by them: Pillow and its plugins make the inputs, say what they show, and read the results.
//!
//! Needs a Python with Pillow, its plugins for HEIC and JPEG XL, and `PyAV`, named by `STRONGROOM_TEST_PYTHON`.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use jpeg_encoder::{ColorType, Encoder};
use strongroom_imaging::{Encoding, Fit, Keep, Limits, Recipe, probe, render};

/// As many as there are, so that none gets lost.
const AT_LEAST: usize = 340;

#[test]
fn every_picture_is_what_another_decoder_says() {
    let folder = tempfile::tempdir().unwrap();
    let [inputs, outputs] = ["inputs", "outputs"].map(|name| subfolder(folder.path(), name));
    make("taken", &inputs);
    inks_as_luma_and_chroma(&inputs);
    let files = below(&inputs);
    assert!(files.len() >= AT_LEAST, "{} pictures", files.len());
    for file in &files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let made = subfolder(&outputs, name);
        render_each(&fs::read(file).unwrap(), name, &made);
    }
    let judged = python("judge.py", &[&inputs, &outputs]);
    let report = String::from_utf8_lossy(&judged.stdout);
    assert!(judged.status.success(), "{report}{}", String::from_utf8_lossy(&judged.stderr));
    assert_eq!(report.lines().last(), Some(&*format!("{} pictures, 0 differ", files.len())));
}

#[test]
fn what_is_broken_or_of_a_kind_that_is_not_read_is_refused_for_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    make("refused", folder.path());
    let mut wrong = Vec::new();
    let codes = below(folder.path());
    assert!(codes.len() >= 4, "{codes:?}");
    for file in codes.iter().flat_map(|code| below(code)) {
        let code = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let recipe = Recipe::new(Fit::Inside, Some(16), None, Encoding::Png);
        let answer = render(&fs::read(&file).unwrap(), &[recipe], &Limits::default()).map(|_| ());
        if answer.as_ref().map_err(strongroom_imaging::Refusal::code) != Err(code) {
            wrong.push(format!("{} gave {answer:?}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The results that the other decoder looks at.
fn render_each(file: &[u8], name: &str, folder: &Path) {
    let jpeg = Encoding::Jpeg { quality: 90, progressive: false };
    let lossy = Encoding::WebP { quality: 80, lossless: false };
    let avif = Encoding::Avif { quality: 90 };
    let whole = |encoding| Recipe::new(Fit::Inside, None, None, encoding);
    let keeping = |encoding| Recipe { keep: Keep { copyright: true, ..Keep::default() }, ..whole(encoding) };
    let what = probe(file).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
    let half = Some((what.width.max(what.height) / 2).max(1));
    let progressive = Encoding::Jpeg { quality: 90, progressive: true };
    let recipes = [
        ("still.png", whole(Encoding::Png)),
        ("still.jpg", whole(jpeg)),
        ("progressive.jpg", whole(progressive)),
        ("lossy.webp", whole(lossy)),
        ("lossless.webp", whole(Encoding::WebP { quality: 50, lossless: true })),
        ("fitted.png", Recipe::new(Fit::Inside, half, half, Encoding::Png)),
        ("kept.jpg", keeping(jpeg)),
        ("kept.png", keeping(Encoding::Png)),
        ("kept.webp", keeping(lossy)),
        ("kept.avif", keeping(avif)),
    ];
    let (names, recipes): (Vec<&str>, Vec<Recipe>) = recipes.into_iter().unzip();
    let rendered = render(file, &recipes, &Limits::default()).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
    for (name, output) in names.iter().zip(rendered.outputs) {
        fs::write(folder.join(name), output.bytes).unwrap();
    }
}

/// Pillow writes four inks as they are, and Adobe's programs three of them as luma and chroma.
fn inks_as_luma_and_chroma(folder: &Path) {
    let samples: Vec<u8> = (0..64 * 48_u32)
        .flat_map(|at| {
            let (x, y) = (at % 64, at / 64);
            [x * 4, y * 5, 255 - x * 2, (x + y) * 2].map(|ink| u8::try_from(ink).unwrap())
        })
        .collect();
    for progressive in [false, true] {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 95);
        encoder.set_progressive(progressive);
        encoder.encode(&samples, 64, 48, ColorType::CmykAsYcck).unwrap();
        fs::write(folder.join(format!("jpeg-inks-as-luma-{progressive}.jpg")), file).unwrap();
    }
}

fn subfolder(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(&path).unwrap();
    path
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn make(what: &str, folder: &Path) {
    let made = python("make.py", &[Path::new(what), folder]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[expect(clippy::disallowed_methods, reason = "the test is told by the environment which Python has Pillow")]
fn python(script: &str, arguments: &[&Path]) -> Output {
    let python = std::env::var("STRONGROOM_TEST_PYTHON").expect(
        "STRONGROOM_TEST_PYTHON must name a Python that has Pillow and numpy: `cargo xtask test` makes one, or run \
         `python3 -m venv V && V/bin/pip install pillow pillow-heif pillow-jxl-plugin av numpy && V/bin/pip download \
         --no-deps --no-binary :all: --dest V/png-suite pypng` and set it to V/bin/python",
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(script);
    // It leaves nothing behind in the sources.
    Command::new(python).arg("-B").arg(script).args(arguments).output().expect("STRONGROOM_TEST_PYTHON can be started")
}
