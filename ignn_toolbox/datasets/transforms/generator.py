"""Where random transforms take their randomness from."""

from typing import Any

import numpy as np


def generator(results: dict[str, Any], transform: object) -> np.random.Generator:
    """The sample's generator, seeded by (seed, draw).

    Raises:
        ValueError: The sample has none, because the data set was indexed by a plain integer.
    """
    if results["rng"] is None:
        raise ValueError(
            f"{type(transform).__name__} is random, but the sample has no draw number: use the "
            "sampler IterationSampler, or index the data set by SampleIndex(index, draw)"
        )
    return results["rng"]
