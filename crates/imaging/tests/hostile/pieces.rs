//! Files that are put together piece by piece, sound but for what somebody does with the pieces.
//!
//! The end-to-end tests have them, too.

use std::io::Write as _;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

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

/// A WebP of so many frames of a single pixel.
pub(crate) fn moving_webp(frames: usize) -> Vec<u8> {
    let frame = riff(*b"ANMF", &[&[0; 16][..], b"VP8L\x0A\0\0\0\x2F\0\0\0\0\0\0\0\0\0"].concat());
    webp(2, &frame.repeat(frames), b"")
}

/// The head of a JPEG, tables and all, with other sides and hardly any data.
pub(crate) fn claiming_jpeg(width: u16, height: u16, progressive: bool) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 80);
    encoder.set_progressive(progressive);
    encoder.encode(&[120; 16 * 16], 16, 16, jpeg_encoder::ColorType::Luma).unwrap();
    let frame = file.windows(2).position(|bytes| bytes[0] == 0xFF && [0xC0, 0xC1, 0xC2].contains(&bytes[1])).unwrap();
    file[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    file[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    file
}

/// A progressive JPEG that is sent in so many passes.
pub(crate) fn passes(times: usize) -> Vec<u8> {
    let mut small = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut small, 80);
    encoder.set_progressive(true);
    encoder.encode(&[120; 16 * 16], 16, 16, jpeg_encoder::ColorType::Luma).unwrap();
    let start = small.windows(2).rposition(|bytes| bytes == [0xFF, 0xDA]).unwrap();
    let (head, pass) = small[..small.len() - 2].split_at(start);
    [head, &pass.repeat(times), &[0xFF, 0xD9]].concat()
}
