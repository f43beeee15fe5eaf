//! AVIF and HEIC: what other encoders made of the quarters, and containers that are put together here.

use strongroom_imaging::{Fit, Format, Limits, Orientation, Recipe, Refusal, probe, render};

use crate::studio::{BLUE, GREEN, JPEG, PNG, Pixels, RED, WHITE, decode, made, same};

macro_rules! sample {
    ($name:literal) => {
        include_bytes!(concat!("../samples/", $name))
    };
}

/// A picture of 96 × 64 in every way in which AVIF stores one, by libavif and libaom; and as a phone stores it, by
/// libheif and x265.
const QUARTERS: [(&str, &[u8]); 14] = [
    ("4:2:0", sample!("420.avif")),
    ("4:2:2", sample!("422.avif")),
    ("4:4:4", sample!("444.avif")),
    ("the levels of video", sample!("video.avif")),
    ("10 bits", sample!("10-bit.avif")),
    ("12 bits", sample!("12-bit.avif")),
    ("the luma of BT.709", sample!("709.avif")),
    ("green, blue and red", sample!("identity.avif")),
    ("the colours of P3", sample!("p3.avif")),
    ("the colours of BT.2020, 10 bits", sample!("2020.avif")),
    ("an animation", sample!("moving.avif")),
    ("an odd size", sample!("odd.avif")),
    ("HEVC", sample!("420.heic")),
    ("HEVC of an odd size", sample!("odd.heic")),
];

#[track_caller]
fn assert_quarters(what: &str, pixels: &Pixels) {
    let (w, h) = (pixels.width, pixels.height);
    for (x, y, wanted) in
        [(w / 4, h / 4, RED), (w * 3 / 4, h / 4, GREEN), (w / 4, h * 3 / 4, BLUE), (w * 3 / 4, h * 3 / 4, WHITE)]
    {
        let got = pixels.at(x, y);
        assert!(got.iter().zip(wanted).all(|(got, wanted)| got.abs_diff(wanted) <= 5), "{what}: {got:?} at {x}, {y}");
    }
}

fn refusal(file: &[u8]) -> Refusal {
    render(file, &[Recipe::new(Fit::Inside, Some(16), None, JPEG)], &Limits::default()).unwrap_err()
}

#[test]
fn what_other_encoders_made_shows_the_same_picture() {
    for (what, file) in QUARTERS {
        let known = probe(file).unwrap();
        assert_eq!((known.width / 2, known.height / 2, known.frames), (48, 32, 1), "{what}");
        assert_quarters(what, &same(file));
        assert_quarters(what, &decode(&made(file, Recipe::new(Fit::Inside, Some(48), None, JPEG)).bytes));
    }
    let known = probe(sample!("10-bit.avif")).unwrap();
    assert_eq!((known.format, known.bit_depth), (Format::Avif, 10));
    assert_eq!(probe(sample!("420.heic")).unwrap().format, Format::Heic);
    same(sample!("gray.avif")).assert_near(72, 16, [131, 131, 131, 255]);
}

#[test]
fn transparency_is_read_whether_colours_are_multiplied_or_not() {
    for file in [&sample!("alpha.avif")[..], sample!("premultiplied.avif")] {
        assert!(probe(file).unwrap().alpha);
        let pixels = same(file);
        pixels.assert_near(24, 16, [RED[0], RED[1], RED[2], 128]);
        pixels.assert_near(72, 16, GREEN);
        // Half of blue on white.
        decode(&made(file, Recipe::new(Fit::Inside, None, None, JPEG)).bytes).assert_near(24, 48, [142, 147, 232, 255]);
    }
}

