"""Attention between patches is that of unfold, softmax and fold."""

import pytest
import torch

from ignn_toolbox.export.forms import PlainForms
from ignn_toolbox.ops import patch_attention, reference
from ignn_toolbox.ops.patch_attention import as_line, attend_patches


def _given(sizes, scale, height, width, channels=3, depth=2):
    torch.manual_seed(0)
    queries = torch.randn(2, depth, height, width, dtype=torch.double)
    keys = [torch.randn(2, depth, h, w, dtype=torch.double) for h, w in sizes]
    values = [torch.randn(2, channels, scale * h, scale * w, dtype=torch.double) for h, w in sizes]
    gain = torch.rand(2, sum(h * w for h, w in sizes), dtype=torch.double) + 0.5
    return [x.requires_grad_() for x in (queries, *keys, *values, gain)], len(sizes)


def _ours(queries, keys, values, gain, scale):
    cells = [torch.nn.functional.pixel_unshuffle(v, scale) for v in values]
    sizes = [k.shape[2:] for k in keys]
    parts = gain.split([h * w for h, w in sizes], 1)
    gains = [as_line(g.unflatten(1, (1, *s)))[..., 0] for g, s in zip(parts, sizes, strict=True)]
    out = attend_patches(
        queries.permute(0, 2, 3, 1),
        torch.cat([as_line(k) for k in keys], 1),
        torch.cat([as_line(c) for c in cells], 1),
        torch.cat(gains, 1),
        [n for s in sizes for n in s],
    )
    return torch.nn.functional.pixel_shuffle(out.permute(0, 3, 1, 2), scale)


CASES = [
    ([(3, 4)], 2, 6, 8),
    ([(2, 2)], 3, 6, 6),
    ([(5, 7), (4, 6), (3, 4)], 1, 5, 7),
    ([(1, 1)], 1, 1, 1),
    ([(1, 5), (1, 4)], 1, 1, 5),
    ([(6, 1)], 2, 12, 2),
]


@pytest.mark.parametrize("strip", [None, 1])
@pytest.mark.parametrize(("sizes", "scale", "height", "width"), CASES)
def test_equals_the_textbook_with_gradients(sizes, scale, height, width, strip, monkeypatch):
    if strip:  # several strips even here
        monkeypatch.setattr(patch_attention, "_ROW", 0)
        monkeypatch.setattr(patch_attention, "_LEAST_WIDE", strip)
    given, count = _given(sizes, scale, height, width)
    queries, keys, values, gain = given[0], given[1 : 1 + count], given[1 + count : -1], given[-1]
    expected = reference.attend_patches(queries, keys, values, lambda _: gain, scale)
    out = _ours(queries, keys, values, gain, scale)
    torch.testing.assert_close(out, expected)
    grad = torch.randn_like(out)
    for own, right in zip(
        torch.autograd.grad(out, given, grad),
        torch.autograd.grad(expected, given, grad),
        strict=True,
    ):
        torch.testing.assert_close(own, right)


def test_single_pixels_are_plain_attention():
    torch.manual_seed(0)
    shape = (2, 5, 4, 6)
    queries, keys, values = (torch.randn(shape).double().requires_grad_() for _ in range(3))
    gain = torch.rand(2, 24).double().requires_grad_()
    out = attend_patches(
        queries.permute(0, 2, 3, 1), as_line(keys, 1), as_line(values, 1), gain, shape[2:], 1
    )
    q, k, v = (x.flatten(2).mT for x in (queries, keys, values))
    expected = ((q @ k.mT * gain[:, None]).softmax(-1) @ v).unflatten(1, shape[2:])
    torch.testing.assert_close(out, expected)
    inputs = (queries, keys, values, gain)
    for own, right in zip(
        torch.autograd.grad(out.square().sum(), inputs),
        torch.autograd.grad(expected.square().sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(own, right)


def test_a_region_is_complete_but_for_two_pixels():
    given, _ = _given([(9, 8)], 1, 9, 8)
    queries, key, value, gain = (x.detach() for x in given)
    whole = _ours(queries, [key], [value], gain, 1)
    part = _ours(queries[:, :, 1:9, :7], [key], [value], gain, 1)
    torch.testing.assert_close(part[:, :, 2:, :5], whole[:, :, 3:, :5])


@pytest.mark.parametrize(("sizes", "scale", "height", "width"), CASES)
def test_the_exported_form_is_the_same(sizes, scale, height, width):
    given, count = _given(sizes, scale, height, width)
    arguments = given[0], given[1 : 1 + count], given[1 + count : -1], given[-1], scale
    expected = _ours(*arguments)
    with PlainForms():
        found = _ours(*arguments)
    torch.testing.assert_close(found, expected)


def test_shapes_without_values():
    """Compilers and dry runs see what the kernels make."""
    given, _ = _given([(3, 4), (2, 3)], 1, 5, 7)
    queries, _, _, _, _, gain = given
    lines = [torch.cat([as_line(x) for x in given[i : i + 2]], 1) for i in (1, 3)]
    gain = torch.nn.functional.pad(gain, (0, lines[0].shape[1] - gain.shape[1]))
    torch.library.opcheck(
        torch.ops.ignn_toolbox.attend_patches.default,
        (queries.permute(0, 2, 3, 1), *lines, gain, [3, 4, 2, 3], 3),
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16])
def test_products_stay_in_float32_under_autocast(dtype):
    given, _ = _given([(6, 7)], 1, 6, 7)
    tensors = [x.detach().float() for x in given]
    expected = _ours(tensors[0], [tensors[1]], [tensors[2]], tensors[3], 1)
    with torch.autocast("cpu", dtype):
        own = _ours(tensors[0], [tensors[1]], [tensors[2]], tensors[3], 1)
    assert torch.equal(own, expected)
