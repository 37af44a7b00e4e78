"""Two services in one run: both toys, and a rig where they are enabled."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline_tests.providers.subjects import GPX, ToySubject, tin, toy
from strava_pipeline_tests.providers.toy_service import Toy

TwoToys = tuple[ToySubject, Toy]


@contextmanager
def two_toys(patch: pytest.MonkeyPatch, of_toy: Iterable[str], of_tin: Iterable[str]) -> Iterator[TwoToys]:
    """Each with a ride and its file on each of its days; who waits, waits on the first one's clock."""
    with toy(patch) as one, tin(patch) as other:
        patch.setattr(ServerClock, "sleep", lambda _, seconds: one.clock.advance(max(seconds, 0.0)))
        for name, service, days in (("toy", one.toy, of_toy), ("tin", other, of_tin)):
            for day in days:
                key = f"{name} {day}"
                service.add(key, f"{day}T07:00:00+01:00", metres=2224.0, seconds=600, moving=540)
                service.files[key] = GPX.format(day).encode()
        yield one, other


def rig_with(make_rig: Any, one: ToySubject, folder: Path, *names: str, **settings: Any) -> Any:
    """A rig whose `providers.toml` enables these services, with a login at the toy."""
    (folder / "providers.toml").write_text("".join(f"[providers.{name}]\nenabled = true\n" for name in names))
    found = make_rig(settings={"providers_config": folder / "providers.toml", **settings})
    one.log_in(found.settings)
    return found
