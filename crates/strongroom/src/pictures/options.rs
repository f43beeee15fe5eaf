//! Options of a transform as they stand in a URL, such as `rs:fill:300:200/g:sm/q:80/f:webp`: a closed set, each at most
//! once, each within limits.

use std::fmt::Write as _;

use crate::config::{Amount, Format, Frame, LONGEST_SIDE, Make, Part, Space, Tint, Variant};

/// The most options that there can be, and a bit.
const MOST_BYTES: usize = 512;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What is to be made.
    pub wanted: Wanted,
    /// From then on it is refused, in seconds since 1970.
    pub expires: Option<i64>,
}

/// A variant that the space declares, or one that only the options tell of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The variant of this name.
    Preset(String),
    /// Another one. Its name is what was asked for in the one form that all ways of saying it have in common.
    Own(Box<Variant>),
}

/// What is wrong with options.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// There are more than anybody needs.
    #[error("the options are longer than {MOST_BYTES} bytes")]
    TooLong,
    /// There are none.
    #[error("there are no options; say for example `rs:fit:300:200`")]
    None,
    /// No such option.
    #[error(
        "`{0}` is no option; there are rs, w, h, el, g, q, f, bl, sh, bg, pr and exp, each followed by a colon and its \
         value"
    )]
    Unknown(String),
    /// It is said twice.
    #[error("`{0}` is said twice")]
    Twice(&'static str),
    /// It says what cannot be.
    #[error("`{option}` {reason}")]
    Wrong {
        /// As it stands there.
        option: String,
        /// What it may say.
        reason: String,
    },
    /// A preset says everything.
    #[error("`pr` stands alone, or with `exp`: a preset says everything else itself")]
    PresetAndMore,
}

impl Options {
    /// Reads options.
    pub fn read(text: &str) -> Result<Self, OptionsError> {
        if text.len() > MOST_BYTES {
            return Err(OptionsError::TooLong);
        }
        let mut reading = Reading::default();
        for option in text.split('/').filter(|_| !text.is_empty()) {
            reading.option(option)?;
        }
        let Reading { said, variant, preset, expires } = reading;
        match preset {
            Some(_) if said.iter().any(|name| !matches!(*name, "pr" | "exp")) => Err(OptionsError::PresetAndMore),
            Some(preset) => Ok(Self { wanted: Wanted::Preset(preset), expires }),
            None if said.iter().all(|name| *name == "exp") => Err(OptionsError::None),
            None => {
                let mut variant = variant;
                if variant.fit != Frame::Inside && (variant.width.is_none() || variant.height.is_none()) {
                    let (option, reason) = ("rs".to_owned(), "needs a width and a height for what it says".to_owned());
                    return Err(OptionsError::Wrong { option, reason });
                }
                variant.name = canonical(&variant);
                Ok(Self { wanted: Wanted::Own(Box::new(variant)), expires })
            }
        }
    }
}

/// Whether something that was asked for under this name is a transform, and no variant that is declared.
pub(super) fn is_transform(name: &str) -> bool {
    name.contains(':')
}

/// How something is made that was asked for under this name, if it can be asked for here.
pub(super) fn declared(space: &Space, name: &str) -> Option<Variant> {
    if !is_transform(name) {
        return space.made_on_demand().find(|variant| variant.name == name).cloned();
    }
    match Options::read(name).ok()?.wanted {
        Wanted::Own(variant) => Some(*variant),
        Wanted::Preset(_) => None,
    }
}

/// What was read so far.
#[derive(Debug)]
struct Reading {
    said: Vec<&'static str>,
    variant: Variant,
    preset: Option<String>,
    expires: Option<i64>,
}

impl Default for Reading {
    fn default() -> Self {
        let variant = Variant { make: Make::OnDemand, ..Variant::plain(String::new()) };
        Self { said: Vec::new(), variant, preset: None, expires: None }
    }
}

/// Each option with its long name.
const NAMES: [(&str, &str); 12] = [
    ("rs", "resize"),
    ("w", "width"),
    ("h", "height"),
    ("el", "enlarge"),
    ("g", "gravity"),
    ("q", "quality"),
    ("f", "format"),
    ("bl", "blur"),
    ("sh", "sharpen"),
    ("bg", "background"),
    ("pr", "preset"),
    ("exp", "expires"),
];

