//! Pictures that move: composed frame by frame, kept moving where the result's format can, within limits.

use gif::DisposalMethod;
use strongroom_imaging::{Fit, Format, Limits, Orientation, Recipe, probe, render};

use crate::studio::{
    BLUE, Film, GREEN, JPEG, PNG, Patch, Pixels, RED, WEBP, WEBP_LOSSLESS, WHITE, apng, decode, exif, film, gif, made,
    moving_webp, plain, png_rgba, quarters, same,
};

const NOTHING: [u8; 4] = [0; 4];

fn whole(encoding: strongroom_imaging::Encoding) -> Recipe {
    Recipe::new(Fit::Inside, None, None, encoding)
}

/// A patch of one colour.
fn patch(colour: [u8; 4], [left, top, width, height]: [u16; 4], dispose: DisposalMethod) -> Patch {
    Patch { picture: plain(width.into(), height.into(), colour), left, top, dispose, over: true, delay: 120 }
}

/// A red ground, then a green patch that vanishes again, then a blue one that leaves a hole, then a white one.
fn story() -> [Patch; 4] {
    [
        patch(RED, [0, 0, 40, 30], DisposalMethod::Keep),
        patch(GREEN, [4, 4, 10, 10], DisposalMethod::Previous),
        patch(BLUE, [20, 10, 12, 8], DisposalMethod::Background),
        patch(WHITE, [0, 20, 6, 6], DisposalMethod::Keep),
    ]
}

#[track_caller]
fn assert_story(film: &Film) {
    let near = |frame: usize, x: u32, y: u32, wanted: [u8; 4]| film.frames[frame].0.assert_near(x, y, wanted);
    assert_eq!(film.frames.len(), 4);
    for (x, y) in [(0, 0), (8, 8), (25, 14), (2, 22)] {
        near(0, x, y, RED);
    }
    near(1, 8, 8, GREEN);
    near(1, 25, 14, RED);
    near(2, 8, 8, RED);
    near(2, 25, 14, BLUE);
    near(3, 8, 8, RED);
    assert_eq!(film.frames[3].0.at(25, 14)[3], 0, "the blue patch leaves a hole");
    near(3, 2, 22, WHITE);
    assert!(film.frames.iter().all(|(_, delay)| *delay == 120), "{:?}", film.frames.iter().map(|(_, delay)| *delay));
}

#[test]
fn an_animation_stays_one_with_all_that_its_frames_do() {
    for (name, file) in [("GIF", gif(40, 30, 2, &story())), ("APNG", apng(40, 30, 3, &story(), |_| ()))] {
        let what = probe(&file).unwrap();
        assert_eq!((what.frames, what.width, what.height, what.alpha), (4, 40, 30, true), "{name}");
        for encoding in [WEBP, WEBP_LOSSLESS] {
            let output = made(&file, whole(encoding));
            assert_eq!((output.frames, output.format), (4, Format::WebP));
            let shown = film(&output.bytes);
            assert_story(&shown);
            assert_eq!(shown.plays, 3, "{name}: shown once, and twice again");
        }
    }
}

#[test]
fn an_animated_webp_is_read_as_well() {
    // What was made above is an animation with patches itself; and one of another encoder, without transparency.
    let first = made(&gif(40, 30, 0, &story()), whole(WEBP_LOSSLESS));
    let again = film(&made(&first.bytes, whole(WEBP)).bytes);
    assert_story(&again);
    assert_eq!(again.plays, 0, "without end");
    let file = moving_webp(&[plain(40, 30, RED), quarters(40, 30), plain(40, 30, BLUE)], 250);
    assert_eq!((probe(&file).unwrap().frames, probe(&file).unwrap().alpha), (3, false));
    let shown = film(&made(&file, Recipe::new(Fit::Inside, Some(20), None, WEBP)).bytes);
    assert_eq!((shown.frames.len(), shown.frames[0].0.width, shown.frames[0].0.height), (3, 20, 15));
    shown.frames[0].0.assert_near(10, 7, RED);
    shown.frames[1].0.assert_near(4, 3, RED);
    shown.frames[1].0.assert_near(15, 3, GREEN);
    shown.frames[1].0.assert_near(4, 11, BLUE);
    shown.frames[2].0.assert_near(4, 3, BLUE);
    assert!(shown.frames.iter().all(|(_, delay)| *delay == 250));
}

