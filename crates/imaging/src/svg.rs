//! Draws SVG. Nothing here bounds what that takes: whoever calls it does so in a process that may be ended.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Error, ImageHrefResolver, Options, Tree};

use crate::refusal::Refusal;

/// The media type of an SVG.
pub const SVG: &str = "image/svg+xml";

/// A drawing: shapes, gradients, patterns, masks, filters. Text is left out, and so is whatever it refers to outside of
/// itself, and every picture that is embedded in it.
#[derive(Debug)]
pub struct Drawing(Tree);

impl Drawing {
    /// Reads an SVG that is not compressed.
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(bytes).map_err(|_| Refusal::BadDrawing("it is not in UTF-8".into()))?;
        let nothing_else = ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            // Unless told otherwise, it would look for a file of this name.
            resolve_string: Box::new(|_, _| None),
        };
        let options = Options { image_href_resolver: nothing_else, ..Options::default() };
        Tree::from_str(text, &options).map(Self).map_err(|error| match error {
            Error::ElementsLimitReached => Refusal::Undrawable,
            Error::ParsingFailed(why) => Refusal::BadDrawing(why.to_string()),
            Error::InvalidSize => Refusal::BadDrawing("it has no size".into()),
            other => Refusal::BadDrawing(other.to_string()),
        })
    }

    /// Width and height, as it says them or as its `viewBox` does, in pixels of which an inch has 96.
    pub fn size(&self) -> (f32, f32) {
        (self.0.size().width(), self.0.size().height())
    }

    /// A PNG of exactly so many pixels, transparent where nothing is drawn.
    pub fn draw(&self, width: u32, height: u32) -> Result<Vec<u8>, Refusal> {
        let mut pixels = Pixmap::new(width, height).ok_or(Refusal::Undrawable)?;
        let (across, down) = self.size();
        let transform = Transform::from_scale(width as f32 / across, height as f32 / down);
        resvg::render(&self.0, transform, &mut pixels.as_mut());
        pixels.encode_png().map_err(|_| Refusal::Undrawable)
    }
}
