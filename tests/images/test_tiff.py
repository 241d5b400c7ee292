"""TIFF files: every layout of samples, and what their tags say that they mean."""

import io
import itertools
import re
import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from ignn_toolbox.images import (
    Picture,
    PictureError,
    as_writable,
    decode_picture,
    encode_picture,
)
from ignn_toolbox.images.tiff_tags import enlarged_tags

SIZE = (45, 37)  # no multiple of a tile


def noise(dtype: str, channels: int, size=SIZE) -> np.ndarray:
    rng = np.random.default_rng(channels)
    return rng.integers(0, np.iinfo(dtype).max + 1, (*size, channels)).astype(dtype)


def tiff(pixels: np.ndarray, photometric: str, **options) -> bytes:
    """``(H, W, C)`` as tifffile writes it."""
    if pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    elif options.get("planarconfig") == "separate":
        pixels = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    else:
        options["planarconfig"] = "contig"
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, photometric=photometric, metadata=None, **options)
    return buffer.getvalue()


def read(data: bytes) -> np.ndarray:
    return decode_picture(data, "x").pixels


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    ("channels", "colour"), [(1, "minisblack"), (2, "minisblack"), (3, "rgb"), (4, "rgb")]
)
def test_every_layout_of_samples_is_read(dtype: str, channels: int, colour: str) -> None:
    pixels = noise(dtype, channels)
    alpha = {"extrasamples": ["unassalpha"]} if channels in (2, 4) else {}
    for planar, tile, packed, order in itertools.product(
        ("contig", "separate"), (None, (16, 32)), (None, "zlib", "zlib, predictor"), "<>"
    ):
        options = {"tile": tile, "byteorder": order, **alpha}
        options |= {"planarconfig": planar} if channels > 1 else {}
        if packed:
            options |= {"compression": "zlib", "predictor": "predictor" in packed}
        if tile is None:
            options["rowsperstrip"] = 7
        np.testing.assert_array_equal(
            read(tiff(pixels, colour, **options)), pixels, str((planar, tile, packed, order))
        )


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "zstd"])
def test_pillow_s_compressions_are_read(compression: str) -> None:
    for dtype, channels in (("uint8", 1), ("uint8", 3), ("uint8", 4), ("uint16", 1)):
        pixels = noise(dtype, channels)
        buffer = io.BytesIO()
        image = Image.fromarray(pixels if channels > 1 else pixels[:, :, 0])
        image.save(buffer, "TIFF", compression=compression)
        np.testing.assert_array_equal(read(buffer.getvalue()), pixels)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_by_opencv_in_lzw_with_its_predictor_are_read(channels: int) -> None:
    pixels = noise("uint16", channels)
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    data = cv2.imencode(".tiff", pixels[:, :, order], [cv2.IMWRITE_TIFF_COMPRESSION, 5])[
        1
    ].tobytes()
    np.testing.assert_array_equal(read(data), pixels)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_white_that_is_zero_is_turned(dtype: str) -> None:
    pixels = noise(dtype, 2)
    largest = np.iinfo(dtype).max
    np.testing.assert_array_equal(
        read(tiff(pixels[:, :, :1], "miniswhite")), largest - pixels[:, :, :1]
    )
    seen = read(tiff(pixels, "miniswhite", extrasamples=["unassalpha"]))
    np.testing.assert_array_equal(seen[:, :, 0], largest - pixels[:, :, 0])
    np.testing.assert_array_equal(seen[:, :, 1], pixels[:, :, 1])


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(("channels", "colour"), [(2, "minisblack"), (4, "rgb")])
def test_alpha_that_was_multiplied_in_is_taken_out(dtype: str, channels: int, colour: str) -> None:
    largest = np.iinfo(dtype).max
    pixels = noise(dtype, channels)
    pixels[:3, :, -1] = 0
    pixels[3:9, :, -1] = largest
    share = pixels[:, :, -1:] / largest
    stored = pixels.copy()
    stored[:, :, :-1] = np.rint(pixels[:, :, :-1] * share)
    seen = read(tiff(stored, colour, extrasamples=["assocalpha"]))
    np.testing.assert_array_equal(seen[:, :, -1], pixels[:, :, -1])
    np.testing.assert_array_equal(seen[3:9], pixels[3:9])
    assert (seen[:3, :, :-1] == 0).all()
    off = np.abs(seen[:, :, :-1].astype(float) - pixels[:, :, :-1]) * share
    assert off[3:].max() <= 1.0  # half a level of what was stored, and the rounding here


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_channel_of_no_stated_meaning_is_no_transparency(dtype: str) -> None:
    pixels = noise(dtype, 4)
    picture = decode_picture(tiff(pixels, "rgb", extrasamples=["unspecified"]), "x")
    np.testing.assert_array_equal(picture.pixels, pixels[:, :, :3])
    assert "neither colour nor transparency" in picture.notes[0]
    pixels = noise(dtype, 6)
    kinds = ["unspecified", "unassalpha", "unspecified"]
    picture = decode_picture(tiff(pixels, "rgb", extrasamples=kinds), "x")
    np.testing.assert_array_equal(picture.pixels, pixels[:, :, [0, 1, 2, 4]])
    assert len(picture.notes) == 1


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_way_up_is_followed_at_both_depths(dtype: str, orientation: int) -> None:
    pixels = noise(dtype, 3)
    options = {"extratags": [(274, 3, 1, orientation, True)]}
    turned = {
        1: pixels,
        2: pixels[:, ::-1],
        3: pixels[::-1, ::-1],
        4: pixels[::-1],
        5: pixels.transpose(1, 0, 2),
        6: np.rot90(pixels, -1),
        7: pixels[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(pixels),
    }[orientation]
    data = tiff(pixels, "rgb", resolution=(300, 150), resolutionunit="INCH", **options)
    picture = decode_picture(data, "x")
    np.testing.assert_array_equal(picture.pixels, turned)
    assert picture.resolution == ((300, 150) if orientation < 5 else (150, 300))


@pytest.mark.parametrize(
    ("dtype", "channels"), [(d, c) for d in ("uint8", "uint16") for c in (1, 2, 3, 4)]
)
def test_what_is_written_others_read(dtype: str, channels: int) -> None:
    pixels = noise(dtype, channels)
    picture = Picture(pixels, "tiff", icc_profile=b"profile", resolution=(300.0, 150.0))
    data = encode_picture(picture)
    flat = pixels if channels > 1 else pixels[:, :, 0]
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(data)), flat)
    again = decode_picture(data, "x")
    np.testing.assert_array_equal(again.pixels, pixels)
    assert (again.icc_profile, again.resolution) == (b"profile", (300.0, 150.0))
    assert again.notes == ()
    if dtype == "uint8" or channels == 1:
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), flat)
    elif channels != 2:
        seen = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        order = [2, 1, 0] if channels == 3 else [2, 1, 0, 3]
        np.testing.assert_array_equal(seen[:, :, order], pixels)