/// How pictures get into their box.
const FRAMES: [(&str, Frame); 4] =
    [("fit", Frame::Inside), ("fill", Frame::Cover), ("force", Frame::Fill), ("pad", Frame::Contain)];

/// What stays when something is cut off.
const PARTS: [(&str, &str); 11] = [
    ("ce", "centre"),
    ("no", "north"),
    ("noea", "north-east"),
    ("ea", "east"),
    ("soea", "south-east"),
    ("so", "south"),
    ("sowe", "south-west"),
    ("we", "west"),
    ("nowe", "north-west"),
    ("sm", "attention"),
    ("en", "entropy"),
];

/// Formats.
const FORMATS: [(&str, Format); 6] = [
    ("auto", Format::Auto),
    ("jpg", Format::Jpeg),
    ("jpeg", Format::Jpeg),
    ("png", Format::Png),
    ("webp", Format::Webp),
    ("avif", Format::Avif),
];

impl Reading {
    fn option(&mut self, option: &str) -> Result<(), OptionsError> {
        let shown = || option.chars().take(40).collect::<String>();
        let (word, value) = option.split_once(':').ok_or_else(|| OptionsError::Unknown(shown()))?;
        let known = NAMES.iter().find(|(short, long)| *short == word || *long == word);
        let (name, _) = known.ok_or_else(|| OptionsError::Unknown(shown()))?;
        let wrong = |reason: String| OptionsError::Wrong { option: shown(), reason };
        match *name {
            "rs" => {
                self.say("rs")?;
                self.resize(value, &wrong)?;
            }
            "w" => {
                self.say("w")?;
                self.variant.width = side(value).map_err(wrong)?;
            }
            "h" => {
                self.say("h")?;
                self.variant.height = side(value).map_err(wrong)?;
            }
            "el" => {
                self.say("el")?;
                self.variant.enlarge = switch(value).map_err(wrong)?;
            }
            name => {
                self.say(name)?;
                self.look(name, value).map_err(wrong)?;
            }
        }
        Ok(())
    }

    /// Notes that an option was said, which each may be once.
    fn say(&mut self, name: &'static str) -> Result<(), OptionsError> {
        if self.said.contains(&name) {
            return Err(OptionsError::Twice(name));
        }
        self.said.push(name);
        Ok(())
    }

    /// `rs:fit:300:200:1`, which says at once what `w`, `h` and `el` say, from the left as far as it goes.
    fn resize(&mut self, value: &str, wrong: &impl Fn(String) -> OptionsError) -> Result<(), OptionsError> {
        let mut values = value.split(':');
        let frame = values.next().and_then(|word| FRAMES.iter().find(|(known, _)| *known == word));
        let (_, frame) = frame.ok_or_else(|| wrong("begins with fit, fill, force or pad".to_owned()))?;
        self.variant.fit = *frame;
        if let Some(value) = values.next() {
            self.say("w")?;
            self.variant.width = side(value).map_err(wrong)?;
        }
        if let Some(value) = values.next() {
            self.say("h")?;
            self.variant.height = side(value).map_err(wrong)?;
        }
        if let Some(value) = values.next() {
            self.say("el")?;
            self.variant.enlarge = switch(value).map_err(wrong)?;
        }
        match values.next() {
            None => Ok(()),
            Some(_) => Err(wrong("has a type, a width, a height and a switch for enlarging, and no more".to_owned())),
        }
    }

    /// All that is not about size.
    fn look(&mut self, name: &str, value: &str) -> Result<(), String> {
        let variant = &mut self.variant;
        match name {
            "g" => variant.gravity = part(value)?,
            "q" => {
                let quality = number(value).and_then(|number| u8::try_from(number).ok());
                let quality = quality.filter(|quality| (1..=100).contains(quality));
                variant.quality = Some(quality.ok_or("is from 1 to 100")?);
            }
            "f" => {
                let format = FORMATS.iter().find(|(known, _)| *known == value);
                variant.format = format.ok_or("is auto, avif, jpg, png or webp")?.1;
            }
            "bl" => variant.blur = amount(value, 100)?,
            "sh" => variant.sharpen = amount(value, 10)?,
            "bg" => variant.background = tint(value)?,
            "pr" => {
                let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
                if value.is_empty() || value.len() > 32 || !value.bytes().all(is_name) {
                    return Err("is followed by the name of a variant".to_owned());
                }
                self.preset = Some(value.to_owned());
            }
            _ => {
                let seconds = number(value).and_then(|seconds| i64::try_from(seconds).ok());
                self.expires = Some(seconds.ok_or("is a time in seconds since 1970")?);
            }
        }
        Ok(())
    }
}

