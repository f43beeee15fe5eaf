//! Fit, gravity, background, blur, sharpening, and what is the same for all results of one picture.

use strongroom_imaging::{Encoding, Fit, Gravity, Limits, Recipe, Refusal, render};

use crate::studio::{BLUE, GREEN, JPEG, PNG, RED, WEBP, WHITE, decode, exif, jpeg, made, png_rgba, quarters};

#[test]
fn cover_shows_what_its_gravity_says() {
    let file = png_rgba(&quarters(200, 100));
    let corner = |gravity, width, height| {
        let mut recipe = Recipe::new(Fit::Cover, Some(width), Some(height), PNG);
        recipe.gravity = gravity;
        let pixels = decode(&made(&file, recipe).bytes);
        assert_eq!((pixels.width, pixels.height), (width, height));
        pixels
    };
    corner(Gravity::West, 40, 40).assert_near(1, 1, RED);
    corner(Gravity::East, 40, 40).assert_near(1, 1, GREEN);
    corner(Gravity::SouthWest, 100, 20).assert_near(1, 1, BLUE);
    corner(Gravity::South, 100, 20).assert_near(1, 1, BLUE);
    corner(Gravity::Focus { x: 1.0, y: 1.0 }, 40, 40).assert_near(1, 1, GREEN);
    corner(Gravity::Centre, 40, 40).assert_near(1, 1, RED);
}

#[test]
fn gravity_means_the_picture_as_it_is_shown() {
    // Stored lying on its side: shown, the first column comes from the last row.
    let file = jpeg(&quarters(96, 192), |encoder| encoder.add_exif_metadata(&exif(6)).unwrap());
    let mut recipe = Recipe::new(Fit::Cover, Some(40), Some(40), JPEG);
    recipe.gravity = Gravity::West;
    let pixels = decode(&made(&file, recipe).bytes);
    pixels.assert_near(10, 10, BLUE);
    pixels.assert_near(10, 35, WHITE);
}

#[test]
fn attention_and_entropy_find_what_there_is_to_see() {
    let mut picture = quarters(200, 100);
    picture.data.fill([200, 200, 200, 255]);
    for y in 30..70 {
        for x in 150..190_u32 {
            picture.data[(y * 200 + x) as usize] = if (x / 5 + y / 5) % 2 == 0 { RED } else { [20, 20, 60, 255] };
        }
    }
    let file = png_rgba(&picture);
    for gravity in [Gravity::Attention, Gravity::Entropy] {
        let mut recipe = Recipe::new(Fit::Cover, Some(50), Some(50), PNG);
        recipe.gravity = gravity;
        let pixels = decode(&made(&file, recipe).bytes);
        let seen = pixels.data.iter().filter(|pixel| pixel[0].abs_diff(200) > 20 || pixel[1] < 150).count();
        assert!(seen > 250, "{gravity:?}: {seen}");
    }
}

#[test]
fn contain_fills_its_box_with_the_background() {
    let mut recipe = Recipe::new(Fit::Contain, Some(80), Some(80), JPEG);
    recipe.background = [10, 20, 200, 255];
    let pixels = decode(&made(&png_rgba(&quarters(200, 100)), recipe.clone()).bytes);
    assert_eq!((pixels.width, pixels.height), (80, 80));
    pixels.assert_near(40, 5, [10, 20, 200, 255]);
    pixels.assert_near(10, 30, RED);
    recipe.encoding = PNG;
    recipe.background = [0; 4];
    let pixels = decode(&made(&png_rgba(&quarters(200, 100)), recipe).bytes);
    assert_eq!(pixels.at(40, 5)[3], 0);
    pixels.assert_near(10, 30, RED);
}

#[test]
fn fill_and_enlarge_do_what_they_say() {
    let file = png_rgba(&quarters(40, 20));
    let size = |fit, width, height, enlarge| {
        let mut recipe = Recipe::new(fit, width, height, PNG);
        recipe.enlarge = enlarge;
        let output = made(&file, recipe);
        (output.width, output.height)
    };
    assert_eq!(size(Fit::Fill, Some(10), Some(20), false), (10, 20));
    assert_eq!(size(Fit::Fill, Some(80), Some(10), false), (40, 10));
    assert_eq!(size(Fit::Fill, Some(80), Some(80), true), (80, 80));
    assert_eq!(size(Fit::Inside, Some(80), None, true), (80, 40));
    assert_eq!(size(Fit::Inside, Some(80), None, false), (40, 20));
    assert_eq!(size(Fit::Cover, Some(100), Some(100), false), (20, 20));
    assert_eq!(size(Fit::Cover, Some(100), Some(100), true), (100, 100));
}

