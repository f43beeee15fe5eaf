//! What a result carries besides its pixels: nothing, or what its recipe keeps.

use strongroom_imaging::{Fit, Keep, Recipe};

use crate::studio::{JPEG, PNG, WEBP, exif, jpeg, made, quarters};

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn nothing_of_the_camera_survives() {
    let file = jpeg(&quarters(64, 64), |encoder| {
        encoder.add_exif_metadata(&exif(1)).unwrap();
        encoder.add_app_segment(1, b"http://ns.adobe.com/xap/1.0/\0GPS-SECRET-PLACE".to_vec()).unwrap();
        encoder.add_app_segment(13, b"Photoshop 3.0\0SERIAL-12345".to_vec()).unwrap();
    });
    assert!(contains(&file, "GPS-SECRET-PLACE") && contains(&file, "SERIAL-12345"));
    for encoding in [JPEG, PNG, WEBP] {
        for copyright in [false, true] {
            let mut recipe = Recipe::new(Fit::Inside, None, None, encoding);
            recipe.keep = Keep { copyright, ..Keep::default() };
            let output = made(&file, recipe).bytes;
            for secret in ["GPS-SECRET-PLACE", "SERIAL-12345", "xap/1.0", "Photoshop"] {
                assert!(!contains(&output, secret), "{secret} is in a {encoding:?}");
            }
            assert_eq!(contains(&output, "(c) Ada Artis"), copyright);
            assert_eq!(contains(&output, "Ada Artist"), copyright);
        }
    }
}
