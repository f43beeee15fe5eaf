//! JPEG XL: what another encoder writes is read, within limits.

use strongroom_imaging::{Colour, Fit, Format, Limits, Recipe, probe, render};
use zune_jpeg::zune_core::bit_depth::BitDepth;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::EncoderOptions;
use zune_jpegxl::JxlSimpleEncoder;

use crate::studio::{BLUE, GREEN, JPEG, Pixels, RED, WEBP, WHITE, decode, made, quarters, rgb, same};

fn jxl(samples: &[u8], width: usize, height: usize, colours: ColorSpace, depth: BitDepth) -> Vec<u8> {
    let mut file = Vec::new();
    let options = EncoderOptions::new(width, height, colours, depth);
    JxlSimpleEncoder::new(samples, options).encode(&mut file).unwrap();
    file
}

fn of(picture: &Pixels) -> Vec<u8> {
    jxl(&rgb(picture), picture.width as usize, picture.height as usize, ColorSpace::RGB, BitDepth::Eight)
}

/// What libjxl writes, lossy as photographs are; the first byte is for the fuzzer.
fn lossy() -> &'static [u8] {
    &include_bytes!("../../../../fuzz/corpus/picture/jxl")[1..]
}

/// The same with a red that nobody sees.
fn lossy_with_alpha() -> &'static [u8] {
    &include_bytes!("../../../../fuzz/corpus/picture/jxl-alpha")[1..]
}

/// A box of a container.
fn boxed(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len() + 8).unwrap().to_be_bytes()[..], &kind, content].concat()
}

#[track_caller]
fn assert_quarters(pixels: &Pixels) {
    let (w, h) = (pixels.width, pixels.height);
    for (x, y, wanted) in [(1, 1, RED), (3, 1, GREEN), (1, 3, BLUE), (3, 3, WHITE)] {
        pixels.assert_near(w * x / 4, h * y / 4, wanted);
    }
}

#[test]
fn a_jpeg_xl_of_every_usual_kind_is_read() {
    let picture = quarters(60, 40);
    let file = of(&picture);
    let what = probe(&file).unwrap();
    assert_eq!((what.format, what.width, what.height, what.alpha), (Format::Jxl, 60, 40, false));
    assert_quarters(&same(&file));
    assert_quarters(&decode(&made(&file, Recipe::new(Fit::Inside, Some(30), None, WEBP)).bytes));

    let wide: Vec<u8> = rgb(&picture).iter().flat_map(|level| [*level, *level]).collect();
    let file = jxl(&wide, 60, 40, ColorSpace::RGB, BitDepth::Sixteen);
    assert_eq!(probe(&file).unwrap().bit_depth, 16);
    assert_quarters(&same(&file));

    let gray = jxl(&[90; 12 * 8], 12, 8, ColorSpace::Luma, BitDepth::Eight);
    assert_eq!(probe(&gray).unwrap().colour, Colour::Gray);
    same(&gray).assert_near(5, 5, [90, 90, 90, 255]);
}

#[test]
fn what_libjxl_writes_is_read() {
    let what = probe(lossy()).unwrap();
    assert_eq!((what.format, what.width, what.height, what.alpha), (Format::Jxl, 60, 40, false));
    assert_quarters(&same(lossy()));
    assert!(probe(lossy_with_alpha()).unwrap().alpha);
    let pixels = same(lossy_with_alpha());
    assert!(pixels.at(5, 5)[3] < 5);
    pixels.assert_near(50, 5, GREEN);
    pixels.assert_near(50, 35, WHITE);
}

