"""An index into a data set that also says which draw of the training stream it is."""


class SampleIndex(int):
    """Index of a sample together with ``draw``, its running number in the training stream.

    Random augmentation is seeded by (seed, draw), so it depends neither on the number of workers
    nor on where a run was resumed. The arithmetic that mmengine's dataset wrappers do with an
    index (``RepeatDataset`` takes the remainder, ``ConcatDataset`` subtracts) keeps the draw.

    Args:
        index: Index of the sample.
        draw: Number of the sample in the stream of all processes:
            ``iteration * global batch size + position in the batch``.
    """

    draw: int

    def __new__(cls, index: int, draw: int) -> "SampleIndex":
        self = super().__new__(cls, index)
        self.draw = int(draw)
        return self

    def __getnewargs__(self) -> tuple[int, int]:  # type: ignore[override]
        return int(self), self.draw

    def __sub__(self, other: int) -> "SampleIndex":
        return SampleIndex(int(self) - other, self.draw)

    def __mod__(self, other: int) -> "SampleIndex":
        return SampleIndex(int(self) % other, self.draw)
