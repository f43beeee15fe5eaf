//! Why a picture was not taken, with a stable code and words for whoever handed it in.

use crate::probe::Format;

/// What is wrong with a picture, or with what was asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The content is of no format that is known here.
    #[error(
        "this is not a picture of a format that is read; JPEG, PNG, GIF, WebP, BMP, TIFF, JPEG XL, AVIF and HEIC are"
    )]
    NotAPicture,
    /// The format is known, but not this kind of it.
    #[error("this kind of {} cannot be read: {what}; save it as an ordinary one and try again", format.name())]
    Unsupported {
        /// The format of the content.
        format: Format,
        /// What is not supported.
        what: String,
    },
    /// The content ends before the picture does.
    #[error("this {} ends before its picture does; it was probably not transferred whole, so send it again", format.name())]
    Truncated {
        /// The format of the content.
        format: Format,
    },
    /// The content contradicts its format.
    #[error("this {} is damaged: {why}", format.name())]
    Damaged {
        /// The format of the content.
        format: Format,
        /// What was found.
        why: String,
    },
    /// A drawing that is not written as SVG is.
    #[error("this SVG is damaged: {0}")]
    BadDrawing(String),
    /// A drawing that costs more than is given to one, or more than can be told.
    #[error("drawing this SVG takes more time or memory than is given to one; simplify it and try again")]
    Undrawable,
    /// There are too many pixels in a frame, or in what a recipe asks for.
    #[error("a picture of {width} × {height} pixels is too large; at most {limit} pixels are taken")]
    TooManyPixels {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
        /// Pixels in all that are taken.
        limit: u64,
    },
    /// An animation with too many frames.
    #[error("an animation of {frames} frames is too long; at most {limit} are taken")]
    TooManyFrames {
        /// Frames that the picture has.
        frames: u32,
        /// Frames that are taken.
        limit: u32,
    },
    /// An animation whose frames have too many pixels together.
    #[error("an animation of {pixels} pixels in all its frames is too large; at most {limit} are taken")]
    TooMuchAnimation {
        /// Pixels of all frames together.
        pixels: u64,
        /// Pixels that are taken.
        limit: u64,
    },
    /// A progressive JPEG that is sent in too many passes.
    #[error(
        "a JPEG of {scans} scans is not taken, because each costs the time of a whole picture; the limit is {limit}"
    )]
    TooManyScans {
        /// Scans that the picture has.
        scans: u32,
        /// Scans that are taken.
        limit: u32,
    },
    /// Decoding would take more memory than there is for one picture.
    #[error("decoding this picture takes {needed} bytes of memory, and {limit} are given to one")]
    TooMuchMemory {
        /// Bytes that it would take.
        needed: u64,
        /// Bytes that are given.
        limit: u64,
    },
    /// What came out is longer than a variant may be.
    #[error("the result has {bytes} bytes, and {limit} are the limit")]
    TooManyBytes {
        /// Bytes that came out.
        bytes: u64,
        /// Bytes that are taken.
        limit: u64,
    },
    /// [`crate::Limits::keep_going`] said no.
    #[error("the picture took longer than is given to one")]
    OutOfTime,
    /// A recipe that cannot be followed, whatever the picture is.
    #[error("this cannot be made of a picture: {0}")]
    Recipe(String),
}

impl Refusal {
    /// A stable name for programs, in kebab-case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAPicture => "not-a-picture",
            Self::Unsupported { .. } => "picture-unsupported",
            Self::Truncated { .. } => "picture-truncated",
            Self::Damaged { .. } | Self::BadDrawing(_) => "picture-damaged",
            Self::Undrawable => "picture-undrawable",
            Self::TooManyPixels { .. } => "picture-too-many-pixels",
            Self::TooManyFrames { .. } => "picture-too-many-frames",
            Self::TooMuchAnimation { .. } => "picture-too-much-animation",
            Self::TooManyScans { .. } => "picture-too-many-scans",
            Self::TooMuchMemory { .. } => "picture-too-much-memory",
            Self::TooManyBytes { .. } => "picture-too-many-bytes",
            Self::OutOfTime => "picture-out-of-time",
            Self::Recipe(_) => "picture-recipe",
        }
    }

    /// True when the same picture may be taken at another time: it is not the picture that was refused.
    pub fn may_pass_later(&self) -> bool {
        matches!(self, Self::OutOfTime)
    }

    pub(crate) fn damaged(format: Format, why: impl std::fmt::Display) -> Self {
        Self::Damaged { format, why: why.to_string() }
    }

    pub(crate) fn unsupported(format: Format, what: impl Into<String>) -> Self {
        Self::Unsupported { format, what: what.into() }
    }
}
