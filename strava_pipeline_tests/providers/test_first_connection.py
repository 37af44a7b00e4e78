"""The first connection of five services: what is proposed is little enough to be read, and no default name is among it."""

import re
import time
from collections import Counter
from pathlib import Path
from zoneinfo import available_timezones

import pytest

from strava_pipeline.core.changes.names import is_default_name
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.emulator.services import served
from strava_pipeline.ingest.registry import PROVIDERS
from strava_pipeline.ingest.strava.emulator.app import Emulator
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline.ingest.strava.emulator.athlete import athlete_of
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.operations.changes.comparing import MOST_PROPOSED, compare_months, find_proposals, months_back
from strava_pipeline.operations.changes.parties import comparing
from strava_pipeline_tests.providers.test_one_athlete import EFFORTS, NOW, bring, connected

CHANGES = """
[changes]
create_gear = true
upload_activities = true
"""

READ_AT_ONCE = 50  # changes that a person reads through in a sitting


@pytest.mark.dear
def test_a_first_connection_of_five_services_proposes_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = EmulatorConfig(now=NOW, activities=EFFORTS, years=(2015, 2026), seed=2026, limits=None)
    with Emulator(config) as strava, served(athlete_of(strava.state, tmp_path), [*PROVIDERS]) as (services, found):
        run, settings = connected(strava, found, tmp_path, monkeypatch)
        tables = [f'[providers.{name}]\nwrite = ["name", "gear", "duration"]\n' for name in (STRAVA, *services)]
        texts = [text if STRAVA in text else f"{text}enabled = true\n" for text in tables]
        settings.providers_config.write_text("\n".join([*texts, CHANGES]))
        bring(run, settings, [*services])
    with reading(run.lake) as connection:
        first = find_proposals(settings, connection, months=None, now=NOW)
        began = time.process_time()
        comparison = compare_months(connection, comparing(settings, NOW), months_back(146, NOW))
        took = time.process_time() - began
        settings.providers_config.write_text(f"{settings.providers_config.read_text()}propose_since = 2015-01-01\n")
        since_ever = find_proposals(settings, connection, months=None, now=NOW)
    changes = [change for found in comparison.changes.values() for change in found]
    with capsys.disabled():
        kinds = dict(Counter(f"{change.kind} {change.provider}" for change in changes))
        print(f"\n{len(comparison.rows)} efforts in {took:.2f} s CPU; {kinds}")
    assert len(comparison.rows) >= EFFORTS
    assert 0 < len(first.changes) <= READ_AT_ONCE
    assert min(change.month for change in first.changes) >= "2026-02"
    assert (len(since_ever.changes), len(since_ever.left)) == (MOST_PROPOSED, len(changes) - MOST_PROPOSED)
    named = [change for change in changes if change.kind == "update_name"]
    assert len(named) > READ_AT_ONCE
    assert sorted({(str(change.new), change.source) for change in named if is_default_name(str(change.new))}) == []
    leading = [(str(row.cells[row.name_from].name), row.effort.towns) for row in comparison.rows if row.name_from]
    assert [name for name, towns in leading if is_default_name(name, towns=towns)] == []
    cities = {zone.rpartition("/")[2].replace("_", " ") for zone in available_timezones()}
    of_city = "|".join(map(re.escape, cities))
    assert [
        name for name, _ in leading if re.fullmatch(rf"({of_city}) (Hike|Walk|Run|[A-Z]\w+(Ride|Training|Run))", name)
    ] == []
