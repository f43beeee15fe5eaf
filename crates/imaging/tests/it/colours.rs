//! Colours that are not sRGB become sRGB, or stay what they are when that is asked for.

use jpeg_encoder::{ColorType, SamplingFactor};
use moxcms::ColorProfile;
use strongroom_imaging::{Colour, Fit, Keep, Recipe, probe};

use crate::studio::{JPEG, PNG, Pixels, WEBP, decode, jpeg, jpeg_of, made, png, same};

/// All of it the same colour.
fn plain(colour: [u8; 3]) -> Pixels {
    Pixels { width: 32, height: 32, data: vec![[colour[0], colour[1], colour[2], 255]; 32 * 32] }
}

#[test]
fn a_wide_profile_becomes_srgb() {
    let p3 = ColorProfile::new_display_p3().encode().unwrap();
    let file = jpeg(&plain([200, 100, 50]), |encoder| encoder.add_icc_profile(&p3).unwrap());
    assert!(probe(&file).unwrap().icc);
    // As lcms computes it.
    same(&file).assert_near(9, 9, [213, 97, 36, 255]);
    let output = made(&file, Recipe::new(Fit::Inside, Some(16), None, JPEG));
    assert!(!probe(&output.bytes).unwrap().icc);
}

#[test]
fn a_wide_profile_goes_along_when_it_is_to_be_kept() {
    let p3 = ColorProfile::new_display_p3().encode().unwrap();
    let file = jpeg(&plain([200, 100, 50]), |encoder| encoder.add_icc_profile(&p3).unwrap());
    for encoding in [JPEG, PNG, WEBP] {
        let mut recipe = Recipe::new(Fit::Inside, Some(16), None, encoding);
        recipe.keep = Keep { wide_gamut: true, ..Keep::default() };
        let output = made(&file, recipe);
        assert!(probe(&output.bytes).unwrap().icc);
        decode(&output.bytes).assert_near(5, 5, [200, 100, 50, 255]);
    }
}

#[test]
fn the_profile_of_a_png_counts_too() {
    let p3 = ColorProfile::new_display_p3().encode().unwrap();
    let mut info = png::Info::with_size(4, 4);
    info.color_type = png::ColorType::Rgb;
    info.bit_depth = png::BitDepth::Eight;
    info.icc_profile = Some(p3.into());
    let mut file = Vec::new();
    let mut writer = png::Encoder::with_info(&mut file, info).unwrap().write_header().unwrap();
    writer.write_image_data(&[200, 100, 50].repeat(16)).unwrap();
    writer.finish().unwrap();
    assert!(probe(&file).unwrap().icc);
    same(&file).assert_near(1, 1, [213, 97, 36, 255]);
}

#[test]
fn a_damaged_profile_is_taken_as_none() {
    let file = jpeg(&plain([200, 100, 50]), |encoder| encoder.add_icc_profile(&[7; 300]).unwrap());
    same(&file).assert_near(9, 9, [200, 100, 50, 255]);
}

#[test]
fn four_inks_become_three_lights() {
    // No cyan, all magenta, no yellow, a fifth of black; the encoder writes it inverted, as Adobe's programs do.
    let inks = [0, 255, 0, 51].repeat(32 * 32);
    for kind in [ColorType::Cmyk, ColorType::CmykAsYcck] {
        for sampling in [SamplingFactor::R_4_4_4, SamplingFactor::R_4_2_0] {
            for progressive in [false, true] {
                let file = jpeg_of(&inks, 32, 32, kind, |encoder| {
                    encoder.set_sampling_factor(sampling);
                    encoder.set_progressive(progressive);
                });
                assert_eq!(probe(&file).unwrap().colour, Colour::Cmyk);
                same(&file).assert_near(9, 9, [204, 0, 204, 255]);
                same(&file).assert_near(30, 30, [204, 0, 204, 255]);
            }
        }
    }
}

/// What is printed with all inks is the darkest there is on paper; on a screen it is black.
#[test]
fn black_on_paper_is_black_on_a_screen() {
    let profile = profile_of_inks();
    // As lcms computes them with black-point compensation: nothing, all inks, black alone, cyan alone, a grey of three.
    for (inks, colour) in [
        ([0, 0, 0, 0], [255, 255, 255]),
        ([255, 255, 255, 255], [0, 0, 0]),
        ([0, 0, 0, 255], [61, 65, 66]),
        ([255, 0, 0, 0], [0, 176, 238]),
        ([128, 128, 128, 0], [189, 140, 124]),
    ] {
        let file = jpeg_of(&inks.repeat(32 * 32), 32, 32, ColorType::Cmyk, |encoder| {
            encoder.add_icc_profile(&profile).unwrap();
        });
        let [r, g, b] = colour;
        same(&file).assert_near(9, 9, [r, g, b, 255]);
    }
}

/// Lightness, and how far from grey, of nothing, black, yellow, yellow and black, magenta and so on to all four inks.
#[rustfmt::skip]
const COLOURS: [[u8; 3]; 16] = [
    [255, 128, 128], [76, 128, 128], [229, 123, 208], [69, 128, 136],
    [153, 203, 125], [46, 136, 128], [138, 198, 205], [41, 135, 136],
    [166, 93, 83], [50, 124, 124], [149, 88, 163], [45, 124, 132],
    [99, 168, 80], [30, 132, 123], [90, 163, 160], [27, 132, 131],
];

/// A profile as printers have them, with as little as one can have: the colour of each mixture of full inks.
fn profile_of_inks() -> Vec<u8> {
    let mut table = b"mft1\0\0\0\0\x04\x03\x02\0".to_vec();
    for number in [1, 0, 0, 0, 1, 0, 0, 0, 1] {
        table.extend((number * 0x1_0000_i32).to_be_bytes());
    }
    let levels = || 0..=255_u8;
    table.extend((0..4).flat_map(|_| levels()));
    table.extend(COLOURS.as_flattened());
    table.extend((0..3).flat_map(|_| levels()));
    let mut white = b"XYZ \0\0\0\0".to_vec();
    let d50 = [0xf6d6, 0x1_0000, 0xd32d_u32];
    white.extend(d50.iter().flat_map(|value| value.to_be_bytes()));
    let mut header = vec![0; 128];
    let start = 128 + 4 + 2 * 12;
    let whole = start + table.len() + white.len();
    let number = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
    header[..4].copy_from_slice(&number(whole));
    header[8] = 2;
    header[12..24].copy_from_slice(b"prtrCMYKLab ");
    header[36..40].copy_from_slice(b"acsp");
    header[68..80].copy_from_slice(&white[8..]);
    header.extend(2_u32.to_be_bytes());
    for (name, offset, length) in [(b"A2B0", start, table.len()), (b"wtpt", start + table.len(), white.len())] {
        header.extend(name);
        header.extend(number(offset));
        header.extend(number(length));
    }
    [header, table, white].concat()
}

#[test]
fn sixteen_bits_are_rounded_to_eight() {
    let samples = 0x8080_u16.to_be_bytes().repeat(3 * 16);
    let file = png(4, 4, png::ColorType::Rgb, png::BitDepth::Sixteen, &samples, |_| ());
    assert_eq!(probe(&file).unwrap().bit_depth, 16);
    assert_eq!(same(&file).at(1, 1), [128, 128, 128, 255]);
}
