//! WAV, and RF64 for more than 4 GiB (EBU Tech 3306): chunks, of which two tell how long the sound is.

use crate::Facts;
use crate::file::{Reader, milliseconds};

pub(crate) fn tell(reader: &mut Reader<'_>) -> Option<Facts> {
    let (mut at, mut per_second, mut long) = (12, 0, None);
    loop {
        let [name @ .., a, b, c, d] = reader.at::<8>(at)?;
        let (content, size) = (at + 8, u64::from(u32::from_le_bytes([a, b, c, d])));
        match &name {
            b"fmt " => per_second = u32::from_le_bytes(reader.at(content + 8)?).into(),
            b"ds64" => long = Some(u64::from_le_bytes(reader.at(content + 8)?)),
            b"data" => {
                let size = long.filter(|_| size == u32::MAX.into()).unwrap_or(size);
                // What was recorded without an end says that it is as long as can be.
                let bytes = size.min(reader.length() - content);
                return Some(Facts { milliseconds: milliseconds(bytes, per_second), size: None });
            }
            _ => {}
        }
        at = content + size + size % 2;
    }
}
