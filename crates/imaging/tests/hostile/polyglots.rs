//! Files that are two things at once: they are read as the picture that they begin with, and nothing else of them is left
//! in what is made of it.

use strongroom_imaging::{Encoding, Fit, Format, Limits, Recipe, render};

use crate::bounds::answer;
use crate::files::{chunk, gif, jpeg, png, riff, segment, webp};

const PAGE: &[u8] = b"<html><script>alert('HARM')</script></html>";
/// An archive with one empty file, which is found from its end.
const ARCHIVE: &[u8] =
    b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0HARM\
    PK\x05\x06\0\0\0\0\x01\0\x01\0\x32\0\0\0\0\0\0\0\0\0";

/// Makes every kind of result and looks for what must not be there.
#[track_caller]
fn leaves_nothing(name: &str, file: &[u8], format: Format) {
    assert_eq!(Format::of(file), Some(format), "{name}");
    answer(name, file).unwrap();
    let encodings = [
        Encoding::Jpeg { quality: 90, progressive: false },
        Encoding::Jpeg { quality: 90, progressive: true },
        Encoding::Png,
        Encoding::WebP { quality: 90, lossless: false },
        Encoding::WebP { quality: 90, lossless: true },
        Encoding::Avif { quality: 90 },
    ];
    let recipes = encodings.map(|encoding| {
        let mut recipe = Recipe::new(Fit::Inside, None, None, encoding);
        recipe.keep.copyright = true;
        recipe.keep.wide_gamut = true;
        recipe
    });
    for output in render(file, &recipes, &Limits::default()).unwrap().outputs {
        for harm in [&b"HARM"[..], b"<script", b"<html", b"PK\x01\x02", b"PK\x05\x06", b"%PDF", b"*/="] {
            let found = output.bytes.windows(harm.len()).any(|window| window == harm);
            assert!(!found, "{name}: {} is in a {}", String::from_utf8_lossy(harm), output.format);
        }
    }
}

#[test]
fn what_hangs_on_a_picture_is_not_in_its_results() {
    for tail in [PAGE, ARCHIVE, b"%PDF-1.7 HARM"] {
        leaves_nothing("a JPEG", &[&jpeg(b""), tail].concat(), Format::Jpeg);
        leaves_nothing("a PNG", &[&png(4, 4, 2, b"", 52, b""), tail].concat(), Format::Png);
        leaves_nothing("a GIF", &[&gif(b"", 1), tail].concat(), Format::Gif);
        leaves_nothing("a WebP", &[&webp(0, b"", b""), tail].concat(), Format::WebP);
    }
}

#[test]
fn what_hides_in_a_picture_is_not_in_its_results() {
    for harm in [PAGE, ARCHIVE] {
        leaves_nothing("a comment", &jpeg(&segment(0xFE, harm)), Format::Jpeg);
        leaves_nothing("XMP", &jpeg(&segment(0xE1, harm)), Format::Jpeg);
        leaves_nothing("something private", &jpeg(&segment(0xEF, harm)), Format::Jpeg);
        leaves_nothing("a text", &png(4, 4, 2, &chunk(*b"tEXt", &[b"a\0", harm].concat()), 52, b""), Format::Png);
        leaves_nothing("a private chunk", &png(4, 4, 2, &chunk(*b"prVt", harm), 52, b""), Format::Png);
        leaves_nothing("data behind the pixels", &png(4, 4, 2, b"", 52, &chunk(*b"IDAT", harm)), Format::Png);
        leaves_nothing("an unknown chunk", &webp(0, &riff(*b"abcd", harm), &riff(*b"XMP ", harm)), Format::WebP);
        let comment = [b"!\xFE", &[u8::try_from(harm.len()).unwrap()][..], harm, b"\0"].concat();
        leaves_nothing("a comment of a GIF", &gif(&comment, 1), Format::Gif);
    }
}

/// `GIF89a/*` and `*/=alert()` make a GIF that is a program, too.
#[test]
fn a_gif_that_is_a_program_is_a_picture_alone_afterwards() {
    let mut file = gif(b"", 1);
    file[6..8].copy_from_slice(b"/*");
    file[8..10].copy_from_slice(&[8, 0]);
    file.extend(b"*/=1;alert('HARM')");
    leaves_nothing("a program", &file, Format::Gif);
}

#[test]
fn what_does_not_begin_as_a_picture_is_none() {
    for head in [PAGE, ARCHIVE, b"%PDF-1.7", b" ", b"\n", b"\xEF\xBB\xBF", b"#!/bin/sh\n"] {
        for picture in [jpeg(b""), png(4, 4, 2, b"", 52, b""), gif(b"", 1), webp(0, b"", b"")] {
            let refusal = answer("a picture behind something else", &[head, &picture].concat()).unwrap_err();
            assert_eq!(refusal.code(), "not-a-picture");
        }
    }
}
