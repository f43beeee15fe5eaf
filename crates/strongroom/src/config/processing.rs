//! `[processing]`: what making variants of pictures may cost.

use std::time::Duration;

use serde::Deserialize;

use super::duration;
use super::key_path::KeyPath;
use super::layers::Report;
use super::size;

/// What all pictures together may take of memory where nothing is said.
const USUAL_MEMORY: u64 = 512 << 20;

/// How much of what was made on demand is kept where nothing is said.
const USUALLY_KEPT: u64 = 10 << 30;

/// What making variants may cost.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Processing {
    /// How many pictures are worked on at once; 0 means as many as there are processors.
    pub threads: usize,
    /// What all of them together may take of memory, in bytes.
    #[serde(deserialize_with = "size::deserialize")]
    pub memory: Option<u64>,
    /// How many pixels a picture may have.
    pub pixels: u64,
    /// How many frames an animation may have.
    pub frames: u32,
    /// How many pixels all frames of an animation may have together.
    pub animation_pixels: u64,
    /// How long one picture may take.
    #[serde(deserialize_with = "duration::deserialize")]
    pub timeout: Duration,
    /// How often a picture is tried that brings the process down or takes too long.
    pub attempts: i64,
    /// How many pieces of work may wait that somebody asked for.
    pub queue: u32,
    /// How long somebody waits for what is made on demand before being told to come back.
    #[serde(deserialize_with = "duration::deserialize")]
    pub wait: Duration,
    /// How many bytes of what was made on demand are kept; what was not asked for the longest goes first.
    #[serde(deserialize_with = "size::deserialize")]
    pub kept: Option<u64>,
    /// Whether an SVG is a picture, too, and drawn.
    pub svg: bool,
}

impl Default for Processing {
    fn default() -> Self {
        Self {
            threads: 0,
            memory: Some(USUAL_MEMORY),
            pixels: 100_000_000,
            frames: 500,
            animation_pixels: 500_000_000,
            timeout: Duration::from_secs(30),
            attempts: 3,
            queue: 1000,
            wait: Duration::from_secs(5),
            kept: Some(USUALLY_KEPT),
            svg: false,
        }
    }
}

impl Processing {
    /// How many pictures are worked on at once.
    pub fn threads(&self) -> usize {
        if self.threads > 0 { self.threads } else { std::thread::available_parallelism().map_or(1, usize::from) }
    }

    /// What all of them together may take, in bytes.
    pub fn memory(&self) -> u64 {
        self.memory.unwrap_or(USUAL_MEMORY)
    }

    /// How many bytes of what was made on demand are kept.
    pub fn kept(&self) -> u64 {
        self.kept.unwrap_or(USUALLY_KEPT)
    }

    pub(super) fn validate(&self, report: &mut Report) {
        let section = KeyPath::of(["processing"]);
        if self.threads > 256 {
            report.problem(&section.then("threads"), "must be from 0 to 256");
        }
        if self.memory() < 64 << 20 {
            report.problem(&section.then("memory"), "is too little for a photograph; write \"64 MiB\" or more");
        }
        let limits =
            [("pixels", self.pixels), ("frames", self.frames.into()), ("animation_pixels", self.animation_pixels)];
        for (key, _) in limits.iter().filter(|(_, limit)| *limit == 0) {
            report.problem(&section.then(key), "would refuse every picture; write a larger number");
        }
        if self.timeout < Duration::from_secs(1) {
            report.problem(&section.then("timeout"), "would give up on every picture; write \"1s\" or more");
        }
        if self.queue == 0 {
            report.problem(&section.then("queue"), "would refuse everything that is made on demand; write 1 or more");
        }
        if self.wait > Duration::from_secs(20) {
            report.problem(
                &section.then("wait"),
                "would have requests wait longer than browsers and proxies like; write \"20s\" or less",
            );
        }
        if !(1..=100).contains(&self.attempts) {
            report.problem(&section.then("attempts"), "must be from 1 to 100");
        }
    }
}
