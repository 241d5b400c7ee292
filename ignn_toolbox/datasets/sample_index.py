"""The index by which training asks for a sample."""

from typing import Any


class SampleIndex(int):
    """An index into a data set that knows how many samples were drawn before it.

    Args:
        index: Place in the data set.
        draw: Number of this sample in the run, over all passes and processes. Augmentation is
            drawn from (seed, draw), so it depends neither on the worker nor on interruptions.
    """

    draw: int

    def __new__(cls, index: int, draw: int) -> "SampleIndex":
        self = super().__new__(cls, index)
        self.draw = draw
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (int(self), self.draw)
