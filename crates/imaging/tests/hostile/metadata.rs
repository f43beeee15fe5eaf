//! What stands beside the pixels: colour profiles, EXIF and XMP that were made to do harm, and are taken as none then.

use std::fmt::Write as _;

use strongroom_imaging::{Orientation, probe};

use crate::bounds::answer;
use crate::pieces::{chunk, deflated, jpeg, png, riff, segment, webp};

/// A profile for red, green and blue with these tags (name, offset, length) and what lies behind them.
fn profile(tags: &[(&[u8; 4], u32, u32)], claimed: u32, rest: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 128];
    out[8] = 4;
    out[12..24].copy_from_slice(b"mntrRGB XYZ ");
    out[36..40].copy_from_slice(b"acsp");
    out.extend(claimed.to_be_bytes());
    for (name, offset, length) in tags {
        out.extend(*name);
        out.extend(offset.to_be_bytes());
        out.extend(length.to_be_bytes());
    }
    out.extend(rest);
    let length = u32::try_from(out.len()).unwrap();
    out[..4].copy_from_slice(&length.to_be_bytes());
    out
}

/// In each format that has profiles.
#[track_caller]
fn shown_with(name: &str, icc: &[u8]) {
    let mut segments = Vec::new();
    let parts: Vec<&[u8]> = icc.chunks(65_000).collect();
    for (number, part) in (1..).zip(&parts) {
        let head = [b"ICC_PROFILE\0", &[number, u8::try_from(parts.len()).unwrap()][..]].concat();
        segments.extend(segment(0xE2, &[&head, *part].concat()));
    }
    answer(name, &jpeg(&segments)).unwrap();
    answer(name, &webp(0x20, &riff(*b"ICCP", icc), b"")).unwrap();
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packed, icc).unwrap();
    let packed = [b"icc\0\0", &packed.finish().unwrap()[..]].concat();
    answer(name, &png(4, 4, 2, &chunk(*b"iCCP", &packed), 52, b"")).unwrap();
}

#[test]
fn a_profile_that_lies_is_taken_as_none_and_costs_nothing() {
    shown_with("nothing", b"");
    shown_with("no tags", &profile(&[], 0, b""));
    shown_with("tags that are not there", &profile(&[], u32::MAX, b""));
    let names = [b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"A2B0", b"B2A0"];
    // All of them the same bytes, the table of tags itself, or what lies far behind the end.
    for (offset, length) in [(0, 4096), (128, 200), (132, u32::MAX), (u32::MAX, u32::MAX), (u32::MAX - 7, 16)] {
        let tags = names.map(|name| (name, offset, length));
        shown_with("tags that lie over each other", &profile(&tags, 8, &[0; 4096]));
    }
    let thousands: Vec<_> = (0..5_000).map(|_| (b"rTRC", 132, 60_000)).collect();
    shown_with("thousands of tags", &profile(&thousands, 5_000, b""));
    // Curves of four thousand million points, tables of 255 points a side, and functions of every number.
    let mut curve = b"curv\0\0\0\0".to_vec();
    curve.extend([0xFF; 4]);
    curve.resize(4096, 0x40);
    let mut table = b"mft2\0\0\0\0\x03\x03\xFF\0".to_vec();
    table.extend([0, 1, 0, 0].repeat(9));
    table.extend([0xFF; 4]);
    table.resize(4096, 0x40);
    let mut small_table = table.clone();
    small_table[..12].copy_from_slice(b"mft1\0\0\0\0\x0F\x0F\xFF\0");
    let mut modern = b"mAB \0\0\0\0\x03\x03\0\0".to_vec();
    modern.extend([0, 0, 0, 32].repeat(5));
    modern.extend([0xFF; 20]);
    modern.resize(4096, 0xFF);
    for data in [&curve, &table, &small_table, &modern] {
        let offset = 128 + 4 + 8 * 12;
        shown_with("giant tables", &profile(&names.map(|name| (name, offset, 4096)), 8, data));
    }
}

#[test]
fn a_profile_in_as_many_pieces_as_there_can_be_is_looked_at_or_left() {
    // 255 pieces of 65,000 bytes, in order, in the wrong one, all with the same number, and some that are not there.
    let piece = |number: u8, count: u8| {
        segment(0xE2, &[b"ICC_PROFILE\0", &[number, count][..], &vec![number; 65_000][..]].concat())
    };
    let all: Vec<u8> = (1..=255).flat_map(|number| piece(number, 255)).collect();
    answer("all", &jpeg(&all)).unwrap();
    let reversed: Vec<u8> = (1..=255).rev().flat_map(|number| piece(number, 255)).collect();
    answer("reversed", &jpeg(&reversed)).unwrap();
    answer("the same", &jpeg(&piece(1, 1).repeat(255))).unwrap();
    answer("missing", &jpeg(&[piece(0, 0), piece(9, 3), piece(200, 255)].concat())).unwrap();
}

