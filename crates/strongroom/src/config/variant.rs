//! `[[spaces.NAME.variants]]`: the pictures that are made of every picture of a space.

use std::str::FromStr;

use serde::Deserialize;
use strongroom_imaging::{Encoding, Fit, Gravity, Keep, Probe, Recipe};

use super::key_path::KeyPath;
use super::layers::Report;

/// How many variants a space may declare.
const MOST: usize = 32;

/// The longest side of a variant, in pixels.
pub const LONGEST_SIDE: u32 = 8192;

/// So many pixels can be written as AVIF with half of the usual memory, whatever they are made of.
const MODERATE: u64 = 4_000_000;

/// The longest side that WebP can have, in pixels.
const WEBP_SIDE: u32 = 16_383;

/// A picture that is made of every picture of a space.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "they are keys of the configuration, each by itself")]
pub struct Variant {
    /// What it is called in links and keys.
    pub name: String,
    /// When it is made.
    #[serde(default)]
    pub make: Make,
    /// How the picture gets into the box.
    #[serde(default)]
    pub fit: Box,
    /// Pixels; nothing lets it follow from the height.
    pub width: Option<u32>,
    /// Pixels; nothing lets it follow from the width.
    pub height: Option<u32>,
    /// Whether smaller pictures are made larger.
    #[serde(default)]
    pub enlarge: bool,
    /// Which part stays when something is cut off.
    #[serde(default)]
    pub gravity: Part,
    /// What is under transparent parts in a JPEG, and around what does not fill its box.
    #[serde(default)]
    pub background: Tint,
    /// How much edges are raised, from 0 to 10.
    #[serde(default)]
    pub sharpen: Amount,
    /// How much it is blurred, from 0 to 100 pixels.
    #[serde(default)]
    pub blur: Amount,
    /// The format.
    #[serde(default)]
    pub format: Format,
    /// From 1 to 100.
    pub quality: Option<u8>,
    /// For JPEG: sent in passes that each show the whole picture.
    #[serde(default)]
    pub progressive: bool,
    /// For WebP: every pixel as it is.
    #[serde(default)]
    pub lossless: bool,
    /// For WebP: whether an animation stays one, or is shown by its first frame.
    #[serde(default = "stays")]
    pub animated: bool,
    /// What is taken over besides the pixels.
    #[serde(default)]
    pub keep: Vec<Kept>,
}

/// What takes the place of every picture that is handed in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Optimise {
    /// How the picture gets into the box.
    pub fit: Box,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The format.
    pub format: Format,
    /// From 1 to 100, where the format has a quality.
    pub quality: u8,
    /// What is taken over besides the pixels.
    pub keep: Vec<Kept>,
}

impl Default for Optimise {
    fn default() -> Self {
        Self { fit: Box::Inside, width: 1200, height: 1200, format: Format::Same, quality: 85, keep: Vec::new() }
    }
}

impl Optimise {
    /// The same as a variant, without a name.
    pub fn as_variant(&self) -> Variant {
        Variant {
            fit: self.fit,
            width: Some(self.width),
            height: Some(self.height),
            format: self.format,
            quality: (self.format != Format::Png).then_some(self.quality),
            keep: self.keep.clone(),
            ..Variant::plain(String::new())
        }
    }

    pub(super) fn validate(&self, section: &KeyPath, report: &mut Report) {
        if self.format == Format::Auto {
            report.problem(
                &section.then("format"),
                "would be two pictures, and only one can take the place of what is handed in; write \"same\", or one \
                 format",
            );
        }
        // Its name is given.
        Variant { name: "original".to_owned(), ..self.as_variant() }.validate(section, report);
    }
}

fn stays() -> bool {
    true
}

/// When a variant is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Make {
    /// As soon as its picture is handed in.
    #[default]
    OnArrival,
    /// When somebody asks for it, and again when it had to make room meanwhile.
    OnDemand,
}

/// How a picture gets into its box.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Box {
    /// All of it inside, and the box not filled.
    #[default]
    Inside,
    /// All of it inside, and the rest filled with the background.
    Contain,
    /// The whole box filled, and what stands over cut off.
    Cover,
    /// Exactly the box, whatever that does to the picture.
    Fill,
}

/// The format of a variant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// WebP, and JPEG for those who cannot show it, or PNG if it is transparent; WebP only if it is smaller.
    #[default]
    Auto,
    /// That of the picture itself; what only others can be read from becomes what everybody can show.
    Same,
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    Webp,
    /// AVIF.
    Avif,
}

/// What a variant takes over from its picture besides the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// Who made it, and whose it is.
    Copyright,
    /// Colours that sRGB does not have, with the profile that tells them.
    WideGamut,
}

