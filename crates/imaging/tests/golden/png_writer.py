# Writes PNGs of every kind there is, and as many that are none, byte by byte: no library writes what it holds for wrong.

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6

# Where each of the seven passes of an interlaced picture begins, and how far its pixels lie apart: across, then down.
PASSES = [(0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width, height, colour, depth, interlaced=False):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced)))


def packed_row(row, depth):
    """The samples of a row, which is a list of pixels, as bytes."""
    samples = [sample for pixel in row for sample in pixel]
    if depth == 16:
        return struct.pack(f">{len(samples)}H", *samples)
    if depth == 8:
        return bytes(samples)
    bits = "".join(format(sample, f"0{depth}b") for sample in samples)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


def filtered(kind, row, above, step):
    """A row as one of the five filters stores it; `step` is how many bytes lie between a sample and the one before."""
    if kind == 0:
        return row
    out = bytearray()
    for at, value in enumerate(row):
        left = row[at - step] if at >= step else 0
        up = above[at]
        corner = above[at - step] if at >= step else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = up
        elif kind == 3:
            guess = (left + up) // 2
        else:
            nearest = left + up - corner
            guess = min((left, up, corner), key=lambda candidate: abs(nearest - candidate))
        out.append((value - guess) & 255)
    return bytes(out)


def raw_rows(pixels, depth, interlaced):
    """What is compressed: each row with its filter in front, and each filter in turn."""
    passes = [(0, 1, 0, 1)]
    if interlaced:
        passes = PASSES
    out = bytearray()
    for left, across, top, down in passes:
        rows = [row[left::across] for row in pixels[top::down]]
        if not rows or not rows[0]:
            continue
        step = max(1, len(rows[0][0]) * depth // 8)
        above = bytes(len(packed_row(rows[0], depth)))
        for number, row in enumerate(rows):
            packed = packed_row(row, depth)
            kind = number % 5
            out.append(kind)
            out += filtered(kind, packed, above, step)
            above = packed
    return bytes(out)


def png(pixels, colour, depth, interlaced=False, before=b"", level=6, piece=None):
    """A PNG of rows of pixels, which are tuples of samples; `before` are the chunks in front of the data, and `piece` is
    how many bytes of it go into a chunk."""
    data = zlib.compress(raw_rows(pixels, depth, interlaced), level)
    piece = piece or len(data)
    pieces = b"".join(chunk(b"IDAT", data[at : at + piece]) for at in range(0, len(data), piece))
    head = SIGNATURE + header(len(pixels[0]), len(pixels), colour, depth, interlaced)
    return head + before + pieces + chunk(b"IEND", b"")
