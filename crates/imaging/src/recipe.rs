//! What is to be made of a picture.

use crate::geometry;
use crate::refusal::Refusal;

/// From this quality on, a JPEG keeps chroma in full, because what halving it loses would be seen.
const FULL_CHROMA_FROM: u8 = 95;

/// How a picture becomes another.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// How the picture gets into the box of `width` and `height`.
    pub fit: Fit,
    /// Pixels; left out, it follows from the height and the shape of the picture.
    pub width: Option<u32>,
    /// Pixels; left out, it follows from the width and the shape of the picture.
    pub height: Option<u32>,
    /// Whether a picture that is smaller than the box is made larger.
    pub enlarge: bool,
    /// Which part stays when something has to be cut off ([`Fit::Cover`]), and where a picture lies in a box that it does
    /// not fill ([`Fit::Contain`]).
    pub gravity: Gravity,
    /// Red, green, blue and alpha of what is under transparent parts where the format has no transparency, and of what
    /// fills a box that the picture does not.
    pub background: [u8; 4],
    /// How much edges are raised, from 0 (not at all) to 10; 1 is a good amount after making a picture smaller.
    pub sharpen: f32,
    /// The standard deviation of the blur in pixels of the result, from 0 (none) to 100.
    pub blur: f32,
    /// The format of the result with its settings.
    pub encoding: Encoding,
    /// Whether an animation stays one, if the format has them; otherwise its first frame stands for it.
    pub animated: bool,
    /// What is taken over from the picture besides its pixels. Nothing else ever is.
    pub keep: Keep,
}

impl Recipe {
    /// A recipe with nothing special: no enlarging, from the middle, on white, keeping nothing.
    pub fn new(fit: Fit, width: Option<u32>, height: Option<u32>, encoding: Encoding) -> Self {
        Self {
            fit,
            width,
            height,
            enlarge: false,
            gravity: Gravity::Centre,
            background: [255; 4],
            sharpen: 0.0,
            blur: 0.0,
            encoding,
            animated: true,
            keep: Keep::default(),
        }
    }

    /// How many pixels the result has that is made of this picture; none if it cannot be made.
    pub fn pixels(&self, picture: &crate::Probe) -> u64 {
        let plan = geometry::sizes(self, (picture.width, picture.height));
        plan.map_or(0, |plan| u64::from(plan.size().0) * u64::from(plan.size().1))
    }

    /// Whether an animation stays one.
    pub(crate) fn moves(&self, probe: &crate::Probe) -> bool {
        self.animated && probe.frames > 1 && self.encoding.has_frames()
    }

    /// Refuses what can be followed for no picture.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let longest = self.encoding.longest_side();
        for side in [self.width, self.height].into_iter().flatten() {
            if side == 0 || side > longest {
                return Err(Refusal::Recipe(format!("a side has 1 to {longest} pixels in this format, not {side}")));
            }
        }
        if !(0.0..=100.0).contains(&self.blur) || !(0.0..=10.0).contains(&self.sharpen) {
            return Err(Refusal::Recipe("`blur` goes from 0 to 100 and `sharpen` from 0 to 10".into()));
        }
        if self.encoding.quality().is_some_and(|quality| !(1..=100).contains(&quality)) {
            return Err(Refusal::Recipe("a quality goes from 1 to 100".into()));
        }
        if let Gravity::Focus { x, y } = self.gravity
            && !((0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y))
        {
            return Err(Refusal::Recipe("a focus lies between 0 and 1 in both directions".into()));
        }
        Ok(())
    }
}

/// How a picture gets into a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// All of it inside the box, the rest filled with the background: exactly the box.
    Contain,
    /// The whole box filled, what stands over cut off: exactly the box, or its shape if that would enlarge.
    Cover,
    /// All of it inside the box, which is not filled: at most the box.
    Inside,
    /// Exactly the box, whatever that does to its shape.
    Fill,
}

/// Which part of a picture counts.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names of the edges and corners say everything")]
pub enum Gravity {
    Centre,
    North,
    NorthEast,
    East,
    SouthEast,
    South,
    SouthWest,
    West,
    NorthWest,
    /// A point that stays in sight, as shares of width and height from the upper left of the picture as it is shown.
    Focus {
        x: f32,
        y: f32,
    },
    /// The part in which most happens.
    Entropy,
    /// The part that draws the eye: edges, strong colours, skin.
    Attention,
}

/// The format of a result with its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// Without transparency.
    Jpeg {
        /// From 1 to 100.
        quality: u8,
        /// Sent in passes, each of which shows the whole picture.
        progressive: bool,
    },
    /// Without loss.
    Png,
    /// With transparency.
    WebP {
        /// From 1 to 100; without loss it is the effort.
        quality: u8,
        /// Every pixel as it is.
        lossless: bool,
    },
    /// With transparency, the shortest, and it takes by far the longest to make. Always in sRGB.
    Avif {
        /// From 1 to 100.
        quality: u8,
    },
}

impl Encoding {
    /// The format of the result.
    pub fn format(self) -> crate::Format {
        match self {
            Self::Jpeg { .. } => crate::Format::Jpeg,
            Self::Png => crate::Format::Png,
            Self::WebP { .. } => crate::Format::WebP,
            Self::Avif { .. } => crate::Format::Avif,
        }
    }

    /// How many bytes encoding takes for each pixel of the result, beside the pixels themselves.
    pub fn memory(self) -> u64 {
        match self {
            // A plane or two at a time, or a few rows.
            Self::Jpeg { .. } | Self::Png | Self::WebP { .. } => 0,
            Self::Avif { .. } => crate::encode::avif::MEMORY,
        }
    }

    pub(crate) fn has_alpha(self) -> bool {
        !matches!(self, Self::Jpeg { .. })
    }

    /// Whether results have half as many columns and rows of chroma as of luma.
    pub(crate) fn halves_chroma(self) -> bool {
        match self {
            Self::Jpeg { quality, .. } => quality < FULL_CHROMA_FROM,
            Self::Png | Self::Avif { .. } => false,
            Self::WebP { lossless, .. } => !lossless,
        }
    }

    /// Whether a result can say in which colours it is.
    pub(crate) fn has_profile(self) -> bool {
        !matches!(self, Self::Avif { .. })
    }

    fn has_frames(self) -> bool {
        matches!(self, Self::WebP { .. })
    }

    fn quality(self) -> Option<u8> {
        match self {
            Self::Jpeg { quality, .. } | Self::WebP { quality, .. } | Self::Avif { quality } => Some(quality),
            Self::Png => None,
        }
    }

    fn longest_side(self) -> u32 {
        match self {
            Self::Jpeg { .. } | Self::Png | Self::Avif { .. } => 65_535,
            Self::WebP { .. } => 16_383,
        }
    }
}

/// What a result takes over from its picture besides the pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// The copyright and the artist that the picture names.
    pub copyright: bool,
    /// Colours that sRGB does not have: the picture's own profile goes along instead of a conversion to sRGB.
    pub wide_gamut: bool,
}
