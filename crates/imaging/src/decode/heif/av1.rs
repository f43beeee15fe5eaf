//! Decodes AV1 with rav1d, which is dav1d in Rust, on the thread that calls and within the size that the container says.

use std::panic::{AssertUnwindSafe, catch_unwind};

use re_rav1d::pixel::{ColorPrimaries, MatrixCoefficients, TransferCharacteristic, YUVRange};
use re_rav1d::{Decoder, Error, PixelLayout, PlanarImageComponent, Settings};

use crate::heif::colours::Cicp;
use crate::heif::planes::{Kind, Planes, Sampling, levels};
use crate::heif::{Image, Tile};
use crate::probe::Format;
use crate::refusal::Refusal;

/// A still picture is one frame, or a few of which each is better than the one before.
const MOST_FRAMES: usize = 4;

/// The kinds of units that a stream consists of (AV1, 6.2.2).
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;

/// Decodes one tile.
pub(super) fn decode(
    tile: &Tile<'_>,
    image: &Image<'_>,
    said: Option<Cicp>,
    format: Format,
) -> Result<(Planes, Cicp), Refusal> {
    let damaged = |why: &dyn std::fmt::Display| Refusal::damaged(format, why);
    let data = tile.parts.concat();
    // Frames that are not shown take a few bytes and the time of a whole one each.
    match frames(&data) {
        None | Some(0) => return Err(damaged(&"its frames cannot be found")),
        Some(frames) if frames > MOST_FRAMES => {
            return Err(Refusal::unsupported(format, "a still picture in it has many frames"));
        }
        Some(_) => {}
    }
    let (width, height) = image.tile;
    let mut settings = Settings::new();
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_all_layers(false);
    settings.set_frame_size_limit(width.saturating_mul(height));
    let mut decoder = Decoder::with_settings(&settings).map_err(|error| damaged(&error))?;
    match decoder.send_data(data, None, None, None) {
        Ok(()) | Err(Error::Again) => {}
        Err(error) => return Err(damaged(&error)),
    }
    let shown = decoder.get_picture().map_err(|error| match error {
        Error::Again => Refusal::Truncated { format },
        Error::NotEnoughMemory => Refusal::TooMuchMemory { needed: u64::MAX, limit: 0 },
        other => damaged(&other),
    })?;
    if (shown.width(), shown.height()) != (width, height) {
        return Err(damaged(&"its headers contradict each other"));
    }
    let sampling = match shown.pixel_layout() {
        PixelLayout::I400 => Sampling::Gray,
        PixelLayout::I420 => Sampling::Quarter,
        PixelLayout::I422 => Sampling::Half,
        PixelLayout::I444 => Sampling::Whole,
    };
    let depth = shown.bits_per_component().map_or(0, |bits| bits.0);
    if sampling != image.sampling || depth != usize::from(image.depth) {
        return Err(damaged(&"its headers contradict each other"));
    }
    let cicp = said.unwrap_or_else(|| cicp(&shown));
    let mut planes = Planes::new(Kind { sampling, matrix: cicp.matrix, full: cicp.full }, width, height)?;
    let levels = levels(image.depth, cicp.full);
    for number in 0..sampling.count() {
        let component = PlanarImageComponent::from(number);
        let plane = shown.plane(component);
        let stored = plane.chunks_exact((shown.stride(component) as usize).max(1));
        for (row, stored) in planes.rows_mut(number).zip(stored) {
            if depth == 8 {
                row.copy_from_slice(&stored[..row.len()]);
            } else {
                for (out, sample) in row.iter_mut().zip(stored.as_chunks::<2>().0) {
                    *out = levels.get(usize::from(u16::from_ne_bytes(*sample))).copied().unwrap_or(u8::MAX);
                }
            }
        }
    }
    Ok((planes, cicp))
}

/// How many frames a stream has. None where it is no stream.
fn frames(mut data: &[u8]) -> Option<usize> {
    let mut frames = 0;
    while let Some((head, rest)) = data.split_first() {
        let kind = head >> 3 & 0b1111;
        frames += usize::from(matches!(kind, FRAME_HEADER | FRAME));
        data = rest.get(usize::from(head >> 2 & 1)..)?;
        if head & 0b10 == 0 {
            break;
        }
        let mut length = 0;
        for place in 0..8 {
            let (byte, rest) = data.split_first()?;
            data = rest;
            length |= usize::from(byte & 0x7F) << (place * 7);
            if byte & 0x80 == 0 {
                break;
            }
        }
        data = data.get(length..)?;
    }
    Some(frames)
}

/// What the stream says about its colours.
fn cicp(shown: &re_rav1d::Picture) -> Cicp {
    // It panics at numbers that mean nothing, which therefore say as much as none.
    let (primaries, transfer, matrix) = catch_unwind(AssertUnwindSafe(|| numbers(shown))).unwrap_or((2, 2, 2));
    Cicp { primaries, transfer, matrix, full: shown.color_range() == YUVRange::Full }
}

/// The numbers of its colours, of its light and of its luma.
fn numbers(shown: &re_rav1d::Picture) -> (u8, u8, u8) {
    let primaries = match shown.color_primaries() {
        ColorPrimaries::BT2020 => 9,
        ColorPrimaries::P3DCI => 11,
        ColorPrimaries::P3Display => 12,
        _ => 1,
    };
    let transfer = match shown.transfer_characteristic() {
        TransferCharacteristic::Linear => 8,
        TransferCharacteristic::PerceptualQuantizer => 16,
        TransferCharacteristic::HybridLogGamma => 18,
        _ => 13,
    };
    let matrix = match shown.matrix_coefficients() {
        MatrixCoefficients::Identity => 0,
        MatrixCoefficients::BT709 => 1,
        MatrixCoefficients::BT470M => 4,
        MatrixCoefficients::BT470BG | MatrixCoefficients::ST170M => 6,
        MatrixCoefficients::ST240M => 7,
        MatrixCoefficients::YCgCo => 8,
        MatrixCoefficients::BT2020NonConstantLuminance => 9,
        MatrixCoefficients::Unspecified => 2,
        _ => 14,
    };
    (primaries, transfer, matrix)
}

#[cfg(test)]
mod tests {
    use super::frames;

    #[test]
    fn frames_are_counted_without_decoding_them() {
        // A sequence header of two bytes, a frame of one, and a frame header without a length.
        assert_eq!(frames(b"\x0A\x02ab\x32\x01c\x18de"), Some(2));
        assert_eq!(frames(b"\x32\x05c"), None);
        assert_eq!(frames(b""), Some(0));
        assert_eq!(frames(b"\x32\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), None);
    }
}
