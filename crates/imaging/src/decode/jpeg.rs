//! Decodes JPEG with decoders in Rust, to luma and chroma where the picture has them.

use jpeg_decoder::PixelFormat;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::limits::Limits;
use crate::probe::{Format, Header};
use crate::raster::{Model, Packed, Raster, room};
use crate::refusal::Refusal;

/// Decodes the picture whose header was read and compared with the limits.
pub(crate) fn decode(bytes: &[u8], header: &Header<'_>, limits: &Limits<'_>) -> Result<Raster, Refusal> {
    if header.unusual {
        return unusual(bytes, header);
    }
    let damaged = |why: String| Refusal::damaged(Format::Jpeg, why);
    let options = DecoderOptions::default()
        // Otherwise it fills with grey what it cannot read.
        .set_strict_mode(true)
        .set_max_width(65_535)
        .set_max_height(65_535)
        .jpeg_set_max_scans(limits.scans as usize);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| damaged(error.to_string()))?;
    let input = decoder.input_colorspace().ok_or_else(|| damaged("it has no colours".into()))?;
    let (model, output) = match input {
        ColorSpace::Luma => (Model::Gray, ColorSpace::Luma),
        ColorSpace::YCbCr => (Model::Ycc, ColorSpace::YCbCr),
        ColorSpace::RGB => (Model::Rgb, ColorSpace::RGB),
        ColorSpace::CMYK => (Model::Cmyk, ColorSpace::CMYK),
        ColorSpace::YCCK => (Model::Ycck, ColorSpace::YCCK),
        other => return Err(Refusal::unsupported(Format::Jpeg, format!("colours of the kind {other:?}"))),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(output));
    let (width, height) = (header.probe.stored_width, header.probe.stored_height);
    let size = width as usize * height as usize * model.channels();
    if decoder.dimensions() != Some((width as usize, height as usize)) || decoder.output_buffer_size() != Some(size) {
        return Err(damaged("its headers contradict each other".into()));
    }
    let mut data = room(size)?;
    decoder.decode_into(&mut data).map_err(|error| damaged(error.to_string()))?;
    if model == Model::Cmyk && header.adobe.is_some() {
        // Adobe's programs write how much is left of white.
        invert(&mut data);
    }
    Ok(Raster::Packed(Packed { width, height, model, data }))
}

/// One that is not progressive and yet has several scans, or whose first colour is not the one with most samples. The
/// usual decoder answers wrong colours for such ones without saying so; this one takes twice the time.
fn unusual(bytes: &[u8], header: &Header<'_>) -> Result<Raster, Refusal> {
    let damaged = |why: &dyn ToString| Refusal::damaged(Format::Jpeg, why.to_string());
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    let mut data = decoder.decode().map_err(|error| damaged(&error))?;
    let (width, height) = (header.probe.stored_width, header.probe.stored_height);
    let model = match decoder.info().map(|info| info.pixel_format) {
        Some(PixelFormat::L8) => Model::Gray,
        Some(PixelFormat::RGB24) => Model::Rgb,
        Some(PixelFormat::CMYK32) => Model::Cmyk,
        _ => return Err(damaged(&"its samples are of a kind that it does not announce")),
    };
    if data.len() != width as usize * height as usize * model.channels() {
        return Err(damaged(&"its headers contradict each other"));
    }
    if model == Model::Cmyk && header.adobe.is_none() {
        // It takes for granted that what is left of white was written.
        invert(&mut data);
    }
    Ok(Raster::Packed(Packed { width, height, model, data }))
}

fn invert(data: &mut [u8]) {
    for sample in data {
        *sample = !*sample;
    }
}
