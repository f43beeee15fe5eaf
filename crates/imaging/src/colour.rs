//! Colours: from luma and chroma, inks and other profiles to what the encoders take, in sRGB.

use moxcms::{ColorProfile, DataColorSpace, Layout, RenderingIntent, TransformOptions};

use crate::raster::{Model, Packed, Planar, Range, Raster};

/// A profile that is for these samples and says something else than sRGB.
#[derive(Debug)]
pub(crate) struct Profile {
    parsed: ColorProfile,
    /// The profile as it came, to be handed on.
    pub(crate) bytes: Vec<u8>,
}

impl Profile {
    /// Reads a profile; one that is damaged or for samples of another kind is taken as none, as browsers do.
    pub(crate) fn read(bytes: Vec<u8>, raster: &Raster) -> Option<Self> {
        let parsed = ColorProfile::new_from_slice(&bytes).ok()?;
        let wanted = match raster {
            Raster::Packed(Packed { model: Model::Gray, .. }) => DataColorSpace::Gray,
            Raster::Packed(Packed { model: Model::Cmyk | Model::Ycck, .. }) => DataColorSpace::Cmyk,
            _ => DataColorSpace::Rgb,
        };
        (parsed.color_space == wanted).then_some(Self { parsed, bytes })
    }

    /// Whether it is for red, green and blue, so that a result can carry it.
    pub(crate) fn can_go_along(&self) -> bool {
        self.parsed.color_space == DataColorSpace::Rgb
    }
}

/// Samples that the profile is for, as sRGB. None when the profile cannot be followed.
fn converted(packed: &Packed, profile: &Profile) -> Option<Packed> {
    let (from, model, to) = match packed.model {
        Model::Gray => (Layout::Gray, Model::Rgb, Layout::Rgb),
        Model::Rgb => (Layout::Rgb, Model::Rgb, Layout::Rgb),
        Model::Rgba => (Layout::Rgba, Model::Rgba, Layout::Rgba),
        // Four inks have the layout of four samples.
        Model::Cmyk => (Layout::Rgba, Model::Rgb, Layout::Rgb),
        Model::Ycc | Model::Premultiplied | Model::Ycck => return None,
    };
    // As it was meant to be seen, with inks that no screen has and light that no paper has.
    let options = TransformOptions { rendering_intent: RenderingIntent::Perceptual, ..TransformOptions::default() };
    let transform = profile.parsed.create_transform_8bit(from, &ColorProfile::new_srgb(), to, options).ok()?;
    let mut data = vec![0; packed.width as usize * packed.height as usize * model.channels()];
    transform.transform(&packed.data, &mut data).ok()?;
    if packed.model == Model::Cmyk {
        let mut darkest = [0; 3];
        transform.transform(&[u8::MAX; 4], &mut darkest).ok()?;
        let levels = darkest.map(levels_above);
        for pixel in data.as_chunks_mut::<3>().0 {
            *pixel = std::array::from_fn(|channel| levels[channel][usize::from(pixel[channel])]);
        }
    }
    Some(Packed { width: packed.width, height: packed.height, model, data })
}

/// What becomes of each level of a colour when that of the darkest mixture of inks becomes black: white stays white, and
/// light in between keeps its place. Without this black on paper would be a grey on screens.
fn levels_above(darkest: u8) -> [u8; 256] {
    let black = linear(f64::from(darkest.min(LIGHTEST_BLACK)) / 255.0);
    std::array::from_fn(|level| {
        let light = (linear(level as f64 / 255.0) - black) / (1.0 - black);
        (encoded(light.max(0.0)) * 255.0).round() as u8
    })
}

/// A medium grey: where the darkest is lighter, something else than ink is meant.
const LIGHTEST_BLACK: u8 = 119;

/// How much light a level of sRGB is.
fn linear(level: f64) -> f64 {
    if level <= 0.040_45 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) }
}

