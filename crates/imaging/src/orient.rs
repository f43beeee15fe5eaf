//! Which side of a stored picture is up, and turning it that way.

use crate::colour;
use crate::raster::{Packed, Planar, Plane, Raster};

/// How the stored rows and columns become those that are shown: the eight values of the orientation tag of EXIF.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Orientation {
    /// 1: as stored.
    #[default]
    Upright,
    /// 2: left and right change places.
    Mirrored,
    /// 3: turned by half.
    UpsideDown,
    /// 4: top and bottom change places.
    Flipped,
    /// 5: rows become columns.
    Transposed,
    /// 6: to be turned by a quarter, clockwise.
    TurnedLeft,
    /// 7: rows become columns, from the other corner.
    Transversed,
    /// 8: to be turned by a quarter, counter-clockwise.
    TurnedRight,
}

impl Orientation {
    /// The orientation of this number; whatever is no orientation is taken as upright.
    pub fn from_exif(value: u16) -> Self {
        match value {
            2 => Self::Mirrored,
            3 => Self::UpsideDown,
            4 => Self::Flipped,
            5 => Self::Transposed,
            6 => Self::TurnedLeft,
            7 => Self::Transversed,
            8 => Self::TurnedRight,
            _ => Self::Upright,
        }
    }

    /// What turning counter-clockwise by so many quarters does, and mirroring after it: 0 changes top and bottom, 1 left
    /// and right (ISO/IEC 23008-12).
    pub(crate) fn from_turns(quarters: u8, mirror: Option<u8>) -> Self {
        match (quarters & 0b11, mirror) {
            (0, None) => Self::Upright,
            (1, None) => Self::TurnedRight,
            (2, None) => Self::UpsideDown,
            (_, None) => Self::TurnedLeft,
            (0, Some(0)) | (2, Some(1)) => Self::Flipped,
            (0 | 2, Some(_)) => Self::Mirrored,
            (1, Some(0)) | (3, Some(1)) => Self::Transposed,
            (_, Some(_)) => Self::Transversed,
        }
    }

    /// The number that EXIF has for it.
    pub fn to_exif(self) -> u16 {
        match self {
            Self::Upright => 1,
            Self::Mirrored => 2,
            Self::UpsideDown => 3,
            Self::Flipped => 4,
            Self::Transposed => 5,
            Self::TurnedLeft => 6,
            Self::Transversed => 7,
            Self::TurnedRight => 8,
        }
    }

    /// Whether rows are shown as columns.
    pub fn swaps_sides(self) -> bool {
        self.to_exif() >= 5
    }

    /// Width and height as they are shown, from those that are stored, or the other way round.
    pub(crate) fn size<T>(self, (width, height): (T, T)) -> (T, T) {
        if self.swaps_sides() { (height, width) } else { (width, height) }
    }

    /// Which stored column and row is shown at this place; `width` and `height` are the last places as stored.
    fn stored(self, x: f64, y: f64, width: f64, height: f64) -> (f64, f64) {
        match self {
            Self::Upright => (x, y),
            Self::Mirrored => (width - x, y),
            Self::UpsideDown => (width - x, height - y),
            Self::Flipped => (x, height - y),
            Self::Transposed => (y, x),
            Self::TurnedLeft => (y, height - x),
            Self::Transversed => (width - y, height - x),
            Self::TurnedRight => (width - y, x),
        }
    }

    /// The stored rectangle (left, top, width, height) that is shown as this one, in a picture of this stored size.
    pub(crate) fn stored_area(self, area: [f64; 4], (width, height): (u32, u32)) -> [f64; 4] {
        let [left, top, across, down] = area;
        let first = self.stored(left, top, f64::from(width), f64::from(height));
        let last = self.stored(left + across, top + down, f64::from(width), f64::from(height));
        [first.0.min(last.0), first.1.min(last.1), (first.0 - last.0).abs(), (first.1 - last.1).abs()]
    }
}

