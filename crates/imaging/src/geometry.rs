//! Which part of a picture goes where: fit, gravity, no enlarging.

use crate::recipe::{Fit, Gravity, Recipe};
use crate::refusal::Refusal;

/// Where a picture goes; everything as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// Left, top, width and height of the part that is used, in pixels of the picture.
    pub(crate) area: [f64; 4],
    /// The size that this part gets.
    pub(crate) width: u32,
    /// The size that this part gets.
    pub(crate) height: u32,
    /// The box around it, when it is larger.
    pub(crate) canvas: Option<Canvas>,
}

impl Plan {
    /// The size of the result.
    pub(crate) fn size(&self) -> (u32, u32) {
        self.canvas.map_or((self.width, self.height), |canvas| (canvas.width, canvas.height))
    }
}

/// A box that a picture does not fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Canvas {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Where the picture lies in it.
    pub(crate) left: u32,
    /// Where the picture lies in it.
    pub(crate) top: u32,
}

/// How wide and how high the part may be that something looks for, and the picture; answers its left and top.
pub(crate) type Search<'a> = &'a dyn Fn(Gravity, f64, f64) -> Result<(f64, f64), Refusal>;

/// The plan of a recipe where all that counts is how large things are, wherever the eye is drawn.
pub(crate) fn sizes(recipe: &Recipe, shown: (u32, u32)) -> Result<Plan, Refusal> {
    plan(recipe, shown, &|_, _, _| Ok((0.0, 0.0)))
}

/// The plan of a recipe for a picture of this size. `search` is asked where the eye is drawn, if the recipe wants it.
pub(crate) fn plan(recipe: &Recipe, (width, height): (u32, u32), search: Search<'_>) -> Result<Plan, Refusal> {
    let (w, h) = (f64::from(width), f64::from(height));
    let whole = [0.0, 0.0, w, h];
    // A side that was left out follows from the other one.
    let (box_width, box_height) = match (recipe.width, recipe.height) {
        (None, None) => (width, height),
        (Some(wide), None) => (wide, pixels(h * f64::from(wide) / w)),
        (None, Some(high)) => (pixels(w * f64::from(high) / h), high),
        (Some(wide), Some(high)) => (wide, high),
    };
    let (bw, bh) = (f64::from(box_width), f64::from(box_height));
    let most = if recipe.enlarge { f64::INFINITY } else { 1.0 };
    let inside = (bw / w).min(bh / h).min(most);
    // What fits exactly is not to miss its box by rounding.
    let side = |picture: f64, limit: u32| pixels(picture * inside).min(limit.max(1));
    let (fitted_width, fitted_height) = (side(w, box_width), side(h, box_height));
    Ok(match recipe.fit {
        Fit::Inside => Plan { area: whole, width: fitted_width, height: fitted_height, canvas: None },
        Fit::Fill => {
            let limit = |side: u32, picture: u32| if recipe.enlarge { side } else { side.min(picture) };
            Plan { area: whole, width: limit(box_width, width), height: limit(box_height, height), canvas: None }
        }
        Fit::Contain => {
            let (x, y) = shares(recipe.gravity);
            let canvas = Canvas {
                width: box_width,
                height: box_height,
                left: (f64::from(box_width - fitted_width) * x).round() as u32,
                top: (f64::from(box_height - fitted_height) * y).round() as u32,
            };
            let filled = (fitted_width, fitted_height) == (box_width, box_height);
            let canvas = (!filled).then_some(canvas);
            Plan { area: whole, width: fitted_width, height: fitted_height, canvas }
        }
        Fit::Cover => {
            let scale = (bw / w).max(bh / h).min(most);
            // Without enlarging, the box shrinks with its shape until the picture covers it.
            let shrink = (w * scale / bw).min(h * scale / bh).min(1.0);
            let (out_width, out_height) = (pixels(bw * shrink), pixels(bh * shrink));
            let across = (bw * shrink / scale).min(w);
            let down = (bh * shrink / scale).min(h);
            let (left, top) = match recipe.gravity {
                Gravity::Focus { x, y } => (f64::from(x) * w - across / 2.0, f64::from(y) * h - down / 2.0),
                Gravity::Entropy | Gravity::Attention => search(recipe.gravity, across, down)?,
                named => {
                    let (x, y) = shares(named);
                    ((w - across) * x, (h - down) * y)
                }
            };
            let area = [left.clamp(0.0, w - across), top.clamp(0.0, h - down), across, down];
            Plan { area, width: out_width, height: out_height, canvas: None }
        }
    })
}

