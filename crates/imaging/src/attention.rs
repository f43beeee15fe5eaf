//! Finds the part of a picture in which most happens, or that draws the eye, on a small rendition of it.

use crate::colour::rgb_to_ycc;
use crate::raster::Packed;
use crate::recipe::Gravity;

/// The longer side of the rendition that is looked at.
pub(crate) const SIDE: u32 = 96;
/// Both sides of the squares whose entropy is measured.
const SQUARE: usize = 8;

/// Left and top of the part of this size that has most of what is looked for, as shares of the picture: the same units
/// as `across` and `down`.
pub(crate) fn find(picture: &Packed, what: Gravity, across: f64, down: f64) -> (f64, f64) {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let weights = match what {
        Gravity::Entropy => entropy(picture, width, height),
        _ => attention(picture, width, height),
    };
    let columns: Vec<f64> =
        (0..width).map(|x| weights.iter().skip(x).step_by(width).map(|weight| f64::from(*weight)).sum()).collect();
    let rows: Vec<f64> =
        weights.chunks_exact(width).map(|row| row.iter().map(|weight| f64::from(*weight)).sum()).collect();
    (heaviest(&columns, across), heaviest(&rows, down))
}

/// Where the window of this share begins that holds most. Of equal ones that which is nearest to the middle is taken.
fn heaviest(weights: &[f64], share: f64) -> f64 {
    let count = weights.len();
    let window = ((count as f64 * share).round() as usize).clamp(1, count);
    let middle = (count - window) as f64 / 2.0;
    let mut sum: f64 = weights[..window].iter().sum();
    let mut best = (sum, 0_usize);
    for start in 1..=count - window {
        sum += weights[start + window - 1] - weights[start - 1];
        let nearer = (start as f64 - middle).abs() < (best.1 as f64 - middle).abs();
        if sum > best.0 * 1.000_001 || (sum >= best.0 * 0.999_999 && nearer) {
            best = (sum, start);
        }
    }
    best.1 as f64 / count as f64
}

/// Edges of luma, strong colours and the tones of skin, whatever its shade.
fn attention(picture: &Packed, width: usize, height: usize) -> Vec<f32> {
    let ycc: Vec<[f32; 3]> =
        picture.pixels().map(|pixel| rgb_to_ycc(pixel[0], pixel[1], pixel[2]).map(f32::from)).collect();
    let luma = |x: usize, y: usize| ycc[y * width + x][0];
    let mut weights = Vec::with_capacity(ycc.len());
    for y in 0..height {
        for x in 0..width {
            let [level, blue, red] = ycc[y * width + x];
            let (left, right) = (luma(x.saturating_sub(1), y), luma((x + 1).min(width - 1), y));
            let (up, down) = (luma(x, y.saturating_sub(1)), luma(x, (y + 1).min(height - 1)));
            let edge = (4.0 * level - left - right - up - down).abs();
            let (blue, red) = (blue - 128.0, red - 128.0);
            let strength = blue.hypot(red);
            // In the plane of chroma, skin of every shade lies in one direction; only its luma differs.
            let direction = red.atan2(blue).to_degrees();
            let skin = if (100.0..=135.0).contains(&direction) && (8.0..=60.0).contains(&strength) && level > 30.0 {
                40.0
            } else {
                0.0
            };
            weights.push(edge + 0.5 * strength + skin);
        }
    }
    weights
}

/// How much the levels of luma differ within each square.
fn entropy(picture: &Packed, width: usize, height: usize) -> Vec<f32> {
    let luma: Vec<u8> = picture.pixels().map(|pixel| rgb_to_ycc(pixel[0], pixel[1], pixel[2])[0]).collect();
    let mut weights = vec![0.0; luma.len()];
    for top in (0..height).step_by(SQUARE) {
        for left in (0..width).step_by(SQUARE) {
            let (bottom, right) = ((top + SQUARE).min(height), (left + SQUARE).min(width));
            let mut counts = [0_u16; 16];
            for y in top..bottom {
                for sample in &luma[y * width + left..y * width + right] {
                    counts[usize::from(sample >> 4)] += 1;
                }
            }
            let total = ((bottom - top) * (right - left)) as f32;
            let entropy: f32 = counts
                .iter()
                .filter(|count| **count > 0)
                .map(|count| f32::from(*count) / total)
                .map(|share| -share * share.log2())
                .sum();
            for y in top..bottom {
                weights[y * width + left..y * width + right].fill(entropy);
            }
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::find;
    use crate::raster::{Model, Packed};
    use crate::recipe::Gravity;

    /// Grey, with a patch of noise or colour at the right.
    fn picture(patch: impl Fn(usize) -> [u8; 3]) -> Packed {
        let data =
            (0..48 * 32).flat_map(|at| if at % 48 >= 32 && at / 48 >= 16 { patch(at) } else { [128; 3] }).collect();
        Packed { width: 48, height: 32, model: Model::Rgb, data }
    }

    #[test]
    fn the_eye_is_drawn_to_what_differs() {
        let colourful = picture(|_| [250, 30, 30]);
        let (left, top) = find(&colourful, Gravity::Attention, 1.0 / 3.0, 0.5);
        assert!(left >= 0.6 && top >= 0.4, "{left} {top}");
        let noisy = picture(|at| [(at * 97 % 251) as u8; 3]);
        let (left, top) = find(&noisy, Gravity::Entropy, 1.0 / 3.0, 0.5);
        assert!(left >= 0.6 && top >= 0.4, "{left} {top}");
    }

    #[test]
    fn where_nothing_differs_it_is_the_middle() {
        assert_eq!(find(&picture(|_| [128; 3]), Gravity::Entropy, 0.5, 0.5), (0.25, 0.25));
    }
}
