"""Arrays, tensors and Pillow's images as pictures: nothing is lost or mistaken silently."""

import numpy as np
import pytest
import torch
from PIL import Image

from ignn_toolbox.images import PictureError, checked_array, from_pillow, in_range, to_pillow
from ignn_toolbox.images.convert import tensor_to_arrays, to_array, to_tensor

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((0.0, 255.0), "from 0 to 255, but 0 is black and 1 is white"),
        ((0.0, 1e30), "from 0 to 1e.30"),
        ((-1.0, 1.0), "from -1 to 1"),
        ((0.0, 1.2), "from 0 to 1.2"),
        ((-0.2, 0.5), "from -0.2 to 0.5"),
        ((0.0, np.inf), "not finite"),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_outside_0_to_1_are_an_error_that_names_the_largest(values, said, dtype) -> None:
    pixels = np.full((4, 5, 3), 0.25, dtype)
    pixels[1, 2], pixels[3, 4] = values
    with pytest.raises(ValueError, match=said):
        checked_array(pixels)
    with pytest.raises(ValueError, match=said):
        tensor_to_arrays(torch.from_numpy(pixels).permute(2, 0, 1))


def test_a_little_beyond_is_what_interpolation_leaves() -> None:
    pixels = np.array([[-0.1, 0.5, 1.1]])
    np.testing.assert_array_equal(checked_array(pixels), pixels)


