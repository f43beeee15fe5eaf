//! What scanners and old programs write: BMP and TIFF of every usual kind.

use strongroom_imaging::{Colour, Fit, Limits, Orientation, Recipe, probe, render};

use crate::studio::{BLUE, GREEN, JPEG, Pixels, RED, WHITE, decode, made, quarters, rgb, same};

#[track_caller]
fn assert_quarters(name: &str, pixels: &Pixels) {
    let (w, h) = (pixels.width, pixels.height);
    for (x, y, wanted) in [(1, 1, RED), (3, 1, GREEN), (1, 3, BLUE), (3, 3, WHITE)] {
        let got = pixels.at(w * x / 4, h * y / 4);
        assert!(got.iter().zip(wanted).all(|(got, wanted)| got.abs_diff(wanted) <= 12), "{name}: {got:?}, {wanted:?}");
    }
}

/// Which of the four colours a pixel has.
fn number(pixel: [u8; 4]) -> u8 {
    [RED, GREEN, BLUE, WHITE].iter().position(|colour| *colour == pixel).map_or(0, |at| u8::try_from(at).unwrap())
}

/// A BMP with the header of Windows, or the one with masks for each colour, and rows from the bottom up.
fn bmp(picture: &Pixels, depth: u16, masks: Option<[u32; 4]>, pixel: impl Fn([u8; 4]) -> u32) -> Vec<u8> {
    let header: u32 = if masks.is_some() { 108 } else { 40 };
    let colours = [RED, GREEN, BLUE, WHITE].into_iter().chain(std::iter::repeat([0; 4]));
    let count = if depth <= 8 { 1 << depth } else { 0 };
    let table: Vec<u8> = colours.take(count).flat_map(|[r, g, b, _]| [b, g, r, 0]).collect();
    let mut rows = Vec::new();
    for row in picture.data.chunks_exact(picture.width as usize).rev() {
        let mut bytes = Vec::new();
        if depth < 8 {
            for some in row.chunks(usize::from(8 / depth)) {
                let place = |at: usize| 8 - usize::from(depth) * (at + 1);
                let packed: u32 = some.iter().enumerate().map(|(at, one)| pixel(*one) << place(at)).sum();
                bytes.push(u8::try_from(packed).unwrap());
            }
        } else {
            bytes.extend(row.iter().flat_map(|one| pixel(*one).to_le_bytes().into_iter().take(usize::from(depth / 8))));
        }
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        rows.extend(bytes);
    }
    let start = 14 + header + u32::try_from(table.len()).unwrap();
    let length = u32::try_from(rows.len()).unwrap();
    let mut file = b"BM".to_vec();
    for number in [start + length, 0, start, header, picture.width, picture.height] {
        file.extend(number.to_le_bytes());
    }
    file.extend(1_u16.to_le_bytes());
    file.extend(depth.to_le_bytes());
    for number in [if masks.is_some() { 3 } else { 0 }, length, 2835, 2835, 0, 0] {
        file.extend(number.to_le_bytes());
    }
    if let Some(masks) = masks {
        file.extend(masks.iter().flat_map(|mask| mask.to_le_bytes()));
        file.extend(b"BGRs");
        file.resize(14 + header as usize, 0);
    }
    file.extend(table);
    file.extend(rows);
    file
}

fn bgr([r, g, b, a]: [u8; 4]) -> u32 {
    u32::from_le_bytes([b, g, r, a])
}

#[test]
fn every_usual_kind_of_bmp_is_read() {
    let picture = quarters(30, 20);
    let five = |level: u8| u32::from(level) >> 3;
    let files = [
        ("24 bits", bmp(&picture, 24, None, bgr)),
        // Programs leave the fourth byte empty, which does not make a picture transparent.
        ("32 bits", bmp(&picture, 32, None, |pixel| bgr(pixel) & 0x00FF_FFFF)),
        ("16 bits", bmp(&picture, 16, None, |[r, g, b, _]| five(r) << 10 | five(g) << 5 | five(b))),
        ("8 bits", bmp(&picture, 8, None, |pixel| number(pixel).into())),
        ("4 bits", bmp(&picture, 4, None, |pixel| number(pixel).into())),
        ("masks", bmp(&picture, 32, Some([0x00FF_0000, 0xFF00, 0xFF, 0]), bgr)),
    ];
    for (name, file) in files {
        let what = probe(&file).unwrap();
        assert_eq!((what.width, what.height, what.alpha), (30, 20, false), "{name}");
        let pixels = same(&file);
        assert!(pixels.data.iter().all(|pixel| pixel[3] == 255), "{name}");
        assert_quarters(name, &pixels);
    }
    // From the top down.
    let mut down = bmp(&picture, 24, None, bgr);
    down[22..26].copy_from_slice(&(-20_i32).to_le_bytes());
    let pixels = same(&down);
    pixels.assert_near(7, 15, RED);
    pixels.assert_near(22, 5, WHITE);
}

