//! Encodes PNG with an encoder in Rust.

use std::io::Write;

use png::{BitDepth, ColorType, Compression, Encoder, Info};

use super::{Metadata, failed};
use crate::colour;
use crate::exif;
use crate::limits::Limits;
use crate::raster::{Model, Raster};
use crate::refusal::Refusal;

/// Bytes of a chunk of data.
const CHUNK: usize = 1 << 16;

/// Encodes a picture without loss.
pub(crate) fn encode(raster: &Raster, metadata: &Metadata, limits: &Limits<'_>) -> Result<Vec<u8>, Refusal> {
    let packed = match raster {
        Raster::Packed(packed) if packed.model == Model::Gray => packed.clone(),
        other => colour::rgb(other.clone()),
    };
    let mut info = Info::with_size(packed.width, packed.height);
    info.bit_depth = BitDepth::Eight;
    info.color_type = match packed.model {
        Model::Gray => ColorType::Grayscale,
        Model::Rgba => ColorType::Rgba,
        _ => ColorType::Rgb,
    };
    info.icc_profile = metadata.icc.as_deref().map(Into::into);
    info.exif_metadata = exif::write(metadata).map(Into::into);
    let mut out = Vec::new();
    let mut encoder = Encoder::with_info(&mut out, info).map_err(failed)?;
    encoder.set_compression(Compression::Balanced);
    let mut writer = encoder.write_header().map_err(failed)?;
    let mut stream = writer.stream_writer_with_size(CHUNK).map_err(failed)?;
    for row in packed.rows() {
        limits.check_time()?;
        stream.write_all(row).map_err(failed)?;
    }
    stream.finish().map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}