/// The level of sRGB that is so much light.
fn encoded(light: f64) -> f64 {
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

/// What the encoders take: lightness, luma and chroma, red, green and blue, or those with alpha; in the colours of the
/// profile if there is one, which is handed on or has been followed then.
pub(crate) fn finish(raster: Raster, profile: Option<&Profile>) -> Raster {
    let Some(profile) = profile else {
        return match raster {
            Raster::Packed(packed) if matches!(packed.model, Model::Gray | Model::Ycc) => Raster::Packed(packed),
            Raster::Packed(packed) => Raster::Packed(to_rgb(packed)),
            planar @ Raster::Planar(_) => planar,
        };
    };
    let samples = match raster {
        Raster::Planar(planar) => to_rgb(planar_to_ycc(&planar)),
        Raster::Packed(packed) => match packed.model {
            Model::Ycck => ycck_to_cmyk(&packed),
            Model::Gray | Model::Cmyk => packed,
            _ => to_rgb(packed),
        },
    };
    let converted = converted(&samples, profile);
    Raster::Packed(converted.unwrap_or_else(|| if samples.model == Model::Gray { samples } else { to_rgb(samples) }))
}

/// Red, green and blue, with alpha where there is some.
pub(crate) fn rgb(raster: Raster) -> Packed {
    match raster {
        Raster::Packed(packed) => to_rgb(packed),
        Raster::Planar(planar) => to_rgb(planar_to_ycc(&planar)),
    }
}

fn to_rgb(packed: Packed) -> Packed {
    match packed.model {
        Model::Rgb | Model::Rgba => packed,
        Model::Gray => packed.map(Model::Rgb, |pixel| [pixel[0]; 3]),
        Model::Ycc => packed.map(Model::Rgb, |pixel| ycc_to_rgb(pixel[0], pixel[1], pixel[2])),
        Model::Premultiplied => packed.map(Model::Rgba, straight),
        Model::Cmyk => packed.map(Model::Rgb, |ink| {
            let left = |colour: u8| product(255 - colour, 255 - ink[3]);
            [left(ink[0]), left(ink[1]), left(ink[2])]
        }),
        Model::Ycck => to_rgb(ycck_to_cmyk(&packed)),
    }
}

/// Red, green and blue of it are what is left of white, and so is black; inks are the other way round.
fn ycck_to_cmyk(packed: &Packed) -> Packed {
    packed.map(Model::Cmyk, |pixel| {
        let [c, m, y] = ycc_to_rgb(pixel[0], pixel[1], pixel[2]);
        [c, m, y, 255 - pixel[3]]
    })
}

/// A share of a share, rounded: 255 is the whole.
pub(crate) fn product(a: u8, b: u8) -> u8 {
    let wide = u16::from(a) * u16::from(b) + 128;
    ((wide + (wide >> 8)) >> 8) as u8
}

/// The colour as far as it is seen.
pub(crate) fn premultiplied([r, g, b, a]: [u8; 4]) -> [u8; 4] {
    [product(r, a), product(g, a), product(b, a), a]
}

/// The same of a colour that may be multiplied already; then it is no brighter than alpha, whatever was stored.
pub(crate) fn multiplied(pixel: [u8; 4], already: bool) -> [u8; 4] {
    if already { pixel.map(|level| level.min(pixel[3])) } else { premultiplied(pixel) }
}

/// The colour by itself.
fn straight(pixel: &[u8]) -> [u8; 4] {
    let alpha = u16::from(pixel[3]);
    let whole = |sample: u8| (u16::from(sample) * 255 + alpha / 2).checked_div(alpha).unwrap_or(0).min(255) as u8;
    [whole(pixel[0]), whole(pixel[1]), whole(pixel[2]), pixel[3]]
}

/// BT.601 with all levels (JFIF), in 16 bits behind the point.
pub(crate) fn ycc_to_rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y) << 16, i32::from(cb) - 128, i32::from(cr) - 128);
    let byte = |value: i32| ((value + 32_768) >> 16).clamp(0, 255) as u8;
    [byte(y + 91_881 * cr), byte(y - 22_554 * cb - 46_802 * cr), byte(y + 116_130 * cb)]
}

/// The other way.
pub(crate) fn rgb_to_ycc(r: u8, g: u8, b: u8) -> [u8; 3] {
    let (r, g, b) = (i32::from(r), i32::from(g), i32::from(b));
    let byte = |value: i32| ((value + 32_768) >> 16).clamp(0, 255) as u8;
    [
        byte(19_595 * r + 38_470 * g + 7_471 * b),
        byte(-11_059 * r - 21_709 * g + 32_768 * b + (128 << 16)),
        byte(32_768 * r - 27_439 * g - 5_329 * b + (128 << 16)),
    ]
}

/// Which full level each level of luma stands for.
const LUMA_TO_FULL: [u8; 256] = levels(255, 219, 16, 0, 0);
const CHROMA_TO_FULL: [u8; 256] = levels(255, 224, 128, 128, 0);
const LUMA_TO_VIDEO: [u8; 256] = levels(219, 255, 0, 16, 0);
const CHROMA_TO_VIDEO: [u8; 256] = levels(224, 255, 128, 128, 0);

/// `(level - from) * above / below + to`, rounded and clamped, for each level.
const fn levels(above: i32, below: i32, from: i32, to: i32, first: i32) -> [u8; 256] {
    let mut table = [0; 256];
    let mut level = first;
    while level < 256 {
        let scaled = (level - from) * above;
        let rounded = if scaled >= 0 { (scaled + below / 2) / below } else { (scaled - below / 2) / below } + to;
        table[level as usize] = if rounded < 0 {
            0
        } else if rounded > 255 {
            255
        } else {
            rounded as u8
        };
        level += 1;
    }
    table
}