#[test]
fn a_bmp_of_os2_is_read() {
    let picture = quarters(30, 20);
    let file = bmp(&picture, 8, None, |pixel| number(pixel).into());
    // Twelve bytes of header with short sides, and three bytes for each colour.
    let mut old = b"BM\0\0\0\0\0\0\0\0".to_vec();
    old.extend((14 + 12 + 768_u32).to_le_bytes());
    old.extend([12, 0, 0, 0, 30, 0, 20, 0, 1, 0, 8, 0]);
    file[54..54 + 1024].as_chunks::<4>().0.iter().for_each(|colour| old.extend(&colour[..3]));
    old.extend(&file[54 + 1024..]);
    assert_eq!(same(&old), same(&file));
    assert_quarters("OS/2", &same(&old));
}

/// A BMP of 8 × 4 pixels, all of it WHITE where nothing is laid, with these runs.
fn runs(depth: u16, packing: u8, runs: &[u8]) -> Vec<u8> {
    let mut file = bmp(&quarters(8, 4), depth, None, |_| 0);
    file.truncate(54 + (4 << depth));
    let white = [WHITE[2], WHITE[1], WHITE[0], 0];
    file.splice(54..58, white);
    file[30] = packing;
    file.extend(runs);
    file
}

#[test]
fn a_bmp_in_runs_is_read() {
    // Eight bits: a whole row; four pixels by themselves; one up and two to the right; the end.
    let file = runs(8, 1, &[8, 1, 0, 0, 0, 4, 1, 2, 1, 2, 0, 2, 2, 1, 2, 2, 0, 1]);
    let pixels = same(&file);
    let row = |y: u32| (0..8).map(|x| number(pixels.at(x, y))).collect::<Vec<_>>();
    // WHITE, with which the table begins, is called by the number that it has among the four.
    assert_eq!(row(3), [1; 8]);
    assert_eq!(row(2), [1, 2, 1, 2, 3, 3, 3, 3]);
    assert_eq!(row(1), [3, 3, 3, 3, 3, 3, 2, 2]);
    assert_eq!(row(0), [3; 8]);

    // Four bits: two colours in turn; three by themselves in two bytes; more than there is room for.
    let file = runs(4, 2, &[5, 0x12, 0, 0, 0, 3, 0x12, 0x10, 0, 0, 200, 0x22, 0, 1]);
    let pixels = same(&file);
    let row = |y: u32| (0..8).map(|x| number(pixels.at(x, y))).collect::<Vec<_>>();
    assert_eq!(row(3), [1, 2, 1, 2, 1, 3, 3, 3]);
    assert_eq!(row(2), [1, 2, 1, 3, 3, 3, 3, 3]);
    assert_eq!(row(1), [2; 8]);

    // Without an end, the rows are not all there.
    let refusal = render(&runs(8, 1, &[8, 1, 0, 0]), &[], &Limits::default()).unwrap_err();
    assert_eq!(refusal.code(), "picture-truncated");
}

#[test]
fn the_profile_of_a_bmp_counts() {
    let p3 = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let plain = Pixels { width: 4, height: 4, data: vec![[200, 100, 50, 255]; 16] };
    let mut file = bmp(&plain, 32, Some([0x00FF_0000, 0xFF00, 0xFF, 0]), bgr);
    // Sixteen bytes more of header, which say where the profile is, and that it is the one that counts.
    file[14] = 124;
    file[10] += 16;
    let (place, length) = (124 + 64_u32, u32::try_from(p3.len()).unwrap());
    let more = [[0; 4], place.to_le_bytes(), length.to_le_bytes(), [0; 4]].concat();
    file.splice(122..122, more);
    file[70..74].copy_from_slice(b"DEBM");
    file.extend(p3);
    assert!(probe(&file).unwrap().icc);
    same(&file).assert_near(2, 2, [213, 97, 36, 255]);
}

