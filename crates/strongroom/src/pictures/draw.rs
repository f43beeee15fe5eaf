//! Draws an SVG, in a process of its own.
//!
//! What it takes to draw one is known to nobody before, and what draws has no bound. So the service starts itself once
//! more for each, without an environment, and tells it over its standard input what to draw; that process first takes
//! from itself whatever could do harm, and the system ends it when it needs more than it was given.

use std::io::{self, BufRead as _, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus, Stdio};

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use strongroom_imaging::{Drawing, Refusal};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::make::Error;
use crate::config::{Frame, Processing, Variant};

/// What is running, also when another program lies where it was started from.
const ITSELF: &str = "/proc/self/exe";

/// Bytes of memory that go with each pixel: what is drawn on, four of them at once where one thing shines through
/// another or is filtered, what a filter keeps besides, and what is made of it.
const BYTES_OF_A_PIXEL: u64 = 32;

/// How much stack there is, whatever the system gives otherwise.
const STACK: u64 = 8 << 20;

/// How the process says that what it was given is no drawing; why comes on its standard output.
const REFUSED: u8 = 3;
/// How it says that the drawing is more than it draws.
const UNDRAWABLE: u8 = 4;
/// How a process of Rust ends that panics.
const PANICKED: i32 = 101;

/// How much of a reason is told, in characters: it may name what stands in the file.
const REASON: usize = 200;

/// What is to be drawn, and with what.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Task {
    boxes: Vec<Wanted>,
    /// How many it is drawn with at the most.
    pixels: u64,
    /// Bytes.
    memory: u64,
    /// Seconds of a processor.
    seconds: u64,
}

/// A picture that will be made of what is drawn.
#[derive(Debug, Serialize, Deserialize)]
struct Wanted {
    /// Whether it fills its box on both sides.
    covers: bool,
    width: Option<u32>,
    height: Option<u32>,
}

/// What was drawn.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Drawn {
    /// The size that the drawing says it has.
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) png: Vec<u8>,
}

impl Task {
    /// What is drawn for these variants, with so much memory.
    pub(super) fn new<'a>(variants: impl Iterator<Item = &'a Variant>, memory: u64, processing: &Processing) -> Self {
        let boxes = variants.map(|variant| Wanted {
            covers: matches!(variant.fit, Frame::Cover | Frame::Fill),
            width: variant.width,
            height: variant.height,
        });
        // A busy machine is not the drawing's fault, so what counts is the time of a processor, and there is four times as
        // much on the clock.
        let seconds = (processing.timeout.as_secs() / 4).max(1);
        let pixels = processing.pixels.min(memory / BYTES_OF_A_PIXEL);
        Self { boxes: boxes.collect(), pixels, memory, seconds }
    }

    /// The pixels of a drawing of this size: so many that nothing that is made of it has to be made larger.
    fn size(&self, (width, height): (f32, f32)) -> (u32, u32) {
        let (width, height) = (f64::from(width), f64::from(height));
        let wanted = self.boxes.iter().map(|one| one.scale(width, height)).reduce(f64::max).unwrap_or(1.0);
        let most = (self.pixels as f64 / width / height).sqrt();
        let scale = wanted.min(most);
        let round = |side: f64| pixels(side.round(), self.pixels);
        let (across, down) = (round(width * scale), round(height * scale));
        if u64::from(across) * u64::from(down) <= self.pixels {
            return (across, down);
        }
        (pixels((width * scale).floor(), self.pixels), pixels((height * scale).floor(), self.pixels))
    }
}

impl Wanted {
    /// How much larger than the drawing it is.
    fn scale(&self, width: f64, height: f64) -> f64 {
        let across = self.width.map(|side| f64::from(side) / width);
        let down = self.height.map(|side| f64::from(side) / height);
        match (across, down) {
            (Some(across), Some(down)) if self.covers => across.max(down),
            (Some(across), Some(down)) => across.min(down),
            (one, other) => one.or(other).unwrap_or(1.0),
        }
    }
}

/// A side in whole pixels.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is bounded on both sides")]
fn pixels(side: f64, most: u64) -> u32 {
    side.clamp(1.0, most.min(u32::MAX.into()) as f64) as u32
}

/// Has an SVG drawn by another process. Whoever drops this ends that process.
pub(super) async fn draw(svg: &[u8], task: &Task) -> Result<Drawn, Error> {
    let mut child = Command::new(ITSELF)
        .arg0("strongroom")
        .arg("draw")
        .current_dir("/")
        .env_clear()
        // Otherwise the allocator takes a GiB in advance, and would give it out whatever the limit is.
        .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(Error::Drawing)?;
    let line = serde_json::to_string(task).map_err(|error| Error::Drawing(error.into()))? + "\n";
    if let Some(mut stdin) = child.stdin.take() {
        // It may be ended while it reads; how, its status says.
        let _ = stdin.write_all(line.as_bytes()).await;
        let _ = stdin.write_all(svg).await;
        let _ = stdin.shutdown().await;
    }
    let mut said = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        // A PNG is never much longer than its pixels. Who says more than that has nobody who listens, and ends.
        stdout.take(task.pixels * 5 + (1 << 20)).read_to_end(&mut said).await.map_err(Error::Drawing)?;
    }
    let status = child.wait().await.map_err(Error::Drawing)?;
    understood(status, said)
}