#[test]
fn a_picture_is_turned_as_its_container_says() {
    let turned: [(u16, &[u8]); 7] = [
        (2, sample!("turned-2.avif")),
        (3, sample!("turned-3.avif")),
        (4, sample!("turned-4.avif")),
        (5, sample!("turned-5.avif")),
        (6, sample!("turned-6.avif")),
        (7, sample!("turned-7.avif")),
        (8, sample!("turned-8.avif")),
    ];
    for (value, file) in turned {
        let known = probe(file).unwrap();
        assert_eq!((known.orientation, known.width, known.height), (Orientation::from_exif(value), 96, 64));
        assert!(known.exif);
        assert_quarters(&value.to_string(), &same(file));
        let mut recipe = Recipe::new(Fit::Inside, None, None, JPEG);
        recipe.keep.copyright = true;
        let kept = made(file, recipe);
        assert!(kept.bytes.windows(7).any(|bytes| bytes == b"(c) Ada"));
        assert_eq!(probe(&kept.bytes).unwrap().orientation, Orientation::Upright);
    }
}

#[test]
fn kinds_that_are_not_read_are_named() {
    for (file, what) in
        [(&sample!("pq.avif")[..], "high dynamic range (PQ)"), (sample!("gray.heic"), "HEVC of 8 bits, without")]
    {
        let refusal = refusal(file);
        assert_eq!(refusal.code(), "picture-unsupported");
        assert!(refusal.to_string().contains(what), "{refusal}");
    }
    let mut animation = boxed(b"ftyp", &[b"avis\0\0\0\0avis"]);
    animation.extend(boxed(b"moov", &[b"of no matter"]));
    let refusal = refusal(&animation);
    assert!(refusal.to_string().contains("an animation without a still picture"), "{refusal}");
}

fn boxed(kind: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..], kind, &body].concat()
}

/// What is in the first box of this kind, wherever it lies.
fn inside<'a>(file: &'a [u8], kind: &[u8]) -> &'a [u8] {
    let at = file.windows(4).position(|bytes| bytes == kind).unwrap();
    let length = u32::from_be_bytes(*file[at - 4..].first_chunk().unwrap()) as usize;
    &file[at + 4..at - 4 + length]
}

/// A container of tiles that all show the same, and what is said of the whole of it.
struct Grid<'a> {
    brand: &'a [u8; 4],
    /// The kind of the tiles, and of what configures them.
    coded: (&'a [u8; 4], &'a [u8; 4]),
    from: &'a [u8],
    tile: (u32, u32),
    columns: u8,
    rows: u8,
    size: (u32, u32),
    /// More properties of the whole.
    more: &'a [Vec<u8>],
}

impl Grid<'_> {
    fn file(&self) -> Vec<u8> {
        let size =
            |(width, height): (u32, u32)| boxed(b"ispe", &[&[0; 4], &width.to_be_bytes(), &height.to_be_bytes()]);
        let data = inside(self.from, b"mdat");
        let tiles = u16::from(self.columns) * u16::from(self.rows);
        let head = boxed(b"ftyp", &[self.brand, b"\0\0\0\0mif1", self.brand]);
        let entry = |id: u16, kind: &[u8; 4]| boxed(b"infe", &[&[2, 0, 0, 0], &id.to_be_bytes(), &[0; 2], kind, &[0]]);
        let mut items = vec![0; 4];
        items.extend((tiles + 1).to_be_bytes());
        items.extend(entry(1, b"grid"));
        (2..tiles + 2).for_each(|id| items.extend(entry(id, self.coded.0)));
        let mut refers = [&[0; 4][..], &1_u16.to_be_bytes(), &tiles.to_be_bytes()].concat();
        (2..tiles + 2).for_each(|id| refers.extend(id.to_be_bytes()));
        let refers = boxed(b"iref", &[&[0; 4], &boxed(b"dimg", &[&refers[4..]])]);
        let grid =
            [&[0, 1, self.rows - 1, self.columns - 1][..], &self.size.0.to_be_bytes(), &self.size.1.to_be_bytes()]
                .concat();
        // 1 is the size of the whole, 2 that of a tile, 3 its configuration, and then comes more of the whole.
        let config = boxed(self.coded.1, &[inside(self.from, self.coded.1)]);
        let container = boxed(b"ipco", &[&size(self.size), &size(self.tile), &config, &self.more.concat()]);
        let mut has = [&[0; 4][..], &(u32::from(tiles) + 1).to_be_bytes(), &1_u16.to_be_bytes()].concat();
        has.push(u8::try_from(self.more.len() + 1).unwrap());
        has.push(1);
        has.extend((4..).take(self.more.len()).map(|number: u8| number | 0x80));
        for id in 2..tiles + 2 {
            has.extend(id.to_be_bytes());
            has.extend([2, 2, 0x83]);
        }
        let properties = boxed(b"iprp", &[&container, &boxed(b"ipma", &[&has])]);
        let primary = boxed(b"pitm", &[&[0; 4], &1_u16.to_be_bytes()]);
        let store = boxed(b"idat", &[&grid]);
        let contents = |start: u32| {
            let mut places = [&[1, 0, 0, 0, 0x44, 0][..], &(tiles + 1).to_be_bytes()].concat();
            let place = |id: u16, method: u16, offset: u32, length: usize| {
                let length = u32::try_from(length).unwrap();
                let words = [id, method, 0, 1].map(u16::to_be_bytes).concat();
                [&words[..], &offset.to_be_bytes(), &length.to_be_bytes()].concat()
            };
            places.extend(place(1, 1, 0, grid.len()));
            (2..tiles + 2).for_each(|id| places.extend(place(id, 0, start, data.len())));
            let places = boxed(b"iloc", &[&places]);
            boxed(b"meta", &[&[0; 4], &primary, &boxed(b"iinf", &[&items]), &places, &refers, &properties, &store])
        };
        let start = head.len() + contents(0).len() + 8;
        [head, contents(u32::try_from(start).unwrap()), boxed(b"mdat", &[data])].concat()
    }
}

