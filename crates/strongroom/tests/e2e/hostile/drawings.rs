//! Drawings that mean harm: what they ask for is not there, and what they cost is borne by a process of their own.

use std::fmt::Write as _;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::documented;
use super::pictures::{good, look, picture};
use crate::app::App;
use crate::caller::{Caller, text};
use crate::ways::{Way, handed, object};

/// A quarter of the time is for drawing: one second of a processor.
const SPACE: &str = "[spaces.photos]\naccept = [\"image/*\", \"image/svg+xml\"]\n\
    [[spaces.photos.variants]]\nname = \"look\"\nwidth = 600\nformat = \"png\"\n\
    [processing]\nsvg = true\ntimeout = \"6s\"\nmemory = \"256 MiB\"\nthreads = 2\n";

/// How long an answer may take on a busy machine; of a processor it takes one second.
const PATIENCE: Duration = Duration::from_secs(20);

async fn drawing(caller: &Caller, body: &str) -> Value {
    let svg = format!("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 100 100'>{body}</svg>");
    picture(caller, "image/svg+xml", svg.as_bytes()).await
}

/// The next pictures are made, and the next drawing is drawn.
async fn goes_on(caller: &Caller) {
    good(caller).await;
    let made = drawing(caller, "<path d='M0 0h99v99z'/>").await;
    assert_eq!(made["picture"]["state"], "made", "{made}");
}

/// Refused with one of these codes, in time, and by the same process that makes the next good picture.
#[track_caller]
fn assert_refused(input: &str, made: &Value, code: &str) {
    let picture = &made["picture"];
    assert_eq!((&picture["state"], &picture["reason"]["code"]), (&json!("refused"), &json!(code)), "{input}: {made}");
    documented(input, &format!("`{code}`"));
}

#[tokio::test]
async fn a_drawing_that_never_ends_harms_nobody() {
    let app = App::start(SPACE);
    let alice = app.user("alice");
    let in_a_filter = |primitives: &str| {
        format!("<filter id='f'>{primitives}</filter><g filter='url(#f)'><rect width='100' height='100'/></g>")
    };
    // Each of these twice what is before it.
    let doubled = |first: &str, one: &dyn Fn(usize) -> String| {
        (1..50).fold(first.to_owned(), |mut all, number| {
            let _ = write!(all, "{}", one(number));
            all
        })
    };
    let uses = doubled("<defs><g id='g0'><path d='M0 0h1'/></g>", &|number| {
        format!("<g id='g{number}'><use href='#g{}'/><use href='#g{0}' x='1'/></g>", number - 1)
    }) + "</defs><use href='#g49'/>";
    let patterns = doubled("", &|number| {
        let inside = format!("<rect width='100' height='100' fill='url(#p{})'/>", number + 1).repeat(2);
        format!("<pattern id='p{number}' width='.1' height='.1'>{inside}</pattern>")
    }) + "<rect width='100' height='100' fill='url(#p1)'/>";
    let masks = doubled("", &|number| {
        let inside = format!("<rect width='100' height='100' mask='url(#m{})'/>", number + 1).repeat(2);
        format!("<mask id='m{number}'>{inside}</mask>")
    }) + "<rect width='100' height='100' mask='url(#m1)'/>";
    let markers = format!(
        "<marker id='m'>{}</marker><path marker-mid='url(#m)' d='M0 0{}'/>",
        "<path d='M0 0h1'/>".repeat(1000),
        "h1".repeat(100_000)
    );
    for (input, bodies) in [
        ("an SVG whose parts use each other twice, fifty times over", vec![uses, patterns, masks]),
        (
            "an SVG with filters of a thousand million octaves, of giant matrices and blurs, or of thousands in a row",
            vec![
                in_a_filter("<feTurbulence baseFrequency='.9' numOctaves='1000000000'/>"),
                in_a_filter("<feMorphology operator='dilate' radius='40'/>"),
                in_a_filter(&"<feMorphology operator='dilate' radius='3'/>".repeat(20_000)),
                in_a_filter(&format!("<feConvolveMatrix order='1000' kernelMatrix='{}'/>", "1 ".repeat(1_000_000))),
                in_a_filter("<feGaussianBlur stdDeviation='50'/>")
                    .replace("id='f'", "id='f' x='-99' y='-99' width='999' height='999'"),
            ],
        ),
        (
            "an SVG of a hundred million markers, or of a thousand layers",
            vec![
                markers,
                format!("{}<rect width='99' height='99'/>{}", "<g opacity='.9'>".repeat(900), "</g>".repeat(900)),
            ],
        ),
    ] {
        for body in bodies {
            let begun = tokio::time::Instant::now();
            let made = drawing(&alice, &body).await;
            assert_refused(input, &made, "picture-undrawable");
            assert!(begun.elapsed() < PATIENCE, "{input} took {:?}", begun.elapsed());
        }
        goes_on(&alice).await;
    }
    for (input, svg) in [
        ("an SVG of a hundred thousand levels", format!("{}{}", "<g>".repeat(100_000), "</g>".repeat(100_000))),
        ("an SVG that ends too early, or is none", "<g><path".to_owned()),
    ] {
        assert_refused(input, &drawing(&alice, &svg).await, "picture-damaged");
    }
    let mut laughs = "<!DOCTYPE svg [<!ENTITY e0 '<g/>'>".to_owned();
    for number in 1..20 {
        let _ = write!(laughs, "<!ENTITY e{number} '{}'>", format!("&e{};", number - 1).repeat(10));
    }
    laughs += "]><svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'>&e19;</svg>";
    let made = picture(&alice, "image/svg+xml", laughs.as_bytes()).await;
    assert_refused("an SVG with entities that laugh a billion times", &made, "picture-damaged");
    goes_on(&alice).await;
    let peak = app.peak_mib();
    assert!(peak < 200, "the service itself took {peak} MiB");
}

