"""Sphinx's settings: ``sphinx-build -W -b html docs docs/_build/html``."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

from ignn_toolbox.version import __version__  # noqa: E402

project = "ignn_toolbox"
author = "the authors of ignn_toolbox"
copyright = "the authors of ignn_toolbox; Apache-2.0"
version = release = __version__

extensions = ["myst_parser", "sphinx_copybutton", "generated", "mathml"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
smartquotes = False  # options are written with two hyphens

html_theme = "furo"
html_title = f"ignn_toolbox {release}"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["wide-tables.css"]
copybutton_exclude = ".linenos, .gp"
