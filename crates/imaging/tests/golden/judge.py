# Compares what was made of each picture in a folder with what Pillow, libjpeg, libwebp, libavif, libheif, libjxl and
# LittleCMS make of it, and looks for what must not be in a result: `judge.py INPUTS OUTPUTS`. Prints what differs; how many pictures were compared is the
# last line.

import io
import pathlib
import re
import sys

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401, because Pillow reads JPEG XL once it is there
from PIL import Image, ImageCms, ImageOps

pillow_heif.register_heif_opener()

SRGB = ImageCms.createProfile("sRGB")
KEPT = {0x013B: "Ada Artist", 0x8298: "(c) Ada Artist"}

# How far the levels of a result may be from those of Pillow, of 255: in the mean, and anywhere. What is stored without
# loss is the same but for rounding; decoders of JPEG and lossy WebP round more often, and put chroma between the pixels in
# ways of their own; profiles are followed through tables, where a dark colour next to one that no screen shows is
# anybody's guess.
WITHOUT_LOSS = (0.3, 2)
LOSSY = (1.0, 24)
PROFILE = (1.0, 32)
INKS = (3.0, 32)
# libheif takes chroma from the nearest pixel, too, and libavif drops what is more than 8 bits, where ours is rounded.
HEIC, DEEP = (1.5, 24), (2.0, 8)
HEIC_PROFILE = (2.0, 64)
# Where there are hardly any pixels, libjpeg takes chroma from the nearest one.
THIN = (3.0, 24)
# How far a smaller picture may be from what Pillow's Lanczos filter makes of the expected one, in the mean: of a
# photograph, and of a pattern of single pixels.
RESIZED, HARD_EDGES = 1.0, 4.0
# How much more than libjpeg and libwebp a lossy result may lose at the same quality, in the mean: a share, and a rest, which
# is more of few pixels.
LOSES_MORE, AND_THEN, OF_FEW = 1.25, 0.5, 3.0
# How far an AVIF may be, whose qualities mean something else to every encoder: in the mean, and the mean of a colour.
AVIF = (5.0, 2.0)


class Differs(Exception):
    pass


def require(holds, message):
    if not holds:
        raise Differs(message)


def without_profile(picture):
    """The picture in the colours of sRGB, as LittleCMS computes them."""
    icc = picture.info.get("icc_profile")
    if not icc:
        return picture
    # On paper the darkest is not black; what is shown on a screen begins at black all the same.
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION if picture.mode == "CMYK" else ImageCms.Flags.NONE
    colours = picture if picture.mode in ("L", "CMYK") else picture.convert("RGB")
    intent = ImageCms.Intent.PERCEPTUAL
    out = ImageCms.profileToProfile(colours, io.BytesIO(icc), SRGB, renderingIntent=intent, outputMode="RGB", flags=flags)
    if picture.mode == "RGBA":
        out.putalpha(picture.getchannel("A"))
    return out


def eight_bits(picture):
    """Pillow keeps 16 bits of grey, and takes a transparent colour for one of 8 bits, which it is only there."""
    transparency = picture.info.get("transparency")
    if picture.mode == "L" and transparency is not None and picture.format == "PNG":
        bits = re.fullmatch("L;([24])", str(picture.tile[0].args))
        if bits:
            picture.info["transparency"] = transparency * 255 // ((1 << int(bits[1])) - 1)
    if picture.mode == "I;16":
        levels = np.asarray(picture)
        alpha = np.where(levels == transparency, 0, 255)
        gray = (levels >> 8).astype(np.uint8)
        return Image.fromarray(np.dstack([gray, gray, gray, alpha.astype(np.uint8)]))
    if picture.mode == "RGB" and transparency is not None and max(transparency) > 255:
        colours = np.asarray(picture)
        hole = (colours == [level >> 8 for level in transparency]).all(axis=2)
        return Image.fromarray(np.dstack([colours, np.where(hole, 0, 255).astype(np.uint8)]))
    return picture


