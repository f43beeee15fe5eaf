//! Small files that claim, or unpack to, far more than they have: pixels, frames, passes, parts.

use strongroom_imaging::Refusal;

use crate::bounds::{answer, refused};
use crate::pieces::{chunk, claiming_jpeg, deflated, gif, jpeg, moving_webp, passes, png, riff, segment, webp};

#[test]
fn gigabytes_that_are_claimed_in_two_hundred_bytes_are_refused() {
    // More pixels than are taken, as many as are taken with more memory than there is, and as much as there is.
    for (width, height, code) in [
        (26_000, 26_000, "picture-too-many-pixels"),
        (u32::MAX >> 1, u32::MAX >> 1, "picture-too-many-pixels"),
        (10_000, 10_000, "picture-too-much-memory"),
        (7_000, 7_000, "picture-damaged"),
    ] {
        let file = png(width, height, 6, b"", 100, b"");
        assert!(file.len() < 200);
        assert_eq!(refused("a PNG", &file), code, "{width} × {height}");
    }
    for (width, height) in [(65_535_u16, 65_535_u16), (65_500, 1_500), (9_000, 9_000)] {
        for progressive in [false, true] {
            let file = claiming_jpeg(width, height, progressive);
            assert_eq!(refused("a JPEG", &file), "picture-truncated", "{width} × {height}");
        }
    }
    let mut file = gif(b"", 1);
    file[6..10].fill(0xFF);
    assert_eq!(refused("the canvas of a GIF", &file), "picture-too-many-pixels");
    // Of a WebP the header of the file, of a lossless picture and of a lossy one.
    let mut file = webp(0, b"", b"");
    file[24..30].fill(0xFF);
    assert_eq!(refused("the canvas of a WebP", &file), "picture-too-many-pixels");
    for body in [&b"\x2F\xFF\xFF\xFF\x1F\0\0\0\0\0"[..], b"\0\0\0\x9D\x01\x2A\xFF\x3F\xFF\x3F"] {
        let kind = if body[0] == 0x2F { *b"VP8L" } else { *b"VP8 " };
        let body = [b"WEBP", &riff(kind, body)[..]].concat();
        let file = [&b"RIFF"[..], &u32::try_from(body.len()).unwrap().to_le_bytes(), &body].concat();
        assert_eq!(refused("the picture of a WebP", &file), "picture-too-many-pixels");
    }
}

#[test]
fn what_unpacks_to_more_than_its_pixels_costs_what_its_pixels_cost() {
    // A gigabyte of zeroes behind a single pixel.
    let file = png(1, 1, 2, b"", 1 << 30, b"");
    assert!(file.len() < 2 << 20);
    let _either = answer("a pixel and a gigabyte", &file);
}

#[test]
fn more_frames_than_are_taken_are_refused_however_small() {
    assert_eq!(refused("a GIF", &gif(b"", 200_000)), "picture-too-many-frames");
    assert_eq!(refused("a WebP", &moving_webp(100_000)), "picture-too-many-frames");
    let head = [&[0; 4][..], &[0, 0, 0, 1, 0, 0, 0, 1], &[0; 14]].concat();
    let many = [chunk(*b"acTL", &[0, 1, 0x86, 0xA0, 0, 0, 0, 0]), chunk(*b"fcTL", &head).repeat(100_000)].concat();
    assert_eq!(refused("a PNG", &png(1, 1, 2, &many, 4, b"")), "picture-too-many-frames");
    // Announced, and not there.
    let announced = chunk(*b"acTL", &[0xFF; 8]);
    answer("a PNG with announced frames", &png(1, 1, 2, &announced, 4, b"")).unwrap();
}

#[test]
fn a_jpeg_of_thousands_of_passes_is_refused() {
    assert_eq!(refused("a JPEG", &passes(100_000)), "picture-too-many-scans");
}

#[test]
fn a_million_parts_that_say_nothing_take_no_time() {
    let million = |part: &[u8]| part.repeat(1_000_000);
    answer("segments", &jpeg(&million(&segment(0xED, b"")))).unwrap();
    answer("comments", &jpeg(&million(&segment(0xFE, b"x")))).unwrap();
    answer("fill bytes", &jpeg(&million(&[0xFF; 8]))).unwrap();
    assert_eq!(refused("restarts", &jpeg(&million(&[0xFF, 0xD0]))), "picture-damaged");
    let png = |part: &[u8]| png(4, 4, 2, &million(part), 52, b"");
    answer("empty chunks", &png(&chunk(*b"prVt", b""))).unwrap();
    answer("texts", &png(&chunk(*b"tEXt", b"a\0b"))).unwrap();
    let empty = chunk(*b"IDAT", b"");
    let _either = answer("empty data", &png(&empty));
    answer("chunks of WebP", &webp(0, &million(&riff(*b"abcd", b"")), b"")).unwrap();
    answer("extensions of GIF", &gif(&million(b"!\xFE\x01x\0"), 1)).unwrap();
    answer("empty extensions of GIF", &gif(&million(b"!\xFE\0"), 1)).unwrap();
}

#[test]
fn texts_that_unpack_to_gigabytes_are_not_unpacked() {
    let zeroes = deflated(1 << 30);
    let packed = chunk(*b"zTXt", &[b"Comment\0\0", &zeroes[..]].concat());
    answer("a comment", &png(4, 4, 2, &packed, 52, b"")).unwrap();
    answer("a comment behind", &png(4, 4, 2, b"", 52, &packed)).unwrap();
    let xmp = chunk(*b"iTXt", &[b"XML:com.adobe.xmp\0\x01\0\0\0", &zeroes[..]].concat());
    answer("XMP", &png(4, 4, 2, &xmp, 52, b"")).unwrap();
    answer("much XMP", &png(4, 4, 2, &xmp.repeat(8), 52, b"")).unwrap();
}

/// A hundred million pixels in one row are no more pixels than are taken, but no picture either.
#[test]
fn a_row_or_a_column_that_never_ends_is_refused() {
    for (width, height) in [(100_000_000, 1), (1, 50_000_000), (250_001, 1)] {
        let zeroes = (width as usize + 1) * height as usize;
        assert_eq!(refused("a PNG", &png(width, height, 0, b"", zeroes, b"")), "picture-unsupported");
    }
    answer("a PNG that is just taken", &png(250_000, 1, 0, b"", 250_001, b"")).unwrap();
}

#[test]
fn the_code_of_a_claim_names_what_was_claimed() {
    let file = png(26_000, 26_000, 6, b"", 100, b"");
    let refusal = answer("a PNG", &file).unwrap_err();
    assert!(matches!(refusal, Refusal::TooManyPixels { width: 26_000, height: 26_000, .. }), "{refusal:?}");
}
