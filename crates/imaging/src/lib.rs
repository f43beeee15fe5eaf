//! Looks at pictures that strangers hand in and makes others of them, under limits, without I/O and without a clock.
//!
//! [`probe()`] tells what a file is from its headers alone. [`render()`] decodes it, and makes a picture of it for each
//! [`Recipe`]: right side up, in sRGB, without what the camera wrote about the place and itself, at the asked size.
//! Everything is synchronous and a function of what it is given; how long it may take is a question that it asks
//! ([`Limits::keep_going`]).
//!
//! ```
//! use strongroom_imaging::{Encoding, Fit, Limits, Recipe, probe, render};
//!
//! # let file = strongroom_imaging::sample();
//! let what = probe(&file)?;
//! assert_eq!((what.width, what.height), (64, 48));
//! let display = Recipe::new(Fit::Inside, Some(1200), Some(1200), Encoding::Jpeg { quality: 85, progressive: false });
//! let thumb = Recipe::new(Fit::Cover, Some(32), Some(32), Encoding::WebP { quality: 80, lossless: false });
//! let rendered = render(&file, &[display, thumb], &Limits::default())?;
//! assert_eq!((rendered.outputs[1].width, rendered.outputs[1].height), (32, 32));
//! # Ok::<(), strongroom_imaging::Refusal>(())
//! ```
//!
//! # The way of a picture
//!
//! | step | where |
//! |---|---|
//! | what is it: format, size, frames, scans, depth, colour, orientation | `probe.rs`, one file a container below it |
//! | may it be decoded: pixels, frames, scans and memory, known from the headers | `limits.rs` |
//! | decode, once for all recipes | `decode.rs`, one file a codec below it |
//! | the frames of an animation, one after the other | `film.rs` |
//! | which part goes where: fit, gravity, what draws the eye | `geometry.rs`, `attention.rs` |
//! | resize, each from the smallest picture that is large enough | `resize.rs` |
//! | turn | `orient.rs` |
//! | colours to sRGB, on what is left of the pixels | `colour.rs` |
//! | flatten, blur, sharpen | `effects.rs` |
//! | encode, with nothing but what the recipe keeps | `encode.rs`, one file a codec below it |
//! | what it looks like: dominant colour, placeholder, hash, colour features | `looks.rs` |
//!
//! An SVG is not among the formats: [`Drawing`] makes a PNG of it, which is then a picture like any other.
//!
//! A JPEG stays in luma and chroma from its decoder to the encoders, as long as nothing asks for red, green and blue.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "samples are rounded and clamped to bytes, and sizes to what a picture can have, all over this crate"
)]
#![expect(
    clippy::float_cmp,
    reason = "what is compared was copied or is a whole number, and asks whether it is the same"
)]

mod attention;
mod colour;
mod decode;
mod effects;
mod encode;
mod exif;
mod film;
mod geometry;
mod heif;
mod limits;
mod looks;
mod orient;
mod probe;
mod raster;
mod reading;
mod recipe;
mod refusal;
mod render;
mod resize;
mod svg;

pub use self::limits::Limits;
pub use self::looks::{Looks, similarity};
pub use self::orient::Orientation;
pub use self::probe::{Colour, Format, Probe, probe};
pub use self::recipe::{Encoding, Fit, Gravity, Keep, Recipe};
pub use self::refusal::Refusal;
pub use self::render::{Output, Rendered, render};
pub use self::svg::{Drawing, SVG};

/// A small JPEG, for the example above.
#[doc(hidden)]
pub fn sample() -> Vec<u8> {
    let picture = raster::Packed::filled(64, 48, raster::Model::Rgb, &[200, 120, 40]);
    encode::jpeg::encode(&raster::Raster::Packed(picture), 85, false, &encode::Metadata::default()).unwrap_or_default()
}
