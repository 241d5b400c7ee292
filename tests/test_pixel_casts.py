"""Every place where numbers become whole pixels either says what is not finite or gets no such.

The table names all casts of the package. Whoever writes a new one says here why it makes no pixel
of NaN: it is called with NaN below, or its numbers were whole before.
"""

import ast
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import ignn_toolbox
from ignn_toolbox.engine.comparison_hook import side_by_side
from ignn_toolbox.evaluation import to_uint8
from ignn_toolbox.images import to_8_bits
from ignn_toolbox.images.convert import to_array
from ignn_toolbox.models.backbones.bicubic import Bicubic

WHOLE = "whole numbers go in"
CHECKED = "checked: below"
CASTS = {
    "demo.py: pattern": "drawn from no input",
    "noise.py: __call__": "a picture of a file and normal deviates",
    "lr_origin.py: _rounded_once": WHOLE,
    "protocols.py: to_uint8": CHECKED,
    "bicubic.py: imresize_uint8": WHOLE,
    "pillow.py: from_pillow": WHOLE,
    "pixels.py: fill_transparent": "a mask goes in",
    "pixels.py: to_8_bits": CHECKED,
    "planes.py: grey_plane": WHOLE,
    "planes.py: luma_plane": WHOLE,
    "read.py: read_image": WHOLE,
    "convert.py: to_array": CHECKED,
    "bicubic.py: _enlarge": CHECKED,
    "internal_learning.py: _seed_of": "a seed; no pixel comes of it",
    "resize.py: _kernel_uint8": WHOLE,
    "page.py: _error_map": WHOLE,
}
_KINDS = ("uint8", "uint16", ">u2")


def casts(source: str) -> set[str]:
    """The functions in which values are cast to whole pixels."""
    found: set[str] = set()

    def visit(node: ast.AST, function: str) -> None:
        if isinstance(node, ast.FunctionDef):
            function = node.name
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            words = {ast.unparse(part).split(".")[-1].strip("'") for part in node.args}
            name = node.func.attr
            if name == "byte" or name in ("astype", "to", "type") and words & {*_KINDS}:
                found.add(function)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.uint8", "np.uint16"):
            found.add(function)
        for child in ast.iter_child_nodes(node):
            visit(child, function)

    visit(ast.parse(source), "")
    return found


def test_the_table_names_every_cast() -> None:
    package = Path(ignn_toolbox.__file__).parent
    found = {
        f"{path.name}: {function}"
        for path in package.rglob("*.py")
        for function in casts(path.read_text(encoding="utf-8"))
    }
    # `to_array` casts by writing into an array, `encode_png16` what was whole before.
    named = CASTS.keys() - {"convert.py: to_array"}
    assert found - {"png.py: encode_png16"} == named


@pytest.mark.parametrize(
    "cast",
    [
        lambda x: to_uint8(x.numpy()),
        lambda x: to_8_bits(x.permute(1, 2, 0).numpy()),
        lambda x: to_array(x[None], np.dtype(np.uint8)),
        lambda x: to_array(x[None], np.dtype(np.uint16)),
        lambda x: side_by_side(
            torch.zeros(3, 4, 5, dtype=torch.uint8), x, torch.zeros(3, 8, 10).byte(), 8
        ),
        lambda x: to_uint8(Bicubic(2)(x[None])[0].numpy()),
        lambda x: to_uint8(Bicubic(3)(torch.stack([x, torch.zeros_like(x)]))[0].numpy()),
    ],
)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_cast_that_gets_floating_point_refuses_what_is_not_finite(cast, value) -> None:
    pixels = torch.full((3, 8, 10), 0.5)
    assert cast(pixels).dtype in (np.uint8, np.uint16)
    pixels[1, 2, 3] = value
    with pytest.raises(ValueError, match="not finite"):
        cast(pixels)


def test_what_is_not_finite_spoils_its_own_picture_alone() -> None:
    pair = torch.full((2, 3, 8, 8), 0.5)
    pair[0, 0, 0, 0] = math.nan
    spoilt, whole = Bicubic(2)(pair)
    assert not torch.isfinite(spoilt).any()
    assert torch.equal(whole, Bicubic(2)(pair[1:])[0])