/// Which part of a picture counts: a side or corner, `entropy`, `attention`, or a point such as `0.3,0.7`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub enum Part {
    /// The middle.
    #[default]
    Centre,
    /// One of the sides and corners, by its number in `SIDES`.
    Side(usize),
    /// The part in which most happens.
    Entropy,
    /// The part that draws the eye.
    Attention,
    /// A point, in thousandths of width and height from the upper left.
    Point(u16, u16),
}

/// The sides and corners by their names.
const SIDES: [(&str, Gravity); 8] = [
    ("north", Gravity::North),
    ("north-east", Gravity::NorthEast),
    ("east", Gravity::East),
    ("south-east", Gravity::SouthEast),
    ("south", Gravity::South),
    ("south-west", Gravity::SouthWest),
    ("west", Gravity::West),
    ("north-west", Gravity::NorthWest),
];

impl TryFrom<String> for Part {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let side = SIDES.iter().position(|(name, _)| *name == text);
        match (text.as_str(), side) {
            ("centre" | "center", _) => return Ok(Self::Centre),
            ("entropy", _) => return Ok(Self::Entropy),
            ("attention", _) => return Ok(Self::Attention),
            (_, Some(side)) => return Ok(Self::Side(side)),
            _ => {}
        }
        let thousandths = |text: &str| -> Option<u16> {
            let share = f32::from_str(text.trim()).ok().filter(|share| (0.0..=1.0).contains(share))?;
            let wanted = (share * 1000.0).round();
            (0..=1000).find(|number| f32::from(*number) >= wanted)
        };
        let point = text.split_once(',').and_then(|(x, y)| Some((thousandths(x)?, thousandths(y)?)));
        point.map(|(x, y)| Self::Point(x, y)).ok_or_else(|| {
            "is no part of a picture; write \"centre\", \"north\", \"south-west\" and so on, \"entropy\", \
             \"attention\", or a point as shares of width and height, such as \"0.3,0.7\""
                .to_owned()
        })
    }
}

/// A colour as `#rrggbb` or `#rrggbbaa`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Tint(pub [u8; 4]);

impl Default for Tint {
    fn default() -> Self {
        Self([255; 4])
    }
}

impl TryFrom<String> for Tint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.strip_prefix('#').and_then(|digits| base16ct::mixed::decode_vec(digits).ok());
        match digits.as_deref() {
            Some([red, green, blue]) => Ok(Self([*red, *green, *blue, 255])),
            Some([red, green, blue, alpha]) => Ok(Self([*red, *green, *blue, *alpha])),
            _ => Err("is no colour; write it as \"#rrggbb\", such as \"#ffffff\"".to_owned()),
        }
    }
}

/// A number with up to two digits after the point, in hundredths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "toml::Value")]
pub struct Amount(pub u16);

impl TryFrom<toml::Value> for Amount {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        let number = match value {
            toml::Value::Integer(number) => i32::try_from(number).ok().map(f64::from),
            toml::Value::Float(number) => Some(number),
            _ => None,
        };
        let wanted = number.filter(|number| (0.0..=100.0).contains(number)).map(|number| (number * 100.0).round());
        let hundredths = wanted.and_then(|wanted| (0..=10_000).find(|number| f64::from(*number) >= wanted));
        hundredths.map(Self).ok_or_else(|| "is not a number from 0 to 100".to_owned())
    }
}

impl Amount {
    fn as_f32(self) -> f32 {
        f32::from(self.0) / 100.0
    }
}

impl Variant {
    /// The picture as it is, in the format that suits who looks.
    pub fn plain(name: String) -> Self {
        Self {
            name,
            make: Make::default(),
            fit: Box::default(),
            width: None,
            height: None,
            enlarge: false,
            gravity: Part::default(),
            background: Tint::default(),
            sharpen: Amount::default(),
            blur: Amount::default(),
            format: Format::default(),
            quality: None,
            progressive: false,
            lossless: false,
            animated: true,
            keep: Vec::new(),
        }
    }

    /// A square for galleries.
    pub(super) fn thumbnail() -> Self {
        Self { fit: Box::Cover, width: Some(320), height: Some(320), ..Self::plain("thumb".to_owned()) }
    }

