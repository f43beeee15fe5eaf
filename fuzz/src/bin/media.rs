//! Throws files at everything that reads sounds and videos. The first bytes of an input say how much longer the file is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_media::{File, Look, MOST_PIECES, PIECE, look};

fuzz_target!(|data: &[u8]| {
    let Some((longer, content)) = data.split_first_chunk() else { return };
    let length = (content.len() as u64).saturating_add(u64::from_be_bytes(*longer));
    let mut file = File::of(length);
    for _ in 0..=MOST_PIECES {
        match look(&file) {
            Look::Told(facts) => {
                let Some(facts) = facts else { return };
                assert!(
                    facts.milliseconds != Some(0) && facts.size.is_none_or(|(width, height)| width > 0 && height > 0)
                );
                return;
            }
            Look::Needs { first, bytes } => {
                assert!(bytes > 0 && bytes <= PIECE && first + bytes <= length, "{first}, {bytes}");
                // Behind its end a file begins again.
                let skipped = usize::try_from(first % content.len().max(1) as u64).unwrap_or_default();
                let piece = content.iter().cycle().skip(skipped).take(usize::try_from(bytes).unwrap_or_default());
                file.add(first, piece.copied().collect());
            }
        }
    }
    panic!("it asks for too many pieces");
});
