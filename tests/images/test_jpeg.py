"""JPEG files: inks turned into light, segments of every kind, ends that are missing."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from ignn_toolbox.images import (
    Picture,
    PictureError,
    as_writable,
    decode_picture,
    encode_picture,
    read_image,
)

SMOOTH = np.add.outer(np.arange(48), 2 * np.arange(64))[:, :, None] + np.array([0, 30, 60])
SMOOTH = SMOOTH.astype(np.uint8)


def jpeg(image: Image.Image | np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    image.save(buffer, "JPEG", **{"quality": 95, "subsampling": 0} | options)
    return buffer.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def with_segments(data: bytes, *segments: bytes) -> bytes:
    return data[:2] + b"".join(segments) + data[2:]


def ink_profile(colours: np.ndarray) -> bytes:
    """An ICC profile of four inks: the Lab colours (16, 3) of their full and absent mixtures."""
    scaled = (colours * (255 / 100, 1, 1) + (0, 128, 128)).round().astype(np.uint8)
    ramp = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0])
    table += struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table += 4 * ramp + scaled.tobytes() + 3 * ramp
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"inks\0" + bytes(78)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    tags, place = [], 128 + 4 + 12 * 3
    for name, content in ((b"A2B0", table), (b"desc", text), (b"wtpt", white)):
        tags.append((name, place, content + bytes(-len(content) % 4)))
        place += len(tags[-1][2])
    header = struct.pack(">I4sI4s4s4s", place, bytes(4), 0x02400000, b"prtr", b"CMYK", b"Lab ")
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    directory = struct.pack(">I", 3)
    directory += b"".join(struct.pack(">4sII", n, p, len(c)) for n, p, c in tags)
    return header.ljust(128, b"\0") + directory + b"".join(content for _, _, content in tags)


def test_inks_are_converted_by_their_profile(tmp_path) -> None:
    order = np.array([[c, m, y, k] for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)])
    # Any ink at all leaves the grey of L = 50, black leaves nothing: no plain rule says so.
    colours = np.where(
        order[:, 3:], (0, 0, 0), np.where(order.any(1, keepdims=True), (50, 0, 0), (100, 0, 0))
    )
    inks = np.zeros((16, 24, 4), np.uint8)
    inks[:, 8:16, 0] = 255
    inks[:, 16:, 3] = 255
    image = Image.fromarray(inks, "CMYK")
    for name, data in (
        ("jpg", jpeg(image, icc_profile=ink_profile(colours))),
        ("tif", tiff(image, icc_profile=ink_profile(colours))),
    ):
        picture = decode_picture(data, "x")
        assert "by its colour profile" in picture.notes[0]
        assert picture.pixels.shape == (16, 24, 3)
        for column, wanted in ((4, 255), (12, 119), (20, 0)):  # L = 50 is 119 in sRGB
            assert np.abs(picture.pixels[:, column].astype(int) - wanted).max() <= 2, name
        assert picture.icc_profile is not None
        assert picture.icc_profile[16:20] == b"RGB "
        (tmp_path / f"a.{name}").write_bytes(data)
        notes: list[str] = []
        np.testing.assert_array_equal(read_image(tmp_path / f"a.{name}", notes), picture.pixels)
        assert notes == list(picture.notes)


def tiff(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("profile", [None, b"no profile at all", "of light"])
def test_inks_without_a_usable_profile_follow_the_plain_rule_and_it_is_said(profile) -> None:
    if profile == "of light":
        from PIL import ImageCms

        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    inks = np.random.default_rng(0).integers(0, 256, (16, 16, 4)).astype(np.uint8)
    data = tiff(Image.fromarray(inks, "CMYK"), **({"icc_profile": profile} if profile else {}))
    picture = decode_picture(data, "x")
    light = (255.0 - inks[:, :, :3]) * (255.0 - inks[:, :, 3:]) / 255
    assert np.abs(picture.pixels - light).max() <= 1
    assert picture.icc_profile is None
    assert "plain rule" in picture.notes[0]


def test_grey_stays_grey_and_density_is_kept() -> None:
    picture = decode_picture(jpeg(SMOOTH[:, :, 0], dpi=(300, 150)), "x")
    assert picture.pixels.shape == (48, 64, 1)
    assert picture.resolution == (300, 150)
    assert decode_picture(encode_picture(picture), "x").resolution == (300, 150)
    metric = bytearray(jpeg(SMOOTH))
    metric[13:18] = struct.pack(">BHH", 2, 100, 100)
    assert decode_picture(bytes(metric), "x").resolution == (254, 254)


def test_every_cut_is_noticed() -> None:
    for progressive in (False, True):
        data = jpeg(SMOOTH, progressive=progressive)
        for cut in (*range(1, 60), *range(60, len(data) - 2, 41)):
            with pytest.raises(PictureError, match="x (is truncated or damaged: .|is not a)"):
                decode_picture(data[:-cut], "x")


def test_a_preview_s_end_is_not_the_picture_s() -> None:
    preview = segment(0xE1, b"Exif\0\0" + jpeg(SMOOTH[:8, :8]))
    data = with_segments(jpeg(SMOOTH), preview)
    np.testing.assert_array_equal(
        decode_picture(data, "x").pixels, decode_picture(jpeg(SMOOTH), "x").pixels
    )
    with pytest.raises(PictureError, match="its end is missing"):
        decode_picture(data[:-300], "x")
    # Motion photos carry a film behind the picture.
    film = decode_picture(data + bytes(200_000), "x")
    assert film.pixels.shape == SMOOTH.shape


def test_profiles_in_parts_are_put_together_and_incomplete_ones_left_behind() -> None:
    def part(number: int, content: bytes) -> bytes:
        return segment(0xE2, b"ICC_PROFILE\0" + bytes([number, 2]) + content)

    data = jpeg(SMOOTH)
    swapped = with_segments(data, part(2, b"second"), part(1, b"first, "))
    assert decode_picture(swapped, "x").icc_profile == b"first, second"
    cut = decode_picture(with_segments(data, part(2, b"second")), "x")
    assert cut.icc_profile is None
    assert "profile was left behind" in cut.notes[0]


def test_damaged_exif_is_left_behind_and_said() -> None:
    data = with_segments(jpeg(SMOOTH), segment(0xE1, b"Exif\0\0no exif at all"))
    picture = decode_picture(data, "x")
    assert picture.exif is None
    assert "EXIF block was left behind" in picture.notes[0]


def test_exif_longer_than_jpeg_holds_is_said_and_the_picture_written_upright() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "x" * 70_000
    picture = Picture(SMOOTH, "png", exif=exif.tobytes())
    kept = decode_picture(encode_picture(picture), "x")
    assert len(kept.exif or b"") > 70_000
    fitted = as_writable(picture, "jpg", SMOOTH.shape[:2], "x")
    assert "EXIF of 70," in fitted.notes[0]
    data = encode_picture(fitted)
    seen = np.asarray(Image.open(io.BytesIO(data)))
    assert np.abs(seen.astype(int) - np.rot90(SMOOTH, -1)).max() <= 6
    assert encode_picture(picture.__class__(SMOOTH, "jpg", exif=exif.tobytes())) == data


def test_12_bits_are_refused_by_name() -> None:
    data = bytearray(jpeg(SMOOTH))
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(PictureError, match="x has 12 bits a channel"):
        decode_picture(bytes(data), "x")
