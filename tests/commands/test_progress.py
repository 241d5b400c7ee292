"""The bar of `ignn upscale`, and its lines where no terminal is."""

from ignn_toolbox.commands._progress import PictureProgress, ProgressLines, progress_bar


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


def test_where_no_terminal_is_a_line_comes_every_few_seconds_and_ever_fewer(capsys):
    now = 0.0
    lines = ProgressLines("upscale", lambda: now)
    for step in range(1, 2000):
        now = step / 2
        lines(step / 200, 10)
    printed = capsys.readouterr().err.splitlines()
    assert printed[0] == "upscale: 0/10 (0 %) after 0:00:05, about 0:16:35 to go"
    assert printed[1] == "upscale: 0/10 (1 %) after 0:00:10, about 0:16:30 to go"
    assert 60 < len(printed) < 100


def test_what_is_short_or_silent_prints_no_line(capsys):
    with progress_bar("upscale") as progress:
        for done in range(100):
            progress(done, 100)
    with progress_bar("upscale", silent=True) as progress:
        progress(1, 2)
    assert capsys.readouterr() == ("", "")
