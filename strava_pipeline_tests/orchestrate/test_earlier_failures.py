"""What programs before this one got wrong and nothing smaller proves, each with what must happen here: the whole pipeline."""

from datetime import timedelta
from typing import Any

import duckdb
import pytest

from strava_pipeline.lake.gold import warehouse
from strava_pipeline.lake.made import shards
from strava_pipeline_tests.rig import NOW, Make

pytestmark = pytest.mark.dear

THIS_YEAR: dict[str, Any] = {"years": (2026, 2026), "settings": {"first_year": 2026}}


# Details were written by an INSERT per row.
def test_the_statements_that_merge_details_are_as_many_for_thirty_as_for_three(
    make_rig: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make_rig(activities=33, **THIS_YEAR)
    rig.begin_with("run_all")
    rig.do("compact")
    connect, changing = warehouse.connect, [0]

    class Counted:
        def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
            self._connection = connection

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

        def execute(self, query: str, *values: Any) -> Any:
            changing[0] += any(word in query.upper() for word in ("INSERT", "MERGE", "UPDATE", "DELETE", "BEGIN"))
            return self._connection.execute(query, *values)

    monkeypatch.setattr(warehouse, "connect", lambda *given, **more: Counted(connect(*given, **more)))
    counts = []
    for calls in (3, 30):
        changing[0] = 0
        rig.do("enrich_all", bronze_activity_details={"max_calls": calls})
        counts.append(changing[0])
    assert rig.one("SELECT count(*) FROM activity_details") == 33
    assert counts[0] == counts[1] > 0


# A year of daily runs made 730 shards that were never merged.
def test_the_shards_of_a_year_stay_few_however_often_it_is_pulled(
    make_rig: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARDS_PER_YEAR", 3)
    rig = make_rig(activities=5, **THIS_YEAR)
    for day in range(8):
        rig.add(NOW + timedelta(days=day))
        rig.control("clock", advance=86_400)
        rig.do("run")
        assert len(list(rig.lake.shards.rglob("*.parquet"))) <= 3 + 1
    rig.do("compact")
    assert rig.one("SELECT count(*) FROM activities") == len(rig.truth())