#[test]
fn a_bmp_with_a_mask_for_transparency_is_transparent() {
    let mut picture = quarters(30, 20);
    picture.data.iter_mut().filter(|pixel| **pixel == RED).for_each(|pixel| pixel[3] = 0);
    let file = bmp(&picture, 32, Some([0x00FF_0000, 0xFF00, 0xFF, 0xFF00_0000]), bgr);
    assert!(probe(&file).unwrap().alpha);
    let pixels = same(&file);
    assert_eq!(pixels.at(5, 5)[3], 0);
    pixels.assert_near(20, 5, GREEN);
}

/// Tags of a TIFF with their numbers.
type Tags = Vec<(u16, Vec<u16>)>;

/// A TIFF of one directory in big-endian order: these tags with their numbers of 16 bits, and these strips.
fn tiff(width: u16, height: u16, tags: &Tags, strips: &[Vec<u8>]) -> Vec<u8> {
    let mut tags = tags.clone();
    tags.extend([(256, vec![width]), (257, vec![height]), (278, vec![height])]);
    let count = tags.len() + 2;
    let bytes_of = |numbers: &Vec<u16>| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
    let mut values: Vec<(u16, u16, usize, Vec<u8>)> =
        tags.iter().map(|(tag, numbers)| (*tag, 3, numbers.len(), bytes_of(numbers))).collect();
    // Behind the directory come the values that do not fit into it, and then the strips.
    let mut at = 8 + 2 + count * 12 + 4;
    let outside: usize = values.iter().map(|(.., bytes)| bytes.len()).filter(|length| *length > 4).sum();
    let mut place = at + outside + if strips.len() > 1 { strips.len() * 8 } else { 0 };
    let (mut places, mut lengths) = (Vec::new(), Vec::new());
    for strip in strips {
        places.extend(u32::try_from(place).unwrap().to_be_bytes());
        lengths.extend(u32::try_from(strip.len()).unwrap().to_be_bytes());
        place += strip.len();
    }
    values.extend([(273, 4, strips.len(), places), (279, 4, strips.len(), lengths)]);
    values.sort_by_key(|(tag, ..)| *tag);
    let mut file = b"MM\0\x2A\0\0\0\x08".to_vec();
    let mut tail = Vec::new();
    file.extend(u16::try_from(count).unwrap().to_be_bytes());
    for (tag, kind, count, mut bytes) in values {
        file.extend(tag.to_be_bytes());
        file.extend(kind.to_be_bytes());
        file.extend(u32::try_from(count).unwrap().to_be_bytes());
        if bytes.len() <= 4 {
            bytes.resize(4, 0);
            file.extend(bytes);
        } else {
            file.extend(u32::try_from(at).unwrap().to_be_bytes());
            at += bytes.len();
            tail.extend(bytes);
        }
    }
    file.extend([0; 4]);
    file.extend(tail);
    file.extend(strips.concat());
    file
}

/// The tags for samples of so many bits that mean this.
fn samples(meaning: u16, bits: &[u16]) -> Tags {
    vec![(258, bits.to_vec()), (262, vec![meaning]), (277, vec![u16::try_from(bits.len()).unwrap()]), (259, vec![1])]
}

fn with(mut tags: Tags, tag: u16, numbers: &[u16]) -> Tags {
    tags.push((tag, numbers.to_vec()));
    tags
}

/// A table of so many colours, the four of the picture first.
fn table(colours: usize) -> Vec<u16> {
    let level = |number: usize, plane: usize| {
        [RED, GREEN, BLUE, WHITE].get(number).map_or(0, |colour| u16::from(colour[plane]) * 257)
    };
    (0..3).flat_map(|plane| (0..colours).map(move |number| level(number, plane))).collect()
}

