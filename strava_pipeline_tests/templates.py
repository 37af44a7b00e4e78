"""Files that cost more to make than to copy: made once for all workers of a session, by the product's own code."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from strava_pipeline.core.tables import catalogue_version
from strava_pipeline.environment.file_locks import exclusive
from strava_pipeline.lake.gold import warehouse
from strava_pipeline.lake.sql import views_version

OPEN = warehouse._open  # the product's own: a test may have another in its place


@dataclass(frozen=True)
class Templates:
    """A folder of them."""

    folder: Path

    def empty_warehouse(self) -> Path:
        """A warehouse without rows, as `connect` makes one. To open a copy costs a tenth of making one."""
        return self._once("empty", lambda path: warehouse.connect(path).close())

    def tables(self, open_file: Callable[..., duckdb.DuckDBPyConnection]) -> Path:
        """The tables and views of the present catalogue without any note: whose warehouse it becomes writes the notes."""

        def make(path: Path) -> None:
            with closing(open_file(path)) as connection, warehouse.transaction(connection):
                warehouse.make_tables(connection)

        return self._once(f"tables-{catalogue_version()}-{views_version()}", make)

    def _once(self, name: str, make: Callable[[Path], None]) -> Path:
        file = self.folder / f"{name}.duckdb"
        if not file.exists():
            with exclusive(self.folder / f"{name}.lock"):
                if not file.exists():
                    making = self.folder / f"making-{name}.duckdb"
                    make(making)
                    making.rename(file)
        return file


@contextmanager
def tables_copied(templates: Templates) -> Iterator[None]:
    """Within the body a new warehouse begins with a copy of its tables. All else of it is made by the product."""
    open_file = warehouse._open

    def open_copy(path: Path, *own: duckdb.DuckDBPyConnection | None) -> duckdb.DuckDBPyConnection:
        if not path.exists():
            try:
                shutil.copyfile(templates.tables(open_file), path)
            except OSError:  # such as a full disk: the product says so
                with suppress(OSError):
                    path.unlink()
        return open_file(path, *own)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warehouse, "_open", open_copy)
        yield
