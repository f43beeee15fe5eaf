//! What is too much, damaged or nothing is refused with a code, before it costs anything.

use std::sync::atomic::{AtomicU32, Ordering};

use strongroom_imaging::{Fit, Limits, Recipe, Refusal, probe, render};

use crate::studio::{JPEG, WEBP, jpeg, jpeg_of, png, png_rgba, quarters, webp};

fn refusal(file: &[u8], limits: &Limits<'_>) -> Refusal {
    render(file, &[Recipe::new(Fit::Inside, Some(16), None, JPEG)], limits).unwrap_err()
}

#[test]
fn more_pixels_than_are_taken_are_refused() {
    let limits = Limits { pixels: 1000, ..Limits::default() };
    for file in [jpeg(&quarters(64, 64), |_| ()), png_rgba(&quarters(64, 64)), webp(&quarters(64, 64), false)] {
        assert_eq!(refusal(&file, &limits).code(), "picture-too-many-pixels");
    }
    // What is asked for counts, too.
    let mut recipe = Recipe::new(Fit::Inside, Some(640), None, JPEG);
    recipe.enlarge = true;
    let refusal = render(&png_rgba(&quarters(16, 16)), &[recipe], &limits).unwrap_err();
    assert_eq!(refusal.code(), "picture-too-many-pixels");
}

#[test]
fn a_claim_of_gigabytes_is_refused_from_the_header() {
    let mut file = png(1, 1, png::ColorType::Rgba, png::BitDepth::Eight, &[0; 4], |_| ());
    file[16..20].copy_from_slice(&30_000_u32.to_be_bytes());
    file[20..24].copy_from_slice(&20_000_u32.to_be_bytes());
    assert_eq!(refusal(&file, &Limits::default()).code(), "picture-too-many-pixels");
    let limits = Limits { pixels: u64::MAX, ..Limits::default() };
    assert_eq!(refusal(&file, &limits).code(), "picture-too-much-memory");
}

#[test]
fn a_jpeg_of_thousands_of_scans_is_refused_at_once() {
    let small = jpeg(&quarters(64, 64), |encoder| encoder.set_progressive(true));
    assert!(render(&small, &[Recipe::new(Fit::Inside, Some(16), None, JPEG)], &Limits::default()).is_ok());
    // The last scan, again and again.
    let start = small.windows(2).rposition(|bytes| bytes == [0xFF, 0xDA]).unwrap();
    let (head, scan) = small[..small.len() - 2].split_at(start);
    let mut file = head.to_vec();
    (0..5000).for_each(|_| file.extend_from_slice(scan));
    file.extend([0xFF, 0xD9]);
    let limits = Limits::default();
    let refusal = refusal(&file, &limits);
    assert!(matches!(refusal, Refusal::TooManyScans { scans: 5000.., limit: 100 }), "{refusal:?}");
}

#[test]
fn too_much_memory_is_refused_before_it_is_taken() {
    let limits = Limits { memory: 10_000, ..Limits::default() };
    let baseline = jpeg(&quarters(56, 56), |_| ());
    assert!(render(&baseline, &[Recipe::new(Fit::Inside, Some(16), None, JPEG)], &limits).is_ok());
    // A progressive one keeps its coefficients as well.
    let progressive = jpeg(&quarters(56, 56), |encoder| encoder.set_progressive(true));
    assert_eq!(refusal(&progressive, &limits).code(), "picture-too-much-memory");
}

#[test]
fn a_result_that_is_too_long_is_refused() {
    let limits = Limits { output: 100, ..Limits::default() };
    assert_eq!(refusal(&png_rgba(&quarters(64, 64)), &limits).code(), "picture-too-many-bytes");
}

#[test]
fn nobody_waits_any_longer_is_noticed_at_every_step() {
    let file = png_rgba(&quarters(300, 300));
    let recipes = [Recipe::new(Fit::Inside, None, None, WEBP)];
    let questions = AtomicU32::new(0);
    let count = || {
        questions.fetch_add(1, Ordering::Relaxed);
        true
    };
    render(&file, &recipes, &Limits { keep_going: &count, ..Limits::default() }).unwrap();
    let asked = questions.load(Ordering::Relaxed);
    assert!(asked > 5, "it was asked {asked} times");
    for last in 0..asked {
        let left = AtomicU32::new(last);
        let answer = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        let refusal = render(&file, &recipes, &Limits { keep_going: &answer, ..Limits::default() }).unwrap_err();
        assert_eq!(refusal, Refusal::OutOfTime, "after {last} answers");
        assert!(refusal.may_pass_later());
    }
}

#[test]
fn what_ends_too_early_is_refused() {
    let picture = quarters(120, 80);
    let files = [
        jpeg(&picture, |_| ()),
        jpeg(&picture, |encoder| encoder.set_progressive(true)),
        png_rgba(&picture),
        webp(&picture, false),
        webp(&picture, true),
    ];
    for file in files {
        for share in [1, 10, 30, 50, 70, 90, 99] {
            let cut = &file[..file.len() * share / 100];
            let refusal = refusal(cut, &Limits::default());
            assert!(
                ["picture-truncated", "picture-damaged", "not-a-picture"].contains(&refusal.code()),
                "at {share} %: {refusal:?}"
            );
        }
    }
}

#[test]
fn pixels_that_are_not_those_that_were_written_are_refused() {
    let mut file = png_rgba(&quarters(120, 80));
    // The sum over the pixels stands right before the last chunk, which has twelve bytes.
    let sum = file.len() - 13;
    file[sum] ^= 1;
    assert_eq!(refusal(&file, &Limits::default()).code(), "picture-damaged");
}

#[test]
fn kinds_of_jpeg_that_nobody_uses_are_named() {
    let file = jpeg_of(&[7; 64], 8, 8, jpeg_encoder::ColorType::Luma, |_| ());
    let frame = file.windows(2).position(|bytes| bytes == [0xFF, 0xC0]).unwrap();
    let with = |marker: u8, depth: u8| {
        let mut file = file.clone();
        file[frame + 1] = marker;
        file[frame + 4] = depth;
        probe(&file).unwrap_err()
    };
    let twelve = with(0xC1, 12);
    assert_eq!(twelve.code(), "picture-unsupported");
    assert!(twelve.to_string().contains("12 bits"), "{twelve}");
    assert_eq!(with(0xC9, 8).code(), "picture-unsupported");
    assert_eq!(with(0xC3, 8).code(), "picture-unsupported");
}

#[test]
fn what_is_no_picture_is_said_to_be_none() {
    for file in [&b""[..], b"%PDF-1.7", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"RIFF\x04\0\0\0WAVE", &[0; 5000]]
    {
        assert_eq!(probe(file).unwrap_err(), Refusal::NotAPicture);
    }
}

#[test]
fn flipped_bits_never_panic() {
    let picture = quarters(40, 40);
    let files = [
        jpeg(&picture, |_| ()),
        jpeg(&picture, |encoder| encoder.set_progressive(true)),
        png_rgba(&picture),
        webp(&picture, false),
        webp(&picture, true),
    ];
    let patience = Limits { pixels: 1_000_000, ..Limits::default() };
    for file in files {
        for at in 0..file.len().min(1500) {
            let mut file = file.clone();
            file[at] ^= 1 << (at % 8);
            let _either = render(&file, &[Recipe::new(Fit::Inside, Some(16), None, JPEG)], &patience);
        }
    }
}