/// What became of it.
fn understood(status: ExitStatus, mut said: Vec<u8>) -> Result<Drawn, Error> {
    let blamed = [Signal::ABORT, Signal::BUS, Signal::SEGV, Signal::XCPU].map(Signal::as_raw);
    if status.code() == Some(REFUSED.into()) {
        Err(Refusal::BadDrawing(String::from_utf8_lossy(&said).chars().take(REASON).collect()).into())
    } else if status.code().is_some_and(|code| code == PANICKED || code == i32::from(UNDRAWABLE))
        || status.signal().is_some_and(|signal| blamed.contains(&signal))
    {
        Err(Refusal::Undrawable.into())
    } else if status.success() {
        let side = |at: usize| said.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let (Some(width), Some(height)) = (side(0), side(4)) else { return Err(Refusal::Undrawable.into()) };
        Ok(Drawn { width, height, png: said.split_off(8) })
    } else if status.signal().is_some() {
        // Whoever ends processes, such as who stops the service, knows nothing of the drawing.
        Err(Error::BroughtDown)
    } else {
        // It did not get to the drawing.
        Err(Error::Drawing(io::Error::other(format!("it ended with {status}"))))
    }
}

/// What the process does that draws: reads a task and an SVG from its standard input, and answers on its standard output.
pub fn draw_as_told() -> ExitCode {
    let mut input = io::stdin().lock();
    let (mut line, mut svg) = (String::new(), Vec::new());
    if input.read_line(&mut line).is_err() {
        return ExitCode::FAILURE;
    }
    let Ok(task) = serde_json::from_str::<Task>(&line) else { return ExitCode::FAILURE };
    if confine(&task).is_err() || input.read_to_end(&mut svg).is_err() {
        return ExitCode::FAILURE;
    }
    let (answer, code) = match answer(&svg, &task) {
        Ok(answer) => (answer, ExitCode::SUCCESS),
        Err(Refusal::BadDrawing(why)) => (why.into_bytes(), ExitCode::from(REFUSED)),
        Err(_) => return ExitCode::from(UNDRAWABLE),
    };
    if io::stdout().write_all(&answer).is_ok() { code } else { ExitCode::FAILURE }
}

/// Gives up, for good, whatever drawing does not need.
fn confine(task: &Task) -> io::Result<()> {
    for (resource, most) in [
        (Resource::Data, task.memory),
        (Resource::Stack, STACK),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        // Neither files nor connections beside those that it has.
        (Resource::Nofile, 0),
        (Resource::Nproc, 0),
    ] {
        let allowed = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let most = Some(most.min(allowed));
        setrlimit(resource, Rlimit { current: most, maximum: most })?;
    }
    // The first signal says that it was the time; the second, which cannot be told from others, never comes.
    let (current, maximum) = (Some(task.seconds), getrlimit(Resource::Cpu).maximum);
    Ok(setrlimit(Resource::Cpu, Rlimit { current, maximum })?)
}

/// Its size and its pixels.
fn answer(svg: &[u8], task: &Task) -> Result<Vec<u8>, Refusal> {
    let drawing = Drawing::read(svg)?;
    let own = drawing.size();
    let (width, height) = task.size(own);
    let own = [own.0, own.1].map(|side| pixels(f64::from(side).round(), u64::MAX).to_le_bytes());
    Ok([&own.concat(), &drawing.draw(width, height)?[..]].concat())
}

#[cfg(test)]
mod tests {
    use super::{Task, Wanted};

    fn size(boxes: &[(bool, Option<u32>, Option<u32>)], own: (f32, f32)) -> (u32, u32) {
        let boxes = boxes.iter().map(|&(covers, width, height)| Wanted { covers, width, height }).collect();
        Task { boxes, pixels: 1_000_000, memory: 0, seconds: 1 }.size(own)
    }

    #[test]
    fn it_is_drawn_as_large_as_the_largest_that_is_made_of_it() {
        let icon = (24.0, 24.0);
        assert_eq!(size(&[(false, Some(800), Some(600)), (false, Some(32), None)], icon), (600, 600));
        assert_eq!(size(&[(true, Some(800), Some(600))], icon), (800, 800));
        assert_eq!(size(&[(false, None, Some(48))], (100.0, 50.0)), (96, 48));
        assert_eq!(size(&[(true, Some(320), Some(320))], (100.0, 50.0)), (640, 320));
        // Also where that is smaller than it says itself, but not where something is made in its own size.
        assert_eq!(size(&[(false, Some(10), None)], (1e9, 1e9)), (10, 10));
        assert_eq!(size(&[(false, Some(10), None), (false, None, None)], (200.0, 100.0)), (200, 100));
        assert_eq!(size(&[], icon), (24, 24));
    }

    #[test]
    fn it_is_drawn_with_no_more_pixels_than_there_is_memory_for() {
        assert_eq!(size(&[(false, Some(8192), Some(8192))], (24.0, 24.0)), (1000, 1000));
        // Rounded up on both sides it would be more.
        assert_eq!(size(&[(false, Some(8192), Some(8192))], (17.0, 10.0)), (1303, 766));
        assert_eq!(size(&[], (1e9, 1e9)), (1000, 1000));
        let (width, height) = size(&[], (1e9, 1e-9));
        assert!(width <= 1_000_000 && height == 1);
        assert_eq!(size(&[(false, Some(8192), None)], (f32::MIN_POSITIVE, f32::MAX)), (1, 1_000_000));
        assert_eq!(size(&[], (1e-30, 1e-30)), (1, 1));
    }
}
