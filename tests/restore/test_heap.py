"""The model of the allocator, on histories that can be followed by hand."""

from ignn_toolbox.restore.heap import Heap

KIB, MIB = 2**10, 2**20


def test_large_blocks_are_given_back():
    heap = Heap()
    block = heap.allocate(40 * MIB)
    assert heap.resident == 40 * MIB
    heap.free(block)
    assert heap.resident == 0


def test_a_freed_block_raises_the_limit_of_mapping():
    """What was mapped the first time lies in the heap the second time, and stays when freed."""
    heap = Heap()
    heap.free(heap.allocate(8 * MIB))
    block, above = heap.allocate(8 * MIB), heap.allocate(KIB)
    heap.free(block)
    assert heap.resident == 8 * MIB + KIB
    heap.free(above)  # the free top is less than twice the limit, so it stays too
    assert heap.resident == 8 * MIB + KIB


def test_the_top_is_trimmed_when_it_is_large():
    heap = Heap()
    heap.free(heap.allocate(8 * MIB))
    blocks = [heap.allocate(6 * MIB) for _ in range(3)]
    for block in blocks:
        heap.free(block)
    assert heap.resident == 0


def test_the_tightest_hole_is_filled_and_neighbouring_holes_are_joined():
    heap = Heap()
    heap.free(heap.allocate(30 * MIB))
    sizes = (5, 1, 3, 1, 2, 2, 1)
    blocks = [heap.allocate(size * MIB) for size in sizes]
    for place in (0, 2):
        heap.free(blocks[place])
    assert heap.resident == 15 * MIB
    heap.allocate(2 * MIB)  # into the hole of 3, so that 5 still fits
    heap.allocate(5 * MIB)
    assert heap.resident == 15 * MIB
    heap.free(blocks[4])
    heap.free(blocks[5])
    heap.allocate(4 * MIB)  # two holes of 2 are one of 4
    assert heap.resident == 15 * MIB
    heap.allocate(2 * MIB)  # fits nowhere
    assert heap.resident == 17 * MIB
