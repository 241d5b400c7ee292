"""Image files: what is read, what is refused, and that writing is all or nothing."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ignn_toolbox.images import list_images, read_image, write_image

RGB = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
SMOOTH = np.tile(np.linspace(20, 200, 30).astype(np.uint8)[None, :, None], (20, 1, 3))


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp", ".PNG"])
def test_lossless_formats_keep_every_byte(tmp_path, suffix: str) -> None:
    write_image(tmp_path / f"x{suffix}", RGB)
    assert (read_image(tmp_path / f"x{suffix}") == RGB).all()
    assert (np.asarray(Image.open(tmp_path / f"x{suffix}").convert("RGB")) == RGB).all()


def test_jpg_equals_another_decoder(tmp_path) -> None:
    write_image(tmp_path / "x.jpg", SMOOTH)
    expected = np.asarray(Image.open(tmp_path / "x.jpg")).astype(int)
    assert abs(read_image(tmp_path / "x.jpg").astype(int) - expected).max() <= 2
    assert abs(expected - SMOOTH).max() < 12


def test_grey_alpha_and_palette_become_rgb_and_are_noted(tmp_path) -> None:
    grey, alpha = RGB[..., 0], np.full((20, 30), 255, np.uint8)
    clear = alpha.copy()
    clear[0, 0] = 7
    files = {
        "grey.png": (Image.fromarray(grey), np.repeat(grey[..., None], 3, 2), ["grey, repeated"]),
        "opaque.png": (Image.fromarray(np.dstack([RGB, alpha])), RGB, ["opaque alpha dropped"]),
        "clear.png": (Image.fromarray(np.dstack([RGB, clear])), RGB, ["transparency dropped"]),
        "rgb.png": (Image.fromarray(RGB), RGB, []),
    }
    palette = Image.fromarray(RGB).quantize(16)
    files["palette.png"] = (palette, np.asarray(palette.convert("RGB")), [])
    for name, (image, expected, notes) in files.items():
        image.save(tmp_path / name)
        found: list[str] = []
        assert (read_image(tmp_path / name, found) == expected).all(), name
        assert len(found) == len(notes), name
        assert all(part in note for part, note in zip(notes, found, strict=True)), name


def test_camera_orientation_is_followed(tmp_path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(SMOOTH).save(tmp_path / "x.jpg", exif=exif, quality=95)
    assert read_image(tmp_path / "x.jpg").shape == (30, 20, 3)


def damaged_files() -> dict[str, tuple[bytes, str]]:
    """Names, contents and what the error says about them."""
    whole = {suffix: cv2.imencode(suffix, RGB)[1].tobytes() for suffix in (".png", ".jpg", ".bmp")}
    whole[".webp"] = cv2.imencode(".webp", RGB, [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes()
    files = {
        f"cut{share}{suffix}": (data[: int(len(data) * share)], "truncated|damaged")
        for suffix, data in whole.items()
        for share in (0.1, 0.5, 0.98)
    }
    files["empty.png"] = (b"", "is empty")
    files["text.jpg"] = (b"not an image", "not a picture")
    files["deep.png"] = (cv2.imencode(".png", RGB.astype(np.uint16) * 200)[1].tobytes(), "16 bits")
    frames = [Image.fromarray(RGB), Image.fromarray(RGB[::-1].copy())]
    for kind in ("webp", "png"):
        data = io.BytesIO()
        frames[0].save(data, kind, save_all=True, append_images=frames[1:])
        files[f"moving.{kind}"] = (data.getvalue(), "animated")
    return files


@pytest.mark.parametrize("name", damaged_files())
def test_errors_name_the_file(tmp_path, name: str) -> None:
    data, message = damaged_files()[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=message) as error:
        read_image(tmp_path / name)
    assert str(tmp_path / name) in str(error.value)


def test_missing_file_and_folder(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="none.png"):
        read_image(tmp_path / "none.png")
    with pytest.raises(FileNotFoundError, match="none"):
        list_images(tmp_path / "none")
    with pytest.raises(ValueError, match="holds no image"):
        list_images(tmp_path)


def test_listing_is_sorted_and_leaves_out_what_is_no_image(tmp_path) -> None:
    for name in ("b.png", "a.JPG", ".hidden.png", "notes.txt", "c.webp"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in list_images(tmp_path)] == ["a.JPG", "b.png", "c.webp"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch) -> None:
    write_image(tmp_path / "x.png", RGB)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="disk full"):
        write_image(tmp_path / "x.png", RGB[::-1].copy())
    assert (read_image(tmp_path / "x.png") == RGB).all()
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


def test_unknown_suffix(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"x\.gif: the suffix"):
        write_image(tmp_path / "x.gif", RGB)
