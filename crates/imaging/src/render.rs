//! Follows the recipes, step by step, with one decode for all of them.

use crate::attention;
use crate::colour::{self, Profile};
use crate::decode;
use crate::effects;
use crate::encode::{self, Metadata};
use crate::geometry::{self, Plan};
use crate::limits::Limits;
use crate::looks::{self, Looks};
use crate::orient::{Orientation, turn};
use crate::probe::{self, Format, Header, Probe};
use crate::raster::{Packed, Raster};
use crate::recipe::Recipe;
use crate::refusal::Refusal;
use crate::resize::{Ladder, Piece};

/// What was made of a picture.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Rendered {
    /// What the picture is.
    pub probe: Probe,
    /// The results, in the order of their recipes.
    pub outputs: Vec<Output>,
    /// What the picture looks like.
    pub looks: Looks,
    /// What was done, in order, in words.
    pub steps: Vec<String>,
}

/// One result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its format.
    pub format: Format,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// Makes a picture for each recipe. The file is decoded once.
///
/// # Errors
///
/// The first thing that is wrong, with the recipes, with the file, or with what it costs; then there are no results.
pub fn render(bytes: &[u8], recipes: &[Recipe], limits: &Limits<'_>) -> Result<Rendered, Refusal> {
    recipes.iter().try_for_each(Recipe::check)?;
    let header = probe::read(bytes)?;
    limits.check(&header)?;
    let mut steps = vec![format!("probe: {}", described(&header.probe))];
    let decoded = decode::decode(bytes, &header, limits)?;
    limits.check_time()?;
    steps.push("decode: once for all results".into());
    let profile = decoded.icc.and_then(|icc| Profile::read(icc, &decoded.raster));
    let mut kitchen =
        Kitchen { ladder: Ladder::new(decoded.raster), header: &header, profile, limits, steps, finished: None };
    // The largest first, so that smaller ones can be made from it.
    let mut order: Vec<usize> = (0..recipes.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(size_class(&recipes[*at], &header.probe)));
    let mut outputs: Vec<Option<Output>> = vec![None; recipes.len()];
    for at in order {
        outputs[at] = Some(kitchen.follow(&recipes[at], at)?);
    }
    let looks = looks::look(&kitchen.small(looks::SIDE)?);
    let steps = kitchen.steps;
    Ok(Rendered { probe: header.probe, outputs: outputs.into_iter().flatten().collect(), looks, steps })
}

/// How many pixels of the whole picture a recipe asks for, about.
fn size_class(recipe: &Recipe, probe: &Probe) -> u64 {
    let width = recipe.width.unwrap_or(probe.width).min(probe.width);
    let height = recipe.height.unwrap_or(probe.height).min(probe.height);
    u64::from(width) * u64::from(height)
}

fn described(probe: &Probe) -> String {
    let Probe { format, stored_width, stored_height, bit_depth, colour, .. } = probe;
    let mut words = format!("{format}, {stored_width} × {stored_height}, {bit_depth} bits, {colour:?}");
    if probe.alpha {
        words.push_str(" with alpha");
    }
    if probe.frames > 1 {
        words = format!("{words}, {} frames", probe.frames);
    }
    words
}

/// Where one picture is made into others.
struct Kitchen<'a> {
    ladder: Ladder,
    header: &'a Header<'a>,
    profile: Option<Profile>,
    limits: &'a Limits<'a>,
    steps: Vec<String>,
    /// What the last recipe's pixels were made of and like, because the next one often wants the same in another format.
    finished: Option<(Plan, Recipe, Raster)>,
}

