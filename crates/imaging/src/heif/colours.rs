//! What the samples of a coded picture mean (ITU-T H.273), and the profile for colours that are not those of sRGB.

use moxcms::{CicpColorPrimaries, CicpProfile, ColorProfile, MatrixCoefficients, TransferCharacteristics};

use super::bytes::Bytes;
use crate::probe::Format;
use crate::refusal::Refusal;

/// Numbers of H.273 for colours, light, and how luma and chroma are made, and whether all levels are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cicp {
    pub(crate) primaries: u8,
    pub(crate) transfer: u8,
    pub(crate) matrix: u8,
    pub(crate) full: bool,
}

/// The numbers that say nothing.
const UNSPECIFIED: u8 = 2;

impl Cicp {
    /// The content of `nclx`.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut rest = Bytes(body);
        let mut number = || Some(u8::try_from(rest.uint(2)?).unwrap_or(UNSPECIFIED));
        let (primaries, transfer, matrix) = (number()?, number()?, number()?);
        Some(Self { primaries, transfer, matrix, full: rest.uint(1)? & 0x80 != 0 })
    }

    /// Refuses light that a screen of 256 levels cannot show.
    pub(crate) fn check(self, format: Format) -> Result<(), Refusal> {
        let what = match self.transfer {
            16 => "PQ",
            18 => "HLG",
            _ => return Ok(()),
        };
        Err(Refusal::unsupported(format, format!("it is of high dynamic range ({what})")))
    }

    /// A profile that says the same, if that is not sRGB. What was made for video screens is taken as sRGB, as browsers
    /// do: so it was looked at by who made it.
    pub(crate) fn profile(self) -> Option<Vec<u8>> {
        let ordinary = |number| matches!(number, 1 | UNSPECIFIED | 6 | 13 | 14 | 15);
        let primaries = match self.primaries {
            // The difference between the old television's and today's is not visible.
            1 | UNSPECIFIED | 5 | 6 | 7 => CicpColorPrimaries::Bt709,
            other => CicpColorPrimaries::try_from(other).ok().filter(|known| *known != CicpColorPrimaries::Reserved)?,
        };
        if primaries == CicpColorPrimaries::Bt709 && ordinary(self.transfer) {
            return None;
        }
        let transfer = match self.transfer {
            other if ordinary(other) => TransferCharacteristics::Srgb,
            other => TransferCharacteristics::try_from(other).ok()?,
        };
        let profile = ColorProfile::new_from_cicp(CicpProfile {
            color_primaries: primaries,
            transfer_characteristics: transfer,
            matrix_coefficients: MatrixCoefficients::Identity,
            full_range: true,
        });
        profile.red_trc.as_ref()?;
        profile.encode().ok()
    }
}

/// How much red and blue are in luma.
pub(crate) fn weights(matrix: u8) -> Option<(f32, f32)> {
    match matrix {
        1 => Some((0.2126, 0.0722)),
        4 => Some((0.30, 0.11)),
        // What says nothing is taken as what JPEG has.
        UNSPECIFIED | 5 | 6 => Some((0.299, 0.114)),
        7 => Some((0.212, 0.087)),
        9 => Some((0.2627, 0.0593)),
        _ => None,
    }
}

/// Whether luma and chroma are those of JPEG.
pub(crate) fn is_601(matrix: u8) -> bool {
    matches!(matrix, UNSPECIFIED | 5 | 6)
}

#[cfg(test)]
mod tests {
    use super::Cicp;
    use crate::probe::Format;

    fn cicp(primaries: u8, transfer: u8) -> Cicp {
        Cicp { primaries, transfer, matrix: 6, full: true }
    }

    #[test]
    fn ordinary_colours_need_no_profile_and_others_get_one() {
        for (primaries, transfer) in [(1, 13), (2, 2), (1, 1), (6, 6)] {
            assert_eq!(cicp(primaries, transfer).profile(), None);
        }
        for (primaries, transfer) in [(12, 13), (9, 1), (1, 8), (1, 4)] {
            let profile = cicp(primaries, transfer).profile().unwrap();
            assert!(moxcms::ColorProfile::new_from_slice(&profile).is_ok());
        }
        assert_eq!(cicp(200, 13).profile(), None);
    }

    #[test]
    fn high_dynamic_range_is_named() {
        let refusal = cicp(9, 16).check(Format::Avif).unwrap_err();
        assert_eq!(refusal.code(), "picture-unsupported");
        assert!(refusal.to_string().contains("PQ"), "{refusal}");
        assert!(cicp(9, 18).check(Format::Avif).is_err());
        assert!(cicp(9, 14).check(Format::Avif).is_ok());
    }
}