#[test]
fn results_come_in_the_order_of_their_recipes() {
    let file = jpeg(&quarters(600, 400), |_| ());
    let recipes = [
        Recipe::new(Fit::Cover, Some(50), Some(50), WEBP),
        Recipe::new(Fit::Inside, Some(300), None, JPEG),
        Recipe::new(Fit::Inside, Some(300), None, WEBP),
        Recipe::new(Fit::Inside, None, None, JPEG),
    ];
    let rendered = render(&file, &recipes, &Limits::default()).unwrap();
    let sizes: Vec<_> = rendered.outputs.iter().map(|output| (output.width, output.height)).collect();
    assert_eq!(sizes, [(50, 50), (300, 200), (300, 200), (600, 400)]);
    for (output, (x, y)) in rendered.outputs.iter().zip([(10, 10), (60, 40), (60, 40), (100, 100)]) {
        decode(&output.bytes).assert_near(x, y, RED);
    }
    assert!(rendered.steps.iter().any(|step| step == "resize: 300 × 200"), "{:?}", rendered.steps);
}

#[test]
fn a_small_result_is_like_one_made_from_the_original() {
    let mut picture = quarters(800, 600);
    for (at, pixel) in picture.data.iter_mut().enumerate() {
        // Waves in both directions, of some hundred pixels.
        let wave = |at: usize, length: usize| (at % length).abs_diff(length / 2) * 240 / length;
        pixel[1] = u8::try_from(wave(at % 800, 380) + wave(at / 800, 290)).unwrap();
    }
    let file = png_rgba(&picture);
    let thumb = Recipe::new(Fit::Cover, Some(80), Some(80), PNG);
    let large = Recipe::new(Fit::Inside, Some(400), None, PNG);
    let alone = decode(&made(&file, thumb.clone()).bytes);
    let beside = decode(&render(&file, &[thumb, large], &Limits::default()).unwrap().outputs[0].bytes);
    let worst = alone.data.iter().flatten().zip(beside.data.iter().flatten()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst.unwrap() <= 12, "{worst:?}");
}

#[test]
fn blur_and_sharpening_change_edges_and_nothing_else() {
    let file = png_rgba(&quarters(80, 80));
    let with = |blur, sharpen| {
        let mut recipe = Recipe::new(Fit::Inside, None, None, PNG);
        (recipe.blur, recipe.sharpen) = (blur, sharpen);
        decode(&made(&file, recipe).bytes)
    };
    let (soft, sharp) = (with(3.0, 0.0), with(0.0, 2.0));
    assert_eq!((soft.at(5, 5), sharp.at(5, 5)), (RED, RED));
    assert!(soft.at(39, 5)[1] > RED[1] + 20);
    assert!(sharp.at(40, 5)[1] > GREEN[1] + 10);
}

#[test]
fn recipes_that_no_picture_can_follow_are_refused() {
    let file = png_rgba(&quarters(8, 8));
    let refused = |change: &dyn Fn(&mut Recipe)| {
        let mut recipe = Recipe::new(Fit::Inside, Some(8), None, WEBP);
        change(&mut recipe);
        let refusal = render(&file, &[recipe], &Limits::default()).unwrap_err();
        assert!(matches!(refusal, Refusal::Recipe(_)), "{refusal:?}");
        assert_eq!(refusal.code(), "picture-recipe");
    };
    refused(&|recipe| recipe.width = Some(0));
    refused(&|recipe| recipe.width = Some(20_000));
    refused(&|recipe| recipe.blur = f32::NAN);
    refused(&|recipe| recipe.sharpen = -1.0);
    refused(&|recipe| recipe.encoding = Encoding::WebP { quality: 0, lossless: false });
    refused(&|recipe| recipe.gravity = Gravity::Focus { x: 2.0, y: 0.0 });
}
