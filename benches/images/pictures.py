# Makes the seven pictures of the bench out of photographs: pictures.py TARGET CMYK-PROFILE RGB-PROFILE [PHOTOGRAPH ...].
import io
import sys
from pathlib import Path

from PIL import Image, ImageCms, ImageOps


def photographs(paths):
    if paths:
        return [Image.open(path).convert("RGB") for path in paths]
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    names = ["retina.jpg", "hubble_deep_field.jpg", "astronaut.png", "rocket.jpg", "coffee.png", "motorcycle_left.png"]
    return [Image.open(folder / name).convert("RGB") for name in names]


# The photographs side by side and below each other, each second one mirrored, at the size in which they were taken:
# what is enlarged would have no detail, and cost less.
def mosaic(photos, width, height):
    sheet = Image.new("RGB", (width, height))
    top, number = 0, 0
    while top < height:
        left, row = 0, 0
        while left < width:
            photo = photos[number % len(photos)]
            if number // len(photos) % 2:
                photo = ImageOps.mirror(photo)
            sheet.paste(photo, (left, top))
            left, row, number = left + photo.width, max(row, photo.height), number + 1
        top += row
    return sheet


def main():
    target, cmyk, rgb = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]).read_bytes()
    photos = photographs(sys.argv[4:])
    mosaic(photos, 4160, 3120).save(target / "1 JPEG, 13 MP.jpg", quality=90)
    six = mosaic(photos, 3008, 2000)
    six.save(target / "2 JPEG, 6 MP.jpg", quality=90)
    phone = mosaic(photos, 4032, 3024)
    exif = Image.Exif()
    exif[0x0112] = 6
    phone.save(target / "3 phone, turned.jpg", quality=90, exif=exif)
    phone.save(target / "4 with a profile.jpg", quality=90, icc_profile=rgb)
    inks = ImageCms.profileToProfile(six, ImageCms.createProfile("sRGB"), cmyk, outputMode="CMYK")
    inks.save(target / "5 four inks.jpg", quality=90, icc_profile=Path(cmyk).read_bytes())
    alpha = Image.radial_gradient("L").resize((2400, 1700)).point(lambda level: 255 - level)
    four = mosaic(photos, 2400, 1700)
    four.putalpha(alpha)
    four.save(target / "6 PNG with alpha, 4 MP.png")
    mosaic(photos, 3872, 2592).save(target / "7 WebP, 10 MP.webp", quality=85)


main()