def expected(picture):
    """A frame as it is to be shown: upright, in sRGB, with red, green, blue and alpha."""
    if picture.format == "JXL":
        # libjxl has turned it and brought it to sRGB already. What the camera wrote beside it counts for nothing.
        if picture.mode == "I;16":
            # Levels of 16 bits are written as light.
            light = np.asarray(picture) / 65_535
            levels = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
            return Image.fromarray((levels * 255).round().astype(np.uint8)).convert("RGBA")
        return Image.fromarray(np.asarray(picture), picture.mode).convert("RGBA")
    return without_profile(ImageOps.exif_transpose(eight_bits(picture))).convert("RGBA")


def on_white(picture):
    flat = Image.new("RGBA", picture.size, "white")
    flat.alpha_composite(picture.convert("RGBA"))
    return np.asarray(flat.convert("RGB")).astype(int)


def distance(a, b):
    difference = np.abs(on_white(a) - on_white(b))
    return difference.mean(), difference.max()


def transparency(a, b):
    alpha = [np.asarray(picture.convert("RGBA").getchannel("A")).astype(int) for picture in (a, b)]
    return np.abs(alpha[0] - alpha[1])


def require_near(what, got, wanted, bounds):
    require(got.size == wanted.size, f"{what} has {got.size} pixels instead of {wanted.size}")
    mean, most = distance(got, wanted)
    require(mean <= bounds[0] and most <= bounds[1], f"{what} differs by {mean:.2f} in the mean, by {most} at most")
    most = transparency(got, wanted).max()
    require(most <= 1, f"the transparency of {what} differs by {most}")


def bounds(name, picture):
    if "icc_profile" in picture.info and picture.format != "JXL":
        return INKS if picture.mode == "CMYK" else HEIC_PROFILE if picture.format == "HEIF" else PROFILE
    if picture.format == "HEIF" or "10-bits" in name:
        return HEIC if picture.format == "HEIF" else DEEP
    if min(picture.size) <= 2 and picture.format == "JPEG":
        return THIN
    lossless = picture.format in ("PNG", "GIF", "BMP", "TIFF") or "lossless" in name or name.startswith("moving-webp")
    return WITHOUT_LOSS if lossless and "lossy" not in name else LOSSY


def again(picture, format, **options):
    """What Pillow makes of a picture at the same quality."""
    file = io.BytesIO()
    picture.save(file, format, **options)
    return Image.open(file)


def require_small_loss(what, got, wanted, reference):
    ours, theirs = distance(got, wanted)[0], distance(reference, wanted)[0]
    require(ours <= theirs * LOSES_MORE + (AND_THEN if min(got.size) > 32 else OF_FEW), f"{what} loses {ours:.2f}, and Pillow's {theirs:.2f}")


def judge_still(name, picture, made):
    wanted = expected(picture)
    limit = bounds(name, picture)
    still = Image.open(made / "still.png")
    require_near("the PNG", still, wanted, limit)
    require_near("the lossless WebP", Image.open(made / "lossless.webp"), wanted, limit)
    flat = Image.fromarray(on_white(wanted).astype(np.uint8))
    jpeg = Image.open(made / "still.jpg")
    require(jpeg.mode in ("RGB", "L") and jpeg.size == wanted.size, f"the JPEG is {jpeg.mode} of {jpeg.size}")
    require_small_loss("the JPEG", jpeg, flat, again(flat, "JPEG", quality=90, subsampling=2))
    webp = Image.open(made / "lossy.webp")
    require(webp.size == wanted.size, f"the lossy WebP has {webp.size} pixels")
    require_small_loss("the lossy WebP", webp, wanted, again(wanted, "WEBP", quality=80, method=3))
    avif = Image.open(made / "kept.avif")
    require(avif.format == "AVIF" and avif.size == wanted.size, f"the AVIF is {avif.format} of {avif.size}")
    mean = transparency(avif, wanted).mean()
    require(mean <= AVIF[0], f"the transparency of the AVIF differs by {mean:.2f} in the mean")
    mean, shift = distance(avif, wanted)[0], np.abs((on_white(avif) - on_white(wanted)).mean(axis=(0, 1))).max()
    require(mean <= AVIF[0] and shift <= (AVIF[1] if min(wanted.size) > 8 else OF_FEW), f"the AVIF differs by {mean:.2f} in the mean, and by {shift:.2f} on the whole")
    resized = DEEP[0] if "10-bits" in name else RESIZED
    judge_fitted(wanted, made, HARD_EDGES if name.startswith("png-") or picture.mode in ("1", "P") else resized)