def old_files() -> dict[str, tuple[bytes, np.ndarray]]:
    """Kinds that Pillow decodes here, and the pixels that they hold."""
    files = {}
    rgb = Image.fromarray(noise("uint8", 3))
    for name, image, options in (
        ("one bit", rgb.convert("1"), {}),
        ("fax", rgb.convert("1"), {"compression": "group4"}),
        ("palette", rgb.quantize(16), {}),
        ("jpeg", rgb, {"compression": "jpeg"}),
        ("white is zero", rgb.convert("1"), {"tiffinfo": {262: 0}}),
    ):
        buffer = io.BytesIO()
        image.save(buffer, "TIFF", **options)
        seen = Image.open(io.BytesIO(buffer.getvalue()))
        pixels = np.asarray(seen.convert("L" if seen.mode == "1" else "RGB"))
        files[name] = buffer.getvalue(), pixels.reshape(*SIZE, -1)
    return files


@pytest.mark.parametrize("name", old_files())
def test_what_pillow_decodes_is_read(name: str) -> None:
    data, pixels = old_files()[name]
    np.testing.assert_array_equal(read(data), pixels)


CUTTABLE = {
    f"{dtype} {packed}": tiff(
        noise(dtype, 3), "rgb", compression=None if packed == "raw" else "zlib", rowsperstrip=7
    )
    for dtype in ("uint8", "uint16")
    for packed in ("raw", "deflated")
} | {name: data for name, (data, _) in old_files().items()}


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("name", CUTTABLE)
def test_every_cut_is_noticed(name: str) -> None:
    data = CUTTABLE[name]
    whole = read(data)
    for cut in (*range(1, 40), *range(40, len(data) - 8, 97)):
        said = outcome(data[:-cut])
        if isinstance(said, str):
            assert re.match("x (is truncated or damaged: .|is not a picture)", said)
        else:  # pixels come first: they are all there
            assert "end of the file is missing" in said.notes[0]
            np.testing.assert_array_equal(said.pixels, whole)


def outcome(data: bytes) -> Picture | str:
    try:
        return decode_picture(data, "x")
    except PictureError as error:
        return str(error)


