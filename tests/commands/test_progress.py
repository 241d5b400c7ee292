"""The bar of `ignn upscale`."""

from ignn_toolbox.commands._progress import PictureProgress


def test_bar_moves_within_pictures_and_never_back():
    shown = []
    bar = PictureProgress(lambda done, total: shown.append(done), 5)
    bar.moved(50, 200)
    bar.moved(200, 200)  # the first, in tiles
    bar.moved(70, 70)  # the second, in one piece
    bar.settled(1)
    bar.moved(30, 60)  # the third fails half-way
    bar.moved(60, 60)  # the fourth, taken for the rest of the third
    bar.settled(4)
    bar.settled(5)  # the fifth was skipped
    assert shown == [0.25, 1, 2, 2, 2.5, 3, 4, 5]