#[test]
fn a_jpeg_xl_in_a_container_is_read_and_nothing_else_of_it() {
    let (first, second) = lossy().split_at(100);
    let part = |number: u32, bytes: &[u8]| boxed(*b"jxlp", &[&number.to_be_bytes()[..], bytes].concat());
    let head = [boxed(*b"JXL ", b"\r\n\x87\n"), boxed(*b"ftyp", b"jxl \0\0\0\0jxl ")].concat();
    // What is packed may become as long as it likes, so nobody looks whether it can be unpacked.
    let packed = boxed(*b"brob", b"Exif\xFF\xFF\xFF\xFF\xFF\xFF");
    let whole = [&head[..], &packed, &boxed(*b"jxlc", lossy())].concat();
    let parts = [&head[..], &part(0, first), &packed, &part(0x8000_0001, second)].concat();
    for file in [&whole, &parts] {
        assert_eq!(probe(file).unwrap().format, Format::Jxl);
        assert_eq!(same(file), same(lossy()));
        let refusal = render(&file[..file.len() - 40], &[], &Limits::default()).unwrap_err();
        assert_eq!(refusal.code(), "picture-truncated");
    }
}

#[test]
fn a_jpeg_xl_that_is_decoded_in_bands_is_whole() {
    // More than four million pixels, and the last of them in a band of their own.
    let picture = quarters(2100, 2100);
    let file = of(&picture);
    let what = probe(&file).unwrap();
    assert!(what.memory < 2100 * 2100 * 3 * 16, "{what:?}");
    let pixels = decode(&made(&file, Recipe::new(Fit::Inside, None, None, JPEG)).bytes);
    assert_quarters(&pixels);
    for (x, y, wanted) in [(9, 1900, BLUE), (9, 2090, BLUE), (2090, 2000, WHITE), (2090, 9, GREEN)] {
        pixels.assert_near(x, y, wanted);
    }
}

#[test]
fn a_transparent_jpeg_xl_stays_transparent() {
    let mut picture = quarters(60, 40);
    picture.data.iter_mut().filter(|pixel| **pixel == RED).for_each(|pixel| pixel[3] = 0);
    let file = jxl(&picture.data.concat(), 60, 40, ColorSpace::RGBA, BitDepth::Eight);
    assert!(probe(&file).unwrap().alpha);
    let pixels = same(&file);
    assert_eq!(pixels.at(5, 5)[3], 0);
    pixels.assert_near(50, 5, GREEN);
    let gray = jxl(&[200, 255, 200, 0].repeat(32), 8, 8, ColorSpace::LumaA, BitDepth::Eight);
    assert_eq!((same(&gray).at(0, 0), same(&gray).at(1, 0)[3]), ([200, 200, 200, 255], 0));
}

#[test]
fn a_jpeg_xl_that_is_too_large_damaged_or_cut_is_refused() {
    for file in [&of(&quarters(60, 40))[..], lossy(), lossy_with_alpha()] {
        too_large_damaged_or_cut(file);
    }
}

fn too_large_damaged_or_cut(file: &[u8]) {
    let recipe = [Recipe::new(Fit::Inside, Some(16), None, JPEG)];
    let refused = |limits: &Limits<'_>| render(file, &recipe, limits).unwrap_err().code();
    assert_eq!(refused(&Limits { pixels: 2399, ..Limits::default() }), "picture-too-many-pixels");
    assert_eq!(refused(&Limits { memory: 2400 * 12, ..Limits::default() }), "picture-too-much-memory");
    let limits = Limits { pixels: 100_000, ..Limits::default() };
    for length in 0..file.len() {
        let refusal = render(&file[..length], &recipe, &limits).unwrap_err();
        let codes = ["picture-truncated", "picture-damaged", "not-a-picture"];
        assert!(codes.contains(&refusal.code()), "{length} of {}: {refusal:?}", file.len());
    }
    for at in 0..file.len().min(200) {
        for bit in [at % 8, (at + 3) % 8] {
            let mut file = file.to_vec();
            file[at] ^= 1 << bit;
            let _either = render(&file, &recipe, &limits);
        }
    }
}

#[test]
fn a_jpeg_xl_of_a_few_bytes_that_claims_gigabytes_is_refused_from_its_header() {
    // Bare, a size of 30 bits for each side: all of them set, and nothing behind.
    let mut file = b"\xFF\x0A".to_vec();
    file.extend([0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
    file.resize(200, 0);
    let refusal = render(&file, &[Recipe::new(Fit::Inside, Some(16), None, JPEG)], &Limits::default()).unwrap_err();
    assert!(["picture-too-many-pixels", "picture-damaged"].contains(&refusal.code()), "{refusal:?}");
}