def test_a_strip_that_unpacks_to_too_little_or_much_is_bounded() -> None:
    small, large = noise("uint16", 3, (8, 8)), np.zeros((3000, 3000, 3), np.uint16)
    data = bytearray(tiff(large, "rgb", compression="zlib", rowsperstrip=3000))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        places = {tag.code: tag.valueoffset for tag in file.pages[0].tags}
    for code in (256, 257, 278):  # 54 MB unpacked, for a picture of 8x8
        data[places[code] : places[code] + 2] = (8).to_bytes(2, "little")
    assert read(bytes(data)).shape == (8, 8, 3)
    data = bytearray(tiff(small, "rgb", compression="zlib"))
    data[places[257] : places[257] + 2] = (80).to_bytes(2, "little")
    data[places[278] : places[278] + 2] = (80).to_bytes(2, "little")
    with pytest.raises(PictureError, match="truncated or damaged"):
        read(bytes(data))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_floating_point_is_read_and_written_as_it_is(dtype: str, channels: int) -> None:
    pixels = np.random.default_rng(0).normal(0, 900, (*SIZE, channels)).astype(dtype)
    colour = "rgb" if channels > 1 else "minisblack"
    alpha = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    for tile, packed, order in itertools.product((None, (16, 32)), (None, "zlib"), "<>"):
        options = {"tile": tile, "compression": packed, "byteorder": order, **alpha}
        np.testing.assert_array_equal(read(tiff(pixels, colour, **options)), pixels, str(options))
    written = read(encode_picture(Picture(pixels, "tiff")))
    assert written.dtype == dtype
    np.testing.assert_array_equal(written, pixels)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [SIZE, (200, 300)])
@pytest.mark.parametrize("predictor", [1, 3])
def test_floating_point_of_another_program_with_its_predictor(tmp_path, channels, size, predictor):
    pixels = np.random.default_rng(0).normal(0, 9, (*size, channels)).astype(np.float32)
    path = tmp_path / "a.tif"
    options = [cv2.IMWRITE_TIFF_COMPRESSION, 5, cv2.IMWRITE_TIFF_PREDICTOR, predictor]
    cv2.imwrite(str(path), pixels[:, :, ::-1], [*options, cv2.IMWRITE_TIFF_ROWSPERSTRIP, 16])
    with tifffile.TiffFile(path) as file:
        assert int(file.pages[0].predictor) == predictor
    np.testing.assert_array_equal(read(path.read_bytes()), pixels)


def test_rows_of_tiles_were_sorted_with_their_padding() -> None:
    """By hand, as TIFF's technical note 3 has it: a picture of 40x16 in tiles of 32x16."""
    pixels = np.random.default_rng(0).normal(0, 9, (16, 40)).astype(np.float32)
    padded = np.pad(pixels, ((0, 0), (0, 24)))
    tiles = []
    for tile in (padded[:, :32], padded[:, 32:]):
        planes = tile.astype(">f4").view(np.uint8).reshape(16, 32, 4).transpose(0, 2, 1)
        row = planes.reshape(16, -1)
        tiles.append(zlib.compress(np.diff(row, axis=1, prepend=np.uint8(0)).tobytes()))
    offsets = (8, 8 + len(tiles[0]))
    directory_at = sum(map(len, tiles)) + 8
    values_at = directory_at + 2 + 12 * 12 + 4
    tags = {256: 40, 257: 16, 258: 32, 259: 8, 262: 1, 277: 1, 317: 3, 322: 32, 323: 16}
    tags |= {324: values_at, 325: values_at + 8, 339: 3}
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 2 if tag in (324, 325) else 1, value)
        for tag, value in tags.items()
    )
    data = struct.pack("<2sHI", b"II", 42, directory_at) + b"".join(tiles)
    data += struct.pack("<H", len(tags)) + entries + bytes(4)
    data += struct.pack("<4I", *offsets, *map(len, tiles))
    np.testing.assert_array_equal(read(data)[:, :, 0], pixels)


@pytest.mark.parametrize(
    ("pixels", "options", "reason"),
    [
        (np.zeros((4, 5, 3), np.complex64), {}, "64 bits .complex"),
        (
            np.zeros((4, 5, 1), np.float32),
            {"photometric": "miniswhite"},
            "floating-point .* invert",
        ),
        (np.zeros((4, 5, 3), np.int16), {}, "16 bits .signed"),
        (np.zeros((4, 5, 1), np.int8), {}, "8 bits .signed"),
        (np.zeros((4, 5, 1), np.uint32), {}, "32 bits .unsigned"),
        (np.zeros((4, 5, 4), np.uint16), {"photometric": "separated"}, "16 bits a channel"),
        (np.zeros((4, 5, 3), np.uint16), {"photometric": "cielab"}, "16 bits a channel"),
    ],
)
def test_samples_that_would_be_mistaken_are_refused_by_name(pixels, options, reason) -> None:
    photometric = options.get("photometric") or ("rgb" if pixels.shape[2] == 3 else "minisblack")
    with pytest.raises(PictureError, match=f"x has .*{reason}"):
        read(tiff(pixels, photometric))


