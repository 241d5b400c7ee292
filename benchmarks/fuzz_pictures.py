"""Damages picture files of every kind, reads and restores them, and counts what became of them.

Each case takes a sound file (every depth, colour type, compression and layout that people send
around), damages it by a seeded rule, and decodes it; then `ignn upscale` is given them all in one
folder. A file must be refused in one line that begins with its name and ends with a reason, or be
read: to the same pixels, or, where the damage hit bare pixels that nothing guards, to others. A
file that is cut short may only be read if all its pixels are there. No decoder may print a line of
its own, take long, or take much memory. Exits with 1 when that is not so.

    python benchmarks/fuzz_pictures.py --cases 2000 --out benchmarks/results/fuzz_pictures.csv
"""

import contextlib
import io
import os
import random
import re
import struct
import sys
import tempfile
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image

from ignn_toolbox.cli import main as ignn
from ignn_toolbox.images import Picture, PictureError, decode_picture, encode_picture, read_image

MAX_PIXELS = 1_000_000
SLOW = 5.0  # seconds of a picture of 30x22, on a machine that does other work too
LARGE = 400 * 2**20  # bytes more than before
SIZE = (22, 30)

_EXTREME = (0, 1, 2, 3, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def sound_files() -> dict[str, bytes]:
    """Whole files of every kind, by name."""
    rng = np.random.default_rng(0)

    def noise(dtype: str, channels: int) -> np.ndarray:
        smooth = cv2.resize(rng.random((4, 5, channels)), SIZE[::-1]).reshape(*SIZE, channels)
        return (smooth * np.iinfo(dtype).max).astype(dtype)

    files = {}
    for file_format, deep in (("png", True), ("jpg", False), ("webp", False), ("bmp", False)):
        for dtype in ("uint8", "uint16") if deep else ("uint8",):
            for channels in {"jpg": (1, 3), "bmp": (1, 3)}.get(file_format, (1, 2, 3, 4)):
                picture = Picture(
                    noise(dtype, channels),
                    file_format,
                    exif=_exif() if file_format != "bmp" else None,
                    resolution=(300.0, 300.0),
                    chunks=((b"gAMA", struct.pack(">I", 100_000)), (b"tEXt", b"Author\0me")),
                )
                files[f"{dtype}x{channels}.{file_format}"] = encode_picture(picture)
    rgb = Image.fromarray(noise("uint8", 3))
    for name, image, options in (
        ("progressive.jpg", rgb, {"progressive": True}),
        ("ink.jpg", rgb.convert("CMYK"), {}),
        ("lossy.webp", rgb, {"quality": 60}),
        ("palette.png", rgb.quantize(16), {"transparency": 3}),
        ("bit.png", rgb.convert("1"), {}),
        ("key.png", rgb, {"transparency": (9, 9, 9)}),
        ("palette.bmp", rgb.quantize(16), {}),
        ("bit.tif", rgb.convert("1"), {}),
        ("fax.tif", rgb.convert("1"), {"compression": "group4"}),
        ("jpeg.tif", rgb, {"compression": "jpeg"}),
        ("lzw.tif", rgb, {"compression": "tiff_lzw"}),
        ("palette.tif", rgb.quantize(16), {"compression": "packbits"}),
        ("ink.tif", rgb.convert("CMYK"), {}),
    ):
        buffer = io.BytesIO()
        kind = {"jpg": "JPEG", "tif": "TIFF"}.get(name[-3:], name.rpartition(".")[2].upper())
        image.save(buffer, kind, **options)
        files[name] = buffer.getvalue()
    for dtype in ("uint8", "uint16"):
        for number, options in enumerate(
            (
                {"photometric": "rgb"},
                {"photometric": "rgb", "compression": "zlib", "predictor": True, "bigtiff": True},
                {"photometric": "rgb", "tile": (16, 16), "compression": "zlib"},
                {"photometric": "rgb", "planarconfig": "separate", "byteorder": ">"},
                {"photometric": "miniswhite", "rowsperstrip": 5},
                {"photometric": "rgb", "extrasamples": ["assocalpha"], "compression": "zlib"},
            )
        ):
            channels = 4 if "extrasamples" in options else 3
            pixels = noise(dtype, 1 if options["photometric"] == "miniswhite" else channels)
            pixels = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
            if options.get("planarconfig") == "separate":
                pixels = np.ascontiguousarray(pixels.transpose(2, 0, 1))
            buffer = io.BytesIO()
            tifffile.imwrite(buffer, pixels, metadata=None, iccprofile=b"profile " * 9, **options)
            files[f"{dtype}_{number}.tif"] = buffer.getvalue()
    swapped = noise("uint16", 3)
    lzw = cv2.imencode(".tiff", swapped, [cv2.IMWRITE_TIFF_COMPRESSION, 5])[1]
    return files | {"lzw16.tif": lzw.tobytes()}


def cut(data: bytes, rng: random.Random) -> bytes:
    """Drop the end."""
    return data[: -rng.choice((1, 2, 4, 12, rng.randrange(1, len(data))))]


def flip(data: bytes, rng: random.Random) -> bytes:
    """Turn single bits anywhere."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 5, 50))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def blank(data: bytes, rng: random.Random) -> bytes:
    """Write NULs over a stretch."""
    first = rng.randrange(len(data))
    last = rng.randrange(first, len(data)) + 1
    return data[:first] + bytes(last - first) + data[last:]


def splice(data: bytes, rng: random.Random) -> bytes:
    """Put in, double or take out a stretch."""
    first, last = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    middle = rng.choice((b"", rng.randbytes(9), data[first:last] * 2))
    return data[:first] + middle + data[last:]


def extreme(data: bytes, rng: random.Random) -> bytes:
    """Write numbers that a field may not hold over the first bytes."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        form = rng.choice(("<B", "<H", ">H", "<I", ">I"))
        value = rng.choice(_EXTREME) & (2 ** (8 * struct.calcsize(form)) - 1)
        place = rng.randrange(2, min(len(data), 200) - 4)
        struct.pack_into(form, changed, place, value)
    return bytes(changed)


def field(data: bytes, rng: random.Random) -> bytes:
    """Change a part where its kind of file keeps it, checksums and all."""
    if data.startswith(b"\x89PNG"):
        return _change_chunk(data, rng)
    if data[:2] in (b"II", b"MM"):
        return _change_tag(data, rng)
    if data.startswith(b"\xff\xd8"):
        return _change_segment(data, rng)
    return extreme(data, rng)


def disguise(data: bytes, rng: random.Random) -> bytes:
    """Begin as another kind of file."""
    magics = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08")
    magic = rng.choice((*magics, b"BM", b"RIFF\xff\0\0\0WEBPVP8X", b"GIF89a", b"%PDF", b""))
    return magic + rng.choice((data, data[len(magic) :], rng.randbytes(300)))


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "none": lambda data, rng: data,
    "cut": cut,
    "flipped bits": flip,
    "NULs": blank,
    "spliced": splice,
    "extreme numbers": extreme,
    "changed field": field,
    "another's beginning": disguise,
}
WORDS = ("refused", "read the same", "read with a note", "read changed", "wrong")


