//! Samples of every format, cut off anywhere, with other bits anywhere, and with giant numbers anywhere.

use strongroom_imaging::{Format, Limits, Refusal};

use crate::bounds::{answer, answer_with, limits};
use crate::files::samples;

#[test]
fn a_sample_is_taken() {
    for (name, file) in samples() {
        answer(&name, &file).unwrap();
    }
}

#[test]
fn cut_off_anywhere_it_is_refused_or_shown_as_far_as_it_goes() {
    for (name, file) in samples() {
        for length in places(file.len()) {
            let name = format!("{name} of {length} bytes");
            match answer(&name, &file[..length]) {
                // The rest tells nothing of the pixels, or browsers show such ones, too.
                Ok(_) => {}
                Err(Refusal::NotAPicture) => assert!(length < 64, "{name} is no picture any longer"),
                Err(refusal) => assert!(is_about_the_file(&refusal), "{name}: {refusal:?}"),
            }
        }
        let half = answer(&name, &file[..file.len() / 2]);
        assert!(half.is_err() || Format::of(&file) == Some(Format::Gif), "half of {name} was taken");
    }
}

#[test]
fn with_other_bits_anywhere_it_is_shown_or_refused() {
    let limits = Limits { pixels: 4_000_000, animation: 16_000_000, ..limits() };
    for (name, file) in samples() {
        for at in places(file.len()) {
            for change in [1 << (at % 8), 0xFF] {
                let mut file = file.clone();
                file[at] ^= change;
                if let Err(refusal) = answer_with(&format!("{name} with {change:#x} at {at}"), &file, &limits) {
                    assert!(is_about_the_file(&refusal) || refusal == Refusal::NotAPicture, "{name}: {refusal:?}");
                }
            }
        }
    }
}

/// Whatever is a width, a count, a length or an offset somewhere becomes as large as it can be, or nothing.
#[test]
fn with_giant_numbers_anywhere_it_is_shown_or_refused() {
    let numbers: [&[u8]; 6] = [
        &[0xFF; 4],
        &[0x7F, 0xFF, 0xFF, 0x7F],
        // Just what is still taken, in either order of bytes: ten thousand times whatever the other side is.
        &[0, 0, 0x27, 0x10],
        &[0x10, 0x27, 0, 0],
        &[0xFF; 2],
        &[0; 4],
    ];
    // An animation takes the time that all its frames take together, and there is more than two seconds for that.
    let limits = Limits { animation: 16_000_000, ..limits() };
    for (name, file) in samples() {
        for number in numbers {
            for at in places(file.len() - number.len()) {
                let mut file = file.clone();
                file[at..at + number.len()].copy_from_slice(number);
                if let Err(refusal) = answer_with(&format!("{name} with {number:?} at {at}"), &file, &limits) {
                    assert!(is_about_the_file(&refusal) || refusal == Refusal::NotAPicture, "{name}: {refusal:?}");
                }
            }
        }
    }
}

/// Everywhere in the head of a file, where most is told, and here and there behind it.
fn places(length: usize) -> impl Iterator<Item = usize> {
    const HEAD: usize = 64;
    (0..length.min(HEAD)).chain((HEAD..length).step_by(17))
}

/// What can be said of a file that is no longer what it was; time is not to run out, and recipes are sound.
fn is_about_the_file(refusal: &Refusal) -> bool {
    !matches!(refusal, Refusal::OutOfTime | Refusal::Recipe(_) | Refusal::TooManyBytes { .. } | Refusal::NotAPicture)
}
