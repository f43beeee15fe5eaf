# Makes three pictures of one with Pillow, again for each line it reads, and tells the processor time of each.
import io
import json
import sys
import time

from PIL import Image, ImageCms, ImageOps

SRGB = ImageCms.createProfile("sRGB")


def in_srgb(image):
    profile = image.info.get("icc_profile")
    if not profile:
        return image.convert("RGBA" if "A" in image.mode else "RGB")
    return ImageCms.profileToProfile(image, io.BytesIO(profile), SRGB, outputMode="RGB")


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def make(data):
    image = Image.open(io.BytesIO(data))
    # Decodes JPEG at half or a quarter of its size where that is enough, and turns it.
    image.thumbnail((1200, 1200), Image.Resampling.LANCZOS, reducing_gap=2.0)
    display = in_srgb(ImageOps.exif_transpose(image))
    opaque = display
    if display.mode == "RGBA":
        opaque = Image.new("RGB", display.size, "white")
        opaque.paste(display, mask=display.getchannel("A"))
    thumb = ImageOps.fit(display, (320, 320), Image.Resampling.LANCZOS)
    return [
        encoded(opaque, "JPEG", quality=85),
        encoded(display, "WEBP", quality=80),
        encoded(thumb, "WEBP", quality=80),
    ]


for line in sys.stdin:
    file, folder = line.rstrip("\n").split("\t")
    with open(file, "rb") as source:
        content = source.read()
    before = time.process_time()
    outputs = make(content)
    spent = time.process_time() - before
    if folder:
        for name, output in zip(("display.jpg", "display.webp", "thumb.webp"), outputs):
            with open(f"{folder}/{name}", "wb") as target:
                target.write(output)
    print(json.dumps({"cpu_ms": spent * 1000, "bytes": sum(map(len, outputs))}), flush=True)
