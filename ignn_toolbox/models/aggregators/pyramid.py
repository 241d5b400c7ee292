"""PANet's pyramid attention.

Paper: Mei et al., "Pyramid Attention Networks for Image Restoration", arXiv 2004.13824. Status:
equal to the released code on its golden cases, gradients too, by either rule of sampling, in memory
linear in the number of pixels.
"""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

from torch import Tensor

from ...ops.bicubic import resize_rows
from ...registry import MODELS
from ..foreign import Options, State, count, matching
from ..layers import zero_conv
from ..reach import Reach
from ..spec import Chop
from ..steps import Place
from .patch_attention import PatchAttention, Searched

Sampling = Literal["torch1", "torch2"]

_OVERLAP = 4  # the released code's divisor of the fold; nine patches overlap


@MODELS.register_module()
class PyramidAttention(PatchAttention):
    """Each 3x3 patch as a weighted sum of the patches of a pyramid of the features, plus itself.

    The softmax runs over the patches of all levels. The fold of the sums is divided by 4, as in the
    released code, though nine patches overlap.

    Args:
        channels: Channels C of the features.
        reduction: How many times fewer channels are compared.
        levels: Levels of the pyramid: the features, and these times 0.9, 0.8, 0.7, ...
        identity_scale: Factor on the features that are added: 1 in PANet, 0.1 in PA-EDSR. It
            does not weigh the attention's result.
        sampling: Where levels are sampled: by the ratio of sizes as torch before 1.6, by which the
            published weights were trained (``'torch1'``), or by the factor as torch since
            (``'torch2'``).
        softmax_scale: Factor on the products of patches, those of keys of length 1.
        residual: Start as identity, its values at zero, so that a trained network keeps its output
            when the attention is put in; asks for an ``identity_scale`` of 1.
        init_cfg: mmengine's initialisation config.
    """

    reach = Reach.within(2)
    not_exported = (
        "the sizes of PyramidAttention's levels are rounded in floating point, which a program for "
        "pictures of any size does not follow"
    )
    chop = Chop(largest=6400, multiple_of=None, growth="remainder")

    def __init__(
        self,
        channels: int,
        reduction: int = 2,
        levels: int = 5,
        identity_scale: float = 1.0,
        sampling: Sampling = "torch1",
        softmax_scale: float = 10.0,
        residual: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        if residual and identity_scale != 1:
            raise ValueError(f"residual=True is no identity with identity_scale={identity_scale}")
        if not 1 <= levels <= 9:
            raise ValueError(f"levels={levels} must lie in 1..9: each is a tenth smaller")
        if sampling not in get_args(Sampling):
            raise ValueError(
                f"sampling={sampling!r} must be one of {', '.join(get_args(Sampling))}"
            )
        super().__init__(channels, reduction, 3, softmax_scale, init_cfg=init_cfg)
        self.factors = [1 - level / 10 for level in range(levels)]
        self.identity_scale = identity_scale
        self.sampling = sampling
        self.min_size = math.ceil(1 / self.factors[-1])
        if residual:
            zero_conv(self.assemble[0])

    def searched_sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Those of the levels, rounded down as a double is."""
        return [(int(height * f), int(width * f)) for f in self.factors]

    def searched(self, features: Tensor, number: int, rows: slice) -> tuple[Tensor, Tensor]:
        """Two embeddings of a level."""
        if number == 0:
            level = features[:, :, rows].to(self.device)
        else:
            whole, factor = features.shape[-2:], self.factors[number]
            height, width = size = self.searched_sizes(*whole)[number]
            steps = (1 / factor, 1 / factor)
            if self.sampling == "torch1":
                steps = (whole[0] / height, whole[1] / width)
            level = resize_rows(features, size, steps, rows, self.device)
        return self.match_keys(level), self.assemble(level)

    def attend(self, prepared: Searched, features: Tensor, place: Place) -> Tensor:
        """Attend from the patches of a region; see `Attention.attend`."""
        return self.found(prepared, features) / _OVERLAP + self.identity_scale * features


BLOCK = "body.*.body.0.weight"  # of a residual block in PANet's authors' names
COMPARED = "body.*.conv_match_L_base.0.weight"  # of the attention


def authors_arguments(state: State, options: Options, identity_scale: float) -> dict[str, Any]:
    """A backbone's arguments from a file of PANet's authors: its blocks, and the attention."""
    place = _place(state)
    channels = state["head.0.weight"].shape[0]
    return {
        "channels": channels,
        "num_blocks": count(state, BLOCK),
        "aggregate_after": place,
        "aggregator": {
            "type": "PyramidAttention",
            "channels": channels,
            "reduction": channels // state[COMPARED.replace("*", str(place))].shape[0],
            "identity_scale": (
                identity_scale if options.identity_scale is None else options.identity_scale
            ),
            "sampling": options.sampling or "torch1",
        },
    }


def authors_names(state: State) -> dict[str, str | None]:
    """The layers of blocks and attention, which is one of the body's parts among the blocks."""
    place, blocks = _place(state), count(state, BLOCK)
    names: dict[str, str | None] = {
        f"body.{place}.escape_NaN": None,
        f"body.{place}.conv_match_L_base": "aggregator.match_queries",
        f"body.{place}.conv_match": "aggregator.match_keys",
        f"body.{place}.conv_assembly": "aggregator.assemble",
        f"body.{blocks + 1}": "body_end",
    }
    for number in range(blocks):
        part = number if number < place else number + 1
        names[f"body.{part}.body.0"] = f"blocks.{number}.conv1"
        names[f"body.{part}.body.2"] = f"blocks.{number}.conv2"
    return names


def _place(state: State) -> int:
    """How many parts of the body are before the attention."""
    return int(next(matching(state, COMPARED))[1])
