"""ignn inspect draws the three kinds of figures."""

import numpy as np
import pytest

from ignn_toolbox.images import write_image
from ignn_toolbox.visualization.inspection import telling_place


@pytest.fixture
def picture(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (26, 30, 3), dtype=np.uint8)
    write_image(tmp_path / "a.png", pixels)
    return tmp_path / "a.png"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("--at", "9,8"), "graph"),
        (("--at", "auto"), "graph"),
        (("--features",), "features"),
        (("--recurrence",), "recurrence"),
    ],
)
def test_figure_lies_beside_the_picture(words, name, cli, picture, tiny_checkpoint):
    status, out, err = cli("inspect", picture, *words, "--model", tiny_checkpoint)
    assert status == 0, err
    figure = picture.with_name(f"a_{name}.png")
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert f"wrote {figure}" in out
    assert out.count("neighbour") == (5 if name == "graph" else 0)


def test_auto_finds_structure_that_recurs():
    """A cross that is there twice, once half as large, on a flat ground beside a lone edge."""
    image = np.full((80, 120, 3), 120, np.uint8)
    image[20:28, 10:34], image[12:36, 18:26] = 250, 250
    image[60:64, 14:26], image[56:68, 18:22] = 250, 250
    image[:, 90:] = 0
    x, y = telling_place(image)
    assert 8 <= x <= 36
    assert 10 <= y <= 70
    with pytest.raises(ValueError, match="no place where edges cross"):
        telling_place(np.zeros((40, 40, 3), np.uint8))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--at", "9"), "must be X,Y"),
        (("--at", "99,1"), "outside the image, which is 30x26"),
        (("--recurrence", "-o", "a.jpg"), ".png or .pdf"),
    ],
)
def test_faults_are_named(words, message, cli, picture, tiny_checkpoint):
    status, _, err = cli("inspect", picture, *words, "--model", tiny_checkpoint)
    assert status == 1
    assert message in err
