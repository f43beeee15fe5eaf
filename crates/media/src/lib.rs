//! Tells how long a sound or a video is, and how large it is shown, from a few pieces of it, without I/O and a clock.
//!
//! A video may be longer than any memory, and what tells of it lies at its beginning or at its end. So [`look()`] is
//! given those pieces of a file that are there, and says which one it needs next, until it knows:
//!
//! ```
//! use strongroom_media::{File, Look, look};
//!
//! # let whole = strongroom_media::sample();
//! let mut file = File::of(whole.len() as u64);
//! let facts = loop {
//!     match look(&file) {
//!         Look::Needs { first, bytes } => {
//!             let piece = &whole[usize::try_from(first)?..usize::try_from(first + bytes)?];
//!             file.add(first, piece.to_vec());
//!         }
//!         Look::Told(facts) => break facts,
//!     }
//! };
//! assert_eq!(facts.unwrap().milliseconds, Some(1500));
//! # Ok::<(), std::num::TryFromIntError>(())
//! ```
//!
//! Files come from strangers. However long one claims to be, no more than [`MOST_PIECES`] pieces of [`PIECE`] bytes are
//! asked for, each look reads a bounded number of times, and nothing is allocated for what a file only claims.
//!
//! | kind | read by |
//! |---|---|
//! | MP4, QuickTime, M4A, 3GP | `mp4.rs` |
//! | Matroska, WebM | `matroska.rs` |
//! | MP3 | `mp3.rs` |
//! | WAV, RF64 | `wav.rs` |
//! | FLAC | `flac.rs` |
//! | Ogg with Opus or Vorbis | `ogg.rs` |

mod file;
mod flac;
mod matroska;
mod mp3;
mod mp4;
mod ogg;
mod wav;

pub use self::file::{File, MOST_PIECES, PIECE};

use self::file::Reader;

/// What is known of a sound or a video. What it does not say is not guessed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// How long it takes, in milliseconds.
    pub milliseconds: Option<u64>,
    /// How large it is shown: pixels in a row, and rows, the right way up.
    pub size: Option<(u32, u32)>,
}

/// What came of looking at a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// More of the file is needed.
    Needs {
        /// Where the piece begins.
        first: u64,
        /// How long it is.
        bytes: u64,
    },
    /// This is what can be told; nothing of what is of another kind, or damaged, or needs too many pieces.
    Told(Option<Facts>),
}

/// Looks at what there is of a file.
pub fn look(file: &File) -> Look {
    let mut reader = Reader::new(file);
    let facts = tell(&mut reader);
    match reader.missing() {
        None => Look::Told(facts.filter(|facts| *facts != Facts::default())),
        Some(first) => file.wants(first).map_or(Look::Told(None), |bytes| Look::Needs { first, bytes }),
    }
}

fn tell(reader: &mut Reader<'_>) -> Option<Facts> {
    let (mark, name) = (reader.at::<4>(0)?, reader.at::<4>(4)?);
    match (&mark, &name) {
        // QuickTime files of old begin with any of these.
        (_, b"ftyp" | b"moov" | b"mdat" | b"wide" | b"free" | b"skip") => mp4::tell(reader),
        (b"\x1A\x45\xDF\xA3", _) => matroska::tell(reader),
        (b"RIFF" | b"RF64", _) if reader.at(8)? == *b"WAVE" => wav::tell(reader),
        (b"OggS", _) => ogg::tell(reader),
        _ => {
            let at = behind_words(reader)?;
            if reader.at(at)? == *b"fLaC" { flac::tell(reader, at) } else { mp3::tell(reader, at) }
        }
    }
}

/// Where a sound begins: in front of it may stand what it is called and who plays it (ID3).
fn behind_words(reader: &mut Reader<'_>) -> Option<u64> {
    let mut at = 0;
    while let [b'I', b'D', b'3', _, _, flags, size @ ..] = reader.at::<10>(at)? {
        let size = size.iter().fold(0, |size, byte| size << 7 | u64::from(byte & 0x7F));
        at += 10 + size + if flags & 0x10 == 0 { 0 } else { 10 };
    }
    Some(at)
}

/// A short sound, for the example above.
#[doc(hidden)]
pub fn sample() -> Vec<u8> {
    let mut file = Vec::new();
    file.extend_from_slice(b"RIFF\x04\x2F\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0");
    // 8,000 samples a second of one byte each, and 12,000 of them.
    file.extend_from_slice(b"\x40\x1F\0\0\x40\x1F\0\0\x01\0\x08\0data\xE0\x2E\0\0");
    file.resize(file.len() + 12_000, 128);
    file
}