/// A whole number without sign, point or leading zeros.
fn number(text: &str) -> Option<u64> {
    let is_plain = !text.is_empty() && text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_short = text == "0" || !text.starts_with('0');
    if is_plain && is_short { text.parse().ok() } else { None }
}

/// Pixels; nothing, or 0, lets the side follow from the other.
fn side(text: &str) -> Result<Option<u32>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let pixels = number(text).and_then(|pixels| u32::try_from(pixels).ok()).filter(|pixels| *pixels <= LONGEST_SIDE);
    match pixels {
        Some(0) => Ok(None),
        Some(pixels) => Ok(Some(pixels)),
        None => Err(format!("has sides from 1 to {LONGEST_SIDE} pixels, or 0 for what follows from the other")),
    }
}

fn switch(text: &str) -> Result<bool, String> {
    match text {
        "0" | "f" | "false" => Ok(false),
        "1" | "t" | "true" => Ok(true),
        _ => Err("is 1 or 0".to_owned()),
    }
}

/// A decimal number with up to two digits after the point.
fn amount(text: &str, most: u16) -> Result<Amount, String> {
    let reason = || format!("is a number from 0 to {most}, with at most two digits after the point");
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let is_part = matches!(part.len(), 1 | 2) && part.bytes().all(|byte| byte.is_ascii_digit());
    let whole = number(whole).and_then(|whole| u16::try_from(whole).ok()).filter(|_| is_part).ok_or_else(reason)?;
    let hundredths: u16 = format!("{part:0<2}").parse().map_err(|_| reason())?;
    let all = whole.checked_mul(100).and_then(|whole| whole.checked_add(hundredths));
    all.filter(|all| *all <= most * 100).map(Amount).ok_or_else(reason)
}

fn part(text: &str) -> Result<Part, String> {
    let reason = "is ce, no, noea, ea, soea, so, sowe, we, nowe, sm for what draws the eye, en for where most happens, \
                  or fp:0.3:0.7 for a point";
    let text = match text.strip_prefix("fp:") {
        Some(point) => point.replacen(':', ",", 1),
        None => PARTS.iter().find(|(short, _)| *short == text).ok_or(reason)?.1.to_owned(),
    };
    Part::try_from(text).map_err(|_| reason.to_owned())
}

/// `ffffff`, or three numbers up to 255 with colons between them.
fn tint(text: &str) -> Result<Tint, String> {
    let reason = "is a colour such as ffffff or 255:255:255";
    let channels: Vec<&str> = text.split(':').collect();
    if let [red, green, blue] = channels[..] {
        let channel = |text| number(text).and_then(|number| u8::try_from(number).ok()).ok_or(reason);
        return Ok(Tint([channel(red)?, channel(green)?, channel(blue)?, 255]));
    }
    Tint::try_from(format!("#{text}")).map_err(|_| reason.to_owned())
}

