"""Directive ``{generated}``: Markdown that is made from the package when the pages are built."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import catalogue
import measured
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
RESULTS = REPOSITORY / "benchmarks" / "results"
_SHOWN_ALONE = (
    "attention_figures",
    "data",
    "fuzz_checkpoints",
    "fuzz_pictures",
    "hostile_files",
    "internal_learning",
    "internal_speed",
    "internal_urban100",
    "ladder_recipes",
    "large_picture",
    "neighbor_gain",
    "processes",
    "recipes",
    "small_pictures",
    "start_time",
    "tiling_cost",
    "tiling_equality",
    "tiling_independent",
    "train_speed",
    "train_steps",
)
CONTENTS: dict[str, Callable[[], str]] = {
    "benchmarks": lambda: measured.benchmarks(RESULTS, DOCS),
    "catalogue": catalogue.catalogue,
    "command reference": catalogue.command_reference,
    "commands": catalogue.commands,
    "configs": measured.configs,
    "functions of apis": lambda: catalogue.functions("ignn_toolbox.apis"),
    "functions of ops": lambda: catalogue.functions("ignn_toolbox.ops"),
    "paper tables": measured.paper_all,
    "rivals": measured.rivals,
    "zoo": measured.zoo,
    "zoo details": measured.zoo_details,
    **{
        f"grid {n}": partial(measured.grid, RESULTS / "ablation_tiny" / f"{n}.md")
        for n in ("table2", "controls", "table6", "longer")
    },
    **{f"results {n}": partial(measured.result, RESULTS / f"{n}.csv") for n in _SHOWN_ALONE},
}


class Generated(SphinxDirective):
    """Puts one of :data:`CONTENTS` in its place; its headings belong to the page.

    Text with headings begins with one: MyST would put what stands before it after the sections.
    """

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        if name not in CONTENTS:
            raise self.error(f"nothing is called {name!r}; there are {', '.join(CONTENTS)}")
        self.env.note_reread()  # its sources are not among Sphinx's
        return self.parse_text_to_nodes(CONTENTS[name](), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("generated", Generated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