@pytest.mark.parametrize("value_range", [(0, 255), (-1, 1), (0.0, 4095.0)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_range_says_what_black_and_white_are(value_range, dtype) -> None:
    low, high = value_range
    pixels = (RNG.random((6, 7, 3)) * (high - low) + low).astype(dtype)
    inside = checked_array(pixels, value_range)
    assert inside.dtype == (np.float64 if dtype is np.float64 else np.float32)
    np.testing.assert_allclose(inside, (pixels.astype(float) - low) / (high - low), atol=1e-6)
    np.testing.assert_allclose(in_range(inside, value_range), pixels, atol=1e-6 * (high - low))
    with pytest.raises(ValueError, match="value_range"):
        checked_array(pixels * 3 + high, value_range)


def test_a_range_that_says_nothing_is_named() -> None:
    with pytest.raises(ValueError, match="low below high"):
        checked_array(np.zeros((2, 2)), (1, 1))
    with pytest.raises(ValueError, match="not for uint8"):
        checked_array(np.zeros((2, 2), np.uint8), (0, 255))


@pytest.mark.parametrize("dtype", ["u2", "f2", "f4", "f8"])
def test_bytes_in_another_machine_s_order_are_the_same_picture(dtype: str) -> None:
    values = RNG.random((5, 6, 3))
    pixels = (values * 65535 if dtype == "u2" else values).astype(f"<{dtype}")
    swapped = checked_array(pixels.astype(f">{dtype}"))
    assert swapped.dtype == np.dtype(f"={dtype}")
    np.testing.assert_array_equal(swapped, pixels)
    assert torch.equal(to_tensor(swapped), to_tensor(checked_array(pixels)))


@pytest.mark.parametrize(
    "dtype", [bool, np.int8, np.int32, np.uint32, complex, object, "U1", "M8[s]"]
)
def test_other_kinds_of_numbers_are_named(dtype) -> None:
    with pytest.raises(TypeError, match="are not known; use uint8, uint16 or float"):
        checked_array(np.zeros((4, 4)).astype(dtype))


@pytest.mark.parametrize("shape", [(4,), (4, 5, 0), (0, 4, 3), (4, 5, 5), (1, 3, 4, 4)])
def test_other_shapes_are_named(shape) -> None:
    with pytest.raises(ValueError, match="is no picture"):
        checked_array(np.zeros(shape))


ODD = {
    "sparse": lambda: torch.zeros(3, 4, 4).to_sparse(),
    "meta": lambda: torch.zeros(3, 4, 4, device="meta"),
    "complex": lambda: torch.zeros(3, 4, 4, dtype=torch.complex64),
    "bool": lambda: torch.zeros(3, 4, 4, dtype=torch.bool),
    "int64": lambda: torch.zeros(3, 4, 4, dtype=torch.int64),
    "quantised": lambda: torch.quantize_per_tensor(torch.zeros(3, 4, 4), 1.0, 0, torch.quint8),
}


@pytest.mark.filterwarnings("ignore:torch.quantize")
@pytest.mark.parametrize("kind", ODD)
def test_tensors_without_plain_pixels_are_named(kind) -> None:
    with pytest.raises(TypeError, match="no plain pixels|are not known"):
        tensor_to_arrays(ODD[kind]())


@pytest.mark.parametrize(
    "dtype",
    [torch.uint8, torch.uint16, torch.float16, torch.bfloat16, torch.float32, torch.float64],
)
def test_tensors_become_arrays_of_the_same_values(dtype) -> None:
    values = torch.from_numpy(RNG.random((2, 3, 4, 5))).requires_grad_()
    tensor = (values if dtype.is_floating_point else values * 255).to(dtype)
    arrays = tensor_to_arrays(tensor)
    assert [array.shape for array in arrays] == [(4, 5, 3)] * 2
    for array, image in zip(arrays, tensor.detach(), strict=True):
        np.testing.assert_array_equal(array, image.double().permute(1, 2, 0).numpy())
    assert tensor_to_arrays(tensor[0])[0].shape == (4, 5, 3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_to_a_tensor_and_back_is_the_same(dtype) -> None:
    every = np.arange(np.iinfo(dtype).max + 1).astype(dtype).reshape(-1, 4, 4)
    np.testing.assert_array_equal(to_array(to_tensor(every), every.dtype), every)


@pytest.mark.parametrize(
    ("mode", "channels", "dtype"),
    [
        ("1", 1, np.uint8),
        ("L", 1, np.uint8),
        ("LA", 2, np.uint8),
        ("P", 3, np.uint8),
        ("RGB", 3, np.uint8),
        ("RGBA", 4, np.uint8),
        ("YCbCr", 3, np.uint8),
        ("CMYK", 3, np.uint8),
        ("I;16", 1, np.uint16),
        ("I;16B", 1, np.uint16),
        ("F", 1, np.float32),
    ],
)
def test_pillow_s_images_become_pictures(mode: str, channels: int, dtype) -> None:
    grey = np.arange(30, dtype=np.uint8).reshape(5, 6)
    if mode in ("I;16", "I;16B"):
        deep = (grey.astype(np.uint16) * 2184).astype(">u2" if mode[-1] == "B" else "<u2")
        image = Image.frombytes(mode, (6, 5), deep.tobytes())
    elif mode == "F":
        image = Image.fromarray(grey.astype(np.float32) / 29)
    else:
        image = Image.fromarray(grey).convert("RGB").convert(mode)
    picture = from_pillow(image)
    assert picture.pixels.shape == (5, 6, channels)
    assert picture.pixels.dtype == dtype
    if mode in ("L", "RGB", "RGBA", "LA"):
        np.testing.assert_array_equal(picture.pixels, np.array(image).reshape(5, 6, -1))
        np.testing.assert_array_equal(np.array(to_pillow(picture.pixels)), np.array(image))
    if mode.startswith("I;16"):
        np.testing.assert_array_equal(picture.pixels[:, :, 0], grey.astype(np.uint16) * 2184)
    if mode in ("I;16", "F"):
        np.testing.assert_array_equal(np.array(to_pillow(picture.pixels)), np.array(image))


def test_pillow_s_images_come_upright_and_damaged_ones_are_named(tmp_path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    picture = from_pillow(Image.open(tmp_path / "a.png"))
    np.testing.assert_array_equal(picture.pixels, np.rot90(pixels, -1))
    assert picture.orientation == 1
    Image.fromarray(pixels).save(tmp_path / "b.jpg")
    (tmp_path / "b.jpg").write_bytes((tmp_path / "b.jpg").read_bytes()[:1500])
    with pytest.raises(PictureError, match="truncated or damaged"):
        from_pillow(Image.open(tmp_path / "b.jpg"))
    with pytest.raises(PictureError, match="the image has colour mode HSV"):
        from_pillow(Image.new("HSV", (4, 4)))


def test_what_pillow_cannot_hold_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"Pillow has no image of \(3,\) channels of uint16"):
        to_pillow(np.zeros((4, 4, 3), np.uint16))
