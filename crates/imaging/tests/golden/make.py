# Makes pictures of every kind that is read, each with a place and serial numbers in it where its format has room for
# them: `make.py taken FOLDER`. Or files that look like pictures and must be refused, below the code of the refusal:
# `make.py refused FOLDER`.

import fractions
import io
import math
import pathlib
import re
import struct
import sys
import tarfile
import tempfile
import zlib

import av
import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401, because Pillow writes JPEG XL once it is there
from PIL import Image, ImageCms

from png_writer import GRAY, GRAY_ALPHA, PALETTE, RGB, RGB_ALPHA, SIGNATURE, chunk, header, png, raw_rows

pillow_heif.register_heif_opener()

PROFILES = pathlib.Path("/usr/share/color/icc/ghostscript")
SAMPLES = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGB_ALPHA: 4}
DEPTHS = {GRAY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GRAY_ALPHA: (8, 16), RGB_ALPHA: (8, 16)}
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><exif:GPSLatitude>SECRET-XMP</exif:GPSLatitude></x:xmpmeta>'


def exif(orientation=1):
    block = Image.Exif()
    block[0x010F] = "SECRET-MAKER"
    block[0x0112] = orientation
    block[0x013B] = "Ada Artist"
    block[0x8298] = "(c) Ada Artist"
    block.get_ifd(0x8769)[0xA431] = "SECRET-SERIAL"
    block.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 7.0), 3: "E", 4: (13.0, 24.0, 8.0), 28: b"SECRET-PLACE"})
    return block.tobytes()


def photograph(width, height, turn=0.0):
    """Something like a photograph: light that changes slowly, a disc with a soft edge, and a little noise."""
    y, x = np.mgrid[0:height, 0:width]
    x, y = x / max(width, 1), y / max(height, 1)
    red = 0.5 + 0.4 * np.sin(5 * x + 2 * y + turn)
    green = 0.5 + 0.4 * np.sin(3 * y - 4 * x + 1 + 2 * turn)
    blue = 0.5 + 0.4 * np.cos(6 * x * y + 2 + 3 * turn)
    disc = 1 / (1 + np.exp(60 * (np.hypot(x - 0.6, y - 0.4) - 0.25)))
    colours = np.stack([red * (1 - disc) + 0.9 * disc, green * (1 - disc) + 0.3 * disc, blue * (1 - disc)], axis=2)
    noise = np.random.default_rng(7).normal(0, 0.01, (height, width, 1))
    return Image.fromarray((np.clip(colours + noise, 0, 1) * 255).round().astype(np.uint8))


def piece(side):
    """A piece of a photograph with odd sides, in which colours change slowly, as they do in one."""
    return photograph(680, 680).crop((300, 200, 300 + side, 200 + 34 - side))


def transparent(width, height, turn=0.0):
    picture = photograph(width, height, turn).convert("RGBA")
    y, x = np.mgrid[0:height, 0:width]
    alpha = np.clip(255 * (1.2 - np.hypot(x / width - 0.5, y / height - 0.5) * 2), 0, 255)
    picture.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    return picture


def with_hard_edges(picture):
    picture = picture.copy()
    picture.putalpha(picture.getchannel("A").point(lambda level: 255 if level > 100 else 0))
    return picture