#[test]
fn every_usual_kind_of_tiff_is_read() {
    let picture = quarters(30, 20);
    let wide = |bytes: Vec<u8>| bytes.iter().flat_map(|level| [*level, *level]).collect::<Vec<u8>>();
    let inks: Vec<u8> = picture.data.iter().flat_map(|[r, g, b, _]| [255 - r, 255 - g, 255 - b, 0]).collect();
    let planes: Vec<Vec<u8>> = (0..3).map(|at| picture.data.iter().map(|pixel| pixel[at]).collect()).collect();
    let numbers: Vec<u8> = picture.data.iter().map(|pixel| number(*pixel)).collect();
    let halves: Vec<u8> = numbers.as_chunks::<2>().0.iter().map(|[a, b]| a << 4 | b).collect();
    let rgba = picture.data.concat();
    let files = [
        ("RGB", Colour::Rgb, tiff(30, 20, &samples(2, &[8; 3]), &[rgb(&picture)])),
        ("RGB, 16 bits", Colour::Rgb, tiff(30, 20, &samples(2, &[16; 3]), &[wide(rgb(&picture))])),
        ("RGBA", Colour::Rgb, tiff(30, 20, &with(samples(2, &[8; 4]), 338, &[2]), std::slice::from_ref(&rgba))),
        ("RGB and more", Colour::Rgb, tiff(30, 20, &with(samples(2, &[8; 4]), 338, &[0]), &[rgba])),
        ("inks", Colour::Cmyk, tiff(30, 20, &samples(5, &[8; 4]), &[inks])),
        ("planes", Colour::Rgb, tiff(30, 20, &with(samples(2, &[8; 3]), 284, &[2]), &planes)),
        ("palette", Colour::Palette, tiff(30, 20, &with(samples(3, &[8]), 320, &table(256)), &[numbers])),
        ("small palette", Colour::Palette, tiff(30, 20, &with(samples(3, &[4]), 320, &table(16)), &[halves])),
    ];
    for (name, colour, file) in files {
        let what = probe(&file).unwrap();
        assert_eq!((what.width, what.height, what.colour), (30, 20, colour), "{name}");
        assert_quarters(name, &same(&file));
    }
}

#[test]
fn greys_of_every_depth_are_read() {
    let levels = |depth: u16, bytes: Vec<u8>, meaning: u16| tiff(8, 2, &samples(meaning, &[depth]), &[bytes]);
    let files = [
        ("1 bit", levels(1, vec![0b0000_1111; 2], 1)),
        ("1 bit, from white", levels(1, vec![0b1111_0000; 2], 0)),
        ("4 bits", levels(4, [0, 0, 0xFF, 0xFF].repeat(2), 1)),
        ("8 bits", levels(8, [0, 0, 0, 0, 255, 255, 255, 255].repeat(2), 1)),
        ("16 bits", levels(16, [[0; 8], [255; 8]].concat().repeat(2), 1)),
    ];
    for (name, file) in files {
        let pixels = same(&file);
        assert_eq!((pixels.at(1, 0), pixels.at(6, 1)), ([0, 0, 0, 255], [255; 4]), "{name}");
    }
    let alpha = tiff(2, 1, &with(samples(1, &[8; 2]), 338, &[2]), &[vec![200, 255, 200, 0]]);
    assert!(probe(&alpha).unwrap().alpha);
    assert_eq!((same(&alpha).at(0, 0), same(&alpha).at(1, 0)[3]), ([200, 200, 200, 255], 0));
}

#[test]
fn a_tiff_is_packed_in_the_usual_ways() {
    use tiff::encoder::{Compression, DeflateLevel, TiffEncoder, colortype};
    let picture = quarters(120, 80);
    for way in [Compression::Lzw, Compression::Deflate(DeflateLevel::Balanced), Compression::Packbits] {
        let mut file = std::io::Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut file).unwrap().with_compression(way);
        encoder.write_image::<colortype::RGB8>(120, 80, &rgb(&picture)).unwrap();
        // A second page is none of ours.
        encoder.write_image::<colortype::Gray8>(2, 2, &[0; 4]).unwrap();
        let file = file.into_inner();
        assert_eq!(probe(&file).unwrap().frames, 1);
        assert_quarters("packed", &same(&file));
    }
}

/// A page of 32 × 20 pixels with two black boxes, packed as a fax (T.6) by libtiff.
const FAX: [u8; 19] =
    [0x26, 0xA0, 0xD5, 0xCF, 0xA7, 0xFF, 0xFF, 0xFF, 0xE3, 0xE4, 0x34, 0x1F, 0xFF, 0xFF, 0xF1, 0xE0, 0x02, 0x00, 0x20];

#[test]
fn a_fax_in_a_tiff_is_read() {
    let tags = vec![(258, vec![1]), (262, vec![1]), (277, vec![1]), (259, vec![4])];
    let pixels = same(&tiff(32, 20, &tags, &[FAX.to_vec()]));
    for y in 0..20 {
        for x in 0..32 {
            let black =
                (2..=15).contains(&x) && (2..=9).contains(&y) || (20..=29).contains(&x) && (12..=17).contains(&y);
            assert_eq!(pixels.at(x, y)[0], if black { 0 } else { 255 }, "{x}, {y}");
        }
    }
}