def fuzz(folder: Path, cases: int, seed: int = 0) -> list[dict[str, str | int]]:
    """Run the cases in an empty folder.

    Returns:
        A row a kind of damage: how often a file was refused, read to the same pixels, read to the
        same pixels with a note of what was left behind, read to other pixels; and how often
        something was wrong.
    """
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # as `ignn` does
    rng = random.Random(seed)
    files = sound_files()
    wanted = {name: decode_picture(data, name).pixels for name, data in files.items()}
    counts = {kind: Counter[str]() for kind in DAMAGES}
    readable = {}
    (folder / "in").mkdir()
    for number in range(cases):
        kind = list(DAMAGES)[number % len(DAMAGES)]
        name = rng.choice(list(files))
        path = folder / "in" / f"{number:05}_{name}"
        path.write_bytes(DAMAGES[kind](files[name], rng))
        words, picture = judge(path, kind, wanted[name])
        readable[path.name] = picture
        counts[kind].update(["cases", *words])
    for name in restore(folder, readable):
        counts[list(DAMAGES)[int(name[:5]) % len(DAMAGES)]]["wrong"] += 1
    return [
        {"damage": kind, "cases": found["cases"]} | {word: found[word] for word in WORDS}
        for kind, found in counts.items()
    ]


def judge(path: Path, kind: str, wanted: np.ndarray) -> tuple[list[str], Picture | None]:
    """Decode a file; return what became of it, and the picture if it is one."""
    data, name, faults = path.read_bytes(), str(path), []
    before, started, picture, error = start_peak(), time.perf_counter(), None, None
    with printed() as lines:
        try:
            picture = decode_picture(data, name, MAX_PIXELS)
        except Exception as caught:
            error = caught
    if time.perf_counter() - started > SLOW:
        faults.append("it took long")
    if peak() - before > LARGE:
        faults.append("it took much memory")
    faults += [f"a decoder said {line!r}" for line in lines]
    if picture is None:
        word = "refused"
        said = str(error)
        if not isinstance(error, PictureError) or not re.fullmatch(
            re.escape(name) + " .*[^ :]", said
        ):
            faults.append(f"{type(error).__name__}: {said!r}")
        if kind == "none":
            faults.append(f"a sound file was refused: {said!r}")
    else:
        same = np.array_equal(picture.pixels, wanted)
        word = (
            "read changed" if not same else "read with a note" if picture.notes else "read the same"
        )
        if kind == "cut" and not picture.notes:
            faults.append("nothing was said of what is missing")
        if kind in ("none", "cut") and not same:
            faults.append("its pixels are not as they should be")
        if (
            0 in picture.pixels.shape
            or picture.pixels.ndim != 3
            or picture.pixels.dtype not in (np.uint8, np.uint16)
        ):
            faults.append(f"pixels of {picture.pixels.shape} {picture.pixels.dtype}")
    faults += _fault_of_read_image(path, picture)
    if faults:
        print(f"{path.name} ({kind}): {', '.join(faults)}")
        word = "wrong"
    return [word], picture


