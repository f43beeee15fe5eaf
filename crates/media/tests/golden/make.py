# Makes sounds and videos of every kind that is read, with FFmpeg's encoders and muxers, and writes down what FFmpeg says of
# each when it reads it again: `make.py FOLDER`. In `told.tsv` there is a line for each file: its name, how long it is in
# milliseconds, by how many milliseconds that may be off, how many pixels a row has as it is shown, and how many rows. What
# a file does not say is 0.

import fractions
import pathlib
import sys

import av
import numpy as np

RATE = 25
SAMPLES = 48_000


def frames(width, height, count):
    """Noise, so that files are long: what tells of them is then in several places."""
    random = np.random.default_rng(7)
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(random.integers(0, 255, (height, width, 3), np.uint8), format="rgb24")
        frame.pts, frame.time_base = number, fractions.Fraction(1, RATE)
        yield frame


def tones(stream, seconds):
    """A tone, in frames as long as the encoder wants them."""
    layout, format = stream.codec_context.layout.name, stream.codec_context.format.name
    at = 0
    while at < seconds * SAMPLES:
        count = min(1024, round(seconds * SAMPLES) - at)
        wave = (np.sin(np.arange(at, at + count) / 20) * 9000).astype(np.int16)
        channels = stream.codec_context.channels
        frame = av.AudioFrame.from_ndarray(np.repeat(wave, channels)[None, :], format="s16", layout=layout)
        frame.pts, frame.sample_rate, frame.time_base = at, SAMPLES, fractions.Fraction(1, SAMPLES)
        at += count
        resampler = av.AudioResampler(format=format, layout=layout, rate=SAMPLES)
        yield from resampler.resample(frame)


def made(path, muxer, video=None, audio=None, size=(160, 90), seconds=2.0, rotation=0, muxing={}, **encoding):
    with av.open(str(path), "w", format=muxer, options=dict(muxing)) as container:
        streams = []
        # Some files begin with their sound.
        if audio:
            sound = container.add_stream(audio, rate=SAMPLES, options={"strict": "-2"} | encoding)
            sound.codec_context.layout = "stereo"
            streams.append((sound, tones(sound, seconds)))
        if video:
            moving = container.add_stream(video, rate=RATE)
            moving.width, moving.height, moving.pix_fmt = *size, "yuv420p"
            if rotation:
                moving.set_display_rotation(rotation)
            streams.append((moving, frames(*size, round(seconds * RATE))))
        for stream, content in streams:
            for frame in content:
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


def told(path):
    """How long it is and how large it is shown, as FFmpeg reads it."""
    with av.open(str(path)) as container:
        duration = round((container.duration or 0) / 1000)
        if not container.streams.video:
            return duration, 0, 0
        stream = container.streams.video[0]
        turned = next(container.decode(stream)).rotation % 180 != 0
        return (duration, stream.height, stream.width) if turned else (duration, stream.width, stream.height)


def samples():
    """Each kind with by how many milliseconds two readers may disagree, and whether it says how long it is."""
    film = {"video": "libx264", "audio": "aac"}
    yield "end.mp4", 30, True, {"muxer": "mp4"} | film
    yield "beginning.mp4", 30, True, {"muxer": "mp4", "muxing": {"movflags": "+faststart"}} | film
    for rotation in (90, 180, 270):
        yield f"turned-{rotation}.mp4", 30, True, {"muxer": "mp4", "rotation": rotation} | film
    yield "mute.mp4", 30, True, {"muxer": "mp4", "video": "libx264", "size": (34, 178), "seconds": 0.4}
    yield "hevc.mp4", 30, True, {"muxer": "mp4", "video": "libx265"}
    yield "av1.mp4", 30, True, {"muxer": "mp4", "video": "libsvtav1"}
    fragments = {"movflags": "+frag_keyframe+empty_moov"}
    yield "fragments.mp4", 0, False, {"muxer": "mp4", "muxing": fragments} | film
    yield "quicktime.mov", 30, True, {"muxer": "mov", "rotation": 90} | film
    yield "phone.3gp", 30, True, {"muxer": "3gp"} | film
    yield "sound.m4a", 30, True, {"muxer": "ipod", "audio": "aac", "seconds": 60.0}
    yield "film.mkv", 30, True, {"muxer": "matroska"} | film
    yield "turned.mkv", 30, True, {"muxer": "matroska", "rotation": 90} | film
    yield "vp8.webm", 30, True, {"muxer": "webm", "video": "libvpx", "audio": "libopus"}
    yield "vp9.webm", 30, True, {"muxer": "webm", "video": "libvpx-vp9"}
    yield "live.webm", 0, False, {"muxer": "webm", "video": "libvpx", "muxing": {"live": "1"}}
    yield "sound.webm", 30, True, {"muxer": "webm", "audio": "libopus"}
    # What the encoder puts before and after the sound is counted by one, and not by the other.
    yield "steady.mp3", 80, True, {"muxer": "mp3", "audio": "libmp3lame", "b": "128k", "seconds": 200.0}
    yield "varying.mp3", 80, True, {"muxer": "mp3", "audio": "libmp3lame", "q": "4", "seconds": 7.3}
    yield "headless.mp3", 80, True, {"muxer": "mp3", "audio": "libmp3lame", "b": "64k", "muxing": {"write_xing": "0"}}
    yield "bare.mp3", 80, True, {"muxer": "mp3", "audio": "libmp3lame", "muxing": {"id3v2_version": "0"}}
    yield "sound.wav", 1, True, {"muxer": "wav", "audio": "pcm_s16le", "seconds": 30.25}
    yield "sound.flac", 1, True, {"muxer": "flac", "audio": "flac", "seconds": 30.25}
    yield "opus.ogg", 30, True, {"muxer": "ogg", "audio": "libopus", "seconds": 90.0}
    yield "vorbis.ogg", 30, True, {"muxer": "ogg", "audio": "vorbis", "seconds": 90.0}


def main():
    folder = pathlib.Path(sys.argv[1])
    lines = []
    for name, off, says, how in samples():
        path = folder / name
        made(path, **how)
        duration, width, height = told(path)
        lines.append(f"{name}\t{duration if says else 0}\t{off}\t{width}\t{height}\n")
    (folder / "told.tsv").write_text("".join(lines))


main()
