"""SQL in named files beside this one. Values go in as named parameters; `{names}` are filled from the catalogue only."""

from functools import cache
from importlib.resources import files


@cache
def sql(name: str) -> str:
    """The text of `<name>.sql`."""
    return files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