const AVIF: Grid<'static> = Grid {
    brand: b"avif",
    coded: (b"av01", b"av1C"),
    from: sample!("420.avif"),
    tile: (96, 64),
    columns: 3,
    rows: 2,
    size: (250, 100),
    more: &[],
};
const HEIC: Grid<'static> = Grid { brand: b"heic", coded: (b"hvc1", b"hvcC"), from: sample!("420.heic"), ..AVIF };

#[test]
fn tiles_are_put_together_as_phones_store_them() {
    for grid in [AVIF, HEIC] {
        let file = grid.file();
        let known = probe(&file).unwrap();
        assert_eq!((known.width, known.height), (250, 100));
        let pixels = same(&file);
        for (x, y, wanted) in [
            (24, 16, RED),
            (72, 16, GREEN),
            (120, 16, RED),
            (216, 16, RED),
            (245, 16, GREEN),
            (24, 48, BLUE),
            (24, 80, RED),
            (168, 80, GREEN),
            (120, 98, BLUE),
        ] {
            pixels.assert_near(x, y, wanted);
        }
        let turned = Grid { more: &[boxed(b"irot", &[&[3]])], ..grid }.file();
        let pixels = same(&turned);
        assert_eq!((pixels.width, pixels.height), (100, 250));
        pixels.assert_near(99 - 16, 24, RED);
        pixels.assert_near(99 - 16, 72, GREEN);
    }
}

#[test]
fn only_the_clean_part_is_shown() {
    let aperture = |numbers: [i32; 8]| boxed(b"clap", &[&numbers.map(i32::to_be_bytes).concat()]);
    // 48 × 32 from the middle of the first tile, and once from an odd place.
    for (left, top) in [(24, 16), (25, 17)] {
        let doubled = [2 * left + 48 - 250, 2 * top + 32 - 100];
        let more = [aperture([48, 1, 32, 1, doubled[0], 2, doubled[1], 2])];
        let file = Grid { more: &more, ..AVIF }.file();
        assert_eq!((probe(&file).unwrap().width, probe(&file).unwrap().height), (48, 32));
        assert_quarters("clean", &decode(&made(&file, Recipe::new(Fit::Inside, None, None, PNG)).bytes));
    }
    let more = [aperture([300, 1, 32, 1, 0, 1, 0, 1])];
    assert_eq!(refusal(&Grid { more: &more, ..AVIF }.file()).code(), "picture-damaged");
}