/// The one form that all ways have in common of asking for the same, which [`Options::read`] reads again.
fn canonical(variant: &Variant) -> String {
    let mut text = String::new();
    let mut say = |part: std::fmt::Arguments<'_>| {
        // Writing into a string does not fail.
        let _ = write!(text, "{}{part}", if text.is_empty() { "" } else { "/" });
    };
    let word = |table: &[(&'static str, Frame)]| {
        table.iter().find(|(_, frame)| *frame == variant.fit).map_or("fit", |one| one.0)
    };
    let (width, height) = (variant.width.unwrap_or(0), variant.height.unwrap_or(0));
    say(format_args!("rs:{}:{width}:{height}:{}", word(&FRAMES), u8::from(variant.enlarge)));
    if let Part::Point(x, y) = variant.gravity {
        let share = |thousandths: u16| f32::from(thousandths) / 1000.0;
        say(format_args!("g:fp:{}:{}", share(x), share(y)));
    } else if variant.gravity != Part::default() {
        let same = |(_, name): &&(&str, &str)| Part::try_from((*name).to_owned()) == Ok(variant.gravity);
        say(format_args!("g:{}", PARTS.iter().find(same).map_or("ce", |one| one.0)));
    }
    if let Some(quality) = variant.quality {
        say(format_args!("q:{quality}"));
    }
    if variant.format != Format::default() {
        say(format_args!("f:{}", FORMATS.iter().find(|one| one.1 == variant.format).map_or("auto", |one| one.0)));
    }
    for (name, amount) in [("bl", variant.blur), ("sh", variant.sharpen)] {
        if amount != Amount::default() {
            say(format_args!("{name}:{}.{:02}", amount.0 / 100, amount.0 % 100));
        }
    }
    if variant.background != Tint::default() {
        say(format_args!("bg:{}", base16ct::lower::encode_string(&variant.background.0)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Options, OptionsError, Wanted};

    fn own(text: &str) -> String {
        match Options::read(text) {
            Ok(Options { wanted: Wanted::Own(variant), .. }) => variant.name,
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn however_it_is_said_the_same_has_one_form_and_that_is_read_again() {
        for (one, other, form) in [
            ("rs:fill:300:200", "h:200/w:300/resize:fill", "rs:fill:300:200:0"),
            ("w:300", "rs:fit:300:0:0", "rs:fit:300:0:0"),
            ("rs:fit:300::1/q:80/f:jpg", "format:jpeg/quality:80/enlarge:t/width:300", "rs:fit:300:0:1/q:80/f:jpg"),
            ("w:9/g:sm/bl:2.5/sh:0.25", "sharpen:0.25/gravity:sm/w:9/bl:2.50", "rs:fit:9:0:0/g:sm/bl:2.50/sh:0.25"),
            ("w:9/g:fp:0.3:0.7/bg:ff0000", "w:9/bg:255:0:0/g:fp:0.300:.7", "rs:fit:9:0:0/g:fp:0.3:0.7/bg:ff0000ff"),
            ("f:webp", "f:webp/exp:99", "rs:fit:0:0:0/f:webp"),
            ("f:avif/q:60", "quality:60/format:avif", "rs:fit:0:0:0/q:60/f:avif"),
        ] {
            assert_eq!((&*own(one), &*own(other), &*own(form)), (form, form, form), "{one} and {other}");
        }
        let preset = Options::read("exp:1700000000/pr:thumb").unwrap();
        assert_eq!((preset.wanted, preset.expires), (Wanted::Preset("thumb".to_owned()), Some(1_700_000_000)));
    }

    #[test]
    fn what_is_unknown_said_twice_too_much_or_hostile_is_refused() {
        for text in [
            "",
            "exp:1",
            "w",
            "w:",
            "x:1",
            "..",
            ".",
            "w:1/..",
            "w:-1",
            "w:+1",
            "w:8193",
            "w:99999999999999999999",
            "w:1e3",
            "w:0300",
            "w: 3",
            "w:٣",
            "rs:fill:300",
            "rs:fill",
            "rs:crop:3:3",
            "rs:fit:1:1:1:1",
            "rs:fit:1:1/w:2",
            "w:1/w:1",
            "w:1/width:1",
            "q:0",
            "q:101",
            "q:80.5",
            "f:gif",
            "f:",
            "f:jpeg2000",
            "g:",
            "g:up",
            "g:fp",
            "g:fp:2:0",
            "g:fp:0.5",
            "g:fp:nan:0",
            "bl:101",
            "bl:1.005",
            "bl:-1",
            "bl:inf",
            "sh:11",
            "bg:",
            "bg:red",
            "bg:256:0:0",
            "bg:1:2",
            "pr:",
            "pr:Thumb",
            "pr:../x",
            "pr:thumb/w:1",
            "pr:a/pr:b",
            "exp:-1/w:1",
            "exp:soon/w:1",
            "//",
            "w:1//h:1",
            "w:1/",
            "/w:1",
            "W:1",
            "w:1/\0",
            "ｗ:1",
            "el:2/w:1",
            "keep:copyright",
        ] {
            let refused = Options::read(text);
            assert!(
                matches!(refused, Err(_) | Ok(Options { wanted: Wanted::Preset(_), .. }) if refused.is_err())
                    || text == "w:",
                "{text:?}: {refused:?}"
            );
        }
        assert_eq!(Options::read(&"w:1/".repeat(200)), Err(OptionsError::TooLong));
    }
}
