//! Decodes JPEG XL with a decoder in Rust, to 8 bits a sample, as it is shown; of an animation its first frame.

use jxl_oxide::{
    AllocTracker, CropInfo, EnumColourEncoding, InitializeResult, JxlImage, JxlThreadPool, RenderingIntent,
};

use super::Decoded;
use crate::colour;
use crate::limits::Limits;
use crate::probe::jxl::{band, codestream};
use crate::probe::{Format, Header};
use crate::raster::{Model, Packed, Raster, room};
use crate::refusal::Refusal;

/// How much is handed over first, which is as long as most headers with their profiles.
const FIRST: usize = 16 << 10;
/// How much is handed over before its frames are counted.
const PIECE: usize = 4 << 10;

/// Decodes the picture whose header was read and compared with the limits.
pub(crate) fn decode(bytes: &[u8], header: &Header<'_>, limits: &Limits<'_>) -> Result<Decoded, Refusal> {
    let mut image = load(&codestream(bytes, usize::MAX)?, header, limits)?;
    limits.check_time()?;
    // What was coded for the eye is shown in any colours; what was coded with a profile keeps it.
    let metadata = &image.image_header().metadata;
    let multiplied = metadata.ec_info.iter().any(|extra| extra.alpha_associated() == Some(true));
    let icc = image.original_icc().filter(|_| !metadata.xyb_encoded).map(<[u8]>::to_vec);
    let gray = metadata.grayscale();
    if icc.is_none() {
        let srgb = if gray { EnumColourEncoding::gray_srgb } else { EnumColourEncoding::srgb };
        image.request_color_encoding(srgb(RenderingIntent::Perceptual));
    }
    let (width, height) = (header.probe.stored_width, header.probe.stored_height);
    let channels = if gray { 1 } else { 3 } + usize::from(header.probe.alpha);
    let model = match channels {
        1 => Model::Gray,
        3 => Model::Rgb,
        _ => Model::Premultiplied,
    };
    let mut data = room(width as usize * height as usize * model.channels())?;
    let rows = band(width);
    let bands = data.chunks_mut(rows as usize * width as usize * model.channels());
    for (top, out) in (0..height).step_by(rows as usize).zip(bands) {
        limits.check_time()?;
        image.set_image_region(CropInfo { left: 0, top, width, height: rows.min(height - top) });
        let rendered = image.render_frame(0).map_err(|error| refused(&*error, header))?;
        let mut stream = rendered.stream();
        if (stream.width(), stream.channels() as usize) != (width, channels) {
            return Err(Refusal::damaged(Format::Jxl, "its frame is another one than it announces"));
        }
        let mut row = vec![0; width as usize * channels];
        for out in out.chunks_exact_mut(width as usize * model.channels()) {
            if stream.write_to_buffer::<u8>(&mut row) != row.len() {
                return Err(Refusal::damaged(Format::Jxl, "its frame has fewer samples than pixels"));
            }
            put(&row, channels, multiplied, out);
        }
    }
    Ok(Decoded { raster: Raster::Packed(Packed { width, height, model, data }), icc })
}

/// A row of it, multiplied with alpha where there is some.
fn put(row: &[u8], channels: usize, multiplied: bool, out: &mut [u8]) {
    let alone = |pixel: [u8; 4]| colour::multiplied(pixel, multiplied);
    let pixels = out.as_chunks_mut::<4>().0.iter_mut();
    match channels {
        2 => pixels.zip(row.as_chunks::<2>().0).for_each(|(out, [gray, a])| *out = alone([*gray, *gray, *gray, *a])),
        4 => pixels.zip(row.as_chunks::<4>().0).for_each(|(out, pixel)| *out = alone(*pixel)),
        _ => out.copy_from_slice(row),
    }
}

/// Takes the file in, piece by piece, so that no more frames are known than are taken.
fn load(stream: &[u8], header: &Header<'_>, limits: &Limits<'_>) -> Result<JxlImage, Refusal> {
    let tracker = AllocTracker::with_limit(usize::try_from(header.probe.memory).unwrap_or(usize::MAX));
    let mut opened = JxlImage::builder().pool(JxlThreadPool::none()).alloc_tracker(tracker).build_uninit();
    let refused = |error: Box<dyn std::error::Error + Send + Sync>| refused(&*error, header);
    let truncated = || Refusal::Truncated { format: Format::Jxl };
    let (mut at, mut end) = (0, FIRST.min(stream.len()));
    let mut image = loop {
        opened.feed_bytes(&stream[at..end]).map_err(refused)?;
        match opened.try_init().map_err(refused)? {
            InitializeResult::Initialized(image) => break image,
            InitializeResult::NeedMoreData(_) if end == stream.len() => return Err(truncated()),
            InitializeResult::NeedMoreData(more) => opened = more,
        }
        (at, end) = (end, (end * 2).min(stream.len()));
    };
    let mut pixels = 0_u64;
    let mut seen = 0;
    let mut rest = stream[end..].chunks(PIECE);
    loop {
        while let Some(frame) = (seen < image.num_loaded_frames()).then(|| image.frame(seen)).flatten() {
            let frame = frame.header();
            // The decoder weighs such a row wrongly, and makes nearly white of it (jxl-render 0.12.4, `gabor_row_edge`).
            if frame.height == 1 && frame.restoration_filter.gab.enabled() {
                return Err(Refusal::unsupported(Format::Jxl, "of a single row that is to be smoothed"));
            }
            pixels = pixels.saturating_add(u64::from(frame.width) * u64::from(frame.height));
            seen += 1;
        }
        // Each is decoded and laid over those before it.
        if seen > limits.frames as usize {
            return Err(Refusal::TooManyFrames { frames: seen as u32, limit: limits.frames });
        }
        if pixels > limits.animation {
            return Err(Refusal::TooMuchAnimation { pixels, limit: limits.animation });
        }
        if image.is_loading_done() {
            return Ok(image);
        }
        image.feed_bytes(rest.next().ok_or_else(truncated)?).map_err(refused)?;
    }
}

/// What the decoder says, as a refusal.
fn refused(error: &(dyn std::error::Error + 'static), header: &Header<'_>) -> Refusal {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    // It has no other name for having reached the limit that it was given.
    if causes.any(|cause| cause.to_string().starts_with("failed to allocate")) {
        return Refusal::TooMuchMemory { needed: header.probe.memory + 1, limit: header.probe.memory };
    }
    Refusal::damaged(Format::Jxl, error)
}
