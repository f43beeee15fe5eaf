//! Follows the recipes, step by step, with one decode for all of them.

use crate::attention;
use crate::colour::{self, Profile};
use crate::decode::{self, Enough};
use crate::effects;
use crate::encode::animation::Animation;
use crate::encode::{self, Metadata};
use crate::film::Film;
use crate::geometry::{self, Plan};
use crate::limits::Limits;
use crate::looks::{self, Looks};
use crate::orient::{Orientation, turn};
use crate::probe::{self, Format, Header, Probe};
use crate::raster::{Packed, Raster};
use crate::recipe::{Encoding, Recipe};
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
    /// Frames; 1 for a still picture.
    pub frames: u32,
}

/// Makes a picture for each recipe. The file is decoded once, and once more for each result that is an animation, so
/// that there are never more than a few of its frames in memory.
///
/// # Errors
///
/// The first thing that is wrong, with the recipes, with the file, or with what it costs; then there are no results.
pub fn render(bytes: &[u8], recipes: &[Recipe], limits: &Limits<'_>) -> Result<Rendered, Refusal> {
    follow(bytes, recipes, limits).map_err(|refusal| match refusal {
        // A decoder that gets no more to read, because nobody waits any longer, takes that for damage.
        Refusal::Damaged { .. } | Refusal::Truncated { .. } => limits.check_time().err().unwrap_or(refusal),
        other => other,
    })
}

fn follow(bytes: &[u8], recipes: &[Recipe], limits: &Limits<'_>) -> Result<Rendered, Refusal> {
    recipes.iter().try_for_each(Recipe::check)?;
    let header = probe::read(bytes)?;
    limits.check(&header)?;
    let mut steps = vec![format!("probe: {}", described(&header.probe))];
    let halved = header.icc.is_none() && recipes.iter().all(|recipe| recipe.encoding.halves_chroma());
    let enough = Enough { shrink: shrink(recipes, &header.probe), halved };
    let decoded = decode::decode(bytes, &header, enough, limits)?;
    limits.check_time()?;
    let size = (decoded.raster.width(), decoded.raster.height());
    steps.push(format!("decode: once for all results, {} × {}", size.0, size.1));
    let profile = decoded.icc.and_then(|icc| Profile::read(icc, &decoded.raster));
    let stored = (header.probe.stored_width, header.probe.stored_height);
    let mut kitchen = Kitchen {
        ladder: Ladder::new(decoded.raster, stored),
        header: &header,
        profile,
        limits,
        steps,
        finished: None,
    };
    let mut jobs: Vec<(usize, Plan)> = Vec::new();
    for (number, recipe) in recipes.iter().enumerate() {
        jobs.push((number, kitchen.plan(recipe)?));
    }
    // The largest first, so that smaller ones can be made from it.
    jobs.sort_by_key(|(_, plan)| std::cmp::Reverse(u64::from(plan.width) * u64::from(plan.height)));
    let (moving, jobs): (Vec<_>, Vec<_>) =
        jobs.into_iter().partition(|(number, _)| recipes[*number].moves(&header.probe));
    let mut outputs: Vec<Option<Output>> = vec![None; recipes.len()];
    let last = kitchen.small_plan(looks::SIDE)?;
    for (at, (number, plan)) in jobs.iter().enumerate() {
        let raster = kitchen.pixels(&recipes[*number], plan)?;
        let left: Vec<Piece> =
            jobs[at + 1..].iter().map(|(_, plan)| plan).chain([&last]).map(|plan| kitchen.piece(plan)).collect();
        kitchen.ladder.keep_for(&left);
        outputs[*number] = Some(kitchen.encode(&recipes[*number], *number, plan, raster)?);
    }
    let looks = looks::look(&kitchen.small(looks::SIDE)?);
    for (number, plan) in moving {
        outputs[number] = Some(kitchen.animation(bytes, &recipes[number], number, &plan)?);
    }
    let steps = kitchen.steps;
    Ok(Rendered { probe: header.probe, outputs: outputs.into_iter().flatten().collect(), looks, steps })
}

/// By how much a JPEG may be decoded smaller: the result of a decoder that leaves fine waves out is as good as one of all
/// pixels while it has this many times more of them a side than what is made of it.
const SPARE: f64 = 1.6;

