//! Encodes WebP with libwebp, from luma and chroma as they are or from red, green, blue and alpha.

use webpx::{Encoder, EncoderConfig, Stop, StopReason, YuvPlanesRef};

use super::{Metadata, failed};
use crate::colour::{self, with_range};
use crate::exif;
use crate::limits::Limits;
use crate::raster::{Model, Packed, Planar, Range, Raster};
use crate::refusal::Refusal;
use crate::resize;

/// How hard libwebp tries, from 0 to 6. With 3 a whole upload takes a third longer, for files that are a twentieth
/// shorter.
const EFFORT: u8 = 2;
/// Into how many kinds of places it sorts a picture, to treat each in its own way. With its usual 4 there is no time for
/// that at this effort: files get a hundredth shorter, and less like the picture.
const SEGMENTS: u8 = 2;

/// Encodes a picture, transparent or not.
pub(crate) fn encode(
    raster: &Raster,
    quality: u8,
    lossless: bool,
    metadata: &Metadata,
    limits: &Limits<'_>,
) -> Result<Vec<u8>, Refusal> {
    let mut config =
        EncoderConfig::new().quality(f32::from(quality)).lossless(lossless).method(EFFORT).segments(SEGMENTS);
    if let Some(icc) = &metadata.icc {
        config = config.icc_profile(icc.clone());
    }
    if let Some(exif) = exif::write(metadata) {
        config = config.exif(exif);
    }
    let planar = match raster {
        _ if lossless => None,
        Raster::Planar(planar) => Some(planar.clone()),
        Raster::Packed(packed) if matches!(packed.model, Model::Gray | Model::Ycc) => Some(resize::planes(packed)?),
        Raster::Packed(_) => None,
    };
    if let Some(planar) = planar {
        let planar = with_range(planar, Range::Video);
        return run(Encoder::new_yuv(planes(&planar)).config(config), limits);
    }
    let Packed { width, height, model, data } = colour::rgb(raster.clone());
    let encoder = match model {
        Model::Rgba => Encoder::new_rgba(&data, width, height),
        _ => Encoder::new_rgb(&data, width, height),
    };
    run(encoder.config(config), limits)
}

fn run(encoder: Encoder<'_>, limits: &Limits<'_>) -> Result<Vec<u8>, Refusal> {
    encoder.encode(Waiting(limits)).map_err(|error| match error.error() {
        webpx::Error::Stopped(_) => Refusal::OutOfTime,
        other => failed(other),
    })
}

fn planes(planar: &Planar) -> YuvPlanesRef<'_> {
    let [blue, red] = &planar.chroma;
    YuvPlanesRef {
        y: &planar.luma.data,
        y_stride: planar.luma.width as usize,
        u: &blue.data,
        u_stride: blue.width as usize,
        v: &red.data,
        v_stride: red.width as usize,
        a: None,
        a_stride: 0,
        width: planar.luma.width,
        height: planar.luma.height,
    }
}

/// Lets libwebp ask whether anybody still waits.
struct Waiting<'a>(&'a Limits<'a>);

impl Stop for Waiting<'_> {
    fn check(&self) -> Result<(), StopReason> {
        self.0.check_time().map_err(|_| StopReason::Cancelled)
    }
}
