"""``ignn new``: a project folder with a config and modules of its own."""

import argparse
import importlib.util
import keyword
import re
from pathlib import Path

from ..files import write_whole

HELP = "make a small working project: a config, an aggregator, a loss, a data set, and their tests"
EXAMPLES = """examples:
  ignn new my_project
  cd my_project && ignn train configs/my_project.py --data-root /data/sr
"""

_TEMPLATE = Path(__file__).with_name("project")
_NAME = "project_name"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("project", metavar="PROJECT", type=Path, help="folder, which is made")


def run(args: argparse.Namespace) -> int:
    """Make the project."""
    name = module_name(args.project)
    if args.project.exists():
        raise FileExistsError(f"{args.project} is there already; give a name that is not")
    with write_whole(args.project) as partial:
        for source in sorted(_TEMPLATE.rglob("*")):
            if source.is_file() and source.suffix in (".md", ".py", ".toml"):
                inside = str(source.relative_to(_TEMPLATE)).replace(_NAME, name)
                target = partial / inside
                target.parent.mkdir(parents=True, exist_ok=True)
                text = source.read_text(encoding="utf-8").replace(_NAME, name)
                target.write_text(text, encoding="utf-8")
        (partial / name / "__init__.py").write_text(f'"""The parts of {name}."""\n')
    print(
        f"{args.project} is made; its README says what is in it. Begin with:\n"
        f"  cd {args.project} && ignn train configs/{name}.py --data-root DIR"
    )
    return 0


def module_name(project: Path) -> str:
    """Return the name that a project's modules and config get: its folder's, as Python allows it.

    Raises:
        ValueError: Nothing of the folder's name can be one, or an installed module has it.
    """
    name = re.sub(r"\W+", "_", project.name, flags=re.ASCII).strip("_").lower()
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(
            f"`{project.name}` cannot name a Python module; begin it with a letter, as my_project"
        )
    if importlib.util.find_spec(name) is not None:
        raise ValueError(f"a module `{name}` is installed already; give the project another name")
    return name