#[test]
fn a_still_result_shows_the_first_frame_with_something_on_it() {
    let empty = patch(NOTHING, [0, 0, 40, 30], DisposalMethod::Keep);
    let patches =
        [empty, patch(BLUE, [0, 0, 40, 30], DisposalMethod::Keep), patch(RED, [0, 0, 40, 30], DisposalMethod::Keep)];
    for file in [gif(40, 30, 0, &patches), apng(40, 30, 0, &patches, |_| ())] {
        let mut still = whole(WEBP);
        still.animated = false;
        for recipe in [whole(PNG), whole(JPEG), still] {
            let rendered = render(&file, &[recipe], &Limits::default()).unwrap();
            assert_eq!(rendered.outputs[0].frames, 1);
            decode(&rendered.outputs[0].bytes).assert_near(20, 15, BLUE);
            let [r, g, b] = rendered.looks.dominant;
            assert!(r.abs_diff(BLUE[0]) < 12 && g.abs_diff(BLUE[1]) < 12 && b.abs_diff(BLUE[2]) < 12);
        }
    }
}

#[test]
fn one_frame_is_a_still_picture() {
    for colour in [RED, NOTHING] {
        let one = [patch(colour, [0, 0, 40, 30], DisposalMethod::Keep)];
        for file in [gif(40, 30, 0, &one), apng(40, 30, 0, &one, |_| ())] {
            assert_eq!(probe(&file).unwrap().frames, 1);
            let output = made(&file, whole(WEBP));
            assert_eq!((output.frames, decode(&output.bytes).at(20, 15)[3]), (1, colour[3]));
        }
    }
}

#[test]
fn every_frame_is_turned_fitted_and_flattened() {
    let patches = [quarters(48, 32), plain(48, 32, BLUE)].map(|picture| Patch {
        picture,
        left: 0,
        top: 0,
        dispose: DisposalMethod::Keep,
        over: false,
        delay: 70,
    });
    let file = apng(48, 32, 0, &patches, |info| info.exif_metadata = Some(exif(6)[..].to_vec().into()));
    assert_eq!(probe(&file).unwrap().orientation, Orientation::TurnedLeft);
    let mut recipe = Recipe::new(Fit::Contain, Some(64), Some(64), WEBP);
    recipe.background = [10, 200, 250, 255];
    let rendered = render(&file, &[recipe, whole(JPEG)], &Limits::default()).unwrap();
    assert_eq!((rendered.outputs[1].width, rendered.outputs[1].height), (32, 48));
    let shown = film(&rendered.outputs[0].bytes);
    let [(first, 70), (second, 70)] = &shown.frames[..] else { panic!("{} frames", shown.frames.len()) };
    // 32 × 48 in the middle of 64 × 64: what was below on the left is above on the left now.
    first.assert_near(4, 30, [10, 200, 250, 255]);
    first.assert_near(20, 12, BLUE);
    first.assert_near(44, 12, RED);
    first.assert_near(44, 50, GREEN);
    second.assert_near(4, 30, [10, 200, 250, 255]);
    second.assert_near(20, 50, BLUE);
}

#[test]
fn what_does_not_change_costs_nothing_and_is_seen_as_long() {
    let noise = |width: u32, height: u32| {
        let mut picture = plain(width, height, RED);
        for (at, pixel) in picture.data.iter_mut().enumerate() {
            let level = u8::try_from(at * 7919 % 251 / 32 * 32).unwrap();
            *pixel = [level, 255 - level, level / 2, 255];
        }
        picture
    };
    let frame =
        |picture, left, top| Patch { picture, left, top, dispose: DisposalMethod::Keep, over: true, delay: 200 };
    let one = gif(120, 90, 0, &[frame(noise(120, 90), 0, 0), frame(plain(3, 3, WHITE), 31, 41)]);
    let mut patches = vec![frame(noise(120, 90), 0, 0)];
    patches.extend((0..20).map(|_| frame(noise(120, 90), 0, 0)));
    patches.push(frame(plain(3, 3, WHITE), 31, 41));
    let many = gif(120, 90, 0, &patches);
    let (one, many) = (made(&one, whole(WEBP_LOSSLESS)).bytes, made(&many, whole(WEBP_LOSSLESS)).bytes);
    assert_eq!(one.len(), many.len());
    let shown = film(&many);
    assert_eq!(shown.frames.iter().map(|(_, delay)| *delay).collect::<Vec<_>>(), [21 * 200, 200]);
    shown.frames[1].0.assert_near(32, 42, WHITE);
    assert_eq!(shown.frames[1].0.at(30, 40), shown.frames[0].0.at(30, 40));
}

#[test]
fn delays_that_no_browser_keeps_are_those_that_browsers_show() {
    let frames =
        [RED, BLUE, GREEN].map(|colour| Patch { delay: 10, ..patch(colour, [0, 0, 8, 8], DisposalMethod::Keep) });
    let shown = film(&made(&gif(8, 8, 0, &frames), whole(WEBP)).bytes);
    assert_eq!(shown.frames.iter().map(|(_, delay)| *delay).collect::<Vec<_>>(), [100; 3]);
}

#[test]
fn a_gif_without_a_size_or_an_end_is_read_as_browsers_do() {
    let mut file = gif(40, 30, 0, &story());
    assert_eq!(file.pop(), Some(0x3B));
    assert_eq!(same(&file).at(0, 0), RED);
    file[6..10].fill(0);
    let what = probe(&file).unwrap();
    assert_eq!((what.width, what.height), (40, 30));
}