def judge_fitted(wanted, made, limit):
    fitted = Image.open(made / "fitted.png")
    width, height = wanted.size
    require(max(fitted.size) == max(1, max(wanted.size) // 2), f"of {wanted.size} were made {fitted.size}")
    if min(width, height) < 16:
        return
    smaller = wanted.convert("RGBa").resize(fitted.size, Image.Resampling.LANCZOS).convert("RGBA")
    mean, _ = distance(fitted, smaller)
    require(mean <= limit, f"the smaller one differs by {mean:.2f} in the mean")


def frames(picture):
    """Each frame as it is shown, with its milliseconds."""
    out = []
    for number in range(picture.n_frames):
        picture.seek(number)
        picture.load()
        out.append((picture.convert("RGBA"), round(picture.info["duration"])))
    return out


def judge_moving(name, picture, made):
    wanted = frames(picture)
    plays = picture.info.get("loop")
    # A GIF says how often it is shown again.
    plays = plays + 1 if picture.format == "GIF" and plays else plays
    for result, limit in (("lossless.webp", bounds(name, picture)), ("lossy.webp", (8.0, 255))):
        moving = Image.open(made / result)
        require(moving.info["loop"] == plays, f"{result} is played {moving.info['loop']} times instead of {plays}")
        shown = frames(moving)
        require([time for _, time in shown] == [time for _, time in wanted], f"{result} shows {[time for _, time in shown]}")
        for number, ((got, _), (frame, _)) in enumerate(zip(shown, wanted)):
            if result == "lossless.webp":
                require_near(f"frame {number}", got, frame, limit)
            else:
                mean, _ = distance(got, frame)
                require(mean <= limit[0], f"frame {number} of the lossy one differs by {mean:.2f} in the mean")
    require_near("the still one", Image.open(made / "still.png"), wanted[0][0], bounds(name, picture))


def judge_metadata(made):
    for result in sorted(made.iterdir()):
        require(b"SECRET" not in result.read_bytes(), f"a secret is in {result.name}")
        picture = Image.open(result)
        exif = dict(picture.getexif())
        require(not picture.getexif().get_ifd(0x8825), f"a place is in {result.name}")
        if "kept" in result.name:
            require(exif in (KEPT, {}), f"{exif} is in {result.name}")
        else:
            require(not exif, f"{exif} is in {result.name}")
        texts = [key for key in ("xmp", "comment", "icc_profile", "photoshop", "XML:com.adobe.xmp") if key in picture.info]
        require(not texts and not getattr(picture, "text", {}), f"{texts} are in {result.name}")


def main():
    inputs, outputs = map(pathlib.Path, sys.argv[1:])
    failures = 0
    files = sorted(inputs.iterdir())
    for file in files:
        made = outputs / file.name
        try:
            picture = Image.open(file)
            judge = judge_moving if getattr(picture, "n_frames", 1) > 1 else judge_still
            judge(file.name, picture, made)
            judge_metadata(made)
            if b"Ada Artist" in file.read_bytes() and picture.format != "JXL":
                for result in made.glob("kept.*"):
                    kept = dict(Image.open(result).getexif())
                    require(kept == KEPT, f"{kept} was kept in {result.name}")
        except Differs as error:
            failures += 1
            print(f"{file.name}: {error}")
    print(f"{len(files)} pictures, {failures} differ")
    sys.exit(failures != 0)


main()
