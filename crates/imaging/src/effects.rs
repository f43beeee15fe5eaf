//! Changes pixels in their place: background under transparent parts and around the picture, blur, sharpening.

use crate::colour;
use crate::geometry::Canvas;
use crate::limits::Limits;
use crate::raster::{Model, Packed, Raster};
use crate::refusal::Refusal;

/// The picture without transparency, on a colour.
pub(crate) fn flatten(raster: Raster, background: [u8; 4]) -> Raster {
    match raster {
        Raster::Packed(packed) if packed.model == Model::Rgba => Raster::Packed(packed.map(Model::Rgb, |pixel| {
            let alpha = u32::from(pixel[3]);
            let over = |at: usize| {
                let sum = u32::from(pixel[at]) * alpha + u32::from(background[at]) * (255 - alpha);
                ((sum + 127) / 255) as u8
            };
            [over(0), over(1), over(2)]
        })),
        other => other,
    }
}

/// The picture in a larger box.
pub(crate) fn pad(raster: Raster, canvas: Canvas, background: [u8; 4]) -> Raster {
    let picture = colour::rgb(raster);
    let transparent = background[3] < 255 || picture.model == Model::Rgba;
    let picture = if transparent && picture.model == Model::Rgb {
        picture.map(Model::Rgba, |pixel| [pixel[0], pixel[1], pixel[2], 255])
    } else {
        picture
    };
    let channels = picture.model.channels();
    let mut out = Packed::filled(canvas.width, canvas.height, picture.model, &background[..channels]);
    let row = canvas.width as usize * channels;
    let start = canvas.left as usize * channels;
    for (out, row) in out.data.chunks_exact_mut(row).skip(canvas.top as usize).zip(picture.rows()) {
        out[start..start + row.len()].copy_from_slice(row);
    }
    Raster::Packed(out)
}

/// A Gaussian blur, and an unsharp mask, each if it is asked for.
pub(crate) fn blur_and_sharpen(
    raster: Raster,
    blur: f32,
    sharpen: f32,
    limits: &Limits<'_>,
) -> Result<Raster, Refusal> {
    if blur <= 0.0 && sharpen <= 0.0 {
        return Ok(raster);
    }
    // Blurred, a transparent pixel would give its neighbours a colour that nobody sees.
    let mut packed = match colour::rgb(raster) {
        packed if packed.model == Model::Rgba => {
            packed.map(Model::Premultiplied, |pixel| colour::premultiplied([pixel[0], pixel[1], pixel[2], pixel[3]]))
        }
        packed => packed,
    };
    if blur > 0.0 {
        packed.data = blurred(&packed, blur, limits)?;
    }
    if sharpen > 0.0 {
        let soft = blurred(&packed, 1.0, limits)?;
        for (sample, soft) in packed.data.iter_mut().zip(soft) {
            let level = f32::from(*sample);
            *sample = (level + (level - f32::from(soft)) * sharpen).round().clamp(0.0, 255.0) as u8;
        }
        if packed.model == Model::Premultiplied {
            // A colour cannot be more visible than its pixel.
            for pixel in packed.data.as_chunks_mut::<4>().0 {
                let alpha = pixel[3];
                pixel[..3].iter_mut().for_each(|sample| *sample = (*sample).min(alpha));
            }
        }
    }
    Ok(Raster::Packed(colour::rgb(Raster::Packed(packed))))
}

/// Along the rows and then along the columns, which together is the same as a round brush.
fn blurred(packed: &Packed, deviation: f32, limits: &Limits<'_>) -> Result<Vec<u8>, Refusal> {
    let radius = (deviation * 3.0).ceil().max(1.0) as usize;
    let bell: Vec<f32> = (0..=radius).map(|at| (-0.5 * (at as f32 / deviation).powi(2)).exp()).collect();
    let sum = bell[0] + 2.0 * bell[1..].iter().sum::<f32>();
    let bell: Vec<f32> = bell.iter().map(|weight| weight / sum).collect();
    let (width, height, channels) = (packed.width as usize, packed.height as usize, packed.model.channels());
    let rows = Lines { length: width, step: channels, count: height, between: width * channels, samples: channels };
    let columns = Lines { length: height, step: width * channels, count: width * channels, between: 1, samples: 1 };
    pass(&pass(&packed.data, &bell, &rows, limits)?, &bell, &columns, limits)
}

/// One direction: `count` lines that begin `between` apart, each of `length` places that lie `step` apart, with `samples`
/// samples side by side at each.
struct Lines {
    length: usize,
    step: usize,
    count: usize,
    between: usize,
    samples: usize,
}

fn pass(data: &[u8], bell: &[f32], lines: &Lines, limits: &Limits<'_>) -> Result<Vec<u8>, Refusal> {
    let mut out = vec![0; data.len()];
    for line in 0..lines.count {
        limits.check_time()?;
        for sample in 0..lines.samples {
            let start = line * lines.between + sample;
            let level = |place: usize| f32::from(data[start + place * lines.step]);
            for place in 0..lines.length {
                let mut sum = bell[0] * level(place);
                for (distance, weight) in bell.iter().enumerate().skip(1) {
                    let before = place.saturating_sub(distance);
                    let after = (place + distance).min(lines.length - 1);
                    sum += weight * (level(before) + level(after));
                }
                out[start + place * lines.step] = sum.round() as u8;
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::{blur_and_sharpen, flatten, pad};
    use crate::geometry::Canvas;
    use crate::limits::Limits;
    use crate::raster::{Model, Packed, Raster};

    fn data(raster: Raster) -> Vec<u8> {
        match raster {
            Raster::Packed(packed) => packed.data,
            Raster::Planar(_) => panic!("it was packed"),
        }
    }

    #[test]
    fn transparent_parts_get_the_background() {
        let picture = Packed { width: 2, height: 1, model: Model::Rgba, data: vec![10, 20, 30, 0, 10, 20, 30, 255] };
        assert_eq!(data(flatten(Raster::Packed(picture), [1, 2, 3, 255])), [1, 2, 3, 10, 20, 30]);
    }

    #[test]
    fn a_box_is_filled_around_the_picture() {
        let picture = Packed::filled(1, 1, Model::Rgb, &[9, 9, 9]);
        let canvas = Canvas { width: 3, height: 1, left: 1, top: 0 };
        assert_eq!(data(pad(Raster::Packed(picture), canvas, [1, 2, 3, 255])), [1, 2, 3, 9, 9, 9, 1, 2, 3]);
    }

    #[test]
    fn blur_spreads_and_sharpening_raises_edges() {
        let edge: Vec<u8> = (0..10 * 4).flat_map(|at| if at % 10 < 5 { [60; 3] } else { [180; 3] }).collect();
        let picture = || Raster::Packed(Packed { width: 10, height: 4, model: Model::Rgb, data: edge.clone() });
        let soft = data(blur_and_sharpen(picture(), 1.0, 0.0, &Limits::default()).unwrap());
        assert!(soft[4 * 3] > 60 && soft[5 * 3] < 180 && soft[0] == 60, "{soft:?}");
        let sharp = data(blur_and_sharpen(picture(), 0.0, 1.0, &Limits::default()).unwrap());
        assert!(sharp[4 * 3] < 60 && sharp[5 * 3] > 180 && sharp[0] == 60, "{sharp:?}");
    }
}
