//! What goes in and what comes out.

use jpeg_encoder::ColorType;
use strongroom_imaging::{Colour, Fit, Format, Limits, Orientation, Recipe, Refusal, probe, render};

use crate::studio::{
    AVIF, BLUE, GREEN, JPEG, PNG, Pixels, RED, WEBP, WEBP_LOSSLESS, WHITE, decode, exif, jpeg, jpeg_of, made, png,
    png_rgba, quarters, same, webp,
};

#[track_caller]
fn assert_quarters(pixels: &Pixels) {
    let (w, h) = (pixels.width, pixels.height);
    pixels.assert_near(w / 4, h / 4, RED);
    pixels.assert_near(w * 3 / 4, h / 4, GREEN);
    pixels.assert_near(w / 4, h * 3 / 4, BLUE);
    pixels.assert_near(w * 3 / 4, h * 3 / 4, WHITE);
}

#[test]
fn every_format_becomes_every_format() {
    let picture = quarters(120, 80);
    let inputs = [
        jpeg(&picture, |_| ()),
        jpeg(&picture, |encoder| encoder.set_progressive(true)),
        // Each colour in a scan of its own.
        jpeg(&picture, |encoder| encoder.set_optimized_huffman_tables(true)),
        png_rgba(&picture),
        webp(&picture, false),
        webp(&picture, true),
    ];
    for (number, input) in inputs.iter().enumerate() {
        for encoding in [JPEG, PNG, WEBP, WEBP_LOSSLESS, AVIF] {
            let output = made(input, Recipe::new(Fit::Inside, Some(60), None, encoding));
            assert_eq!((output.width, output.height, output.format), (60, 40, encoding.format()), "input {number}");
            assert_eq!(Format::of(&output.bytes), Some(encoding.format()));
            let pixels = decode(&output.bytes);
            assert_eq!((pixels.width, pixels.height), (60, 40), "input {number}");
            assert_quarters(&pixels);
        }
    }
}

#[test]
fn an_avif_can_have_any_size() {
    for (width, height) in [(1, 1), (1, 300), (300, 1), (2, 3), (17, 5), (63, 65), (129, 127)] {
        let picture = Pixels { width, height, data: vec![RED; (width * height) as usize] };
        let output = made(&png_rgba(&picture), Recipe::new(Fit::Inside, None, None, AVIF));
        assert_eq!((output.width, output.height), (width, height));
        let pixels = decode(&output.bytes);
        assert_eq!((pixels.width, pixels.height), (width, height));
        pixels.assert_near(width - 1, height - 1, RED);
    }
}

#[test]
fn an_avif_that_would_take_too_much_memory_is_refused() {
    let recipe = Recipe { enlarge: true, ..Recipe::new(Fit::Fill, Some(2000), Some(1000), AVIF) };
    let file = png_rgba(&quarters(16, 16));
    let refusal = render(&file, &[recipe], &Limits { memory: 64 << 20, ..Limits::default() }).unwrap_err();
    assert_eq!(refusal.code(), Refusal::TooMuchMemory { needed: 0, limit: 0 }.code(), "{refusal}");
}

#[test]
fn a_progressive_result_is_one() {
    let encoding = strongroom_imaging::Encoding::Jpeg { quality: 80, progressive: true };
    let output = made(&png_rgba(&quarters(64, 64)), Recipe::new(Fit::Inside, None, None, encoding));
    assert!(probe(&output.bytes).unwrap().scans > 1);
}

#[test]
fn all_eight_orientations_are_shown_upright() {
    // Each is stored as a camera would that was held like that, so that all look alike when shown.
    let upright = quarters(48, 32);
    for value in 1..=8_u16 {
        let orientation = Orientation::from_exif(value);
        let (width, height) = if orientation.swaps_sides() { (32, 48) } else { (48, 32) };
        let mut stored = Pixels { width, height, data: vec![[0; 4]; 48 * 32] };
        for y in 0..32 {
            for x in 0..48 {
                let (column, row) = match value {
                    1 => (x, y),
                    2 => (47 - x, y),
                    3 => (47 - x, 31 - y),
                    4 => (x, 31 - y),
                    5 => (y, x),
                    6 => (y, 47 - x),
                    7 => (31 - y, 47 - x),
                    _ => (31 - y, x),
                };
                stored.data[(row * width + column) as usize] = upright.at(x, y);
            }
        }
        let file = jpeg(&stored, |encoder| encoder.add_exif_metadata(&exif(value)).unwrap());
        let what = probe(&file).unwrap();
        assert_eq!((what.orientation, what.width, what.height), (orientation, 48, 32));
        assert_eq!((what.stored_width, what.stored_height), (width, height));
        for encoding in [JPEG, PNG, WEBP] {
            for size in [48, 24, 27] {
                let output = made(&file, Recipe::new(Fit::Inside, Some(size), None, encoding));
                let pixels = decode(&output.bytes);
                assert_eq!((pixels.width, pixels.height), (size, (size * 2 + 1) / 3));
                assert_quarters(&pixels);
                assert_eq!(probe(&output.bytes).unwrap().orientation, Orientation::Upright);
            }
        }
    }
}

