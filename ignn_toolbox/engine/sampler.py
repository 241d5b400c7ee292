"""The endless stream of training samples, which can be entered anywhere at once."""

from collections.abc import Iterator, Sized

import numpy as np
from mmengine.dist import get_dist_info
from torch.utils.data import Sampler

from ..datasets.sample_index import SampleIndex
from ..registry import DATA_SAMPLERS

_ENDLESS = 2**62


@DATA_SAMPLERS.register_module()
class IterationSampler(Sampler):
    """Shuffles the data set again and again; every process takes its share of one stream.

    The stream is a sequence of permutations, the one of pass ``p`` drawn from ``(seed, p)``. With
    ``W`` processes, process ``r`` takes the positions ``r, r + W, r + 2W, ...``: the union over
    all processes, iteration by iteration, is what one process with the whole batch would take.
    Each index carries its position, from which the augmentation of the sample is drawn, so a run
    continued at position ``start`` sees exactly what it would have seen.

    Args:
        dataset: The data set; only its length is used.
        seed: Seed of the order.
        shuffle: False goes through the data set in its own order.

    Raises:
        ValueError: The data set is empty.
    """

    def __init__(self, dataset: Sized, seed: int | None = None, shuffle: bool = True) -> None:
        if len(dataset) == 0:
            raise ValueError("the training data set is empty")
        self.size = len(dataset)
        self.seed = 0 if seed is None else seed
        self.shuffle = shuffle
        self.start = 0
        self.rank, self.world_size = get_dist_info()

    def __len__(self) -> int:
        """More than any run takes: hooks that wait for the end of an epoch wait in vain."""
        return _ENDLESS

    def __iter__(self) -> Iterator[SampleIndex]:
        position = self.start + self.rank
        order_of, order = -1, np.arange(self.size)
        while True:
            sweep, place = divmod(position, self.size)
            if self.shuffle and sweep != order_of:
                order = np.random.default_rng([self.seed, sweep]).permutation(self.size)
                order_of = sweep
            yield SampleIndex(order[place], draw=position)
            position += self.world_size
