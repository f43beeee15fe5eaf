//! Makes the pictures that the tests hand in, and looks at those that come out.

use std::io::Cursor;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use strongroom_imaging::{Encoding, Fit, Format, Limits, Output, Recipe, render};
use zune_jpeg::zune_core::bytestream::ZCursor;

/// Red, green, blue and alpha of a decoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pixels {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) data: Vec<[u8; 4]>,
}

impl Pixels {
    pub(crate) fn at(&self, x: u32, y: u32) -> [u8; 4] {
        self.data[(y * self.width + x) as usize]
    }

    /// Fails when the pixel differs by more than lossy formats do.
    #[track_caller]
    pub(crate) fn assert_near(&self, x: u32, y: u32, wanted: [u8; 4]) {
        let got = self.at(x, y);
        let near = got.iter().zip(wanted).all(|(got, wanted)| got.abs_diff(wanted) <= 12);
        assert!(near, "at {x}, {y} there is {got:?} instead of {wanted:?}");
    }
}

pub(crate) const RED: [u8; 4] = [220, 30, 30, 255];
pub(crate) const GREEN: [u8; 4] = [30, 200, 40, 255];
pub(crate) const BLUE: [u8; 4] = [30, 40, 210, 255];
pub(crate) const WHITE: [u8; 4] = [250, 250, 250, 255];

/// A picture whose quarters are red, green, blue and white, read like a text.
pub(crate) fn quarters(width: u32, height: u32) -> Pixels {
    let quarter = |x: u32, y: u32| match (x < width / 2, y < height / 2) {
        (true, true) => RED,
        (false, true) => GREEN,
        (true, false) => BLUE,
        (false, false) => WHITE,
    };
    let data = (0..height).flat_map(|y| (0..width).map(move |x| quarter(x, y))).collect();
    Pixels { width, height, data }
}

pub(crate) fn rgb(pixels: &Pixels) -> Vec<u8> {
    pixels.data.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect()
}

/// A JPEG, with whatever is done to its encoder.
pub(crate) fn jpeg(pixels: &Pixels, prepare: impl Fn(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    jpeg_of(&rgb(pixels), pixels.width, pixels.height, ColorType::Rgb, prepare)
}

pub(crate) fn jpeg_of(
    samples: &[u8],
    width: u32,
    height: u32,
    kind: ColorType,
    prepare: impl Fn(&mut Encoder<&mut Vec<u8>>),
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 95);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    prepare(&mut encoder);
    encoder.encode(samples, u16::try_from(width).unwrap(), u16::try_from(height).unwrap(), kind).unwrap();
    out
}

/// A block of EXIF as phones write it: orientation, artist, copyright, and the place in a directory of its own.
pub(crate) fn exif(orientation: u16) -> Vec<u8> {
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &count.to_be_bytes(), &value.to_be_bytes()].concat()
    };
    // Four entries end at 62; the texts follow, and then the directory of the place.
    let mut block = b"MM\0\x2A\0\0\0\x08\0\x04".to_vec();
    block.extend(entry(0x0112, 3, 1, u32::from(orientation) << 16));
    block.extend(entry(0x013B, 2, 10, 62));
    block.extend(entry(0x8298, 2, 14, 72));
    block.extend(entry(0x8825, 4, 1, 86));
    block.extend([0; 4]);
    block.extend(b"Ada Artist\0"[..10].iter());
    block.extend(b"(c) Ada Artis\0");
    block.extend(b"\0\x01");
    block.extend(entry(0x0001, 2, 2, u32::from_be_bytes(*b"N\0\0\0")));
    block.extend([0; 4]);
    block.extend(b"GPS-SECRET-PLACE SERIAL-12345");
    block
}

