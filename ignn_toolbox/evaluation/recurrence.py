"""How much an image repeats itself across scales, the prior that IGNN lives on."""

import numpy as np

from ..images.convert import to_tensor
from ..ops import Search, imresize, search

KEY_SCALE = 2


def recurrence_score(image: np.ndarray, num_neighbors: int = 5, window: int | None = 30) -> float:
    """Mean of `recurrence_map`: the lower, the more an image repeats itself; flat ones are lowest.

    Args:
        image: See `recurrence_map`.
        num_neighbors: See there.
        window: See there.

    Raises:
        ValueError: The image is too small to have ``num_neighbors`` key patches.
    """
    return float(recurrence_map(image, num_neighbors, window).mean())


def recurrence_map(
    image: np.ndarray, num_neighbors: int = 5, window: int | None = 30
) -> np.ndarray:
    """Distance between an image's patches and their nearest neighbours at a smaller scale.

    The patch graph of the paper (section 3.1) on plain RGB: 3x3 patches of the image are looked up
    in the image downsampled by 2.

    Args:
        image: (H, W, 3), uint8; usually the LR image that a network was given.
        num_neighbors: Neighbours per patch, the paper's k.
        window: Side of the search window, the paper's d; ``None`` searches everything.

    Returns:
        For each patch ``(rows, cols)``, patches lying two pixels apart, the root mean square
        difference in grey levels, averaged over its neighbours.

    Raises:
        ValueError: The image is too small to have ``num_neighbors`` key patches.
    """
    x = to_tensor(image)
    height, width = (length - length % KEY_SCALE for length in x.shape[-2:])
    keys = imresize(x[..., :height, :width], 1 / KEY_SCALE).clamp(0, 1)
    graph = search(x, keys, Search(KEY_SCALE, num_neighbors, window))
    values = 3 * graph.query_grid.size**2
    rms = (graph.distance.clamp(min=0).double() / values).sqrt()
    return rms[0].mean(-1).numpy() * 255
