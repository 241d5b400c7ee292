"""PNG files: colour keys of every depth, chunks of every size, and what they say of colour."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from ignn_toolbox.images import (
    Picture,
    PictureError,
    as_writable,
    decode_picture,
    encode_picture,
    read_image,
)

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
SAMPLES = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + checksum(kind, content)


def checksum(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(kind + content))


def png(samples: np.ndarray, depth: int, colour: int, *before: bytes, after: bytes = b"") -> bytes:
    """A PNG file of ``(H, W, samples)`` values below ``2 ** depth``, written by hand."""
    height, width, _ = samples.shape
    bits = np.unpackbits(samples.astype(">u2").view(np.uint8).reshape(height, -1, 2), axis=-1)
    rows = np.packbits(bits.reshape(height, -1, 16)[:, :, 16 - depth :].reshape(height, -1), axis=1)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = [chunk(b"IHDR", header), *before, chunk(b"IDAT", zlib.compress(lines)), after]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body) + chunk(b"IEND", b"")


def noise(depth: int, samples: int, size=(48, 48)) -> np.ndarray:
    return np.random.default_rng(depth).integers(0, 2**depth, (*size, samples))


@pytest.mark.parametrize(
    ("depth", "colour"),
    [(1, GREY), (2, GREY), (4, GREY), (8, GREY), (16, GREY), (8, RGB), (16, RGB)],
)
def test_the_key_s_colour_is_transparent_at_every_depth(depth: int, colour: int) -> None:
    samples = noise(depth, SAMPLES[colour])
    key = samples[5, 7].copy()
    samples[20:30, :13] = key
    data = png(samples, depth, colour, chunk(b"tRNS", key.astype(">u2").tobytes()))
    pixels = decode_picture(data, "x").pixels
    clear = (samples == key).all(2)
    assert clear.sum() >= 130
    np.testing.assert_array_equal(pixels[:, :, -1] == 0, clear)
    largest = 65535 if depth == 16 else 255
    np.testing.assert_array_equal(pixels[:, :, :-1], samples * largest // (2**depth - 1))
    assert set(np.unique(pixels[:, :, -1])) == {0, largest}


def test_a_key_takes_no_part_where_alpha_is_stored_or_the_key_is_cut() -> None:
    samples = noise(8, 4)
    data = png(samples, 8, RGBA, chunk(b"tRNS", samples[0, 0, :3].astype(">u2").tobytes()))
    np.testing.assert_array_equal(decode_picture(data, "x").pixels, samples)
    cut = png(samples[:, :, :3], 8, RGB, chunk(b"tRNS", b"\0\1"))
    np.testing.assert_array_equal(decode_picture(cut, "x").pixels, samples[:, :, :3])


def test_palette_transparency() -> None:
    samples = noise(2, 1)
    colours = bytes(range(12))
    data = png(samples, 2, PALETTE, chunk(b"PLTE", colours), chunk(b"tRNS", b"\0\x80"))
    pixels = decode_picture(data, "x").pixels
    np.testing.assert_array_equal(pixels[:, :, 3], np.array([0, 128, 255, 255])[samples[:, :, 0]])
    table = np.frombuffer(colours, np.uint8).reshape(4, 3)
    np.testing.assert_array_equal(pixels[:, :, :3], table[samples[:, :, 0]])


LARGE = 70_000_000
LARGE_CHUNKS = {
    "zTXt": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(LARGE))),
    "iTXt": chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(bytes(LARGE))),
    "tEXt": chunk(b"tEXt", b"Comment\0" + b"x" * 3_000_000),
    "iCCP": chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(LARGE))),
    "eXIf": chunk(b"eXIf", b"II*\0\x08\0\0\0" + bytes(LARGE // 4)),
    "unknown": chunk(b"meMo", bytes(3_000_000)),
}


@pytest.mark.parametrize("kind", LARGE_CHUNKS)
@pytest.mark.parametrize("depth", [8, 16])
def test_no_metadata_however_large_keeps_the_pixels_from_being_read(tmp_path, kind, depth) -> None:
    samples = noise(depth, 3, (9, 8))
    data = png(samples, depth, RGB, LARGE_CHUNKS[kind], after=LARGE_CHUNKS[kind])
    picture = decode_picture(data, "x")
    np.testing.assert_array_equal(picture.pixels, samples)
    if kind in ("tEXt", "iCCP", "eXIf"):
        assert "left behind" in " ".join(picture.notes)
    written = decode_picture(encode_picture(picture), "x")
    np.testing.assert_array_equal(written.pixels, samples)
    if depth == 8:
        (tmp_path / "a.png").write_bytes(data)
        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), samples)


COLOUR = {
    b"gAMA": struct.pack(">I", 100_000),
    b"cHRM": struct.pack(">8I", 31270, 32900, 70800, 29200, 17000, 79700, 13100, 4600),
    b"sRGB": b"\1",
    b"cICP": b"\x09\x10\0\1",
}


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", COLOUR)
def test_what_numbers_mean_goes_from_png_to_png(depth: int, kind: bytes) -> None:
    samples = noise(depth, 3, (9, 8))
    data = png(samples, depth, RGB, chunk(kind, COLOUR[kind]))
    written = encode_picture(decode_picture(data, "x"))
    assert chunk(kind, COLOUR[kind]) in written
    assert written.index(kind) < written.index(b"IDAT")
    np.testing.assert_array_equal(decode_picture(written, "x").pixels, samples)
    Image.open(io.BytesIO(written)).load()


@pytest.mark.parametrize("file_format", ["jpg", "webp", "tiff", "bmp"])
@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        (b"gAMA", COLOUR[b"gAMA"], "gamma"),
        (b"cHRM", COLOUR[b"cHRM"], "primaries"),
        (b"cICP", COLOUR[b"cICP"], "primaries"),
        (b"gAMA", struct.pack(">I", 45455), None),
        (b"sRGB", b"\0", None),
        (b"cICP", b"\1\x0d\0\1", None),
        (b"tEXt", b"Author\0me", "text"),
    ],
)
def test_what_other_formats_cannot_hold_is_said(file_format, kind, content, said) -> None:
    picture = decode_picture(png(noise(8, 3), 8, RGB, chunk(kind, content)), "x")
    notes = as_writable(picture, file_format, (48, 48), "x").notes
    assert (notes == ()) if said is None else (said in notes[0] and file_format in notes[0])


def test_resolution_and_text_are_kept() -> None:
    said = [chunk(b"pHYs", struct.pack(">IIB", 11811, 5906, 1)), chunk(b"tEXt", b"Author\0me")]
    picture = decode_picture(png(noise(8, 1), 8, GREY, *said), "x")
    assert picture.resolution == pytest.approx((300, 150), abs=0.02)
    for part in said:
        assert part in encode_picture(picture)
    for file_format, kind in (("jpg", "JPEG"), ("tiff", "TIFF"), ("bmp", "BMP")):
        written = encode_picture(as_writable(picture, file_format, (48, 48), "x"))
        assert Image.open(io.BytesIO(written)).info["dpi"] == pytest.approx((300, 150), abs=0.6)
        assert Image.open(io.BytesIO(written)).format == kind
        again = decode_picture(written, "x").resolution
        assert again == pytest.approx((300, 150), abs=0.6)


@pytest.mark.parametrize(
    ("depth", "colour"), [(1, GREY), (8, GREY), (8, RGB), (16, RGB), (16, GREY_ALPHA), (2, PALETTE)]
)
def test_every_cut_is_noticed(depth: int, colour: int) -> None:
    palette = [chunk(b"PLTE", bytes(12))] if colour == PALETTE else []
    whole = png(noise(depth, SAMPLES[colour], (20, 20)), depth, colour, *palette)
    decode_picture(whole, "x")
    for length in [*range(8, len(whole), 37), *range(len(whole) - 40, len(whole))]:
        with pytest.raises(PictureError, match="x (is truncated or damaged: .|is not a picture)"):
            decode_picture(whole[:length], "x")


@pytest.mark.parametrize("depth", [8, 16])
def test_pixels_that_are_missing_inside_are_noticed(depth: int) -> None:
    whole = png(noise(depth, 3, (20, 20)), depth, RGB)
    start = whole.index(b"IDAT") + 4
    length = int.from_bytes(whole[start - 8 : start - 4], "big")
    for kept in range(2, length, 61):  # the file goes on, its checksums are right
        content = whole[start : start + kept]
        data = whole[: start - 8] + chunk(b"IDAT", content) + chunk(b"IEND", b"")
        with pytest.raises(PictureError, match="truncated or damaged: ."):
            decode_picture(data, "x")


def test_a_wrong_checksum_of_pixels_is_noticed_and_of_text_passed_over() -> None:
    samples = noise(8, 3)
    whole = bytearray(png(samples, 8, RGB, chunk(b"tEXt", b"Author\0me")))
    broken = whole.copy()
    broken[whole.index(b"IDAT") + 60] ^= 1
    with pytest.raises(PictureError, match="checksum of 'IDAT' is wrong"):
        decode_picture(bytes(broken), "x")
    whole[whole.index(b"Author")] ^= 1
    picture = decode_picture(bytes(whole), "x")
    np.testing.assert_array_equal(picture.pixels, samples)
    assert picture.chunks == ()


def test_one_frame_is_no_animation() -> None:
    control = chunk(b"acTL", struct.pack(">II", 1, 0))
    decode_picture(png(noise(8, 3), 8, RGB, control), "x")
    control = chunk(b"acTL", struct.pack(">II", 2, 0))
    with pytest.raises(PictureError, match="animated"):
        decode_picture(png(noise(8, 3), 8, RGB, control), "x")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_interlaced_file_has_the_same_pixels(dtype) -> None:
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (19, 23, 3)).astype(dtype)
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    rows = b""
    for top, left, down, across in [*passes, (1, 0, 2, 1)]:
        for row in pixels[top::down, left::across].astype(np.dtype(dtype).newbyteorder(">")):
            rows += b"\0" + row.tobytes() if row.size else b""
    depth = 8 * np.dtype(dtype).itemsize
    header = struct.pack(">IIBBBBB", 23, 19, depth, RGB, 0, 0, 1)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    data = b"\x89PNG\r\n\x1a\n" + body
    np.testing.assert_array_equal(decode_picture(data, "x").pixels, pixels)


def test_a_profile_and_colour_chunks_are_both_kept() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    chunks = ((b"gAMA", COLOUR[b"gAMA"]),)
    for dtype in (np.uint8, np.uint16):
        picture = Picture(np.zeros((4, 5, 3), dtype), "png", icc_profile=profile, chunks=chunks)
        read = decode_picture(encode_picture(picture), "x")
        assert (read.icc_profile, read.chunks) == (profile, chunks)