/// A PNG of these samples.
pub(crate) fn png(
    width: u32,
    height: u32,
    kind: png::ColorType,
    depth: png::BitDepth,
    samples: &[u8],
    prepare: impl Fn(&mut png::Encoder<'_, &mut Vec<u8>>),
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(kind);
    encoder.set_depth(depth);
    prepare(&mut encoder);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(samples).unwrap();
    writer.finish().unwrap();
    out
}

pub(crate) fn png_rgba(pixels: &Pixels) -> Vec<u8> {
    png(pixels.width, pixels.height, png::ColorType::Rgba, png::BitDepth::Eight, &pixels.data.concat(), |_| ())
}

pub(crate) fn webp(pixels: &Pixels, lossless: bool) -> Vec<u8> {
    webpx::Encoder::new_rgba(&pixels.data.concat(), pixels.width, pixels.height)
        .quality(90.0)
        .lossless(lossless)
        .encode(webpx::Unstoppable)
        .unwrap()
}

/// A picture of one colour.
pub(crate) fn plain(width: u32, height: u32, colour: [u8; 4]) -> Pixels {
    Pixels { width, height, data: vec![colour; (width * height) as usize] }
}

/// What changes with a frame of an animation.
pub(crate) struct Patch {
    pub(crate) picture: Pixels,
    pub(crate) left: u16,
    pub(crate) top: u16,
    pub(crate) dispose: gif::DisposalMethod,
    /// For PNG, whether it is laid over what is there.
    pub(crate) over: bool,
    /// Milliseconds.
    pub(crate) delay: u16,
}

/// An animated GIF that is played again so often; 0 is without end.
pub(crate) fn gif(width: u16, height: u16, again: u16, patches: &[Patch]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = gif::Encoder::new(&mut out, width, height, &[]).unwrap();
    encoder.set_repeat(if again == 0 { gif::Repeat::Infinite } else { gif::Repeat::Finite(again) }).unwrap();
    for patch in patches {
        let side = |side: u32| u16::try_from(side).unwrap();
        let (width, height) = (side(patch.picture.width), side(patch.picture.height));
        let mut frame = gif::Frame::from_rgba(width, height, &mut patch.picture.data.concat());
        (frame.left, frame.top) = (patch.left, patch.top);
        (frame.dispose, frame.delay) = (patch.dispose, patch.delay / 10);
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    out
}

/// An animated PNG that is played so often; 0 is without end.
pub(crate) fn apng(
    width: u32,
    height: u32,
    plays: u32,
    patches: &[Patch],
    prepare: impl Fn(&mut png::Info<'_>),
) -> Vec<u8> {
    let mut out = Vec::new();
    let mut info = png::Info::with_size(width, height);
    (info.color_type, info.bit_depth) = (png::ColorType::Rgba, png::BitDepth::Eight);
    prepare(&mut info);
    let mut encoder = png::Encoder::with_info(&mut out, info).unwrap();
    encoder.set_animated(u32::try_from(patches.len()).unwrap(), plays).unwrap();
    let mut writer = encoder.write_header().unwrap();
    for patch in patches {
        writer.set_frame_dimension(patch.picture.width, patch.picture.height).unwrap();
        writer.set_frame_position(patch.left.into(), patch.top.into()).unwrap();
        writer.set_frame_delay(patch.delay, 1000).unwrap();
        writer.set_blend_op(if patch.over { png::BlendOp::Over } else { png::BlendOp::Source }).unwrap();
        let dispose = match patch.dispose {
            gif::DisposalMethod::Background => png::DisposeOp::Background,
            gif::DisposalMethod::Previous => png::DisposeOp::Previous,
            _ => png::DisposeOp::None,
        };
        writer.set_dispose_op(dispose).unwrap();
        writer.write_image_data(&patch.picture.data.concat()).unwrap();
    }
    writer.finish().unwrap();
    out
}

/// An animated WebP as libwebp makes them.
pub(crate) fn moving_webp(frames: &[Pixels], delay: i32) -> Vec<u8> {
    let mut encoder = webpx::AnimationEncoder::new(frames[0].width, frames[0].height).unwrap();
    encoder.set_lossless(true);
    let mut at = 0;
    for frame in frames {
        encoder.add_frame_rgba(&frame.data.concat(), at).unwrap();
        at += delay;
    }
    encoder.finish(at).unwrap()
}

/// An animation as it is shown.
pub(crate) struct Film {
    /// Each frame with its milliseconds.
    pub(crate) frames: Vec<(Pixels, u32)>,
    /// How often it is played; 0 is without end.
    pub(crate) plays: u16,
}

/// Looks at an animated WebP, with another decoder than the crate has.
#[track_caller]
pub(crate) fn film(file: &[u8]) -> Film {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(file)).unwrap();
    assert!(decoder.is_animated());
    let (width, height) = decoder.dimensions();
    let mut data = vec![0; decoder.output_buffer_size().unwrap()];
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let frames = (0..decoder.num_frames()).map(|_| {
        let delay = decoder.read_frame(&mut data).unwrap();
        let pixel = |pixel: &[u8]| [pixel[0], pixel[1], pixel[2], pixel.get(3).copied().unwrap_or(255)];
        (Pixels { width, height, data: data.chunks_exact(channels).map(pixel).collect() }, delay)
    });
    let frames = frames.collect();
    let plays = match decoder.loop_count() {
        image_webp::LoopCount::Forever => 0,
        image_webp::LoopCount::Times(times) => times.get(),
    };
    Film { frames, plays }
}

pub(crate) const JPEG: Encoding = Encoding::Jpeg { quality: 90, progressive: false };
pub(crate) const PNG: Encoding = Encoding::Png;
pub(crate) const WEBP: Encoding = Encoding::WebP { quality: 90, lossless: false };
pub(crate) const AVIF: Encoding = Encoding::Avif { quality: 90 };
pub(crate) const WEBP_LOSSLESS: Encoding = Encoding::WebP { quality: 50, lossless: true };

/// The one result of a recipe.
#[track_caller]
pub(crate) fn made(file: &[u8], recipe: Recipe) -> Output {
    render(file, &[recipe], &Limits::default()).unwrap().outputs.remove(0)
}

/// The picture in its own size, without loss.
#[track_caller]
pub(crate) fn same(file: &[u8]) -> Pixels {
    decode(&made(file, Recipe::new(Fit::Inside, None, None, PNG)).bytes)
}

/// Looks at a JPEG, a PNG or a WebP.
#[track_caller]
pub(crate) fn decode(file: &[u8]) -> Pixels {
    if file.starts_with(b"\xFF\xD8") {
        let mut decoder = zune_jpeg::JpegDecoder::new(ZCursor::new(file));
        let data = decoder.decode().unwrap();
        let (width, height) = decoder.dimensions().unwrap();
        let data = match data.len() / (width * height) {
            1 => data.iter().map(|gray| [*gray, *gray, *gray, 255]).collect(),
            _ => data.as_chunks::<3>().0.iter().map(|[r, g, b]| [*r, *g, *b, 255]).collect(),
        };
        return Pixels { width: u32::try_from(width).unwrap(), height: u32::try_from(height).unwrap(), data };
    }
    if file.starts_with(b"RIFF") {
        let (data, width, height) = webpx::decode_rgba(file).unwrap();
        return Pixels { width, height, data: data.as_chunks::<4>().0.to_vec() };
    }
    if Format::of(file) == Some(Format::Avif) {
        return same(file);
    }
    let mut reader = png::Decoder::new(Cursor::new(file)).read_info().unwrap();
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut data).unwrap();
    let data = match frame.color_type {
        png::ColorType::Rgba => data.as_chunks::<4>().0.to_vec(),
        png::ColorType::Rgb => data.as_chunks::<3>().0.iter().map(|[r, g, b]| [*r, *g, *b, 255]).collect(),
        _ => data.iter().map(|gray| [*gray, *gray, *gray, 255]).collect(),
    };
    Pixels { width: frame.width, height: frame.height, data }
}
