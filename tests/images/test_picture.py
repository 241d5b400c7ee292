"""Files as users have them survive decoding and encoding; what cannot is refused with a reason."""

import io
import os
from pathlib import Path

import numpy as np
import PIL
import pytest
from PIL import Image, ImageCms, ImageOps

from ignn_toolbox.images import (
    SUFFIXES,
    Picture,
    PictureError,
    TooLargeError,
    as_writable,
    decode_picture,
    encode_picture,
    list_images,
    read_image,
    read_picture,
    read_stream,
    upright,
    write_image,
    write_new,
)

LOSSLESS = [
    *[("png", dtype, channels) for dtype in ("uint8", "uint16") for channels in (1, 2, 3, 4)],
    *[("tiff", "uint8", channels) for channels in (1, 2, 3, 4)],
    *[("tiff", "uint16", channels) for channels in (1, 3, 4)],
    *[("webp", "uint8", channels) for channels in (3, 4)],
    *[("bmp", "uint8", channels) for channels in (1, 3)],
]


def noise(dtype: str, channels: int, size=(9, 13)) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, np.iinfo(dtype).max + 1, (*size, channels)).astype(dtype)


def encoded(image: Image.Image, file_format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return Image.fromarray(noise("uint8", 3, (40, 50)))


@pytest.mark.parametrize(("file_format", "dtype", "channels"), LOSSLESS)
def test_lossless_formats_return_the_same_pixels(file_format, dtype, channels):
    pixels = noise(dtype, channels)
    read = decode_picture(encode_picture(Picture(pixels, file_format)), "x")
    assert read.format == file_format
    assert read.pixels.dtype == pixels.dtype
    np.testing.assert_array_equal(read.pixels, pixels)


@pytest.mark.parametrize("channels", [3, 4])
def test_16_bit_tiff_is_what_an_independent_reader_expects(channels):
    tifffile = pytest.importorskip("tifffile")
    pixels = noise("uint16", channels)
    data = encode_picture(Picture(pixels, "tiff"))
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(data)), pixels)


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_tiff_of_either_byte_order_is_read(order):
    tifffile = pytest.importorskip("tifffile")
    pixels, buffer = noise("uint16", 3), io.BytesIO()
    tifffile.imwrite(buffer, pixels, byteorder=order, photometric="rgb")
    np.testing.assert_array_equal(decode_picture(buffer.getvalue(), "x").pixels, pixels)


def test_jpeg_is_close_at_the_default_quality_and_smaller_at_a_lower_one():
    smooth = np.add.outer(np.arange(64), np.arange(64))[:, :, None].repeat(3, 2).astype(np.uint8)
    picture = Picture(smooth, "jpg")
    data = encode_picture(picture)
    assert np.abs(decode_picture(data, "x").pixels.astype(int) - smooth).max() <= 3
    assert len(encode_picture(picture, quality=20)) < len(data)


def test_16_bits_are_rounded_where_the_format_has_8():
    pixels = np.array([0, 128, 129, 32767, 65406, 65407, 65535], np.uint16).reshape(1, 7, 1)
    read = decode_picture(encode_picture(Picture(pixels, "bmp")), "x")
    assert read.pixels.ravel().tolist() == [0, 0, 1, 127, 254, 255, 255]


