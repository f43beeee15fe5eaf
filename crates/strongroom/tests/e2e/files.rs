//! The files that the tests hand in.

use sha2::{Digest, Sha256};

/// A picture that is one, each number another one.
pub(crate) fn png(number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 8, 8);
    encoder.set_color(png::ColorType::Rgb);
    let [_, red, green, blue] = number.to_be_bytes();
    let pixels: Vec<u8> = [red, green, blue].iter().copied().cycle().take(8 * 8 * 3).collect();
    let mut writer = encoder.write_header().expect("a vector takes everything");
    writer.write_image_data(&pixels).expect("the size is right");
    writer.finish().expect("a vector takes everything");
    bytes
}

/// A picture followed by as many bytes as it takes to be so long; decoders stop at the picture's end.
pub(crate) fn large_png(number: u32, bytes: usize) -> Vec<u8> {
    let mut picture = png(number);
    let mut state = number.wrapping_mul(2_654_435_761).wrapping_add(1);
    picture.resize_with(bytes, || {
        // Bytes that differ from place to place, so that swapped parts are noticed.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    picture
}

/// A photograph in four colours, one a quarter: red, green, blue and white in the order of reading. The camera wrote how
/// it is to be turned (EXIF orientation), and where it was.
pub(crate) fn photograph((width, height): (u16, u16), orientation: u8) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(usize::from(width) * usize::from(height) * 3);
    for y in 0..height {
        for x in 0..width {
            // Some grain, as photographs have.
            let grain = ((u32::from(x) * 7919 + u32::from(y) * 104_729) % 13) as u8;
            let [red, green, blue] = match (x < width / 2, y < height / 2) {
                (true, true) => [255 - grain, grain, grain],
                (false, true) => [grain, 255 - grain, grain],
                (true, false) => [grain, grain, 255 - grain],
                (false, false) => [255 - grain; 3],
            };
            pixels.extend([red, green, blue]);
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 95);
    // One directory with the orientation, and one for the place, which no reader has to understand to be found out.
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0]);
    exif.extend(b"\0\0\0\0GPS! 52.5200 13.4050");
    encoder.add_app_segment(1, exif).expect("it is short");
    encoder.encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb).expect("a vector takes everything");
    bytes
}

/// A GIF of this size that is red, then green and then blue.
pub(crate) fn animation((width, height): (u16, u16)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let palette = [255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0];
    let mut encoder = gif::Encoder::new(&mut bytes, width, height, &palette).expect("a vector takes everything");
    for colour in 0..3 {
        let pixels = vec![colour; usize::from(width) * usize::from(height)];
        let mut frame = gif::Frame::from_indexed_pixels(width, height, pixels, None);
        frame.delay = 20;
        encoder.write_frame(&frame).expect("a vector takes everything");
    }
    drop(encoder);
    bytes
}

/// Red, green, blue and white, one a quarter in the order of reading, each as its samples.
fn quarters((width, height): (u16, u16)) -> impl Iterator<Item = [u8; 3]> {
    let places = (0..height).flat_map(move |y| (0..width).map(move |x| (x, y)));
    places.map(move |(x, y)| match (x < width / 2, y < height / 2) {
        (true, true) => [255, 0, 0],
        (false, true) => [0, 255, 0],
        (true, false) => [0, 0, 255],
        (false, false) => [255; 3],
    })
}

/// A BMP of 24 bits in these quarters, from the top down.
pub(crate) fn bmp((width, height): (u16, u16)) -> Vec<u8> {
    let mut bytes = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bytes.extend(u32::from(width).to_le_bytes());
    bytes.extend((-i32::from(height)).to_le_bytes());
    bytes.extend([1, 0, 24, 0]);
    bytes.resize(54, 0);
    let pixels: Vec<u8> = quarters((width, height)).flat_map(|[red, green, blue]| [blue, green, red]).collect();
    for row in pixels.chunks_exact(usize::from(width) * 3) {
        bytes.extend(row);
        bytes.resize((bytes.len() - 54).next_multiple_of(4) + 54, 0);
    }
    bytes
}

/// A TIFF in these quarters, of which red is transparent.
pub(crate) fn tiff((width, height): (u16, u16)) -> Vec<u8> {
    let entries: [(u16, u16, u32); 10] = [
        (256, 3, width.into()),
        (257, 3, height.into()),
        // Eight bits for each sample, of which there are four: red, green, blue, and alpha by itself.
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 2),
        (273, 4, 8 + 2 + 10 * 12 + 4),
        (277, 3, 4),
        (278, 3, height.into()),
        (279, 4, u32::from(width) * u32::from(height) * 4),
        (338, 3, 2),
    ];
    let mut bytes = b"II\x2A\0\x08\0\0\0\x0A\0".to_vec();
    for (tag, kind, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 4]);
    let alpha = |pixel: [u8; 3]| if pixel == [255, 0, 0] { 0 } else { 255 };
    bytes.extend(quarters((width, height)).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], alpha(pixel)]));
    bytes
}

/// A JPEG XL in these quarters, of 81 × 40 pixels; its first byte is for the fuzzer.
pub(crate) fn jxl() -> Vec<u8> {
    include_bytes!("../../../../fuzz/corpus/picture/jxl-lossless")[1..].to_vec()
}

/// Plain text of about this length.
pub(crate) fn text(number: u32, bytes: usize) -> Vec<u8> {
    format!("Bolt {number} of indigo twill, received.\n").bytes().cycle().take(bytes).collect()
}

/// A document that is one as far as anybody can tell without reading it.
pub(crate) fn pdf() -> Vec<u8> {
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n".to_vec()
}

/// A page that would run in the origin that serves it.
pub(crate) fn html() -> Vec<u8> {
    b"<!DOCTYPE html><html><body><script>alert(document.domain)</script></body></html>".to_vec()
}

/// A drawing that would do the same.
pub(crate) fn svg() -> Vec<u8> {
    br#"<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>"#.to_vec()
}

/// The digest that the service speaks of.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(&Sha256::digest(bytes))
}
