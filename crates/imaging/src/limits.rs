//! What one picture may cost, compared with its headers before anything is allocated for it.

use std::fmt;

use crate::probe::Header;
use crate::refusal::Refusal;

/// Resizing keeps some 50 bytes for each pixel of a side, which would be gigabytes for a picture of a single row.
const LONGEST_SIDE: u32 = 250_000;

/// What one picture may cost.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// Pixels of a frame, and of each picture that is made.
    pub pixels: u64,
    /// Frames of an animation.
    pub frames: u32,
    /// Pixels of all frames of an animation together.
    pub animation: u64,
    /// Passes in which a progressive JPEG is sent: each costs the time of a whole picture.
    pub scans: u32,
    /// Bytes of everything that is decoded at once.
    pub memory: u64,
    /// Bytes of each picture that is made.
    pub output: u64,
    /// Asked again and again while working; when it says no, the picture is refused with [`Refusal::OutOfTime`].
    pub keep_going: &'a (dyn Fn() -> bool + Sync),
}

impl Default for Limits<'_> {
    fn default() -> Self {
        Self {
            pixels: 100_000_000,
            frames: 500,
            animation: 500_000_000,
            scans: 100,
            memory: 512 << 20,
            output: 64 << 20,
            keep_going: &|| true,
        }
    }
}

impl fmt::Debug for Limits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits")
            .field("pixels", &self.pixels)
            .field("frames", &self.frames)
            .field("animation", &self.animation)
            .field("scans", &self.scans)
            .field("memory", &self.memory)
            .field("output", &self.output)
            .finish_non_exhaustive()
    }
}

impl Limits<'_> {
    /// Refuses what the headers say is too much.
    pub(crate) fn check(&self, header: &Header<'_>) -> Result<(), Refusal> {
        let probe = &header.probe;
        self.check_size(probe.stored_width, probe.stored_height)?;
        if probe.stored_width.max(probe.stored_height) > LONGEST_SIDE {
            return Err(Refusal::unsupported(probe.format, format!("a side of more than {LONGEST_SIDE} pixels")));
        }
        if probe.frames > self.frames {
            return Err(Refusal::TooManyFrames { frames: probe.frames, limit: self.frames });
        }
        if probe.frames > 1 && probe.pixels > self.animation {
            return Err(Refusal::TooMuchAnimation { pixels: probe.pixels, limit: self.animation });
        }
        if probe.scans > self.scans {
            return Err(Refusal::TooManyScans { scans: probe.scans, limit: self.scans });
        }
        if probe.memory > self.memory {
            return Err(Refusal::TooMuchMemory { needed: probe.memory, limit: self.memory });
        }
        self.check_time()
    }

    /// Refuses more pixels than are taken.
    pub(crate) fn check_size(&self, width: u32, height: u32) -> Result<(), Refusal> {
        if u64::from(width) * u64::from(height) > self.pixels {
            return Err(Refusal::TooManyPixels { width, height, limit: self.pixels });
        }
        Ok(())
    }

    /// Refuses to go on when nobody waits any longer.
    pub(crate) fn check_time(&self) -> Result<(), Refusal> {
        if (self.keep_going)() { Ok(()) } else { Err(Refusal::OutOfTime) }
    }
}
