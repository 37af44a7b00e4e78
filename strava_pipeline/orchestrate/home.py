"""What is ours in Dagster's home: the configuration as the project wants it, and where the UI is served.

Nothing of Dagster's is imported: commands that only look, and definitions, read these. Opening the instance is instance.py's.
"""

from importlib.resources import files
from pathlib import Path

from strava_pipeline.lake.files import write_whole

CONFIG = "dagster.yaml"
_UI = ".ui"


def own_configuration() -> bytes:
    """The project's own dagster.yaml."""
    return files(__package__).joinpath(CONFIG).read_bytes()


def note_ui(home: Path, url: str) -> None:
    """Keep where the UI of the instance in `home` is served, for messages that lead there."""
    write_whole(home / _UI, url.encode())


def ui_of(home: Path) -> str | None:
    """Where the UI was last served, as far as is known."""
    note = home / _UI
    return note.read_text() if note.exists() else None