/// The power of two by which the picture may be smaller on each side for all recipes, at most 8.
fn shrink(recipes: &[Recipe], probe: &Probe) -> u32 {
    let looks = Recipe::new(crate::Fit::Inside, Some(looks::SIDE), Some(looks::SIDE), Encoding::Png);
    let needed = recipes
        .iter()
        .chain([&looks])
        .filter_map(|recipe| geometry::sizes(recipe, (probe.width, probe.height)).ok())
        .map(|plan| (f64::from(plan.width) / plan.area[2]).max(f64::from(plan.height) / plan.area[3]))
        .fold(0.0, f64::max);
    [8, 4, 2].into_iter().find(|factor| needed * SPARE * f64::from(*factor) <= 1.0).unwrap_or(1)
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
    fn plan(&mut self, recipe: &Recipe) -> Result<Plan, Refusal> {
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
        let (width, height) = plan.size();
        self.limits.check_size(width, height)?;
        Ok(plan)
    }

    fn encode(&mut self, recipe: &Recipe, number: usize, plan: &Plan, raster: Raster) -> Result<Output, Refusal> {
        let metadata = self.metadata(recipe);
        let bytes = encode::encode(&raster, recipe.encoding, &metadata, self.limits)?;
        self.finished = Some((plan.clone(), recipe.clone(), raster));
        Ok(self.told(recipe, number, plan, bytes, 1))
    }

    fn told(&mut self, recipe: &Recipe, number: usize, plan: &Plan, bytes: Vec<u8>, frames: u32) -> Output {
        let ((width, height), format, length) = (plan.size(), recipe.encoding.format(), bytes.len());
        let fit = recipe.fit;
        self.steps.push(format!("result {}: {fit:?}, {width} × {height}, {format}, {length} bytes", number + 1));
        Output { bytes, format, width, height, frames }
    }

    /// Makes an animation of an animation, one frame after the other.
    fn animation(&mut self, bytes: &[u8], recipe: &Recipe, number: usize, plan: &Plan) -> Result<Output, Refusal> {
        let (quality, lossless) = match recipe.encoding {
            Encoding::WebP { quality, lossless } => (quality, lossless),
            other => return Err(Refusal::Recipe(format!("{} has no frames", other.format()))),
        };
        let stored = (self.header.probe.stored_width, self.header.probe.stored_height);
        let mut film = Film::open(bytes, self.header, self.limits)?;
        let mut animation = Animation::new(quality, lossless, self.header.layers.map_or(0, |layers| layers.loops));
        let mut told = self.steps.len();
        let mut frames = 0;
        while let Some(delay) = film.next()? {
            self.ladder = Ladder::new(film.raster(), stored);
            self.finished = None;
            let raster = self.pixels(recipe, plan)?;
            animation.add(raster, delay, self.limits)?;
            frames += 1;
            if frames > 1 {
                // It is what was done to the first one.
                self.steps.truncate(told);
            }
            told = self.steps.len();
        }
        self.steps.push(format!("the same for each of {frames} frames"));
        let bytes = animation.finish(&self.metadata(recipe));
        Ok(self.told(recipe, number, plan, bytes, frames))
    }

    /// Everything between decoding and encoding.
    fn pixels(&mut self, recipe: &Recipe, plan: &Plan) -> Result<Raster, Refusal> {
        if let Some((made, like, raster)) = self.finished.take()
            && made == *plan
            && same_pixels(&like, recipe)
        {
            return Ok(raster);
        }
        let piece = self.piece(plan);
        let resized = self.ladder.cut(piece)?;
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
        effects::blur_and_sharpen(raster, recipe.blur, recipe.sharpen, self.limits)
    }

    /// The part of the stored picture that the plan shows, and the size that it gets, as it is stored.
    fn piece(&self, plan: &Plan) -> Piece {
        let probe = &self.header.probe;
        let orientation = probe.orientation;
        let area = orientation.stored_area(plan.area, (probe.stored_width, probe.stored_height));
        let (width, height) = orientation.size((plan.width, plan.height));
        Piece { area, width, height }
    }

    /// The plan of the whole picture with at most this many pixels a side.
    fn small_plan(&self, side: u32) -> Result<Plan, Refusal> {
        let probe = &self.header.probe;
        let recipe = Recipe::new(crate::Fit::Inside, Some(side), Some(side), Encoding::Png);
        geometry::sizes(&recipe, (probe.width, probe.height))
    }

    /// The whole picture as it is shown, in sRGB, with at most this many pixels a side.
    fn small(&mut self, side: u32) -> Result<Packed, Refusal> {
        let piece = self.piece(&self.small_plan(side)?);
        let turned = turn(self.ladder.cut(piece)?, self.header.probe.orientation);
        Ok(colour::rgb(colour::finish(turned, self.profile.as_ref())))
    }

    fn keeps_profile(&self, recipe: &Recipe) -> bool {
        recipe.keep.wide_gamut
            && recipe.encoding.has_profile()
            && self.profile.as_ref().is_some_and(Profile::can_go_along)
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
        && (!a.keep.wide_gamut || a.encoding.has_profile() == b.encoding.has_profile())
        && a.encoding.has_alpha() == b.encoding.has_alpha()
}
