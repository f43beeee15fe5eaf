//! Pictures at the limits are given up soon after nobody waits for them any longer, whatever is being done with them then.

use std::time::Duration;

use strongroom_imaging::{Encoding, Fit, Limits, Recipe, Refusal, render};

use crate::bounds::{in_turn, worked};
use crate::pieces::{chunk, deflated, png};

/// How long somebody waits, and how long it may take to notice that nobody does any longer.
const WAITED: Duration = Duration::from_millis(100);
const NOTICED: Duration = Duration::from_millis(1500);

/// Makes something of a file that takes longer than anybody waits.
#[track_caller]
fn given_up(name: &str, file: &[u8], recipe: Recipe) {
    let _turn = in_turn();
    let before = worked();
    let keep_going = || worked().saturating_sub(before) < WAITED;
    let limits = Limits { memory: 1 << 30, keep_going: &keep_going, ..Limits::default() };
    let refusal = render(file, &[recipe], &limits).map(|rendered| rendered.steps);
    let took = worked().saturating_sub(before);
    assert_eq!(refusal, Err(Refusal::OutOfTime), "{name} took {took:?}");
    assert!(took < WAITED + NOTICED, "{name} was given up after {took:?}");
}

fn small(encoding: Encoding) -> Recipe {
    Recipe::new(Fit::Inside, Some(24), Some(24), encoding)
}

const JPEG: Encoding = Encoding::Jpeg { quality: 80, progressive: false };

#[test]
fn large_pngs() {
    // Of many rows, and of few; a byte in front of each row says how it is filtered.
    for (width, height) in [(400, 250_000), (50_000, 2_000)] {
        let zeroes = (width as usize * 3 + 1) * height as usize;
        given_up("a PNG", &png(width, height, 2, b"", zeroes, b""), small(JPEG));
    }
}

/// A JPEG of that many grey pixels in that many passes, each of which has something to say about the same frequencies.
fn passes(side: u16, again: usize) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 80);
    encoder.set_progressive(true);
    let samples: Vec<u8> = (0..=250).cycle().take(usize::from(side).pow(2)).collect();
    encoder.encode(&samples, side, side, jpeg_encoder::ColorType::Luma).unwrap();
    let start = file.windows(2).rposition(|bytes| bytes == [0xFF, 0xDA]).unwrap();
    let pass = file[start..file.len() - 2].repeat(again);
    file.splice(start..start, pass);
    file
}

#[test]
fn large_jpegs() {
    let mut file = Vec::new();
    jpeg_encoder::Encoder::new(&mut file, 80)
        .encode(&vec![120; 10_000 * 10_000], 10_000, 10_000, jpeg_encoder::ColorType::Luma)
        .unwrap();
    given_up("a JPEG", &file, Recipe::new(Fit::Inside, Some(8192), None, JPEG));
    given_up("a JPEG of many passes", &passes(3000, 80), Recipe::new(Fit::Inside, Some(8192), None, JPEG));
}

#[test]
fn a_large_interlaced_png() {
    let (width, height) = (10_000_usize, 8_000_usize);
    // Where each pass begins, and how far its pixels lie apart.
    let passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
    let bytes = passes
        .map(|(left, top, across, down)| ((width - left).div_ceil(across) * 3 + 1) * (height - top).div_ceil(down));
    let header = [&10_000_u32.to_be_bytes()[..], &8_000_u32.to_be_bytes(), &[8, 2, 0, 0, 1]].concat();
    let data = deflated(bytes.iter().sum());
    let parts = [chunk(*b"IHDR", &header), chunk(*b"IDAT", &data), chunk(*b"IEND", b"")].concat();
    given_up("a PNG", &[&b"\x89PNG\r\n\x1A\n"[..], &parts].concat(), small(JPEG));
}

#[test]
fn a_large_gif() {
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, 5_000, 5_000, &[0, 0, 0, 255, 255, 255]).unwrap();
    let frame = gif::Frame::from_indexed_pixels(5_000, 5_000, vec![1; 25_000_000], None);
    encoder.write_frame(&frame).unwrap();
    drop(encoder);
    given_up("a GIF", &file, small(JPEG));
}

#[test]
fn large_results() {
    let lossy = Encoding::WebP { quality: 80, lossless: false };
    let progressive = Encoding::Jpeg { quality: 80, progressive: true };
    for encoding in [JPEG, progressive, Encoding::Png, lossy, Encoding::WebP { quality: 50, lossless: true }] {
        for blur in [0.0, 100.0] {
            let mut recipe = Recipe::new(Fit::Fill, Some(8192), Some(8192), encoding);
            recipe.enlarge = true;
            recipe.blur = blur;
            given_up(&format!("{encoding:?} with a blur of {blur}"), &png(16, 16, 2, b"", 49 * 16, b""), recipe);
        }
    }
}