#[test]
fn a_gray_jpeg_stays_gray() {
    let file = jpeg_of(&[90; 40 * 30], 40, 30, ColorType::Luma, |_| ());
    assert_eq!(probe(&file).unwrap().colour, Colour::Gray);
    let output = made(&file, Recipe::new(Fit::Inside, Some(20), None, JPEG));
    assert_eq!(probe(&output.bytes).unwrap().colour, Colour::Gray);
    same(&file).assert_near(5, 5, [90, 90, 90, 255]);
    decode(&made(&file, Recipe::new(Fit::Inside, Some(20), None, WEBP)).bytes).assert_near(5, 5, [90, 90, 90, 255]);
}

#[test]
fn every_kind_of_png_is_read() {
    use png::{BitDepth, ColorType};
    let wide = |value: u16| value.to_be_bytes();
    let cases: [(&str, Vec<u8>, [u8; 4]); 6] = [
        (
            "16 bits",
            png(
                2,
                2,
                ColorType::Rgb,
                BitDepth::Sixteen,
                &[wide(0xC8C8), wide(0x6464), wide(0x3232)].concat().repeat(4),
                |_| (),
            ),
            [200, 100, 50, 255],
        ),
        (
            "gray and alpha",
            png(2, 2, ColorType::GrayscaleAlpha, BitDepth::Eight, &[120, 255].repeat(4), |_| ()),
            [120, 120, 120, 255],
        ),
        ("1 bit", png(2, 2, ColorType::Grayscale, BitDepth::One, &[0b1100_0000; 2], |_| ()), [255, 255, 255, 255]),
        (
            "palette",
            png(2, 2, ColorType::Indexed, BitDepth::Eight, &[1; 4], |encoder| {
                encoder.set_palette(vec![0, 0, 0, 10, 20, 30]);
            }),
            [10, 20, 30, 255],
        ),
        (
            "palette with alpha",
            png(2, 2, ColorType::Indexed, BitDepth::Eight, &[1; 4], |encoder| {
                encoder.set_palette(vec![0, 0, 0, 10, 20, 30]);
                encoder.set_trns(vec![255, 0]);
            }),
            [0, 0, 0, 0],
        ),
        (
            "alpha",
            png(2, 2, ColorType::Rgba, BitDepth::Eight, &[200, 100, 50, 128].repeat(4), |_| ()),
            [199, 100, 50, 128],
        ),
    ];
    for (name, file, wanted) in cases {
        let pixels = same(&file);
        for pixel in &pixels.data {
            assert!(pixel.iter().zip(wanted).all(|(got, wanted)| got.abs_diff(wanted) <= 1), "{name}: {pixel:?}");
        }
    }
}

#[test]
fn transparency_survives_where_there_is_some_and_is_flattened_where_not() {
    let mut picture = quarters(80, 80);
    for (at, pixel) in picture.data.iter_mut().enumerate() {
        if at % 80 < 40 {
            // Black that nobody sees must not darken the edge.
            *pixel = [0, 0, 0, 0];
        }
    }
    for input in [png_rgba(&picture), webp(&picture, true)] {
        assert!(probe(&input).unwrap().alpha);
        for encoding in [PNG, WEBP, WEBP_LOSSLESS, AVIF] {
            let pixels = decode(&made(&input, Recipe::new(Fit::Inside, Some(40), None, encoding)).bytes);
            assert_eq!(pixels.at(5, 5)[3], 0);
            pixels.assert_near(30, 5, GREEN);
        }
        let mut recipe = Recipe::new(Fit::Inside, Some(40), None, JPEG);
        recipe.background = [10, 200, 250, 255];
        let flat = decode(&made(&input, recipe).bytes);
        flat.assert_near(5, 5, [10, 200, 250, 255]);
        flat.assert_near(35, 5, GREEN);
    }
}
