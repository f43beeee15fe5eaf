//! Files that only claim to be long, deep or many are answered from few pieces, within a bounded amount of work.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

use proptest::prelude::{Just, any, prop_oneof, proptest};
use proptest::strategy::Strategy;
use strongroom_media::{Facts, File, Look, MOST_PIECES, PIECE, look};

/// Reads a file of this length, which repeats what it begins with for ever.
fn read(length: u64, content: &[u8]) -> Option<Facts> {
    let mut file = File::of(length);
    for _ in 0..=MOST_PIECES {
        match look(&file) {
            Look::Told(facts) => return facts,
            Look::Needs { first, bytes } => {
                assert!(bytes <= PIECE && first + bytes <= length, "{first}, {bytes}");
                let piece = content.iter().cycle().skip(usize::try_from(first % content.len() as u64).unwrap());
                file.add(first, piece.take(usize::try_from(bytes).unwrap()).copied().collect());
            }
        }
    }
    panic!("it asks for more than {MOST_PIECES} pieces");
}

fn boxed(name: &str, content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len() + 8).unwrap();
    [&size.to_be_bytes()[..], name.as_bytes(), content].concat()
}

#[test]
fn what_has_no_end_is_given_up() {
    let long = u64::MAX - 7;
    for content in [
        b"\0\0\0\x08free".to_vec(),
        b"\0\0\0\x08moov".to_vec(),
        b"\0\0\0\x01moov\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF".to_vec(),
        b"\0\0\0\0moov".to_vec(),
        b"\0\0\0\0ftyp".to_vec(),
        [&b"\0\0\0\0moov"[..], &boxed("trak", &boxed("mdia", &boxed("hdlr", b"")))].concat(),
        b"\x1A\x45\xDF\xA3\x80\x18\x53\x80\x67\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xEC\x80".to_vec(),
        b"\x1A\x45\xDF\xA3\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF".to_vec(),
        b"OggS\0\x02".to_vec(),
        b"fLaC\x7F\xFF\xFF\xFF".to_vec(),
        b"RIFF\xFF\xFF\xFF\xFFWAVEfmt \xFF\xFF\xFF\xFF".to_vec(),
        b"ID3\x04\0\0\x7F\x7F\x7F\x7F".to_vec(),
        b"ID3\x04\0\0\0\0\0\0".to_vec(),
        b"\xFF\xFB\x90\0".to_vec(),
        b"\0".to_vec(),
        b"\xFF".to_vec(),
    ] {
        assert_eq!(read(long, &content), None, "{:?}", content.escape_ascii().to_string());
    }
    // What looks like a frame where the search ends is followed by none.
    let stray = [&[0; (16 << 10) - 4], &b"\xFF\xFB\x90\0"[..]].concat();
    assert_eq!(read(1 << 30, &stray), None);
}

#[test]
fn a_length_that_cannot_be_is_left_out_and_the_size_stays() {
    let header = |units: u32, scale: u32| {
        let mut header = vec![0; 100];
        header[12..16].copy_from_slice(&scale.to_be_bytes());
        header[16..20].copy_from_slice(&units.to_be_bytes());
        boxed("mvhd", &header)
    };
    let mut track = vec![0; 84];
    // As it is: one, one, one.
    (track[41], track[57], track[72]) = (1, 1, 0x40);
    (track[76..78]).copy_from_slice(&640_u16.to_be_bytes());
    (track[80..82]).copy_from_slice(&360_u16.to_be_bytes());
    let media = boxed("mdia", &boxed("hdlr", b"\0\0\0\0\0\0\0\0vide"));
    let track = boxed("trak", &[boxed("tkhd", &track), media].concat());
    let movie = |units, scale| {
        let movie = boxed("moov", &[header(units, scale), track.clone()].concat());
        [boxed("ftyp", b"isom"), movie].concat()
    };
    for (units, scale, milliseconds) in [
        (90, 60, Some(1500)),
        (90, 0, None),
        (0, 60, None),
        (u32::MAX, 1, None),
        (u32::MAX - 1, 1, Some(4_294_967_294_000)),
    ] {
        let file = movie(units, scale);
        let facts = Facts { milliseconds, size: Some((640, 360)) };
        assert_eq!(read(file.len() as u64, &file), Some(facts), "{units} / {scale}");
    }
}

const MARKS: [&[u8]; 9] = [
    b"\0\0\0\x10ftypisom\0\0\0\0",
    b"\0\0\0\0moov",
    b"\x1A\x45\xDF\xA3\x80\x18\x53\x80\x67\xFF",
    b"fLaC\0\0\0\x22",
    b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x13OpusHead",
    b"RIFF\xFF\xFF\0\0WAVEfmt ",
    b"ID3\x04\0\0\0\0\0\x7F",
    b"\xFF\xFB\x90\0",
    b"",
];

proptest! {
    #[test]
    fn whatever_follows_a_mark_is_answered(
        mark in proptest::sample::select(&MARKS),
        rest in proptest::collection::vec(any::<u8>(), 1..600),
        longer in prop_oneof![Just(0), Just(100_000), any::<u64>().prop_map(|length| length / 2)],
    ) {
        let content = [mark, &rest].concat();
        read(content.len() as u64 + longer, &content);
    }
}
