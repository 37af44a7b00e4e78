"""The unit of systemd or the agent of launchd that starts the service at boot: filled in, written, removed.

The templates stand in units/. A unit holds paths, never a setting: those are read from .env in its working directory.
"""

import plistlib
import re
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.verbs.dagster_process import Address, ui_options
from strava_pipeline.verbs.service_process import service_log

NAME = "strava-pipeline"


@dataclass(frozen=True, slots=True)
class _Manager:
    """A system's service manager: where below the user's home a unit belongs, and what to type."""

    folder: str
    ending: str
    enable: tuple[str, ...]
    disable: str
    restart: str


_SYSTEMD = _Manager(
    ".config/systemd/user",
    ".service",
    (
        "systemctl --user daemon-reload",
        f"systemctl --user enable --now {NAME}",
        "loginctl enable-linger        # from boot on, also while nobody is logged in",
    ),
    f"systemctl --user disable --now {NAME}",
    f"systemctl --user restart {NAME}",
)
_LAUNCHD = _Manager(
    "Library/LaunchAgents",
    ".plist",
    (f"launchctl bootstrap gui/$(id -u) ~/Library/LaunchAgents/{NAME}.plist",),
    f"launchctl bootout gui/$(id -u)/{NAME}",
    f"launchctl kickstart -k gui/$(id -u)/{NAME}",
)


def unit_text(ui: Address | None, logs_dir: Path) -> str:
    """The unit for this machine: this Python, this working directory, the UI where it is wanted."""
    command = [sys.executable, "-m", "strava_pipeline", "service", "run", "--by-unit", *ui_options(ui)]
    template = files("strava_pipeline.verbs").joinpath("units", f"{NAME}{_manager().ending}").read_bytes()
    if _manager() is _LAUNCHD:
        log = str(service_log(logs_dir))
        filled = {"ProgramArguments": command, "WorkingDirectory": str(Path.cwd()), "StandardErrorPath": log}
        return plistlib.dumps({**plistlib.loads(template), **filled}, sort_keys=False).decode()
    folder = str(Path.cwd()).replace("%", "%%")
    text = template.decode().replace("@WORKING_DIRECTORY@", folder)
    return text.replace("@COMMAND@", " ".join(map(_quoted, command)))


def write(text: str, logs_dir: Path) -> list[str]:
    """Write the unit; what to say of it."""
    path = _path()
    service_log(logs_dir).parent.mkdir(parents=True, exist_ok=True)  # launchd does not make it
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return [f"Written: {path}", "Enable it (if it is running already: `strava-pipeline service down` first):"] + [
        f"  {line}" for line in _manager().enable
    ]


def remove() -> list[str]:
    """Remove the unit; what to say of it."""
    path = _path()
    if not path.exists():
        return [f"There is no {path}."]
    path.unlink()
    return [f"Removed: {path}", "If it was enabled, end it:", f"  {_manager().disable}"]


def how_to_restart() -> str:
    return _manager().restart


def _path() -> Path:
    return Path.home() / _manager().folder / f"{NAME}{_manager().ending}"


def _manager() -> _Manager:
    if sys.platform == "darwin":
        return _LAUNCHD
    if sys.platform == "linux":
        return _SYSTEMD
    raise PipelineError(f"No service manager is known for {sys.platform}; let it start `strava-pipeline service run`.")


def _quoted(word: str) -> str:
    """A word of ExecStart: specifiers (%), variables ($), blanks and quotes are taken for what they are."""
    if re.fullmatch(r"[\w./:-]+", word):
        return word
    escaped = re.sub(r'(["\\])', r"\\\1", word).replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