/// The picture as it is shown.
pub(crate) fn turn(raster: Raster, orientation: Orientation) -> Raster {
    if orientation == Orientation::Upright {
        return raster;
    }
    match raster {
        Raster::Packed(packed) => Raster::Packed(turn_packed(&packed, orientation)),
        // With an odd side, chroma would move by one pixel against luma.
        Raster::Planar(planar) if planar.luma.width % 2 == 1 || planar.luma.height % 2 == 1 => {
            Raster::Packed(turn_packed(&colour::planar_to_ycc(&planar), orientation))
        }
        Raster::Planar(planar) => Raster::Planar(Planar {
            range: planar.range,
            luma: turn_plane(&planar.luma, orientation),
            chroma: planar.chroma.map(|plane| turn_plane(&plane, orientation)),
        }),
    }
}

fn turn_packed(packed: &Packed, orientation: Orientation) -> Packed {
    let size = (packed.width, packed.height);
    let data = match packed.model.channels() {
        1 => turn_samples::<1>(&packed.data, size, orientation),
        3 => turn_samples::<3>(&packed.data, size, orientation),
        _ => turn_samples::<4>(&packed.data, size, orientation),
    };
    let (width, height) = orientation.size(size);
    Packed { width, height, model: packed.model, data }
}

fn turn_plane(plane: &Plane, orientation: Orientation) -> Plane {
    let data = turn_samples::<1>(&plane.data, (plane.width, plane.height), orientation);
    let (width, height) = orientation.size((plane.width, plane.height));
    Plane { width, height, data }
}

/// Where each pixel comes from goes up in equal steps along a row, so a row is found by its first place and its step.
fn turn_samples<const N: usize>(data: &[u8], (width, height): (u32, u32), orientation: Orientation) -> Vec<u8> {
    let (shown_width, shown_height) = orientation.size((width, height));
    let place = |x: u32, y: u32| -> i64 {
        let last = (f64::from(width) - 1.0, f64::from(height) - 1.0);
        let (column, row) = orientation.stored(f64::from(x), f64::from(y), last.0, last.1);
        row as i64 * i64::from(width) + column as i64
    };
    let (pixels, _) = data.as_chunks::<N>();
    let mut out = Vec::with_capacity(data.len());
    for y in 0..shown_height {
        let first = place(0, y);
        let step = if shown_width > 1 { place(1, y) - first } else { 0 };
        let row = (0..i64::from(shown_width)).filter_map(|x| pixels.get((first + x * step) as usize));
        out.extend(row.flatten().copied());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Orientation, turn};
    use crate::raster::{Model, Packed, Raster};

    fn turned(value: u16) -> (u32, u32, Vec<u8>) {
        let raster = Raster::Packed(Packed { width: 3, height: 2, model: Model::Gray, data: vec![1, 2, 3, 4, 5, 6] });
        match turn(raster, Orientation::from_exif(value)) {
            Raster::Packed(packed) => (packed.width, packed.height, packed.data),
            Raster::Planar(_) => panic!("it was packed"),
        }
    }

    #[test]
    fn each_orientation_puts_its_own_corner_first() {
        assert_eq!(turned(1), (3, 2, vec![1, 2, 3, 4, 5, 6]));
        assert_eq!(turned(2), (3, 2, vec![3, 2, 1, 6, 5, 4]));
        assert_eq!(turned(3), (3, 2, vec![6, 5, 4, 3, 2, 1]));
        assert_eq!(turned(4), (3, 2, vec![4, 5, 6, 1, 2, 3]));
        assert_eq!(turned(5), (2, 3, vec![1, 4, 2, 5, 3, 6]));
        assert_eq!(turned(6), (2, 3, vec![4, 1, 5, 2, 6, 3]));
        assert_eq!(turned(7), (2, 3, vec![6, 3, 5, 2, 4, 1]));
        assert_eq!(turned(8), (2, 3, vec![3, 6, 2, 5, 1, 4]));
    }

    #[test]
    fn an_area_is_found_where_it_is_stored() {
        // The left half of what is shown is the lower half of what a phone stored that was turned left.
        assert_eq!(Orientation::TurnedLeft.stored_area([0.0, 0.0, 2.0, 6.0], (6, 4)), [0.0, 2.0, 6.0, 2.0]);
        assert_eq!(Orientation::UpsideDown.stored_area([0.0, 0.0, 1.0, 1.0], (6, 4)), [5.0, 3.0, 1.0, 1.0]);
    }
}
