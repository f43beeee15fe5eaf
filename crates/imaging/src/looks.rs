//! What a picture looks like, in a few bytes: dominant colour, placeholder, perceptual hash and colour features.

use std::f32::consts::PI;

use crate::raster::{Model, Packed};

/// The longer side of the rendition that is looked at; the placeholder takes no larger one.
pub(crate) const SIDE: u32 = 96;
/// Sides of the grid whose frequencies make the hash.
const GRID: usize = 32;
/// Frequencies in each direction that the hash tells of.
const FREQUENCIES: usize = 8;
const HUES: usize = 12;
const GRAYS: usize = 5;

/// What a picture looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looks {
    /// Red, green and blue of the colour that covers most.
    pub dominant: [u8; 3],
    /// A blurred placeholder in some 25 bytes, as defined by `ThumbHash`.
    pub thumbhash: Vec<u8>,
    /// Pictures that look alike differ in few of these bits, whatever their size, format and quality.
    pub perceptual_hash: u64,
    /// How much of the picture has which colour: twelve hues when dark, the same when light, five greys from black to
    /// white, and the means of lightness and both directions of colour. Each is a share of 255. Pictures of like colours
    /// have like features; [`similarity`] compares them.
    pub features: [u8; 32],
}

/// How much alike two pictures are in their colours, from 0 to 1.
pub fn similarity(a: &[u8; 32], b: &[u8; 32]) -> f32 {
    let distance: f32 = a.iter().zip(b).map(|(a, b)| f32::from(a.abs_diff(*b)).powi(2)).sum();
    // Two pictures of one colour each are farthest apart: one share is all of it here, and another one there.
    (1.0 - distance.sqrt() / (2.0_f32.sqrt() * 255.0)).max(0.0)
}

/// Looks at a small rendition in red, green, blue and perhaps alpha, of at most [`SIDE`] pixels a side.
pub(crate) fn look(picture: &Packed) -> Looks {
    let pixels: Vec<[u8; 4]> = picture
        .pixels()
        .map(|pixel| [pixel[0], pixel[1], pixel[2], if picture.model == Model::Rgba { pixel[3] } else { 255 }])
        .collect();
    let thumbhash = thumbhash::rgba_to_thumb_hash(picture.width as usize, picture.height as usize, &pixels.concat());
    Looks {
        dominant: dominant(&pixels),
        thumbhash,
        perceptual_hash: hash(picture, &pixels),
        features: features(&pixels),
    }
}

/// The mean of those pixels that fall into the fullest of 512 boxes. Half transparent ones count half.
fn dominant(pixels: &[[u8; 4]]) -> [u8; 3] {
    let mut boxes = vec![[0_u64; 4]; 512];
    for [r, g, b, a] in pixels {
        let place = usize::from(r >> 5) << 6 | usize::from(g >> 5) << 3 | usize::from(b >> 5);
        let weight = u64::from(*a);
        for (sum, sample) in boxes[place].iter_mut().zip([u64::from(*r), u64::from(*g), u64::from(*b), 1]) {
            *sum += sample * weight;
        }
    }
    let [r, g, b, weight] = boxes.into_iter().max_by_key(|sums| sums[3]).unwrap_or_default();
    [r, g, b].map(|sum| sum.checked_div(weight).unwrap_or(0) as u8)
}

/// The signs of the lowest frequencies of luma against their median.
fn hash(picture: &Packed, pixels: &[[u8; 4]]) -> u64 {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let mut grid = [[0.0_f32; GRID]; GRID];
    for (y, row) in grid.iter_mut().enumerate() {
        for (x, cell) in row.iter_mut().enumerate() {
            // A cell is the mean of the pixels that it covers, at least of one.
            let span = |at: usize, side: usize| {
                let start = at * side / GRID;
                start..((at + 1) * side / GRID).max(start + 1).min(side)
            };
            let (mut sum, mut count) = (0.0, 0.0);
            for y in span(y, height) {
                for [r, g, b, a] in &pixels[y * width..][span(x, width)] {
                    let luma = 0.299 * f32::from(*r) + 0.587 * f32::from(*g) + 0.114 * f32::from(*b);
                    // On white, as it is mostly shown.
                    let alpha = f32::from(*a) / 255.0;
                    sum += luma * alpha + 255.0 * (1.0 - alpha);
                    count += 1.0;
                }
            }
            *cell = sum / f32::max(count, 1.0);
        }
    }
    let wave = |frequency: usize, at: usize| (PI / GRID as f32 * (at as f32 + 0.5) * frequency as f32).cos();
    let mut values = Vec::with_capacity(FREQUENCIES * FREQUENCIES);
    for v in 0..FREQUENCIES {
        for u in 0..FREQUENCIES {
            let sum: f32 = grid
                .iter()
                .enumerate()
                .map(|(y, row)| wave(v, y) * row.iter().enumerate().map(|(x, cell)| wave(u, x) * cell).sum::<f32>())
                .sum();
            values.push(sum);
        }
    }
    // The first is the mean brightness, which says nothing.
    values[0] = 0.0;
    let mut sorted = values.clone();
    sorted.sort_by(f32::total_cmp);
    let median = f32::midpoint(sorted[31], sorted[32]);
    values.iter().fold(0, |hash, value| hash << 1 | u64::from(*value > median))
}

