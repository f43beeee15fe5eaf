//! Drawings: what is drawn is where and of the colour that SVG says, and nothing comes from outside.

use strongroom_imaging::Drawing;

use crate::studio::{Pixels, decode};

const OPEN: &str = "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'";

fn drawn(svg: &str, width: u32, height: u32) -> Pixels {
    decode(&Drawing::read(svg.as_bytes()).unwrap().draw(width, height).unwrap())
}

/// What stands in a square of 10 × 10, drawn with 100 pixels a side.
fn in_a_square(body: &str) -> Pixels {
    drawn(&format!("{OPEN} viewBox='0 0 10 10'>{body}</svg>"), 100, 100)
}

#[test]
fn shapes_are_where_they_belong_and_the_rest_is_transparent() {
    let pixels = in_a_square(
        "<defs><linearGradient id='g'><stop stop-color='#000'/><stop offset='1' stop-color='#fff'/></linearGradient>\
         <clipPath id='c'><rect x='5' y='5' width='2' height='5'/></clipPath>\
         <mask id='m'><rect x='8' y='8' width='1' height='2' fill='#fff'/></mask>\
         <rect id='r' width='2' height='2' fill='#00f'/></defs>\
         <rect width='4' height='4' fill='#f00'/><circle cx='7' cy='2' r='2' fill='#0f0' opacity='.5'/>\
         <use href='#r' x='0' y='5'/><use xlink:href='#r' x='2' y='7' transform='translate(0 1)'/>\
         <rect x='5' y='5' width='5' height='2' fill='#ff0' clip-path='url(#c)'/>\
         <rect x='7' y='8' width='3' height='2' fill='#0ff' mask='url(#m)'/>\
         <path d='M0 9h2v1h-2z' fill='url(#g)'/>",
    );
    for ((x, y), wanted) in [
        ((20, 20), [255, 0, 0, 255]),
        ((70, 20), [0, 255, 0, 128]),
        ((52, 2), [0; 4]),
        ((10, 60), [0, 0, 255, 255]),
        ((30, 90), [0, 0, 255, 255]),
        ((30, 70), [0; 4]),
        ((60, 60), [255, 255, 0, 255]),
        ((80, 60), [0; 4]),
        ((85, 90), [0, 255, 255, 255]),
        ((75, 90), [0; 4]),
        ((10, 95), [127, 127, 127, 255]),
    ] {
        pixels.assert_near(x, y, wanted);
    }
}

#[test]
fn a_filter_and_a_stroke_are_drawn() {
    let pixels = in_a_square(
        "<filter id='f'><feGaussianBlur stdDeviation='1'/></filter>\
         <rect x='4' y='0' width='10' height='4' fill='#f00' filter='url(#f)'/>\
         <path d='M0 8H10' stroke='#00f' stroke-width='2' stroke-dasharray='5'/>",
    );
    let edge = pixels.at(40, 20)[3];
    assert!((100..=155).contains(&edge), "half of it where the edge was: {edge}");
    assert_eq!(pixels.at(20, 80), [0, 0, 255, 255]);
    assert_eq!(pixels.at(70, 80), [0; 4]);
}

#[test]
fn its_size_is_what_it_says_or_its_view_box() {
    for (attributes, size) in [
        ("width='30' height='20'", (30.0, 20.0)),
        ("width='1in' height='10mm' viewBox='0 0 5 5'", (96.0, 37.795_277)),
        ("viewBox='0 0 300 150'", (300.0, 150.0)),
        ("width='100%' height='100%' viewBox='0 0 64 32'", (64.0, 32.0)),
        ("width='64' viewBox='0 0 300 150'", (64.0, 32.0)),
    ] {
        let svg = format!("{OPEN} {attributes}><path d='M0 0h1v1z'/></svg>");
        assert_eq!(Drawing::read(svg.as_bytes()).unwrap().size(), size, "{attributes}");
    }
}

/// Whatever a shape could be filled with from elsewhere, nothing of it is seen.
#[test]
fn nothing_is_taken_from_outside_or_run() {
    let folder = tempfile::tempdir().unwrap();
    let (png, svg) = (folder.path().join("a.png"), folder.path().join("a.svg"));
    let red = format!("{OPEN} viewBox='0 0 1 1'><rect id='r' width='1' height='1' fill='red'/></svg>");
    std::fs::write(&svg, &red).unwrap();
    std::fs::write(&png, Drawing::read(red.as_bytes()).unwrap().draw(4, 4).unwrap()).unwrap();
    let (png, svg) = (png.display(), svg.display());
    let inside = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'%3E%3Crect width='1' \
                  height='1' fill='red'/%3E%3C/svg%3E";
    for body in [
        format!("<image href='{png}' width='10' height='10'/>"),
        format!("<image xlink:href='file://{png}' width='10' height='10'/>"),
        format!("<image href='{svg}' width='10' height='10'/>"),
        format!("<image href=\"{inside}\" width='10' height='10'/>"),
        format!("<use href='{svg}#r'/><use href='file://{svg}#r' transform='scale(10)'/>"),
        format!("<style>@import url('{svg}'); rect {{ fill: url('{svg}#r') }}</style><rect width='10' height='10'/>"),
        "<script>document.documentElement.innerHTML = '<rect/>'</script>".to_owned(),
        "<foreignObject width='10' height='10'><p xmlns='http://www.w3.org/1999/xhtml'>words</p></foreignObject>"
            .into(),
        "<text y='8' font-size='8'>&#x2588;</text>".to_owned(),
    ] {
        let pixels = in_a_square(&body);
        // Without a colour of its own that it could find, a shape has none.
        assert!(pixels.data.iter().all(|pixel| pixel[..3] == [0; 3]), "{body}");
    }
}

#[test]
fn what_is_not_written_as_an_svg_is_says_why() {
    for (svg, why) in [
        ("", "does not have a root node"),
        ("<html/>", "does not have a root node"),
        ("<svg", "does not have a root node"),
        ("<svg><g></svg>", "expected 'g' tag"),
        ("\u{feff}<svg xmlns='http://www.w3.org/2000/svg' width='0' height='0'/>", "it has no size"),
    ] {
        let refusal = Drawing::read(svg.as_bytes()).unwrap_err();
        assert_eq!(refusal.code(), "picture-damaged", "{svg}");
        assert!(refusal.to_string().contains(why), "{svg}: {refusal}");
    }
    let sixteen: Vec<u8> = "<svg/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(Drawing::read(&[&[0xFF, 0xFE], &sixteen[..]].concat()).unwrap_err().to_string().contains("UTF-8"));
    // Compressed, it is not an SVG to anybody but programs that draw.
    assert!(Drawing::read(b"\x1F\x8B\x08\0\0\0\0\0\0\x03").is_err());
}