def test_previews_and_masks_are_no_pages() -> None:
    pixels, buffer = noise("uint16", 3), io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(pixels[::4, ::4], photometric="rgb", subfiletype=1, metadata=None)
        file.write(pixels, photometric="rgb", metadata=None)
        file.write(pixels[:, :, 0] > 9, photometric="minisblack", subfiletype=4, metadata=None)
    np.testing.assert_array_equal(read(buffer.getvalue()), pixels)


def test_pages_are_counted_also_in_one_directory() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for _ in range(3):
            file.write(noise("uint8", 3), photometric="rgb", metadata=None)
    with pytest.raises(PictureError, match=r"several pages \(3\)"):
        read(buffer.getvalue())
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((4, 8, 9), np.uint8), imagej=True)
    with pytest.raises(PictureError, match=r"several pages \(4\)"):
        read(buffer.getvalue())


GEO = [
    (33550, "d", 3, (30.0, 20.0, 0.0), True),
    (
        33922,
        "d",
        12,
        (0.0, 0.0, 0.0, 5e5, 4e6, 0.0, 10.0, 5.0, 0.0, 500300.0, 3999900.0, 0.0),
        True,
    ),
    (34735, "H", 8, (1, 1, 0, 1, 1025, 0, 1, 1), True),
    (34737, "s", 0, "WGS 84|", True),
    (42113, "s", 0, "-9999", True),
]


def geo_of(data: bytes) -> dict:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        return {tag.code: tag.value for tag in file.pages[0].tags}


def test_texts_and_the_place_on_earth_go_into_another_tiff() -> None:
    texts = {"description": "a field", "datetime": "2026:11:25 12:00:00"}
    data = tiff(noise("uint16", 1), "minisblack", extratags=GEO, **texts)
    before, after = geo_of(data), geo_of(encode_picture(decode_picture(data, "x")))
    for code in (270, 306, 33550, 33922, 34735, 34737, 42113):
        assert after[code] == before[code], code
    assert decode_picture(data, "x").notes == ()
    written = as_writable(decode_picture(data, "x"), "png", SIZE, "x")
    assert any("place on Earth (GeoTIFF), which png cannot hold" in note for note in written.notes)
    turned = decode_picture(tiff(noise("uint16", 1), "minisblack", extratags=[*GEO, TURNED]), "x")
    assert any("the place on Earth was left behind" in note for note in turned.notes)
    assert not {code for code, *_ in turned.tags} & {33550, 33922, 34264}


TURNED = (274, "H", 1, 6, True)


@pytest.mark.parametrize("point", [False, True])
def test_each_place_on_earth_stays_where_it_is_in_a_larger_picture(point) -> None:
    """By the scale and tie point, and by the matrix; the corner of a pixel, or its centre."""
    keys = (34735, 3, 8, (1, 1, 0, 1, 1025, 0, 1, 2 if point else 1))
    scaled = ((33550, 12, 3, (30.0, 20.0, 0.0)), (33922, 12, 6, (3.0, 2.0, 0.0, 7e5, 4e6, 0.0)))
    matrix = (34264, 12, 16, (30.0, 1.0, 0, 7e5, 2.0, -20.0, 0, 4e6, 0, 0, 0, 0, 0, 0, 0, 1.0))
    half = 0.5 if point else 0.0
    x, y = 11.0, 4.0  # of a corner in the picture before, and of it in the picture after
    larger_x, larger_y = 3 * x, 2 * y
    for tags in (scaled, (matrix,)):
        made = {tag[0]: tag[3] for tag in enlarged_tags((keys, *tags), 2, 3)}
        now = {tag[0]: tag[3] for tag in tags}

        def place(values: dict, column: float, row: float) -> np.ndarray:
            if 34264 in values:
                whole = np.array(values[34264]).reshape(4, 4)
                return (whole @ [column - half, row - half, 0, 1])[:2]
            scale, tie = values[33550], values[33922]
            return np.array(
                [
                    tie[3] + (column - half - tie[0]) * scale[0],
                    tie[4] - (row - half - tie[1]) * scale[1],
                ]
            )

        np.testing.assert_allclose(place(made, larger_x, larger_y), place(now, x, y), rtol=1e-12)