    /// What is to be made of a picture: several where the format depends on who looks, first what everybody can show.
    pub fn recipes(&self, picture: &Probe) -> Vec<Recipe> {
        let quality = |usual| self.quality.unwrap_or(usual);
        let jpeg = Encoding::Jpeg { quality: quality(82), progressive: self.progressive };
        let webp = Encoding::WebP { quality: quality(80), lossless: self.lossless };
        let avif = Encoding::Avif { quality: quality(70) };
        let encodings = match self.format {
            Format::Same => vec![match picture.format {
                strongroom_imaging::Format::Png => Encoding::Png,
                strongroom_imaging::Format::WebP => webp,
                strongroom_imaging::Format::Avif if self.recipe(avif).pixels(picture) <= MODERATE => avif,
                _ if picture.alpha => Encoding::Png,
                _ => jpeg,
            }],
            Format::Jpeg => vec![jpeg],
            Format::Png => vec![Encoding::Png],
            Format::Webp => vec![webp],
            Format::Avif => vec![avif],
            Format::Auto => {
                let for_all = if picture.alpha { Encoding::Png } else { jpeg };
                let is_bounded = self.width.is_some() && self.height.is_some();
                let fits = is_bounded || picture.width.max(picture.height) <= WEBP_SIDE;
                if fits && self.animated && picture.frames > 1 {
                    // Everybody can show it, and nothing else that moves.
                    vec![webp]
                } else if fits {
                    vec![for_all, webp]
                } else {
                    vec![for_all]
                }
            }
        };
        encodings.into_iter().map(|encoding| self.recipe(encoding)).collect()
    }

    fn recipe(&self, encoding: Encoding) -> Recipe {
        let fit = match self.fit {
            Box::Inside => Fit::Inside,
            Box::Contain => Fit::Contain,
            Box::Cover => Fit::Cover,
            Box::Fill => Fit::Fill,
        };
        let share = |thousandths: u16| f32::from(thousandths) / 1000.0;
        Recipe {
            enlarge: self.enlarge,
            animated: self.animated,
            gravity: match self.gravity {
                Part::Centre => Gravity::Centre,
                Part::Side(side) => SIDES[side].1,
                Part::Entropy => Gravity::Entropy,
                Part::Attention => Gravity::Attention,
                Part::Point(x, y) => Gravity::Focus { x: share(x), y: share(y) },
            },
            background: self.background.0,
            sharpen: self.sharpen.as_f32(),
            blur: self.blur.as_f32(),
            keep: Keep {
                copyright: self.keep.contains(&Kept::Copyright),
                wide_gamut: self.keep.contains(&Kept::WideGamut),
            },
            ..Recipe::new(fit, self.width, self.height, encoding)
        }
    }

    fn validate(&self, section: &KeyPath, report: &mut Report) {
        let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.name.is_empty() || self.name.len() > 32 || !self.name.bytes().all(is_inner) {
            report.problem(
                &section.then("name"),
                "is not the name of a variant; those have 1 to 32 lower-case letters, digits and hyphens, such as \
                 \"thumb\"",
            );
        }
        for (name, side) in [("width", self.width), ("height", self.height)] {
            if side.is_some_and(|side| !(1..=LONGEST_SIDE).contains(&side)) {
                report.problem(&section.then(name), format!("must be from 1 to {LONGEST_SIDE} pixels"));
            }
        }
        if self.fit != Box::Inside && (self.width.is_none() || self.height.is_none()) {
            report.problem(&section.then("fit"), "needs a box: give both width and height");
        }
        if self.quality.is_some_and(|quality| !(1..=100).contains(&quality)) {
            report.problem(&section.then("quality"), "must be from 1 to 100");
        }
        if self.format == Format::Avif && self.keep.contains(&Kept::WideGamut) {
            report.problem(
                &section.then("keep"),
                "has \"wide-gamut\", and an AVIF that is made here is in sRGB; write another format, or remove it",
            );
        }
        if self.sharpen > Amount(1000) {
            report.problem(&section.then("sharpen"), "must be from 0 to 10; 1 is a good amount");
        }
        let said_in_vain = [
            (
                "progressive",
                self.progressive && matches!(self.format, Format::Png | Format::Webp | Format::Avif),
                "jpeg",
            ),
            ("animated", !self.animated && matches!(self.format, Format::Png | Format::Jpeg | Format::Avif), "webp"),
            ("lossless", self.lossless && self.format != Format::Webp, "webp"),
            ("quality", self.quality.is_some() && self.format == Format::Png, "jpeg"),
        ];
        for (name, is_in_vain, format) in said_in_vain {
            if is_in_vain {
                report.problem(
                    &section.then(name),
                    format!("means nothing in this format; write format = \"{format}\", or remove this key"),
                );
            }
        }
    }
}

pub(super) fn validate(variants: &[Variant], section: &KeyPath, report: &mut Report) {
    if variants.len() > MOST {
        report.problem(section, format!("are too many; a space has at most {MOST}"));
    }
    for (at, variant) in variants.iter().enumerate() {
        if variants[..at].iter().any(|other| other.name == variant.name) {
            report.problem(section, format!("has two entries of the name \"{}\"; each needs its own", variant.name));
        }
        variant.validate(&section.then(&at.to_string()), report);
    }
}
