"""What doctor says of a source of trips and its keys."""

from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import Finding, State
from strava_pipeline.ingest.trips.connect import KEYS, SOURCE, trips_health
from strava_pipeline.settings import Settings
from strava_pipeline_tests.trips import LOST, NEW, OLD, rides, write_sqlite

OK, WARNING, PROBLEM, SKIPPED = State.OK, State.WARNING, State.PROBLEM, State.SKIPPED


@pytest.fixture
def source(tmp_path: Path) -> str:
    return f"sqlite:///{write_sqlite(tmp_path / 'trips.sqlite', rides(5, mean_points=12))}"


def looked(**settings: Any) -> dict[str, Finding]:
    found = trips_health(Settings.load(_env_file=None, **settings))
    assert [finding.name for finding in found] == [SOURCE, KEYS]
    return {finding.name: finding for finding in found}


def test_who_has_no_trips_is_told_nothing() -> None:
    assert trips_health(Settings.load(_env_file=None, trips_fernet_keys=NEW)) == []


def test_where_all_is_well_both_are(source: str) -> None:
    found = looked(trips_source=source, trips_fernet_keys=f"{NEW},{OLD}")
    assert {finding.state for finding in found.values()} == {OK}
    assert "5 trips" in found[SOURCE].what
    assert "2, and they open" in found[KEYS].what


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        (None, "No keys"),
        ("not a key", "index 0 is no Fernet key"),
        (LOST, "none of the 1 keys opens any of the latest 5"),
    ],
)
def test_keys_that_are_missing_or_wrong_are_a_problem(source: str, keys: str | None, what: str) -> None:
    found = looked(trips_source=source, trips_fernet_keys=keys)
    assert found[SOURCE].state is OK
    assert found[KEYS].state is PROBLEM
    assert what in found[KEYS].what
    assert NEW not in str(found) + str(LOST != NEW)


def test_keys_that_others_can_read_are_named(source: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(f'{{"keys": ["{NEW}", "{OLD}"]}}')
    path.chmod(0o644)
    found = looked(trips_source=source, trips_keys_file=path)[KEYS]
    assert found.state is WARNING
    assert f"chmod 600 '{path}'" in str(found.mend)


def test_a_source_that_does_not_open_is_a_problem(tmp_path: Path) -> None:
    found = looked(trips_source=f"sqlite:///{tmp_path / 'absent.sqlite'}", trips_fernet_keys=NEW)
    assert (found[SOURCE].state, found[KEYS].state) == (PROBLEM, SKIPPED)
