//! The files that harm is done to: the seeds of the fuzzer, which has some of each format, and what is put together here.

use std::path::Path;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use std::io::Write as _;
use strongroom_imaging::{Format, probe};

/// A small file of each format and of most kinds of it, by name. What the fuzzer starts with is what is damaged here, so
/// that a format that is added is added to both at once.
pub(crate) fn samples() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/picture");
    let mut samples: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            // The first byte says what the fuzzer is to make of the rest.
            let file = std::fs::read(entry.path()).unwrap().split_off(1);
            (entry.file_name().into_string().unwrap(), file)
        })
        .filter(|(_, file)| probe(file).is_ok())
        .collect();
    samples.sort();
    samples
}

#[test]
fn there_is_a_sample_of_every_format() {
    let samples = samples();
    for format in Format::ALL {
        assert!(samples.iter().any(|(_, file)| Format::of(file) == Some(format)), "{format} lacks one");
    }
}

/// A part of a PNG.
pub(crate) fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut checksum = Crc::new();
    checksum.update(&kind);
    checksum.update(data);
    let length = u32::try_from(data.len()).unwrap();
    [&length.to_be_bytes()[..], &kind, data, &checksum.sum().to_be_bytes()].concat()
}

/// A PNG of these sides whose data inflates to that many zeroes, with chunks in front of it and behind it.
pub(crate) fn png(width: u32, height: u32, colour: u8, before: &[u8], zeroes: usize, behind: &[u8]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, colour, 0, 0, 0]].concat();
    let (header, data, end) = (chunk(*b"IHDR", &header), chunk(*b"IDAT", &deflated(zeroes)), chunk(*b"IEND", b""));
    [&b"\x89PNG\r\n\x1A\n"[..], &header, before, &data, behind, &end].concat()
}

/// That many zeroes, compressed.
pub(crate) fn deflated(zeroes: usize) -> Vec<u8> {
    let mut out = ZlibEncoder::new(Vec::new(), Compression::best());
    let block = vec![0; 1 << 16];
    let mut left = zeroes;
    while left > 0 {
        let now = left.min(block.len());
        out.write_all(&block[..now]).unwrap();
        left -= now;
    }
    out.finish().unwrap()
}

/// A sound JPEG of 16 × 16 pixels with these segments behind its start.
pub(crate) fn jpeg(segments: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    jpeg_encoder::Encoder::new(&mut file, 80)
        .encode(&[120; 16 * 16 * 3], 16, 16, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    [&file[..2], segments, &file[2..]].concat()
}

/// A segment of a JPEG.
pub(crate) fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 2).unwrap();
    [&[0xFF, marker][..], &length.to_be_bytes(), data].concat()
}

/// A sound WebP of 16 × 16 pixels with these chunks around its picture.
pub(crate) fn webp(flags: u8, before: &[u8], behind: &[u8]) -> Vec<u8> {
    let still = webpx::Encoder::new_rgb(&[120; 16 * 16 * 3], 16, 16).lossless(true).encode(webpx::Unstoppable).unwrap();
    let head = riff(*b"VP8X", &[flags, 0, 0, 0, 15, 0, 0, 15, 0, 0]);
    let body = [b"WEBP", &head[..], before, &still[12..], behind].concat();
    [&b"RIFF"[..], &u32::try_from(body.len()).unwrap().to_le_bytes(), &body].concat()
}

/// A part of a WebP.
pub(crate) fn riff(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap().to_le_bytes();
    [&kind[..], &length, data, &[0][..data.len() & 1]].concat()
}

/// A sound GIF of 8 × 8 pixels, with blocks before its picture, and that so many times.
pub(crate) fn gif(before: &[u8], times: usize) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, 8, 8, &[0, 0, 0, 255, 255, 255]).unwrap();
    encoder.write_frame(&gif::Frame::from_indexed_pixels(8, 8, vec![1; 64], None)).unwrap();
    drop(encoder);
    // Behind the header of 13 bytes and two colours come the frame, and a last byte.
    let (head, frame) = file[..file.len() - 1].split_at(19);
    [head, before, &frame.repeat(times), b";"].concat()
}