def pixels(width, height, colour, depth):
    """Rows of pixels for the PNG writer, in which every level occurs that there is room for."""
    top = (1 << depth) - 1
    def sample(x, y, channel):
        wave = 0.5 + 0.5 * math.sin(0.37 * x * (channel + 1) + 0.23 * y + channel)
        return round(wave * top) if channel % 2 == 0 else (x * 5 + y * 3 + channel * 7) * max(1, top // 64) % (top + 1)
    return [[tuple(sample(x, y, channel) for channel in range(SAMPLES[colour])) for x in range(width)] for y in range(height)]


def before_data(colour, depth, transparency):
    """The chunks that stand in front of the data: what the pixels need, and what tells of the place."""
    chunks = chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"eXIf", exif()[6:])
    chunks += chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP) + chunk(b"tEXt", b"Comment\0SECRET-COMMENT")
    count = 1 << min(depth, 8)
    if colour == PALETTE:
        chunks += chunk(b"PLTE", bytes(level for at in range(count) for level in (at * 255 // (count - 1), at * 77 % 256, 200 - at % 200)))
    if transparency == "half of the palette":
        chunks += chunk(b"tRNS", bytes(at * 37 % 256 for at in range(max(1, count // 2))))
    elif transparency == "a colour":
        first = pixels(1, 1, colour, depth)[0][0]
        chunks += chunk(b"tRNS", struct.pack(f">{len(first)}H", *first))
    return chunks


def taken_pngs():
    for colour, depths in DEPTHS.items():
        for depth in depths:
            for interlaced in (False, True):
                kinds = {"": ""}
                if colour == PALETTE:
                    kinds["-transparent"] = "half of the palette"
                elif colour in (GRAY, RGB):
                    kinds["-transparent"] = "a colour"
                for suffix, transparency in kinds.items():
                    name = f"png-{colour}-{depth}{'-interlaced' if interlaced else ''}{suffix}.png"
                    before = before_data(colour, depth, transparency)
                    yield name, png(pixels(40, 32, colour, depth), colour, depth, interlaced, before)
    for side in (1, 2, 3, 4, 5, 6, 7, 8, 9, 33):
        for interlaced in (False, True):
            name = f"png-side-{side}{'-interlaced' if interlaced else ''}.png"
            yield name, png(pixels(side, side, GRAY, 2), GRAY, 2, interlaced)
            yield "narrow-" + name, png(pixels(side, 1, RGB, 8), RGB, 8, interlaced)
    for level in (0, 3, 9):
        yield f"png-level-{level}.png", png(pixels(40, 32, RGB, 8), RGB, 8, level=level)
    for piece in (1, 7, 1000):
        yield f"png-pieces-{piece}.png", png(pixels(20, 20, RGB, 8), RGB, 8, piece=piece)
    unusual = chunk(b"pHYs", struct.pack(">IIB", 1, 4, 0)) + chunk(b"bKGD", bytes(6)) + chunk(b"sBIT", b"\5\6\5")
    unusual += chunk(b"tIME", bytes([7, 208, 1, 1, 12, 34, 56])) + chunk(b"zTXt", b"Title\0\0" + zlib.compress(b"SECRET"))
    yield "png-unusual.png", png(pixels(40, 32, RGB, 8), RGB, 8, before=unusual)
    yield "png-orientation.png", png(pixels(40, 32, RGB, 8), RGB, 8, before=chunk(b"eXIf", exif(6)[6:]))


def png_suite():
    """What the sources of pypng hold of PngSuite, and a few like it."""
    archive = next(pathlib.Path(sys.prefix, "png-suite").glob("pypng-*.tar.gz"))
    with tarfile.open(archive) as sources:
        module = next(member for member in sources if member.name.endswith("/pngsuite.py"))
        text = sources.extractfile(module).read().decode()
    for name, file in re.findall(r"'(\w+)': _dehex\(b\"{3}([^\"]+)\"{3}\)", text):
        yield f"png-suite-{name}.png", bytes.fromhex(file)


def saved(picture, format, **options):
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def taken_jpegs():
    everything = {"exif": exif(), "xmp": XMP, "comment": b"SECRET-COMMENT", "quality": 92}
    picture = photograph(320, 240)
    for subsampling in (0, 1, 2):
        for progressive in (False, True):
            name = f"jpeg-{subsampling}{'-progressive' if progressive else ''}.jpg"
            yield name, saved(picture, "JPEG", subsampling=subsampling, progressive=progressive, **everything)
    yield "jpeg-gray.jpg", saved(picture.convert("L"), "JPEG", **everything)
    yield "jpeg-gray-progressive.jpg", saved(picture.convert("L"), "JPEG", progressive=True, **everything)
    yield "jpeg-rgb.jpg", saved(picture, "JPEG", keep_rgb=True, **everything)
    yield "jpeg-restarts.jpg", saved(picture, "JPEG", restart_marker_blocks=3, **everything)
    yield "jpeg-tables.jpg", saved(picture, "JPEG", optimize=True, **everything)
    yield "jpeg-inks.jpg", saved(picture.convert("CMYK"), "JPEG", **everything)
    yield "jpeg-inks-progressive.jpg", saved(picture.convert("CMYK"), "JPEG", progressive=True, **everything)
    for side in (1, 2, 7, 8, 9, 15, 16, 17, 31, 33):
        yield f"jpeg-side-{side}.jpg", saved(photograph(side, 34 - side), "JPEG", quality=95)
    for orientation in range(1, 9):
        yield f"jpeg-orientation-{orientation}.jpg", saved(picture, "JPEG", **everything | {"exif": exif(orientation)})


def taken_webps():
    everything = {"exif": exif(), "xmp": XMP}
    for name, picture in {"opaque": photograph(200, 150), "transparent": transparent(200, 150)}.items():
        yield f"webp-{name}.webp", saved(picture, "WEBP", quality=90, **everything)
        yield f"webp-{name}-lossless.webp", saved(picture, "WEBP", lossless=True, exact=True, **everything)
    yield "webp-transparent-lossy-alpha.webp", saved(transparent(200, 150), "WEBP", quality=90, alpha_quality=30)
    for orientation in range(1, 9):
        name = f"webp-orientation-{orientation}.webp"
        yield name, saved(photograph(60, 40), "WEBP", lossless=True, exif=exif(orientation))


def taken_gifs():
    palette = photograph(120, 90).quantize(100)
    yield "gif.gif", saved(palette, "GIF", comment=b"SECRET-COMMENT", interlace=0)
    yield "gif-interlaced.gif", saved(palette, "GIF", comment=b"SECRET-COMMENT", interlace=1)
    holes = palette.copy()
    holes.info["transparency"] = 3
    yield "gif-transparent.gif", saved(holes, "GIF", transparency=3)
    yield "gif-gray.gif", saved(photograph(50, 40).convert("L"), "GIF")


def taken_scans():
    picture, clear = photograph(120, 90), transparent(120, 90)
    kinds = {"rgb": picture, "gray": picture.convert("L"), "palette": picture.quantize(200), "bits": picture.convert("1")}
    for kind, image in kinds.items():
        yield f"bmp-{kind}.bmp", saved(image, "BMP")
        yield f"tiff-{kind}.tiff", saved(image, "TIFF", tiffinfo={305: "SECRET-SOFTWARE"})
    yield "tiff-inks.tiff", saved(picture.convert("CMYK"), "TIFF")
    yield "tiff-transparent.tiff", saved(clear, "TIFF", compression="tiff_lzw")
    for compression in ("packbits", "tiff_lzw", "tiff_adobe_deflate"):
        yield f"tiff-{compression}.tiff", saved(picture, "TIFF", compression=compression)
    yield "tiff-fax.tiff", saved(picture.convert("1"), "TIFF", compression="group4")
    deep = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    yield "tiff-gray-16.tiff", saved(deep, "TIFF")
    for orientation in range(1, 9):
        yield f"tiff-orientation-{orientation}.tiff", saved(picture, "TIFF", tiffinfo={274: orientation})


def taken_animations():
    opaque = [photograph(96, 64, turn) for turn in (0, 1, 2, 3)]
    clear = [transparent(96, 64, turn) for turn in (0, 1, 2, 3)]
    times = {"save_all": True, "duration": [120, 80, 250, 400], "loop": 3}
    for number, disposal in {"stays": 1, "clears": 2, "restores": 3}.items():
        holes = []
        for at, frame in enumerate(opaque):
            quantized = frame.quantize(64)
            quantized.info["transparency"] = at
            holes.append(quantized)
        file = saved(holes[0], "GIF", append_images=holes[1:], disposal=disposal, optimize=False, comment=b"SECRET", **times)
        yield f"moving-gif-{number}.gif", file
    # What is half transparent, and laid over something, is mixed by Pillow in a way of its own.
    for blend, frames in ((0, clear), (1, [with_hard_edges(frame) for frame in clear])):
        for disposal in (0, 1, 2):
            file = saved(frames[0], "PNG", append_images=frames[1:], blend=blend, disposal=disposal, **times)
            yield f"moving-png-{blend}-{disposal}.png", file
    for name, frames in {"opaque": opaque, "transparent": clear}.items():
        yield f"moving-webp-{name}.webp", saved(frames[0], "WEBP", append_images=frames[1:], lossless=True, xmp=XMP, exif=exif(), **times)
        yield f"moving-webp-{name}-lossy.webp", saved(frames[0], "WEBP", append_images=frames[1:], quality=90, **times)


def taken_profiles():
    picture = photograph(160, 120)
    for profile in ("a98", "rommrgb", "esrgb", "srgb"):
        icc = (PROFILES / f"{profile}.icc").read_bytes()
        yield f"profile-{profile}.jpg", saved(picture, "JPEG", quality=95, icc_profile=icc)
        yield f"profile-{profile}.png", saved(picture, "PNG", icc_profile=icc)
        yield f"profile-{profile}-transparent.png", saved(transparent(160, 120), "PNG", icc_profile=icc)
        yield f"profile-{profile}.webp", saved(picture, "WEBP", lossless=True, icc_profile=icc)
    gray = (PROFILES / "ps_gray.icc").read_bytes()
    yield "profile-gray.jpg", saved(picture.convert("L"), "JPEG", quality=95, icc_profile=gray)
    yield "profile-gray.png", saved(picture.convert("L"), "PNG", icc_profile=gray)
    path = PROFILES / "default_cmyk.icc"
    inks = ImageCms.profileToProfile(picture, ImageCms.createProfile("sRGB"), str(path), outputMode="CMYK")
    yield "profile-inks.jpg", saved(inks, "JPEG", quality=95, icc_profile=path.read_bytes())


def taken_avifs():
    everything = {"exif": exif(), "xmp": XMP, "quality": 92}
    picture = photograph(160, 120)
    for subsampling in ("4:0:0", "4:2:0", "4:2:2", "4:4:4"):
        for levels in ("full", "limited"):
            name = f"avif-{subsampling.replace(':', '')}-{levels}.avif"
            yield name, saved(picture, "AVIF", subsampling=subsampling, range=levels, **everything)
        name = f"avif-transparent-{subsampling.replace(':', '')}.avif"
        yield name, saved(transparent(160, 120), "AVIF", subsampling=subsampling, **everything)
    yield "avif-gray.avif", saved(picture.convert("L"), "AVIF", **everything)
    yield "avif-tiles.avif", saved(photograph(640, 480), "AVIF", tile_rows=1, tile_cols=2, **everything)
    for side in (1, 2, 3, 7, 8, 9, 17, 33):
        for subsampling in ("4:2:0", "4:2:2", "4:4:4"):
            name = f"avif-side-{side}-{subsampling.replace(':', '')}.avif"
            yield name, saved(piece(side), "AVIF", quality=95, subsampling=subsampling)
    for orientation in range(1, 9):
        yield f"avif-orientation-{orientation}.avif", saved(picture, "AVIF", **everything | {"exif": exif(orientation)})
    for profile in ("a98", "srgb"):
        icc = (PROFILES / f"{profile}.icc").read_bytes()
        yield f"avif-profile-{profile}.avif", saved(picture, "AVIF", icc_profile=icc, **everything)
    for size in ((160, 120), (75, 91)):
        yield f"avif-10-bits-{size[0]}.avif", ten_bits(photograph(*size))


def ten_bits(picture):
    """An AVIF of 10 bits, which Pillow reads, and does not write."""
    file = io.BytesIO()
    with av.open(file, "w", format="avif") as container:
        stream = container.add_stream("libsvtav1", rate=1, options={"crf": "8"})
        stream.width, stream.height, stream.pix_fmt = *picture.size, "yuv420p10le"
        frame = av.VideoFrame.from_image(picture).reformat(format="yuv420p10le")
        frame.pts, frame.time_base = 0, fractions.Fraction(1, 1)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def taken_heics():
    everything = {"exif": exif(), "xmp": XMP, "quality": 92}
    picture = photograph(160, 120)
    yield "heic.heic", saved(picture, "HEIF", **everything)
    yield "heic-tiles.heic", saved(photograph(600, 401), "HEIF", tile_size=256, **everything)
    yield "heic-thumbnails.heic", saved(picture, "HEIF", thumbnails=[64], **everything)
    for side in (1, 2, 3, 7, 8, 9, 17, 33):
        yield f"heic-side-{side}.heic", saved(piece(side), "HEIF", quality=95)
    for orientation in range(1, 9):
        yield f"heic-orientation-{orientation}.heic", saved(picture, "HEIF", **everything | {"exif": exif(orientation)})
    for profile in ("a98", "srgb"):
        icc = (PROFILES / f"{profile}.icc").read_bytes()
        yield f"heic-profile-{profile}.heic", saved(picture, "HEIF", icc_profile=icc, **everything)


def deep_heic(picture, **options):
    """A HEIC of 10 bits, or of 12 if the options say so."""
    levels = np.asarray(picture).astype(np.uint16) * 257
    file = io.BytesIO()
    pillow_heif.from_bytes("RGB;16", picture.size, levels.tobytes()).save(file, quality=95, **options)
    return file.getvalue()


def unread_heics():
    picture = photograph(160, 120)
    yield "gray", saved(picture.convert("L"), "HEIF")
    yield "transparent", saved(transparent(160, 120), "HEIF")
    for chroma in (422, 444):
        yield f"chroma-{chroma}", saved(picture, "HEIF", chroma=chroma)
    # x265 writes a single picture in a profile for more than ordinary ones.
    yield "10-bits", deep_heic(picture, chroma=420)
    yield "12-bits", deep_heic(picture, chroma=420, save_to_12bit=True)


def taken_jxls():
    everything = {"exif": exif(), "xmp": XMP}
    picture, clear = photograph(160, 120), transparent(160, 120)
    kinds = {"rgb": picture, "gray": picture.convert("L"), "transparent": clear, "gray-transparent": clear.convert("LA")}
    for kind, image in kinds.items():
        yield f"jxl-{kind}.jxl", saved(image, "JXL", quality=95, use_container=True, **everything)
        yield f"jxl-{kind}-lossless.jxl", saved(image, "JXL", lossless=True)
        yield f"jxl-{kind}-as-it-was.jxl", saved(image, "JXL", quality=95, use_original_profile=True)
    deep = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    yield "jxl-gray-16-lossless.jxl", saved(deep, "JXL", lossless=True)
    yield "jxl-large.jxl", saved(photograph(700, 530), "JXL", quality=90)
    for effort in (1, 3, 5, 9):
        yield f"jxl-effort-{effort}.jxl", saved(picture, "JXL", quality=95, effort=effort)
        yield f"jxl-effort-{effort}-lossless.jxl", saved(clear, "JXL", lossless=True, effort=effort)
    for side in (1, 2, 3, 7, 8, 9, 17, 33):
        yield f"jxl-side-{side}-lossless.jxl", saved(photograph(side, 34 - side), "JXL", lossless=True)
        yield f"jxl-side-{side}.jxl", saved(photograph(side, 35 - side), "JXL", quality=95)
    # How it is turned says the picture itself, and not what the camera wrote beside it.
    for orientation in (3, 6):
        yield f"jxl-orientation-{orientation}.jxl", saved(picture, "JXL", quality=95, exif=exif(orientation))
    with tempfile.NamedTemporaryFile(suffix=".jpg") as jpeg:
        for subsampling in (0, 1, 2):
            picture.save(jpeg.name, quality=92, subsampling=subsampling)
            yield f"jxl-of-jpeg-{subsampling}.jxl", saved(Image.open(jpeg.name), "JXL", lossless_jpeg=True)


def refused():
    for name, file in unread_heics():
        yield "picture-unsupported", f"{name}.heic", file
    yield "picture-unsupported", "smoothed-row.jxl", saved(photograph(33, 1), "JXL", quality=95)
    for code, name, file in refused_pngs():
        yield code, f"{name}.png", file


def refused_pngs():
    rows = pixels(20, 20, RGB, 8)
    sound = png(rows, RGB, 8)
    data = zlib.compress(raw_rows(rows, 8, False))
    end = chunk(b"IEND", b"")
    head = SIGNATURE + header(20, 20, RGB, 8)
    def with_header(**changes):
        fields = {"width": 20, "height": 20, "depth": 8, "colour": 2, "compression": 0, "filter": 0, "interlaced": 0} | changes
        return SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", *fields.values())) + chunk(b"IDAT", data) + end
    def changed(at, value):
        return sound[:at] + bytes([value]) + sound[at + 1 :]
    # As transfers in text mode leave it, and as nobody would write it.
    yield "not-a-picture", "first-byte", changed(0, 0x09)
    yield "not-a-picture", "name", changed(1, ord("p"))
    yield "not-a-picture", "line-ends-cr", sound.replace(b"\r\n", b"\r", 1)
    yield "not-a-picture", "line-ends-lf", sound.replace(b"\r\n", b"\n", 1)
    yield "picture-damaged", "header-checksum", changed(8 + 8 + 13, sound[29] ^ 1)
    yield "picture-damaged", "data-checksum", sound[:-13] + bytes([sound[-13] ^ 1]) + sound[-12:]
    yield "picture-damaged", "colour-1", with_header(colour=1)
    yield "picture-damaged", "colour-9", with_header(colour=9)
    for depth in (0, 3, 4, 99):
        yield "picture-damaged", f"depth-{depth}", with_header(depth=depth)
    yield "picture-damaged", "no-width", with_header(width=0)
    yield "picture-damaged", "no-height", with_header(height=0)
    yield "picture-damaged", "too-wide", with_header(width=1 << 31)
    for field in ("compression", "filter", "interlaced"):
        yield "picture-damaged", f"unknown-{field}", with_header(**{field: 7})
    yield "picture-truncated", "no-data", head + end
    yield "picture-truncated", "no-end", head + chunk(b"IDAT", data[:-20])
    yield "picture-truncated", "half", sound[: len(sound) // 2]
    yield "picture-damaged", "less-data-than-pixels", head + chunk(b"IDAT", zlib.compress(raw_rows(rows[:15], 8, False))) + end
    yield "picture-damaged", "broken-stream", head + chunk(b"IDAT", data[:100] + b"\xff" * 50 + data[150:]) + end
    yield "picture-damaged", "unknown-row-filter", head + chunk(b"IDAT", zlib.compress(b"\x09" + raw_rows(rows, 8, False)[1:])) + end
    yield "picture-damaged", "header-comes-second", SIGNATURE + chunk(b"IDAT", data) + header(20, 20, RGB, 8) + end
    indices = zlib.compress(raw_rows(pixels(20, 20, PALETTE, 8), 8, False))
    yield "picture-damaged", "no-palette", SIGNATURE + header(20, 20, PALETTE, 8) + chunk(b"IDAT", indices) + end


def main():
    what, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    if what == "refused":
        for code, name, file in refused():
            (folder / code).mkdir(exist_ok=True)
            (folder / code / name).write_bytes(file)
        return
    kinds = (taken_pngs, taken_jpegs, taken_webps, taken_gifs, taken_scans, taken_animations, taken_profiles)
    kinds += (png_suite, taken_avifs, taken_heics, taken_jxls)
    for name, file in (pair for kind in kinds for pair in kind()):
        assert not (folder / name).exists(), f"two pictures are called {name}"
        (folder / name).write_bytes(file)


main()
