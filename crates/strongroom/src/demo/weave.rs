//! A loom: which thread lies on top where, and how light falls on it.

use std::f32::consts::PI;

/// How wide a thread is, in pixels.
const THREAD: usize = 9;

/// How warp and weft go over and under each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// Over one, under one.
    Plain,
    /// Over two, under two, one further each time: diagonal lines.
    Twill,
    /// A twill that turns back: zigzags.
    Herringbone,
    /// Two and two together.
    Basket,
    /// Over four, under one, scattered: a smooth face.
    Satin,
    /// A twill in which warp and weft change places in squares.
    Diamond,
}

impl Binding {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Plain, Self::Twill, Self::Herringbone, Self::Basket, Self::Satin, Self::Diamond];

    /// What weavers call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain weave",
            Self::Twill => "twill",
            Self::Herringbone => "herringbone",
            Self::Basket => "basket weave",
            Self::Satin => "satin",
            Self::Diamond => "diamond twill",
        }
    }

    /// Whether the warp lies on top where this warp thread meets this weft thread.
    fn warp_on_top(self, warp: usize, weft: usize) -> bool {
        match self {
            Self::Plain => (warp + weft).is_multiple_of(2),
            Self::Twill => (warp + weft) % 4 < 2,
            Self::Herringbone => {
                let turned = if (warp / 12).is_multiple_of(2) { warp % 12 } else { 11 - warp % 12 };
                (turned + weft) % 4 < 2
            }
            Self::Basket => (warp / 2 + weft / 2).is_multiple_of(2),
            Self::Satin => !(warp + 2 * weft).is_multiple_of(5),
            Self::Diamond => {
                let fold = |n: usize| if (n / 10).is_multiple_of(2) { n % 10 } else { 9 - n % 10 };
                (fold(warp) + fold(weft)) % 4 < 2
            }
        }
    }
}

/// A piece of cloth.
#[derive(Debug, Clone)]
pub struct Cloth {
    /// How it is woven.
    pub binding: Binding,
    /// The colours of the warp, the threads that run down, repeated from left to right.
    pub warp: Vec<[u8; 3]>,
    /// The colours of the weft, the threads that run across, repeated from top to bottom.
    pub weft: Vec<[u8; 3]>,
}

impl Cloth {
    /// A square picture of it as a PNG file, `side` pixels wide.
    pub fn png(&self, side: u32) -> Result<Vec<u8>, png::EncodingError> {
        let pixels: Vec<u8> = (0..side as usize)
            .flat_map(|y| (0..side as usize).map(move |x| (x, y)))
            .flat_map(|(x, y)| self.pixel(x, y))
            .collect();
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, side, side);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::Fast);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&pixels)?;
        writer.finish()?;
        Ok(file)
    }

    fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        let (warp, weft) = (x / THREAD, y / THREAD);
        let (across_warp, across_weft) = (x % THREAD, y % THREAD);
        let on_top = self.binding.warp_on_top(warp, weft);
        let colour = if on_top { self.warp[warp % self.warp.len()] } else { self.weft[weft % self.weft.len()] };
        let (across, along) = if on_top { (across_warp, across_weft) } else { (across_weft, across_warp) };
        // A thread is round: bright in the middle, dark at its sides, and it dips where it goes under the next one.
        let light = 0.62 + 0.38 * bulge(across) * (0.75 + 0.25 * bulge(along));
        // The fibres are twisted, so fine diagonal lines run along every thread.
        let twist = if (across + along) % 4 == 0 { 0.94 } else { 1.0 };
        // No two lengths of yarn took the dye alike.
        let number = if on_top { warp * 7919 } else { weft * 104_729 + 1 };
        let dye = 0.96 + 0.08 * f32::from(u8::try_from(number % 251).unwrap_or(0)) / 251.0;
        colour.map(|channel| shade(channel, light * twist * dye))
    }
}

/// 1 in the middle of a thread, 0 at its edge.
fn bulge(offset: usize) -> f32 {
    let place = (offset as f32 + 0.5) / THREAD as f32;
    (place * PI).sin()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range of a byte")]
fn shade(channel: u8, light: f32) -> u8 {
    (f32::from(channel) * light).round().clamp(0.0, 255.0) as u8
}