def restore(folder: Path, readable: dict[str, Picture | None]) -> list[str]:
    """Let `ignn upscale` restore the folder; return the names of which that went wrong."""
    said = io.StringIO()
    words = ("--model", "bicubic_x2", "--device", "cpu", "--max-pixels", str(MAX_PIXELS))
    with printed() as lines, contextlib.redirect_stderr(said):
        status = ignn(["upscale", str(folder / "in"), "-o", str(folder / "out"), *words])
    failed = dict(
        re.findall(r"^  failed: .*?/in/(\d{5}_[^ :]+)(.*)$", said.getvalue(), re.MULTILINE)
    )
    wrong = []
    for name, picture in readable.items():
        output = folder / "out" / name
        if (picture is None) == output.exists() or (name in failed) == output.exists():
            wrong.append(f"{name}: read, but not restored, or the other way: {failed.get(name)}")
        elif picture is not None:
            restored = decode_picture(output.read_bytes(), name)
            height, width = picture.pixels.shape[:2]
            size = restored.pixels.shape[:2]
            if size not in ((2 * height, 2 * width), (2 * width, 2 * height)):
                wrong.append(f"{name}: {width}x{height} became {size[1]}x{size[0]}")
    known = re.compile(r"(ignn )?upscale: |  failed: |\d+ pictures: ")
    others = [line for line in [*said.getvalue().splitlines(), *lines] if not known.match(line)]
    wrong += [f"00000 a line that names no file: {line}" for line in others]
    if status != int(bool(failed)):
        wrong.append(f"00000 status {status} with {len(failed)} failed")
    for text in wrong:
        print(text)
    return wrong


def start_peak() -> int:
    """Forget this process's largest memory; return the present one in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> int:
    """Return this process's largest memory in bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status)[1])