fn pixels(side: f64) -> u32 {
    side.round().max(1.0) as u32
}

/// How much of what is left over goes to the left and to the top.
fn shares(gravity: Gravity) -> (f64, f64) {
    match gravity {
        Gravity::Centre | Gravity::Entropy | Gravity::Attention => (0.5, 0.5),
        Gravity::North => (0.5, 0.0),
        Gravity::NorthEast => (1.0, 0.0),
        Gravity::East => (1.0, 0.5),
        Gravity::SouthEast => (1.0, 1.0),
        Gravity::South => (0.5, 1.0),
        Gravity::SouthWest => (0.0, 1.0),
        Gravity::West => (0.0, 0.5),
        Gravity::NorthWest => (0.0, 0.0),
        Gravity::Focus { x, y } => (f64::from(x), f64::from(y)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Canvas, Plan, plan};
    use crate::recipe::{Encoding, Fit, Gravity, Recipe};

    fn planned(fit: Fit, width: Option<u32>, height: Option<u32>, change: impl Fn(&mut Recipe)) -> Plan {
        let mut recipe = Recipe::new(fit, width, height, Encoding::Png);
        change(&mut recipe);
        plan(&recipe, (400, 300), &|_, _, _| panic!("nothing was to be looked for")).unwrap()
    }

    #[test]
    fn inside_keeps_the_shape_and_never_enlarges_by_itself() {
        let size = |width, height| {
            let plan = planned(Fit::Inside, width, height, |_| ());
            (plan.width, plan.height)
        };
        assert_eq!(size(Some(200), Some(200)), (200, 150));
        assert_eq!(size(None, Some(100)), (133, 100));
        assert_eq!(size(Some(100), None), (100, 75));
        assert_eq!(size(None, None), (400, 300));
        assert_eq!(size(Some(4000), Some(4000)), (400, 300));
        let larger = planned(Fit::Inside, Some(800), None, |recipe| recipe.enlarge = true);
        assert_eq!((larger.width, larger.height), (800, 600));
    }

    #[test]
    fn cover_cuts_what_stands_over_by_gravity() {
        let middle = planned(Fit::Cover, Some(100), Some(100), |_| ());
        assert_eq!((middle.area, middle.width, middle.height), ([50.0, 0.0, 300.0, 300.0], 100, 100));
        let east = planned(Fit::Cover, Some(100), Some(100), |recipe| recipe.gravity = Gravity::East);
        assert_eq!(east.area, [100.0, 0.0, 300.0, 300.0]);
        let focus =
            planned(Fit::Cover, Some(100), Some(100), |recipe| recipe.gravity = Gravity::Focus { x: 0.1, y: 0.9 });
        assert_eq!(focus.area, [0.0, 0.0, 300.0, 300.0]);
    }

    #[test]
    fn cover_without_enlarging_keeps_the_shape_of_the_box() {
        let plan = planned(Fit::Cover, Some(1000), Some(1000), |_| ());
        assert_eq!((plan.area, plan.width, plan.height), ([50.0, 0.0, 300.0, 300.0], 300, 300));
        let plan = planned(Fit::Cover, Some(800), Some(200), |_| ());
        assert_eq!((plan.area, plan.width, plan.height), ([0.0, 100.0, 400.0, 100.0], 400, 100));
    }

    #[test]
    fn contain_fills_the_rest_of_the_box() {
        let plan = planned(Fit::Contain, Some(200), Some(200), |_| ());
        assert_eq!((plan.width, plan.height), (200, 150));
        assert_eq!(plan.canvas, Some(Canvas { width: 200, height: 200, left: 0, top: 25 }));
        let exact = planned(Fit::Contain, Some(200), Some(150), |_| ());
        assert_eq!(exact.canvas, None);
    }
}
