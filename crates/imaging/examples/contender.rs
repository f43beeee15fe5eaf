//! Makes three pictures of one, again for each line it reads, and tells the processor time of each; for the bench.
#![expect(clippy::print_stdout, reason = "its answers are read from there")]

use std::error::Error;
use std::io::BufRead;

use rustix::time::{ClockId, clock_gettime};
use strongroom_imaging::{Encoding, Fit, Limits, Recipe, render};

fn main() -> Result<(), Box<dyn Error>> {
    let webp = Encoding::WebP { quality: 80, lossless: false };
    let recipes = [
        Recipe::new(Fit::Inside, Some(1200), Some(1200), Encoding::Jpeg { quality: 85, progressive: false }),
        Recipe::new(Fit::Inside, Some(1200), Some(1200), webp),
        Recipe::new(Fit::Cover, Some(320), Some(320), webp),
    ];
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (file, folder) = line.split_once('\t').ok_or("a line is a file, a tab and a folder")?;
        let input = std::fs::read(file)?;
        let before = milliseconds();
        let rendered = render(&input, &recipes, &Limits::default())?;
        let spent = milliseconds() - before;
        if !folder.is_empty() {
            for (name, output) in ["display.jpg", "display.webp", "thumb.webp"].iter().zip(&rendered.outputs) {
                std::fs::write(format!("{folder}/{name}"), &output.bytes)?;
            }
        }
        let bytes: usize = rendered.outputs.iter().map(|output| output.bytes.len()).sum();
        println!("{{\"cpu_ms\":{spent},\"bytes\":{bytes}}}");
    }
    Ok(())
}

/// The processor time of this process.
fn milliseconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}