/// The processes of this service that draw.
fn drawers(app: &App) -> Vec<Pid> {
    let ours = format!("PPid:\t{}\n", app.process());
    let processes =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    let is_one = |name: &String| {
        let status = std::fs::read_to_string(format!("/proc/{name}/status")).unwrap_or_default();
        status.contains(&ours)
    };
    let ours = processes.filter(is_one).filter_map(|name| Pid::from_raw(name.parse().ok()?));
    ours.filter(|process| is_drawing(*process)).collect()
}

/// Whether it runs; what nobody buries has no arguments any longer.
fn is_drawing(process: Pid) -> bool {
    let path = format!("/proc/{}/cmdline", process.as_raw_nonzero());
    std::fs::read_to_string(path).is_ok_and(|arguments| arguments == "strongroom\0draw\0")
}

async fn begun(app: &App, before: Option<Pid>) -> Pid {
    let begun = tokio::time::Instant::now();
    loop {
        if let Some(drawer) = drawers(app).into_iter().find(|drawer| Some(*drawer) != before) {
            return drawer;
        }
        assert!(begun.elapsed() < PATIENCE, "nobody draws");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Whoever stops a service stops all of its processes, and that says nothing of what was drawn just then.
#[tokio::test]
async fn who_ends_what_draws_does_not_have_the_drawing_refused() {
    let mut app = App::start(&SPACE.replace("6s", "5m"));
    let alice = app.user("alice");
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><filter id='f'><feTurbulence \
                baseFrequency='.9' numOctaves='1000000000'/></filter><rect width='1' height='1' filter='url(#f)'/></svg>";
    let made = object(&alice, Way::Raw, &handed("photos", "a.svg", "image/svg+xml", svg)).await;
    let first = begun(&app, None).await;
    kill_process(first, Signal::TERM).unwrap();
    let second = begun(&app, Some(first)).await;
    let seen = alice.get(&format!("/v1/objects/{}", text(&made["id"]))).await.ok(200);
    assert_eq!(seen["picture"]["state"], "waiting", "{seen}");
    app.terminate();
    assert!(app.wait());
    let stopped = tokio::time::Instant::now();
    while is_drawing(second) {
        assert!(stopped.elapsed() < PATIENCE, "it draws for nobody");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What looks endless and is not is drawn: a size means nothing to a drawing, and a dash that nobody could see is none.
#[tokio::test]
async fn a_drawing_of_giant_numbers_is_drawn() {
    let app = App::start(SPACE);
    let alice = app.user("alice");
    let giant = "<svg xmlns='http://www.w3.org/2000/svg' width='1000000000' height='1000000000'>\
                 <rect width='500000000' height='1000000000' fill='red'/></svg>";
    let made = picture(&alice, "image/svg+xml", giant.as_bytes()).await;
    assert_eq!(
        (&made["picture"]["state"], &made["picture"]["width"]),
        (&json!("made"), &json!(1_000_000_000)),
        "{made}"
    );
    assert_eq!(made["picture"]["variants"][0]["width"], 600, "{made}");
    documented("an SVG of a thousand million pixels a side", "drawn, in the sizes of its variants");
    let dashes = "<path d='M0 0H100000000' stroke='red' stroke-dasharray='0.0000001'/>";
    assert_eq!(drawing(&alice, dashes).await["picture"]["state"], "made");
}

#[tokio::test]
async fn a_drawing_sees_nothing_of_the_machine_it_is_drawn_on() {
    let app = App::start(SPACE);
    let alice = app.user("alice");
    // A picture that is really there, on disk and behind the door of the service.
    let red = app.data().join("red.svg");
    let shape = "<rect id='a' width='100' height='100' fill='red'/>";
    std::fs::write(&red, format!("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 100 100'>{shape}</svg>"))
        .unwrap();
    assert_ne!(drawing(&alice, shape).await["picture"]["dominant"], "#000000");
    let (red, api) = (red.display(), app.api());
    let blank = drawing(&alice, "").await;
    assert_eq!(blank["picture"]["state"], "made", "{blank}");
    for body in [
        format!("<image href='{red}' width='100' height='100'/>"),
        format!("<image href='file://{red}' width='100' height='100'/>"),
        format!("<image href='{api}/assets/favicon.svg' width='100' height='100'/>"),
        "<image href='file:///etc/passwd' width='100' height='100'/>".to_owned(),
        "<script href='file:///etc/passwd'>document.write('<rect/>')</script>".to_owned(),
        format!("<style>@import url('file://{red}'); * {{ fill: red; }}</style>"),
        "<foreignObject width='100' height='100'><iframe src='file:///etc/passwd'/></foreignObject>".to_owned(),
        format!("<use href='{red}#a'/><use href='file://{red}#a'/>"),
        "<use href='file:///etc/passwd#a'/><use href='/proc/self/environ#a'/>".to_owned(),
    ] {
        let made = drawing(&alice, &body).await;
        assert_eq!(made["picture"]["state"], "made", "{body}: {made}");
        assert_eq!(made["picture"]["thumbhash"], blank["picture"]["thumbhash"], "{body}");
        assert_eq!(look(&made).await, look(&blank).await, "{body} shows something");
    }
    documented("an SVG that names files, addresses, scripts or other pictures", "drawn without them");
    // An entity from outside is none, and what it would have been is not told in the refusal either.
    let outside = "<!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>\
                   <svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><title>&x;</title></svg>";
    let made = picture(&alice, "image/svg+xml", outside.as_bytes()).await;
    assert!(!made.to_string().contains("root:"), "{made}");
    goes_on(&alice).await;
}