#[test]
fn more_frames_or_pixels_of_them_than_are_taken_are_refused() {
    let files = [
        gif(40, 30, 0, &story()),
        apng(40, 30, 0, &story(), |_| ()),
        moving_webp(&[plain(40, 30, RED), plain(40, 30, BLUE), plain(40, 30, GREEN), plain(40, 30, WHITE)], 100),
    ];
    for file in files {
        let refused = |limits: &Limits<'_>| render(&file, &[whole(JPEG)], limits).unwrap_err().code();
        assert_eq!(refused(&Limits { frames: 3, ..Limits::default() }), "picture-too-many-frames");
        assert_eq!(refused(&Limits { animation: 4799, ..Limits::default() }), "picture-too-much-animation");
        assert!(render(&file, &[whole(JPEG)], &Limits { animation: 4800, frames: 4, ..Limits::default() }).is_ok());
        assert_eq!(refused(&Limits { pixels: 1199, ..Limits::default() }), "picture-too-many-pixels");
        assert_eq!(refused(&Limits { memory: 1200 * 12, ..Limits::default() }), "picture-too-much-memory");
    }
}

#[test]
fn all_frames_together_need_no_more_memory_than_one() {
    let frames: Vec<Patch> =
        (0..60).map(|at| patch([at * 4, 255 - at * 4, 40, 255], [0, 0, 100, 100], DisposalMethod::Keep)).collect();
    let limits = Limits { memory: 100 * 100 * 20, ..Limits::default() };
    let rendered = render(&gif(100, 100, 0, &frames), &[whole(WEBP)], &limits).unwrap();
    assert_eq!(rendered.outputs[0].frames, 60);
}

#[test]
fn a_patch_of_gigabytes_is_refused_from_its_head() {
    let mut file = gif(40, 30, 0, &story());
    // The second frame claims nearly all that the format has, in a file of some hundred bytes.
    let heads: Vec<usize> =
        (0..file.len() - 10).filter(|at| file[*at] == 0x2C && file[*at + 5..][..4] == [10, 0, 10, 0]).collect();
    assert_eq!(heads.len(), 1);
    file[heads[0] + 5..][..4].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0xFF]);
    let refusal = render(&file, &[whole(JPEG)], &Limits::default()).unwrap_err();
    assert_eq!(refusal.code(), "picture-too-much-animation");
    let limits = Limits { animation: u64::MAX, ..Limits::default() };
    assert_eq!(render(&file, &[whole(JPEG)], &limits).unwrap_err().code(), "picture-too-much-memory");
}

#[test]
fn a_result_that_grows_too_long_is_refused_while_it_grows() {
    let frames: Vec<Pixels> = (0..12)
        .map(|at| Pixels {
            data: (0..100 * 100_u32)
                .map(|pixel| [(pixel * 31 * (at + 7) % 251) as u8, (pixel % 241) as u8, 7, 255])
                .collect(),
            width: 100,
            height: 100,
        })
        .collect();
    let file = moving_webp(&frames, 50);
    let all = made(&file, whole(WEBP_LOSSLESS)).bytes.len() as u64;
    let limits = Limits { output: all / 2, ..Limits::default() };
    let refusal = render(&file, &[whole(WEBP_LOSSLESS)], &limits).unwrap_err();
    assert_eq!(refusal.code(), "picture-too-many-bytes");
}

#[test]
fn what_ends_too_early_or_was_flipped_never_panics() {
    let files = [
        gif(40, 30, 0, &story()),
        apng(40, 30, 0, &story(), |_| ()),
        made(&gif(40, 30, 0, &story()), whole(WEBP)).bytes,
    ];
    let limits = Limits { pixels: 100_000, animation: 400_000, ..Limits::default() };
    let recipes = [Recipe::new(Fit::Inside, Some(16), None, WEBP), Recipe::new(Fit::Inside, Some(16), None, JPEG)];
    for file in files {
        for length in 0..file.len() - 1 {
            // A GIF that ends between two frames is read as far as it goes.
            if let Err(refusal) = render(&file[..length], &recipes, &limits) {
                let codes = ["picture-truncated", "picture-damaged", "not-a-picture"];
                assert!(codes.contains(&refusal.code()), "{length} of {}: {refusal:?}", file.len());
            }
        }
        for at in 0..file.len() {
            let mut file = file.clone();
            file[at] ^= 1 << (at % 8);
            let _either = render(&file, &recipes, &limits);
        }
    }
    // What has lost half of its frames' data is told apart from what merely lacks an end.
    let file = png_rgba(&quarters(40, 30));
    assert!(render(&file[..file.len() / 2], &recipes, &limits).is_err());
}