#[test]
fn a_profile_that_unpacks_to_a_gigabyte_is_not_unpacked() {
    let bomb = chunk(*b"iCCP", &[b"icc\0\0", &deflated(1 << 30)[..]].concat());
    answer("a gigabyte", &png(4, 4, 2, &bomb, 52, b"")).unwrap();
    answer("again and again", &png(4, 4, 2, &bomb.repeat(6), 52, b"")).unwrap();
}

/// EXIF in each format that has it.
#[track_caller]
fn exif_is(name: &str, block: &[u8], orientation: Orientation) {
    let files = [
        jpeg(&segment(0xE1, &[b"Exif\0\0", block].concat())),
        webp(8, b"", &riff(*b"EXIF", block)),
        png(4, 4, 2, &chunk(*b"eXIf", block), 52, b""),
    ];
    for file in files {
        assert_eq!(probe(&file).unwrap().orientation, orientation, "{name}");
        answer(name, &file).unwrap();
    }
}

fn entry(tag: u16, kind: u16, count: u32, value: u32) -> Vec<u8> {
    [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &count.to_be_bytes(), &value.to_be_bytes()].concat()
}

#[test]
fn exif_that_leads_in_circles_or_nowhere_says_nothing() {
    let upright = Orientation::Upright;
    let turned = entry(0x0112, 3, 1, 6 << 16);
    let directory = |entries: &[Vec<u8>], next: u32| {
        let count = u16::try_from(entries.len()).unwrap().to_be_bytes();
        [&b"MM\0\x2A\0\0\0\x08"[..], &count, &entries.concat(), &next.to_be_bytes()].concat()
    };
    exif_is("sound", &directory(std::slice::from_ref(&turned), 0), Orientation::TurnedLeft);
    // The next directory is this one, and so are those of the place and of the camera.
    let circle = [turned.clone(), entry(0x8769, 4, 1, 8), entry(0x8825, 4, 1, 8), entry(0xA005, 4, 1, 8)];
    exif_is("in circles", &directory(&circle, 8), Orientation::TurnedLeft);
    exif_is("an offset beyond the end", b"MM\0\x2A\xFF\xFF\xFF\xFF", upright);
    exif_is("an offset into the head", b"MM\0\x2A\0\0\0\0\0\0\0\0", upright);
    exif_is("more entries than there are", b"MM\0\x2A\0\0\0\x08\xFF\xFF", upright);
    exif_is("nothing", b"", upright);
    exif_is("no orientation that there is", &directory(&[entry(0x0112, 3, 1, 99 << 16)], 0), upright);
    exif_is("an orientation of another kind", &directory(&[entry(0x0112, 2, u32::MAX, u32::MAX)], 0), upright);
    // Texts as long as can be, all of them the same bytes.
    let texts: Vec<Vec<u8>> = (0..4_000).map(|_| entry(0x8298, 2, u32::MAX, 8)).collect();
    exif_is("thousands of texts", &directory(&texts, 8), upright);
    let far: Vec<Vec<u8>> = (0..100).map(|at| entry(0x013B, 2, 1 << 30, u32::MAX - at)).collect();
    exif_is("texts beyond the end", &directory(&far, 0), upright);
    // Thousands of directories, one behind the other.
    let mut many = b"MM\0\x2A\0\0\0\x08".to_vec();
    for _ in 0..3_000 {
        let next = u32::try_from(many.len() + 2 + 12 + 4).unwrap();
        many.extend([&[0, 1][..], &entry(0x010F, 2, 4, 0), &next.to_be_bytes()].concat());
    }
    exif_is("thousands of directories", &many, upright);
}

#[test]
fn xmp_and_thumbnails_are_looked_at_by_nobody() {
    let xmp = |rest: &[u8]| segment(0xE1, &[b"http://ns.adobe.com/xap/1.0/\0", rest].concat());
    let mut laughs = "<!DOCTYPE x [".to_owned();
    for at in 0..600 {
        write!(laughs, "<!ENTITY l{} '&l{at};&l{at};&l{at};&l{at};'>", at + 1).unwrap();
    }
    laughs.push_str("]><x>&l600;</x>");
    answer("entities", &jpeg(&xmp(laughs.as_bytes()))).unwrap();
    answer("much of it", &jpeg(&xmp(&b"<".repeat(60_000)).repeat(200))).unwrap();
    answer("in a WebP", &webp(4, b"", &riff(*b"XMP ", laughs.as_bytes()))).unwrap();
    // A JFIF thumbnail, and JPEGs inside of a JPEG.
    let inner = jpeg(b"");
    answer("a thumbnail", &jpeg(&segment(0xE0, &[b"JFIF\0\x01\x02\0\0\x01\0\x01\xFF\xFF", &inner[..]].concat())))
        .unwrap();
    answer("pictures in it", &jpeg(&segment(0xE2, &[b"MPF\0", &inner[..]].concat()).repeat(50))).unwrap();
}