impl Kitchen<'_> {
    fn follow(&mut self, recipe: &Recipe, number: usize) -> Result<Output, Refusal> {
        let probe = &self.header.probe;
        let shown = (probe.width, probe.height);
        let small = match recipe.gravity {
            crate::Gravity::Entropy | crate::Gravity::Attention => Some(self.small(attention::SIDE)?),
            _ => None,
        };
        let plan = geometry::plan(recipe, shown, &|what, across, down| {
            let (width, height) = (f64::from(shown.0), f64::from(shown.1));
            let Some(small) = &small else { return Ok((0.0, 0.0)) };
            let (left, top) = attention::find(small, what, across / width, down / height);
            Ok((left * width, top * height))
        })?;
        let (width, height) = plan.canvas.map_or((plan.width, plan.height), |canvas| (canvas.width, canvas.height));
        self.limits.check_size(width, height)?;
        let raster = match self.finished.take() {
            Some((made, like, raster)) if made == plan && same_pixels(&like, recipe) => raster,
            _ => self.pixels(recipe, &plan)?,
        };
        let metadata = self.metadata(recipe);
        let bytes = encode::encode(&raster, recipe.encoding, &metadata, self.limits)?;
        let format = recipe.encoding.format();
        self.steps.push(format!(
            "result {}: {:?}, {width} × {height}, {format}, {} bytes",
            number + 1,
            recipe.fit,
            bytes.len()
        ));
        self.finished = Some((plan, recipe.clone(), raster));
        Ok(Output { bytes, format, width, height })
    }

    /// Everything between decoding and encoding.
    fn pixels(&mut self, recipe: &Recipe, plan: &Plan) -> Result<Raster, Refusal> {
        let resized = self.piece(plan)?;
        self.limits.check_time()?;
        let orientation = self.header.probe.orientation;
        let turned = turn(resized, orientation);
        let follows = if self.keeps_profile(recipe) { None } else { self.profile.as_ref() };
        let mut raster = colour::finish(turned, follows);
        self.note(recipe, plan, orientation, &raster);
        if let Some(canvas) = plan.canvas {
            raster = effects::pad(raster, canvas, recipe.background);
        }
        if raster.has_alpha() && !recipe.encoding.has_alpha() {
            raster = effects::flatten(raster, recipe.background);
        }
        Ok(effects::blur_and_sharpen(raster, recipe.blur, recipe.sharpen))
    }

    /// The part of the stored picture that the plan shows, in the size that it gets, as it is stored.
    fn piece(&mut self, plan: &Plan) -> Result<Raster, Refusal> {
        let probe = &self.header.probe;
        let orientation = probe.orientation;
        let area = orientation.stored_area(plan.area, (probe.stored_width, probe.stored_height));
        let (width, height) = orientation.size((plan.width, plan.height));
        self.ladder.cut(Piece { area, width, height })
    }

    /// The whole picture as it is shown, in sRGB, with at most this many pixels a side.
    fn small(&mut self, side: u32) -> Result<Packed, Refusal> {
        let probe = &self.header.probe;
        let recipe = Recipe::new(crate::Fit::Inside, Some(side), Some(side), crate::Encoding::Png);
        let plan = geometry::plan(&recipe, (probe.width, probe.height), &|_, _, _| Ok((0.0, 0.0)))?;
        let turned = turn(self.piece(&plan)?, probe.orientation);
        Ok(colour::rgb(colour::finish(turned, self.profile.as_ref())))
    }

    fn keeps_profile(&self, recipe: &Recipe) -> bool {
        recipe.keep.wide_gamut && self.profile.as_ref().is_some_and(Profile::can_go_along)
    }

    fn metadata(&self, recipe: &Recipe) -> Metadata {
        let keep = |text: &Option<String>| text.clone().filter(|_| recipe.keep.copyright);
        Metadata {
            copyright: keep(&self.header.exif.copyright),
            artist: keep(&self.header.exif.artist),
            icc: self.profile.as_ref().filter(|_| self.keeps_profile(recipe)).map(|profile| profile.bytes.clone()),
        }
    }

    /// Says what is done to the pixels.
    fn note(&mut self, recipe: &Recipe, plan: &Plan, orientation: Orientation, raster: &Raster) {
        let [left, top, width, height] = plan.area;
        let probe = &self.header.probe;
        if (width, height) != (f64::from(probe.width), f64::from(probe.height)) {
            self.steps.push(format!("crop: {width:.0} × {height:.0} from {left:.0}, {top:.0}"));
        }
        self.steps.push(format!("resize: {} × {}", plan.width, plan.height));
        if orientation != Orientation::Upright {
            self.steps.push(format!("turn: {orientation:?}"));
        }
        if self.keeps_profile(recipe) {
            self.steps.push("colour: kept, with its profile".into());
        } else if self.profile.is_some() {
            self.steps.push("colour: from its profile to sRGB".into());
        }
        if let Some(canvas) = plan.canvas {
            self.steps.push(format!("pad: {} × {}", canvas.width, canvas.height));
        }
        if raster.has_alpha() && !recipe.encoding.has_alpha() {
            self.steps.push("flatten: on the background".into());
        }
        if recipe.blur > 0.0 {
            self.steps.push(format!("blur: {}", recipe.blur));
        }
        if recipe.sharpen > 0.0 {
            self.steps.push(format!("sharpen: {}", recipe.sharpen));
        }
    }
}

/// Whether two recipes with the same plan lead to the same pixels.
fn same_pixels(a: &Recipe, b: &Recipe) -> bool {
    a.background == b.background
        && a.sharpen == b.sharpen
        && a.blur == b.blur
        && a.keep.wide_gamut == b.keep.wide_gamut
        && a.encoding.has_alpha() == b.encoding.has_alpha()
}
