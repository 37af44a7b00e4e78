"""Pages and pictures from templates that stand in a folder `page` beside their code. Everything is escaped on its way in."""

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def templates(package: str) -> "Environment":
    """The templates of a package's `page/`. A name that a template uses and is not given is an error."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # definitions need no page (docs/adr/0037)

    folder = files(package) / "page"
    return Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text("utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
