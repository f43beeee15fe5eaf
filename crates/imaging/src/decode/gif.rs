//! Decodes GIF with a decoder in Rust, patch by patch.

use gif::{ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod};

use crate::colour;
use crate::film::{self, Patch, Then};
use crate::limits::Limits;
use crate::probe::Format;
use crate::raster::room;
use crate::reading::Reading;
use crate::refusal::Refusal;

/// The patches of a GIF.
pub(crate) struct Patches<'a> {
    decoder: Decoder<Reading<'a>>,
}

impl<'a> Patches<'a> {
    /// Opens a picture whose header was read and compared with the limits.
    pub(crate) fn open(bytes: &'a [u8], limits: &'a Limits<'a>) -> Result<Self, Refusal> {
        let mut options = DecodeOptions::new();
        options.set_color_output(ColorOutput::RGBA);
        // It takes no memory of its own for pixels: they are read into what is made here.
        Ok(Self { decoder: options.read_info(Reading::new(bytes, limits)).map_err(refused)? })
    }
}

impl film::Patches for Patches<'_> {
    fn next(&mut self) -> Result<Option<Patch>, Refusal> {
        let Some(frame) = self.decoder.next_frame_info().map_err(refused)? else {
            return Ok(None);
        };
        let [left, top, width, height] = [frame.left, frame.top, frame.width, frame.height].map(u32::from);
        let delay = u32::from(frame.delay) * 10;
        let then = match frame.dispose {
            DisposalMethod::Any | DisposalMethod::Keep => Then::Stay,
            DisposalMethod::Background => Then::Clear,
            DisposalMethod::Previous => Then::Restore,
        };
        let mut data = room(width as usize * height as usize * 4)?;
        self.decoder.read_into_buffer(&mut data).map_err(refused)?;
        data.as_chunks_mut::<4>().0.iter_mut().for_each(|pixel| *pixel = colour::premultiplied(*pixel));
        Ok(Some(Patch { left, top, width, height, data, over: true, then, delay }))
    }
}

fn refused(error: DecodingError) -> Refusal {
    match error {
        DecodingError::OutOfMemory | DecodingError::MemoryLimit => {
            Refusal::TooMuchMemory { needed: u64::MAX, limit: u64::MAX }
        }
        DecodingError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Refusal::Truncated { format: Format::Gif }
        }
        other => Refusal::damaged(Format::Gif, other),
    }
}