#[test]
fn a_tiff_is_turned_as_its_tag_says() {
    let file = tiff(30, 20, &with(samples(2, &[8; 3]), 274, &[6]), &[rgb(&quarters(30, 20))]);
    let what = probe(&file).unwrap();
    assert_eq!((what.width, what.height, what.orientation), (20, 30, Orientation::TurnedLeft));
    let pixels = decode(&made(&file, Recipe::new(Fit::Inside, None, None, JPEG)).bytes);
    pixels.assert_near(4, 4, BLUE);
    pixels.assert_near(15, 4, RED);
    // A raw file of a camera begins alike, and is none.
    assert_eq!(probe(b"II\x2A\0\x10\0\0\0CR\x02\0").unwrap_err().code(), "not-a-picture");
}

#[test]
fn kinds_of_tiff_that_are_not_read_are_named() {
    let mut jpeg = samples(2, &[8; 3]);
    jpeg[3].1 = vec![7];
    let kinds = [
        (with(samples(6, &[8; 3]), 530, &[2, 2]), "luma and chroma"),
        (with(samples(2, &[8; 3]), 339, &[3; 3]), "whole numbers"),
        (samples(1, &[32]), "32 bits"),
        (with(samples(2, &[8; 3]), 254, &[1]), "raw file"),
        (with(samples(2, &[8; 3]), 50_706, &[1, 4]), "raw file"),
        (jpeg, "JPEG"),
    ];
    for (tags, named) in kinds {
        let refusal = probe(&tiff(4, 4, &tags, &[vec![0; 64]])).unwrap_err();
        assert_eq!(refusal.code(), "picture-unsupported", "{refusal}");
        assert!(refusal.to_string().contains(named), "{refusal}");
    }
}

#[test]
fn a_scan_that_is_damaged_or_ends_too_early_is_refused() {
    let picture = quarters(30, 20);
    // No byte of it only fills up a row.
    let even = quarters(32, 20);
    let files = [
        bmp(&even, 24, None, bgr),
        bmp(&even, 4, None, |pixel| number(pixel).into()),
        bmp(&even, 32, Some([0x00FF_0000, 0xFF00, 0xFF, 0xFF00_0000]), bgr),
        tiff(30, 20, &samples(2, &[8; 3]), &[rgb(&picture)]),
        tiff(30, 20, &with(samples(3, &[8]), 320, &[7; 768]), &[vec![3; 600]]),
        tiff(32, 20, &vec![(258, vec![1]), (262, vec![1]), (277, vec![1]), (259, vec![4])], &[FAX.to_vec()]),
        runs(8, 1, &[8, 1, 0, 0, 0, 4, 1, 2, 1, 2, 0, 2, 2, 1, 2, 2, 0, 1]),
        runs(4, 2, &[5, 0x12, 0, 0, 0, 3, 0x12, 0x10, 0, 0, 200, 0x22, 0, 1]),
    ];
    let limits = Limits { pixels: 10_000, ..Limits::default() };
    let recipe = [Recipe::new(Fit::Inside, Some(8), None, JPEG)];
    for file in files {
        for length in 0..file.len() {
            let refusal = render(&file[..length], &recipe, &limits).unwrap_err();
            let codes = ["picture-truncated", "picture-damaged", "not-a-picture", "picture-unsupported"];
            assert!(codes.contains(&refusal.code()), "{length} of {}: {refusal:?}", file.len());
        }
        for at in 0..file.len().min(300) {
            for bit in 0..8 {
                let mut file = file.clone();
                file[at] ^= 1 << bit;
                let _either = render(&file, &recipe, &limits);
            }
        }
    }
}

#[test]
fn a_scan_that_claims_gigabytes_is_refused_from_its_header() {
    let recipe = [Recipe::new(Fit::Inside, Some(8), None, JPEG)];
    let all = Limits { pixels: u64::MAX, ..Limits::default() };
    let mut runs = bmp(&quarters(30, 20), 8, None, |pixel| number(pixel).into());
    runs[30] = 1;
    for at in [18, 22] {
        runs[at..at + 4].copy_from_slice(&20_000_u32.to_le_bytes());
    }
    for file in [tiff(30_000, 30_000, &samples(2, &[16; 3]), &[vec![0; 64]]), runs] {
        assert_eq!(render(&file, &recipe, &Limits::default()).unwrap_err().code(), "picture-too-many-pixels");
        assert_eq!(render(&file, &recipe, &all).unwrap_err().code(), "picture-too-much-memory");
    }
}