/// Counted in Oklab, whose distances are those that people see.
fn features(pixels: &[[u8; 4]]) -> [u8; 32] {
    let mut hues = [0.0_f32; 2 * HUES];
    let mut grays = [0.0_f32; GRAYS];
    let mut means = [0.0_f32; 3];
    let mut total = 0.0;
    for [r, g, b, a] in pixels {
        let weight = f32::from(*a) / 255.0;
        let [lightness, green_red, blue_yellow] = oklab([*r, *g, *b]);
        let chroma = green_red.hypot(blue_yellow);
        // From grey to coloured it is a slope and no step, and so between neighbouring hues and greys.
        let coloured = (chroma / 0.06).min(1.0);
        let hue = (blue_yellow.atan2(green_red) / (2.0 * PI)).rem_euclid(1.0) * HUES as f32;
        let (first, share) = (hue.floor(), hue.fract());
        let light = if lightness > 0.6 { HUES } else { 0 };
        hues[light + first as usize % HUES] += weight * coloured * (1.0 - share);
        hues[light + (first as usize + 1) % HUES] += weight * coloured * share;
        let gray = lightness.clamp(0.0, 1.0) * (GRAYS - 1) as f32;
        let (first, share) = (gray.floor() as usize, gray.fract());
        grays[first] += weight * (1.0 - coloured) * (1.0 - share);
        grays[(first + 1).min(GRAYS - 1)] += weight * (1.0 - coloured) * share;
        for (mean, value) in means.iter_mut().zip([lightness, green_red + 0.5, blue_yellow + 0.5]) {
            *mean += weight * value;
        }
        total += weight;
    }
    let mut out = [0; 32];
    let all = hues.iter().chain(&grays).chain(&means);
    for (out, value) in out.iter_mut().zip(all) {
        *out = (value / f32::max(total, 1.0) * 255.0).round().clamp(0.0, 255.0) as u8;
    }
    out
}

/// sRGB to Oklab, as its author defines it.
fn oklab(colour: [u8; 3]) -> [f32; 3] {
    let [r, g, b] = colour.map(|sample| {
        let share = f32::from(sample) / 255.0;
        if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    });
    let long = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let medium = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let short = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * long + 0.793_617_8 * medium - 0.004_072_047 * short,
        1.977_998_5 * long - 2.428_592_2 * medium + 0.450_593_7 * short,
        0.025_904_037 * long + 0.782_771_77 * medium - 0.808_675_77 * short,
    ]
}

#[cfg(test)]
mod tests {
    use super::{look, similarity};
    use crate::raster::{Model, Packed};

    #[test]
    fn one_colour_is_dominant_and_like_itself() {
        let red = look(&Packed::filled(40, 30, Model::Rgb, &[200, 10, 20]));
        let dark_red = look(&Packed::filled(40, 30, Model::Rgb, &[180, 5, 10]));
        let blue = look(&Packed::filled(40, 30, Model::Rgb, &[10, 20, 200]));
        assert_eq!(red.dominant, [200, 10, 20]);
        assert!(similarity(&red.features, &dark_red.features) > 0.9);
        assert!(similarity(&red.features, &blue.features) < 0.3);
    }

    #[test]
    fn what_is_transparent_does_not_count() {
        let mut data = [0_u8, 255, 0, 0].repeat(90);
        data.extend([9_u8, 8, 7, 255].repeat(10));
        let looks = look(&Packed { width: 10, height: 10, model: Model::Rgba, data });
        assert_eq!(looks.dominant, [9, 8, 7]);
    }

    #[test]
    fn the_hash_survives_another_size_and_brightness() {
        let picture = |side: u32, scale: u32| {
            let data = (0..side * side)
                .flat_map(|at| {
                    let (x, y) = (at % side * 96 / side, at / side * 96 / side);
                    [((x * x / 40 + y * 3 / 2) % 200 * scale / 100) as u8; 3]
                })
                .collect();
            Packed { width: side, height: side, model: Model::Rgb, data }
        };
        let differ = |a: &Packed, b: &Packed| (look(a).perceptual_hash ^ look(b).perceptual_hash).count_ones();
        assert!(differ(&picture(96, 100), &picture(64, 80)) <= 6);
        let other = Packed { data: picture(96, 100).data.into_iter().rev().collect(), ..picture(96, 100) };
        assert!(differ(&picture(96, 100), &other) > 16);
    }
}
