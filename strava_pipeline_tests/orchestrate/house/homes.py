"""A house with athletes who each have an emulated Strava, for tests: their folders, the registry, the house's environment."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strava_pipeline.environment.settings import Settings
from strava_pipeline_tests.rig import Rig, started


@dataclass(frozen=True, slots=True)
class House:
    """`rigs`: of the athletes, by name; `settings`: the house's own Dagster's."""

    folder: Path
    rigs: dict[str, Rig]
    settings: Settings

    @property
    def home(self) -> Path:
        return self.folder / "dagster_home"


def register(folder: Path, *names: str) -> None:
    """Let the registry be these."""
    (folder / "athletes.toml").write_text("".join(f"[{name}]\n" for name in names))


def house_settings(folder: Path, **more: Any) -> Settings:
    """The settings that `--house` gives a house in `folder`."""
    home = folder / "dagster_home"
    own = {"athletes_dir": folder, "dagster_home": home, "data_dir": home, "logs_dir": home / "logs"}
    return Settings.load(_env_file=None, **own, **{"ledger_dir": folder / "ledger", "automation": False, **more})


@contextmanager
def house(folder: Path, *names: str, **config: Any) -> Iterator[House]:
    """Athletes with these names, logged in at an emulator of their own, with `config`."""
    with ExitStack() as stack:
        rigs = {}
        for seed, name in enumerate(names):
            own = folder / name
            own.mkdir(parents=True)
            rigs[name] = rig = stack.enter_context(started(own, seed=seed + 1, **config))
            (own / ".env").write_text("".join(f"{name}={value}\n" for name, value in rig.settings.environ().items()))
        register(folder, *names)
        yield House(folder, rigs, house_settings(folder))
