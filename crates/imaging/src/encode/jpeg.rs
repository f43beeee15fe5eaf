//! Encodes JPEG with an encoder in Rust, from luma and chroma as they are or from red, green and blue.

use jpeg_encoder::{ChromaSubsamplingMethod, Encoder, ImageBuffer, JpegColorType, SamplingFactor};

use super::{Metadata, failed};
use crate::colour::{rgb_to_ycc, with_range};
use crate::exif;
use crate::raster::{Model, Packed, Planar, Range, Raster};
use crate::recipe::Encoding;
use crate::refusal::Refusal;

/// Encodes an opaque picture.
pub(crate) fn encode(raster: &Raster, quality: u8, progressive: bool, metadata: &Metadata) -> Result<Vec<u8>, Refusal> {
    let encoding = Encoding::Jpeg { quality, progressive };
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, quality);
    encoder.set_progressive(progressive);
    // Tables made for the picture would save 1.5 % of its bytes, and take twice the time: the encoder writes each colour
    // in a scan of its own then.
    encoder.set_optimized_huffman_tables(false);
    let halved = matches!(raster, Raster::Planar(_)) || encoding.halves_chroma();
    encoder.set_sampling_factor(if halved { SamplingFactor::R_4_2_0 } else { SamplingFactor::R_4_4_4 });
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    if let Some(icc) = &metadata.icc {
        encoder.add_icc_profile(icc).map_err(failed)?;
    }
    if let Some(exif) = exif::write(metadata) {
        encoder.add_exif_metadata(&exif).map_err(failed)?;
    }
    match raster {
        Raster::Packed(packed) => encoder.encode_image(Rows::new(packed)?),
        Raster::Planar(planar) => {
            // What stands in for four pixels is written for each of them, and taken from the first.
            encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Nearest);
            if planar.range == Range::Full {
                encoder.encode_image(Planes::new(planar)?)
            } else {
                encoder.encode_image(Planes::new(&with_range(planar.clone(), Range::Full))?)
            }
        }
    }
    .map_err(failed)?;
    Ok(out)
}

fn side(length: u32) -> Result<u16, Refusal> {
    u16::try_from(length).map_err(|_| failed("a JPEG has at most 65,535 pixels a side"))
}

struct Rows<'a> {
    packed: &'a Packed,
    width: u16,
    height: u16,
}

impl<'a> Rows<'a> {
    fn new(packed: &'a Packed) -> Result<Self, Refusal> {
        Ok(Self { packed, width: side(packed.width)?, height: side(packed.height)? })
    }
}

impl ImageBuffer for Rows<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        if self.packed.model == Model::Gray { JpegColorType::Luma } else { JpegColorType::Ycbcr }
    }

    fn width(&self) -> u16 {
        self.width
    }

    fn height(&self) -> u16 {
        self.height
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let channels = self.packed.model.channels();
        let length = usize::from(self.width) * channels;
        let row = &self.packed.data[usize::from(y) * length..][..length];
        let [luma, blue, red, _] = buffers;
        match self.packed.model {
            Model::Gray => luma.extend_from_slice(row),
            Model::Ycc => {
                let (pixels, _) = row.as_chunks::<3>();
                luma.extend(pixels.iter().map(|pixel| pixel[0]));
                blue.extend(pixels.iter().map(|pixel| pixel[1]));
                red.extend(pixels.iter().map(|pixel| pixel[2]));
            }
            _ => {
                for pixel in row.chunks_exact(channels) {
                    let [y, cb, cr] = rgb_to_ycc(pixel[0], pixel[1], pixel[2]);
                    luma.push(y);
                    blue.push(cb);
                    red.push(cr);
                }
            }
        }
    }
}

struct Planes<'a> {
    planar: &'a Planar,
    width: u16,
    height: u16,
}

impl<'a> Planes<'a> {
    fn new(planar: &'a Planar) -> Result<Self, Refusal> {
        Ok(Self { planar, width: side(planar.luma.width)?, height: side(planar.luma.height)? })
    }
}

impl ImageBuffer for Planes<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.width
    }

    fn height(&self) -> u16 {
        self.height
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let width = usize::from(self.width);
        let [luma, blue, red, _] = buffers;
        luma.extend_from_slice(&self.planar.luma.data[usize::from(y) * width..][..width]);
        for (out, plane) in [blue, red].into_iter().zip(&self.planar.chroma) {
            let across = plane.width as usize;
            let row = &plane.data[usize::from(y / 2) * across..][..across];
            out.extend(row.iter().flat_map(|sample| [*sample; 2]).take(width));
        }
    }
}