@contextlib.contextmanager
def printed() -> Iterator[list[str]]:
    """Yield a list that is filled with what libraries print past Python."""
    lines: list[str] = []
    with tempfile.TemporaryFile() as file:
        kept = [os.dup(number) for number in (1, 2)]
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for number in (1, 2):
            os.dup2(file.fileno(), number)
        try:
            yield lines
        finally:
            for number, former in zip((1, 2), kept, strict=True):
                os.dup2(former, number)
                os.close(former)
            file.seek(0)
            lines += file.read().decode(errors="replace").splitlines()


def _fault_of_read_image(path: Path, picture: Picture | None) -> list[str]:
    """The door of training data and evaluation must say the same."""
    try:
        pixels = read_image(path)
    except PictureError as error:
        deep = picture is not None and picture.pixels.dtype == np.uint16
        large = picture is None
        return [] if deep or large else [f"read_image refused what was read: {error}"]
    except Exception as error:
        return [f"read_image: {type(error).__name__}: {error}"]
    if picture is None:  # its limit is higher
        return [] if pixels.size > 3 * MAX_PIXELS else ["read_image read what was refused"]
    return [] if pixels.shape[2] == 3 else [f"read_image gave {pixels.shape}"]


def _exif() -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    return exif.tobytes()


def _change_chunk(data: bytes, rng: random.Random) -> bytes:
    """Change, double, move or drop a chunk of a PNG file; its checksum is right."""
    chunks, place = [], 8
    while place < len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    number = rng.randrange(len(chunks))
    kind, content = chunks[number]
    what = rng.randrange(4)
    if what == 0 and content:
        changed = bytearray(content)
        changed[rng.randrange(len(changed))] = rng.choice(_EXTREME) & 0xFF
        chunks[number] = kind, bytes(changed)
    elif what == 1:
        chunks.insert(number, (rng.choice((kind, b"tRNS", b"acTL", b"PLTE", b"IDAT")), content))
    elif what == 2:
        chunks.insert(rng.randrange(len(chunks)), chunks.pop(number))
    else:
        del chunks[number]
    body = b""
    for kind, content in chunks:
        check = struct.pack(">I", zlib.crc32(kind + content))
        body += struct.pack(">I", len(content)) + kind + content + check
    return data[:8] + body


def _change_tag(data: bytes, rng: random.Random) -> bytes:
    """Write another type, number or value into a tag of a TIFF file."""
    order = "<" if data[:2] == b"II" else ">"
    if data[2:4] in (b"+\0", b"\0+"):  # of the large kind
        return extreme(data, rng)
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    place = start + 2 + 12 * rng.randrange(count)
    changed = bytearray(data)
    what = rng.randrange(4)
    value = rng.choice((*_EXTREME, rng.randrange(70_000)))
    if what == 0:
        struct.pack_into(f"{order}H", changed, place, rng.choice((value & 0xFFFF, 258, 262, 338)))
    elif what == 1:
        struct.pack_into(f"{order}H", changed, place + 2, rng.choice((*range(19), value & 0xFFFF)))
    elif what == 2:
        struct.pack_into(f"{order}I", changed, place + 4, value)
    elif data[place + 2 : place + 4] in (b"\3\0", b"\0\3"):
        struct.pack_into(f"{order}H", changed, place + 8, value & 0xFFFF)
    else:
        struct.pack_into(f"{order}I", changed, place + 8, value)
    return bytes(changed)


def _change_segment(data: bytes, rng: random.Random) -> bytes:
    """Change a marker, a length or a byte of a segment of a JPEG file."""
    end = min(1000, len(data) - 4)
    places = [found.start() for found in re.finditer(rb"\xff[\xc0-\xfe]", data[:end])][1:]
    place = rng.choice(places)
    changed = bytearray(data)
    what = rng.randrange(3)
    if what == 0:
        changed[place + 1] = rng.randrange(256)
    elif what == 1:
        struct.pack_into(">H", changed, place + 2, rng.choice(_EXTREME) & 0xFFFF)
    else:
        changed[min(place + rng.randrange(4, 12), len(data) - 1)] = rng.choice(_EXTREME) & 0xFF
    return bytes(changed)


if __name__ == "__main__":
    from frame.fuzzing import run_fuzz

    sys.exit(run_fuzz(__doc__.splitlines()[0], fuzz, 2000))