#[test]
fn what_is_unknown_and_needed_is_refused() {
    let more = [boxed(b"what", &[b"a thing of the future"])];
    let refusal = refusal(&Grid { more: &more, ..AVIF }.file());
    assert_eq!(refusal.code(), "picture-unsupported");
    assert!(refusal.to_string().contains("what"), "{refusal}");
}

#[test]
fn claims_of_gigabytes_cost_nothing() {
    let grid = |columns, rows, size| Grid { columns, rows, size, ..AVIF };
    let large = Grid { tile: (8000, 8000), ..grid(2, 2, (16_000, 16_000)) };
    assert_eq!(refusal(&large.file()).code(), "picture-too-many-pixels");
    assert_eq!(refusal(&grid(100, 100, (9600, 6400)).file()).code(), "picture-unsupported");
    // Tiles that would not fill it, or of which most could not be seen.
    for (columns, rows, size) in [(1, 1, (60_000, 60_000)), (3, 1, (96, 64)), (2, 2, (0, 64))] {
        assert_eq!(refusal(&grid(columns, rows, size).file()).code(), "picture-damaged");
    }
    for name in [AVIF, HEIC] {
        let mut file = name.from.to_vec();
        let at = file.windows(4).position(|bytes| bytes == b"ispe").unwrap() + 8;
        file[at..at + 8].copy_from_slice(&[0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF]);
        assert_eq!(refusal(&file).code(), "picture-too-many-pixels");
        // A size that is taken, but not that of what is coded.
        file[at..at + 8].copy_from_slice(&[0, 0, 0x10, 0, 0, 0, 0x10, 0]);
        assert_eq!(refusal(&file).code(), "picture-damaged");
        // A table of contents, or what it tells of, of two gigabytes.
        for kind in [b"meta", b"mdat"] {
            let mut file = name.from.to_vec();
            let at = file.windows(4).position(|bytes| bytes == kind).unwrap();
            file[at - 4..at].copy_from_slice(&0x7FFF_FFFF_u32.to_be_bytes());
            if kind == b"meta" {
                assert!(matches!(refusal(&file), Refusal::Truncated { .. }));
            } else {
                // Where things lie is said elsewhere.
                assert_quarters("mdat", &same(&file));
            }
        }
    }
}

#[test]
fn hidden_frames_are_counted_before_they_cost_anything() {
    let data = inside(AVIF.from, b"mdat");
    // The frame again and again: the last unit of the stream.
    let frame = data.iter().rposition(|byte| *byte == 0x32).unwrap();
    let from =
        [boxed(b"av1C", &[inside(AVIF.from, b"av1C")]), boxed(b"mdat", &[data, &data[frame..].repeat(50)])].concat();
    let refusal = refusal(&Grid { from: &from, columns: 1, rows: 1, size: (96, 64), ..AVIF }.file());
    assert_eq!(refusal.code(), "picture-unsupported");
    assert!(refusal.to_string().contains("many frames"), "{refusal}");
}

#[test]
fn what_ends_too_early_is_refused() {
    let files = [AVIF.file(), HEIC.file(), sample!("alpha.avif").to_vec(), sample!("odd.heic").to_vec()];
    for file in files {
        for length in (0..file.len()).step_by(7) {
            let code = refusal(&file[..length]).code();
            assert!(["picture-truncated", "picture-damaged", "not-a-picture"].contains(&code), "{length}: {code}");
        }
    }
}

#[test]
fn flipped_bits_never_panic() {
    let patience = Limits { pixels: 1_000_000, memory: 64 << 20, ..Limits::default() };
    let files = [
        AVIF.file(),
        HEIC.file(),
        sample!("alpha.avif").to_vec(),
        sample!("12-bit.avif").to_vec(),
        sample!("odd.heic").to_vec(),
    ];
    for file in files {
        for at in 0..file.len() {
            let mut file = file.clone();
            file[at] ^= 1 << (at % 8);
            let _either = render(&file, &[Recipe::new(Fit::Inside, Some(16), None, JPEG)], &patience);
        }
    }
}
