"""Every file that one version of DuckDB writes here opens in the other one: notebooks and BI tools bring a DuckDB of their own.

The other version lies in a folder that `make other-duckdb` fills, and runs in processes of its own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from strava_pipeline.lake.paths import Lake

OTHER = Path(sys.prefix) / "other-duckdb"
VERSIONS = {"this": {}, "other": {"PYTHONPATH": str(OTHER)}}
DAY = """
import sys
from datetime import timedelta
from pathlib import Path
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline_tests.lake.bronze import DAY, NOW, YEARS, Watched, activity, listed, merge, merge_detailed
lake, day = Lake(Path(sys.argv[1])), int(sys.argv[2])
listed(lake, [activity(number) for number in range(1, day + 2)], at=NOW + day * DAY)
merge(lake)
merge_detailed(lake, activity(day), at=NOW + day * DAY)
publish(lake)
if "rebuild" in sys.argv:
    rebuild(lake, YEARS, Watched())
"""
READ = """
import json, sys
import duckdb
found = {"version": duckdb.__version__}
for path in sys.argv[1:]:
    with duckdb.connect(path, read_only=True) as connection:
        (kind,) = connection.execute("SELECT tags['storage_version'] FROM duckdb_databases() WHERE path = ?", [path]).fetchone()
        names = connection.execute("SELECT table_name FROM information_schema.tables ORDER BY 1").fetchall()
        found[path] = {"format": kind} | {name: len(connection.execute(f"FROM {name}").fetchall()) for (name,) in names}
print(json.dumps(found))
"""

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def other_duckdb() -> None:
    if not (OTHER / "duckdb").exists():
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(f"there is no other DuckDB in {OTHER}: `make other-duckdb` installs one")


def run(version: str, program: str, *arguments: object) -> str:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, env={**os.environ, **VERSIONS[version]}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_folder_goes_on_with_either_version_and_both_read_all_of_it(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "data")
    lake.views.mkdir()
    (lake.views / "mine.sql").write_text(
        "CREATE VIEW mine AS SELECT list_transform([id], lambda x: x + 1) FROM activities"
    )
    run("this", DAY, lake.data_dir, 1)
    run("other", DAY, lake.data_dir, 2, "rebuild")
    seen = {reader: json.loads(run(reader, READ, lake.snapshot, lake.working)) for reader in VERSIONS}
    assert sorted(found.pop("version")[0] for found in seen.values()) == ["1", "2"]
    assert seen["this"] == seen["other"]
    for file in seen["this"].values():
        assert file["format"] == "v1.0.0+"  # DuckDB 1.1 reads it (tried)
        assert (file["activities"], file["activity_details"]) == (3, 2)
    assert seen["this"][str(lake.snapshot)]["mine"] == 3
    run("this", DAY, lake.data_dir, 3)
    assert json.loads(run("other", READ, lake.snapshot))[str(lake.snapshot)]["activities"] == 4
