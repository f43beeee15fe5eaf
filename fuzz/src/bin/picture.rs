//! Throws files at everything that reads pictures. The first byte of an input says what is to be made of the rest.
#![no_main]

use std::sync::atomic::{AtomicU32, Ordering};

use libfuzzer_sys::fuzz_target;
use strongroom_imaging::{Encoding, Fit, Gravity, Limits, Recipe, probe, render};

/// Pixels of a picture, few enough for many inputs a second.
const PIXELS: u64 = 1 << 16;

/// How often the work may ask whether it shall go on.
const QUESTIONS: u32 = 10_000;

fuzz_target!(|data: &[u8]| {
    let Some((wish, file)) = data.split_first() else { return };
    let known = probe(file);
    if let Ok(probe) = &known {
        assert!(probe.width > 0 && probe.height > 0 && probe.frames > 0, "{probe:?}");
    }
    let asked = AtomicU32::new(0);
    let keep_going = || asked.fetch_add(1, Ordering::Relaxed) < QUESTIONS;
    let limits = Limits {
        pixels: PIXELS,
        frames: 16,
        animation: 4 * PIXELS,
        scans: 16,
        memory: 32 << 20,
        output: 4 << 20,
        keep_going: &keep_going,
    };
    let recipe = recipe(*wish);
    let Ok(rendered) = render(file, &[recipe], &limits) else { return };
    assert_eq!(known.as_ref(), Ok(&rendered.probe));
    let output = &rendered.outputs[0];
    let made = probe(&output.bytes).expect("what was made can be read");
    assert_eq!((made.width, made.height, made.format), (output.width, output.height, output.format));
    assert!(u64::from(made.width) * u64::from(made.height) <= PIXELS, "{made:?}");
});

fn recipe(wish: u8) -> Recipe {
    let fit = [Fit::Inside, Fit::Cover, Fit::Contain, Fit::Fill][usize::from(wish & 3)];
    let encoding = [
        Encoding::Jpeg { quality: 60, progressive: wish & 32 != 0 },
        Encoding::Png,
        Encoding::WebP { quality: 60, lossless: false },
        Encoding::WebP { quality: 10, lossless: true },
    ][usize::from(wish >> 2 & 3)];
    let mut recipe = Recipe::new(fit, Some(24), Some(16), encoding);
    recipe.gravity = if wish & 16 == 0 { Gravity::Centre } else { Gravity::Attention };
    recipe.keep.copyright = wish & 64 != 0;
    recipe.keep.wide_gamut = wish & 128 != 0;
    recipe
}