@pytest.mark.parametrize("file_format", ["png", "jpg", "webp", "tiff"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_colour_profile_is_kept(file_format, dtype):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = Picture(noise(dtype, 3), file_format, icc_profile=profile)
    assert decode_picture(encode_picture(picture), "x").icc_profile == profile


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_viewers_see_the_same_side_up(photo, orientation, file_format):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(photo, file_format, exif=exif)
    wanted = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    picture = decode_picture(data, "x")
    np.testing.assert_array_equal(upright(picture.pixels, picture.orientation), wanted)
    for again in ("png", "tiff", "bmp"):
        rewritten = encode_picture(Picture(picture.pixels, again, picture.exif))
        seen = ImageOps.exif_transpose(Image.open(io.BytesIO(rewritten)))
        np.testing.assert_array_equal(np.asarray(seen), wanted)


def test_exif_keeps_the_camera_and_forgets_the_size(photo):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    exif.get_ifd(0x8769).update({0xA002: 50, 0xA003: 40, 0x9003: "2020:01:02 03:04:05"})
    picture = decode_picture(encoded(photo, "JPEG", exif=exif), "x")
    written = Image.open(io.BytesIO(encode_picture(picture))).getexif()
    assert (written[0x0112], written[0x010F]) == (6, "Maker")
    assert dict(written.get_ifd(0x8769)) == {0x9003: "2020:01:02 03:04:05"}


@pytest.mark.parametrize("kind", [{}, {"big_tiff": True}], ids=str)
def test_exif_of_a_tiff_goes_on_or_its_loss_is_said(photo, kind):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    exif[0x8769] = {0xA002: 50, 0x9003: "2020:01:02 03:04:05"}
    exif[0x8825] = {1: "N", 2: (1.0, 2.0, 3.0)}
    picture = decode_picture(encoded(photo, "TIFF", exif=exif.tobytes(), **kind), "x")
    assert (picture.orientation, picture.notes) == (1, ()), "the pixels were turned"
    for target in ("png", "jpg", "webp"):
        fitted = as_writable(picture, target, (9, 13), "x")
        assert fitted.notes == ()
        written = Image.open(io.BytesIO(encode_picture(fitted))).getexif()
        assert (written.get(0x0112), written[0x010F]) == (None, "Maker")
        assert dict(written.get_ifd(0x8769)) == {0x9003: "2020:01:02 03:04:05"}
        assert dict(written.get_ifd(0x8825)) == {1: "N", 2: (1.0, 2.0, 3.0)}
    for target in ("tiff", "bmp"):
        fitted = as_writable(picture, target, (9, 13), "x")
        assert fitted.notes == (f"EXIF, which {target} cannot hold, was left behind",)
        again = decode_picture(encode_picture(fitted), "x")
        assert as_writable(again, target, (9, 13), "x").notes == (), "nothing was there to lose"


def test_a_damaged_directory_of_exif_keeps_no_tiff_from_being_read(photo):
    exif = Image.Exif()
    exif[0x8769] = {0x9003: "2020:01:02 03:04:05"}
    data = bytearray(encoded(photo, "TIFF", exif=exif.tobytes()))
    place = data.index((0x8769).to_bytes(2, "little")) + 8
    for offset in (2**32 - 1, len(data) - 1, 8, 0):
        data[place : place + 4] = offset.to_bytes(4, "little")
        np.testing.assert_array_equal(decode_picture(bytes(data), "x").pixels, np.asarray(photo))


@pytest.mark.parametrize("source", ["png", "jpg", "webp", "tiff"])
@pytest.mark.parametrize("target", ["png", "jpg", "webp", "tiff", "bmp"])
def test_xmp_is_kept_or_its_loss_said(source, target):
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">\xe2\x98\x85</x:xmpmeta>'
    data = encode_picture(Picture(noise("uint8", 3), source, xmp=packet))
    seen = Image.open(io.BytesIO(data))
    key = {"png": "XML:com.adobe.xmp"}.get(source, "xmp")
    found = seen.info.get(key) if source != "tiff" else seen.tag_v2[700]
    assert found == (packet.decode() if source == "png" else packet)
    picture = decode_picture(data, "x")
    assert (picture.xmp, picture.chunks) == (packet, ())
    fitted = as_writable(picture, target, (9, 13), "x")
    assert ("XMP, which bmp cannot hold, was left behind" in fitted.notes) == (target == "bmp")
    again = decode_picture(encode_picture(fitted), "x")
    assert again.xmp == (None if target == "bmp" else packet)
    long = as_writable(Picture(noise("uint8", 3), source, xmp=bytes(70_000)), target, (9, 13), "x")
    assert bool(long.notes) == (target in ("jpg", "bmp"))
    encode_picture(long)


def test_palette_and_keyed_transparency_become_channels(photo):
    palette = photo.quantize(16)
    pixels = decode_picture(encoded(palette, "PNG"), "x").pixels
    np.testing.assert_array_equal(pixels, np.asarray(palette.convert("RGB")))
    pixels = decode_picture(encoded(palette, "PNG", transparency=3), "x").pixels
    np.testing.assert_array_equal(pixels[:, :, 3] == 0, np.asarray(palette) == 3)
    grey = photo.convert("L")
    assert decode_picture(encoded(grey, "PNG", transparency=7), "x").pixels.shape[2] == 2
    assert decode_picture(encoded(photo.convert("1"), "PNG"), "x").pixels.shape[2] == 1


def test_phone_jpeg_with_preview_frames_is_a_still(photo):
    data = encoded(photo, "MPO", save_all=True, append_images=[photo.resize((20, 16))])
    picture = decode_picture(data, "x")
    assert picture.format == "jpg"
    assert picture.pixels.shape == (40, 50, 3)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda p: b"", "empty"),
        (lambda p: b"GIF8 not a picture at all", "GIF"),
        (lambda p: encoded(p, "PNG")[:-900], "truncated"),
        (lambda p: encoded(p, "JPEG")[:700], "truncated"),
        (lambda p: encoded(p, "BMP")[:-200], "truncated"),
        (lambda p: encoded(p, "WEBP", lossless=True)[:-900], "truncated|cannot be decoded"),
        (lambda p: encoded(p, "TIFF")[:-3000], "truncated|cannot be decoded"),
        (lambda p: encode_picture(Picture(noise("uint16", 3), "png"))[:-300], "truncated"),
        (lambda p: encoded(p, "GIF"), "GIF"),
        (lambda p: b"no picture at all", "not a picture that can be read"),
        (lambda p: b"8BPS....", "Photoshop; convert it to one of PNG"),
        (lambda p: encoded(p, "PNG", save_all=True, append_images=[p.rotate(180)]), "animated"),
        (lambda p: encoded(p, "WEBP", save_all=True, append_images=[p.rotate(180)]), "animated"),
        (lambda p: encoded(p, "TIFF", save_all=True, append_images=[p]), "several pages"),
        (lambda p: encoded(p.convert("I"), "TIFF"), "32 bits .signed"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_a_reason(photo, make, reason):
    with pytest.raises(ValueError, match=f"(?s)photo name.*({reason})"):
        decode_picture(make(photo), "photo name")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("file_format", ["png", "jpg", "webp", "tiff", "bmp"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_damaged_files_are_refused_or_read_and_never_crash(file_format, dtype):
    rng = np.random.default_rng(0)
    whole = encode_picture(Picture(noise(dtype, 3, (40, 50)), file_format))
    for attempt in range(60):
        data = bytearray(whole)
        if attempt % 3 == 0:
            data = data[: rng.integers(0, len(data) - 12)]
        reach = len(data) if attempt % 3 == 1 else min(300, len(data))
        for _ in range(rng.integers(1, 6) if attempt % 3 else 0):
            data[rng.integers(0, reach)] = rng.integers(0, 256)
        try:
            picture = decode_picture(bytes(data), "x")
        except ValueError:
            continue
        assert attempt % 3 != 0, "a truncated file was taken"
        assert picture.pixels.dtype in (np.uint8, np.uint16)


def test_decompression_bomb_is_refused_from_its_header_and_may_be_let_in():
    bomb = encoded(Image.new("1", (30_000, 10_000)), "PNG")
    assert len(bomb) < 100_000
    with pytest.raises(ValueError, match=r"30000x10000 = 300,000,000 pixels.*cut it into parts"):
        decode_picture(bomb, "x")
    with pytest.raises(ValueError, match=r"300,000,000 pixels.*--max-pixels"):
        decode_picture(bomb, "x", max_pixels=4_999)
    small = encoded(Image.new("L", (100, 50)), "PNG")
    with pytest.raises(ValueError, match="the limit is 4,999"):
        decode_picture(small, "x", max_pixels=4_999)
    assert decode_picture(small, "x", max_pixels=5_000).pixels.shape == (50, 100, 1)


def test_the_limit_is_ours_and_one_for_every_door(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # Pillow's own plays no part
    for dtype, channels in (("uint8", 3), ("uint16", 3), ("uint8", 1)):
        picture = Picture(noise(dtype, channels), "tiff")
        for file_format in ("png", "tiff", "jpg", "bmp"):
            data = encode_picture(as_writable(picture, file_format, (9, 13), "x"))
            assert decode_picture(data, "x").pixels.shape[:2] == (9, 13)
    assert decode_picture(encoded(Image.new("1", (60, 50)), "TIFF", compression="group4"), "x")
    (tmp_path / "bomb.png").write_bytes(encoded(Image.new("1", (20_000, 20_000)), "PNG"))
    for read in (read_picture, read_image):
        with pytest.raises(TooLargeError, match=r"20000x20000 = 400,000,000 pixels") as caught:
            read(tmp_path / "bomb.png")
        assert (caught.value.width, caught.value.height) == (20_000, 20_000)


def test_a_webp_beyond_what_pillow_takes_is_named(monkeypatch):
    picture = Picture(noise("uint8", 3), "webp")
    data = encode_picture(as_writable(picture, "webp", (9, 13), "x"))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    if int(PIL.__version__.split(".")[0]) < 13:  # since then it has a limit of its own there
        assert decode_picture(data, "x").pixels.shape[:2] == (9, 13)
        return
    with pytest.raises(PictureError, match="x has 13x9 pixels, and Pillow decodes at most 20 "):
        decode_picture(data, "x")


@pytest.mark.parametrize("size", [(1, 1_000_001), (1_000_001, 1)])
def test_a_side_has_a_limit_of_its_own(size):
    with pytest.raises(PictureError, match="x has .* a side may have 1,000,000"):
        decode_picture(encoded(Image.new("1", size), "PNG"), "x")


def test_bombs_are_refused_by_the_commands_of_training_and_evaluation(cli, tmp_path):
    (tmp_path / "sr").mkdir()
    (tmp_path / "sr" / "a.png").write_bytes(encoded(Image.new("1", (20_000, 20_000)), "PNG"))
    for words in (
        ("inspect", tmp_path / "sr" / "a.png", "--recurrence"),
        ("evaluate", tmp_path / "sr", tmp_path / "sr", "--scale", 2),
        ("prepare", "check", tmp_path / "sr"),
        ("demo", tmp_path / "sr" / "a.png"),
        ("upscale", tmp_path / "sr", "-o", tmp_path / "out"),
    ):
        status, out, err = cli(*words)
        assert status == 1
        assert "20000x20000 = 400,000,000 pixels, the limit is 100,000,000" in out + err
        told = "--max-pixels" in out + err  # only where there is the option
        assert told == (words[0] == "upscale")


def test_pipes_devices_and_endless_files_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path, kind in ((tmp_path / "pipe.png", "FIFO"), (Path("/dev/zero"), "device")):
        for read in (read_picture, read_image):
            with pytest.raises(PictureError, match=f"{path.name}.* is a .*{kind}"):
                read(path)
    with (tmp_path / "endless.png").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(PictureError, match="endless.png has more than 134,217,856"):
        read_picture(tmp_path / "endless.png", max_pixels=8)
    with open("/dev/zero", "rb") as stream, pytest.raises(PictureError, match="stream has more"):
        read_stream(stream, "stream", max_pixels=8)


@pytest.mark.parametrize("suffix", [".jpe", ".jfif", ".JPEG", ".tif", ".TIFF"])
def test_every_suffix_of_a_kind_is_that_kind(tmp_path, suffix):
    pixels = np.full((20, 24, 3), 99, np.uint8)
    write_image(tmp_path / f"a{suffix}", pixels)
    assert SUFFIXES[suffix.lower()] == read_picture(tmp_path / f"a{suffix}").format
    np.testing.assert_array_equal(read_image(tmp_path / f"a{suffix}"), pixels)
    assert [path.name for path in list_images(tmp_path)] == [f"a{suffix}"]


@pytest.mark.parametrize("length", [200, 244, 251])
def test_names_as_long_as_a_name_may_be_are_written(tmp_path, length):
    path = tmp_path / ("x" * length + ".png")
    write_image(path, np.zeros((4, 4, 3), np.uint8))
    write_new(b"new", path, overwrite=True)
    assert [other.name for other in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_stays_grey_where_grey_is_asked_for(tmp_path, channels):
    pixels = noise("uint8", channels)
    write_image(tmp_path / "a.png", pixels)
    assert read_picture(tmp_path / "a.png").pixels.shape == pixels.shape
    grey = read_image(tmp_path / "a.png", channels=1)
    luma = pixels @ (0.299, 0.587, 0.114) if channels == 3 else pixels[:, :, 0]
    assert np.abs(grey[:, :, 0] - luma).max() <= 0.5
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.png"), pixels if channels == 3 else pixels.repeat(3, 2)
    )


def test_missing_files_and_directories_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.png does not exist"):
        read_picture(tmp_path / "none.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(IsADirectoryError, match="folder.png is a folder"):
        read_picture(tmp_path / "folder.png")


def test_formats_without_room_say_so_before_the_work():
    with pytest.raises(ValueError, match="a.png has transparency, which jpg cannot hold"):
        as_writable(Picture(noise("uint8", 4), "png"), "jpg", (10, 10), "a.png")
    with pytest.raises(ValueError, match="would become 20000x10, webp holds 16383"):
        as_writable(Picture(noise("uint8", 3), "png"), "webp", (10, 20_000), "a.png")


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_background_is_what_shows_through(dtype):
    largest = np.iinfo(dtype).max
    pixels = noise(dtype, 4)
    share = pixels[:, :, 3:] / largest
    for colour in ((0, 0, 0), (255, 255, 255), (10, 200, 30)):
        laid = as_writable(Picture(pixels, "png"), "jpg", (9, 13), "x", colour)
        wanted = pixels[:, :, :3] * share + np.array(colour) / 255 * largest * (1 - share)
        assert laid.pixels.dtype == pixels.dtype
        assert np.abs(laid.pixels - wanted).max() <= 0.5 + 1e-6
    grey = Picture(noise(dtype, 2), "png")
    assert as_writable(grey, "bmp", (9, 13), "x", (9, 9, 9)).pixels.shape[2] == 1
    assert as_writable(grey, "bmp", (9, 13), "x", (9, 9, 0)).pixels.shape[2] == 3
    assert as_writable(grey, "webp", (9, 13), "x", (9, 9, 9)).pixels.shape[2] == 2


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_opaque_alpha_is_no_transparency(dtype):
    pixels = noise(dtype, 4)
    pixels[:, :, 3] = np.iinfo(dtype).max
    kept = as_writable(Picture(pixels, "png"), "jpg", (9, 13), "x")
    np.testing.assert_array_equal(kept.pixels, pixels[:, :, :3])
    assert as_writable(Picture(pixels, "png"), "tiff", (9, 13), "x").pixels.shape[2] == 4


def test_files_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    target = tmp_path / "new" / "größe 1.png"
    write_new(b"first", target)
    with pytest.raises(FileExistsError):
        write_new(b"second", target)
    assert target.read_bytes() == b"first"
    write_new(b"second", target, overwrite=True)
    assert target.read_bytes() == b"second"

    def full_disk(*paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_new(b"third", target, overwrite=True)
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert target.read_bytes() == b"second"