/// Luma with all levels, from that of video.
pub(crate) fn luma_to_full(data: &mut [u8]) {
    for sample in data {
        *sample = LUMA_TO_FULL[usize::from(*sample)];
    }
}

/// Planes with the other range of levels.
pub(crate) fn with_range(mut planar: Planar, range: Range) -> Planar {
    if planar.range != range {
        let (luma, chroma) = match range {
            Range::Full => (&LUMA_TO_FULL, &CHROMA_TO_FULL),
            Range::Video => (&LUMA_TO_VIDEO, &CHROMA_TO_VIDEO),
        };
        let apply = |data: &mut [u8], table: &[u8; 256]| {
            for sample in data {
                *sample = table[usize::from(*sample)];
            }
        };
        apply(&mut planar.luma.data, luma);
        planar.chroma.iter_mut().for_each(|plane| apply(&mut plane.data, chroma));
        planar.range = range;
    }
    planar
}

/// Of halved chroma the nearer and the farther of the two samples beside a pixel.
pub(crate) fn neighbours(at: usize, count: usize) -> (usize, usize) {
    let near = (at / 2).min(count - 1);
    let far = if at.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(count - 1) };
    (near, far)
}

/// Every pixel with its own chroma, which is that of its neighbours, the nearer three times as much as the farther.
pub(crate) fn planar_to_ycc(planar: &Planar) -> Packed {
    let (luma_levels, chroma_levels) = match planar.range {
        Range::Full => (None, None),
        Range::Video => (Some(&LUMA_TO_FULL), Some(&CHROMA_TO_FULL)),
    };
    let level = |table: Option<&[u8; 256]>, sample: u8| table.map_or(sample, |table| table[usize::from(sample)]);
    let (width, height) = (planar.luma.width as usize, planar.luma.height as usize);
    let (across, down) = (planar.chroma[0].width as usize, planar.chroma[0].height as usize);
    let mut data = Vec::with_capacity(width * height * 3);
    let mut rows = [vec![0_u16; across], vec![0_u16; across]];
    for (y, luma) in planar.luma.data.chunks_exact(width).enumerate() {
        let (near, far) = neighbours(y, down);
        for (row, plane) in rows.iter_mut().zip(&planar.chroma) {
            let near = &plane.data[near * across..][..across];
            let far = &plane.data[far * across..][..across];
            for (out, (near, far)) in row.iter_mut().zip(near.iter().zip(far)) {
                *out = u16::from(*near) * 3 + u16::from(*far);
            }
        }
        for (x, sample) in luma.iter().enumerate() {
            let (near, far) = neighbours(x, across);
            let chroma = |row: &[u16]| level(chroma_levels, ((row[near] * 3 + row[far] + 8) >> 4) as u8);
            data.extend([level(luma_levels, *sample), chroma(&rows[0]), chroma(&rows[1])]);
        }
    }
    Packed { width: planar.luma.width, height: planar.luma.height, model: Model::Ycc, data }
}

#[cfg(test)]
mod tests {
    use super::{
        CHROMA_TO_FULL, CHROMA_TO_VIDEO, LUMA_TO_FULL, LUMA_TO_VIDEO, premultiplied, rgb_to_ycc, straight, ycc_to_rgb,
    };

    #[test]
    fn colours_survive_luma_and_chroma() {
        for colour in [[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [13, 200, 99]] {
            let [y, cb, cr] = rgb_to_ycc(colour[0], colour[1], colour[2]);
            for (got, wanted) in ycc_to_rgb(y, cb, cr).iter().zip(colour) {
                assert!(got.abs_diff(wanted) <= 2, "{colour:?} became {got}");
            }
        }
    }

    #[test]
    fn the_levels_of_video_end_where_they_should() {
        assert_eq!((LUMA_TO_VIDEO[0], LUMA_TO_VIDEO[255]), (16, 235));
        assert_eq!((CHROMA_TO_VIDEO[0], CHROMA_TO_VIDEO[128], CHROMA_TO_VIDEO[255]), (16, 128, 240));
        assert_eq!((LUMA_TO_FULL[16], LUMA_TO_FULL[235], LUMA_TO_FULL[255]), (0, 255, 255));
        assert_eq!((CHROMA_TO_FULL[16], CHROMA_TO_FULL[128], CHROMA_TO_FULL[240]), (0, 128, 255));
    }

    #[test]
    fn what_is_hardly_transparent_keeps_its_colour() {
        assert_eq!(straight(&premultiplied([10, 100, 250, 255])), [10, 100, 250, 255]);
        assert_eq!(straight(&premultiplied([10, 100, 250, 0])), [0, 0, 0, 0]);
        let back = straight(&premultiplied([10, 100, 250, 200]));
        assert!(back.iter().zip([10_u8, 100, 250, 200]).all(|(got, wanted)| got.abs_diff(wanted) <= 1), "{back:?}");
    }
}
