# Tells how like their originals pictures are: ssim.py, then a line for each, ORIGINAL tab FOLDER; structural similarity
# of the lightness with what a slow and careful reduction of the original gives.
import io
import json
import sys

import numpy as np
from PIL import Image, ImageCms, ImageOps
from skimage.metrics import structural_similarity

SRGB = ImageCms.createProfile("sRGB")


def original(path):
    image = ImageOps.exif_transpose(Image.open(path))
    profile = image.info.get("icc_profile")
    if profile:
        return ImageCms.profileToProfile(image, io.BytesIO(profile), SRGB, outputMode="RGB")
    return image


def on_white(image):
    if image.mode != "RGBA":
        return image.convert("RGB")
    sheet = Image.new("RGB", image.size, "white")
    sheet.paste(image, mask=image.getchannel("A"))
    return sheet


def likeness(made, wanted):
    levels = [np.asarray(on_white(image).convert("L")) for image in (made, wanted)]
    return structural_similarity(*levels, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255)


known = {}
for line in sys.stdin:
    path, folder = line.rstrip("\n").split("\t")
    if path not in known:
        known.clear()
        source = original(path)
        known[path] = {}
        known[path]["display"] = ImageOps.contain(source, (1200, 1200), Image.Resampling.LANCZOS)
        known[path]["thumb"] = ImageOps.fit(source, (320, 320), Image.Resampling.LANCZOS)
    answers = []
    for name in ("display.jpg", "display.webp", "thumb.webp"):
        made, wanted = Image.open(f"{folder}/{name}"), known[path][name.split(".")[0]]
        if abs(made.width - wanted.width) > 1 or abs(made.height - wanted.height) > 1:
            raise SystemExit(f"{folder}/{name} has {made.size} pixels instead of {wanted.size}")
        if made.size != wanted.size:
            wanted = wanted.resize(made.size, Image.Resampling.LANCZOS)
        answers.append(likeness(made, wanted))
    print(json.dumps({"ssim": answers}), flush=True)
