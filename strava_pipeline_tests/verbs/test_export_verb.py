"""`export activity` as a person types it: each format, what privacy zones cut, the file as it came, and refusals."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.ingest.files.gpx import read_gpx
from strava_pipeline.ingest.files.tcx import read_tcx
from strava_pipeline.verbs.export import _write_new
from strava_pipeline_tests.rig import NOW, Make
from strava_pipeline_tests.verbs.conftest import TypeOn

pytestmark = pytest.mark.dear

POINT = '<trkpt lat="{:.5f}" lon="11.5"><ele>520</ele><time>2025-05-03T06:{:02}:{:02}Z</time></trkpt>'
TRACK = "".join(POINT.format(48 + place * 3e-5, *divmod(place, 60)) for place in range(240))  # 3.3 m each
RUN = f'<gpx version="1.1" creator="x"><trk><type>running</type><trkseg>{TRACK}</trkseg></trk></gpx>'.encode()
ZONE = "[[privacy.zones]]\nplace = [48.0, {longitude}]\nradius_m = {radius}\n"


def test_an_activity_becomes_a_file_without_privacy_zones(make_rig: Make, type_on: TypeOn, tmp_path: Path) -> None:
    rig = make_rig(activities=0, logged_in=False)
    source, goals = tmp_path / "run.gpx", rig.folder / "goals.toml"
    source.write_bytes(RUN)
    rig.import_files(source)
    ((key,),) = rig.gold("SELECT id FROM activities")
    typed = type_on(rig)
    read: dict[str, Callable[[bytes], pl.DataFrame]] = {
        ".gpx": lambda body: read_gpx(body, NOW).recordings[0].track,
        ".tcx": lambda body: read_tcx(body, NOW).recordings[0].track,
        ".csv": lambda body: pl.read_csv(BytesIO(body)),
        ".parquet": lambda body: pl.read_parquet(BytesIO(body)),
    }

    def written(name: str, *words: str) -> bytes:
        said = typed("export", "activity", str(key), "--to", str(tmp_path / name), *words)
        assert said.code == 0, said.err
        assert name in said.out.replace("\n", "")
        return (tmp_path / name).read_bytes()

    def refused(code: int, words: str, *typed_words: str, to: str = "none.gpx") -> None:
        said = typed("export", "activity", *typed_words, "--to", str(tmp_path / to))
        assert (said.code, (tmp_path / "none.gpx").exists()) == (code, False), said.err
        assert words in " ".join(said.err.split()), said.err

    whole = written("whole.gpx")
    points = read[".gpx"](whole)
    assert points.height == 240
    assert (tmp_path / "whole.gpx").stat().st_mode & 0o777 == 0o600, "it holds positions"
    with pytest.raises(MisuseError, match="is there already"):  # which came after the command had looked
        _write_new(tmp_path / "whole.gpx", b"other")
    assert (tmp_path / "whole.gpx").read_bytes() == whole
    first = points.row(0, named=True)
    assert written("original.gpx", "--original") == source.read_bytes()
    goals.write_text(ZONE.format(longitude=first["longitude"], radius=300))
    shown = {suffix: table(written(f"cut{suffix}")) for suffix, table in read.items()}
    heights = {suffix: table.height for suffix, table in shown.items()}
    assert len(set(heights.values())) == 1, heights
    assert 240 - heights[".gpx"] == 300 // 3.336 + 1
    assert shown[".csv"]["latitude"].to_list() == shown[".gpx"]["latitude"].to_list()
    assert first["latitude"] not in shown[".parquet"]["latitude"].to_list()
    assert read[".gpx"](written("full.gpx", "--full")).height == 240
    assert written("full_original.gpx", "--original", "--full") == source.read_bytes()
    refused(2, "can't be cut. Add --full", str(key), "--original")
    refused(2, "is there already", str(key), to="cut.gpx")
    refused(2, "the file's ending says the format", str(key), to="none.pdf")
    refused(1, "No activity has the id 12", "12")
    goals.write_text(ZONE.format(longitude=first["longitude"], radius=20_000))
    refused(1, "never leaves your privacy zones", str(key))
    goals.write_text("[[privacy.zones]]\nplace = 'home'\n")
    refused(1, "[[privacy.zones]] 1 place", str(key))
    goals.unlink()
    track = next(rig.lake.tracks.rglob("*.parquet"))
    track.write_bytes(b"PAR1 damaged")
    refused(1, "is damaged", str(key))
    track.unlink()
    refused(1, "has no track here", str(key))


def test_all_tables_become_files_but_no_positions_in_zones(make_rig: Make, type_on: TypeOn, tmp_path: Path) -> None:
    rig = make_rig(activities=0, logged_in=False)
    source, to = tmp_path / "run.gpx", tmp_path / "out"
    source.write_bytes(RUN)
    typed = type_on(rig)
    assert "There is no published warehouse" in typed("export", "gold", "--to", str(to)).err
    rig.import_files(source)
    (rig.folder / "goals.toml").write_text(ZONE.format(longitude=11.5, radius=300))
    said = typed("export", "gold", "--to", str(to))
    assert said.code == 0, said.err
    assert "so no table holds a position. Add --full" in " ".join(said.out.split())
    file = to / "activities" / "year=2025" / "activities.parquet"
    assert {"distance", "start_latlng"} & {*pl.read_parquet_schema(file)} == {"distance"}
    assert file.stat().st_mode & 0o077 == 0
    again = json.loads(typed("export", "gold", "--to", str(to), "--full", "--json").out)
    assert again["written"] > 0
    assert pl.read_parquet(file)["start_latlng"].to_list() == [[48.0, 11.5]]
    assert json.loads(typed("export", "gold", "--to", str(to), "--full", "--json").out) == {
        **again,
        "written": 0,
        "deleted": 0,
    }
    (rig.folder / "goals.toml").write_text("[[privacy.zones]]\nplace = 'home'\n")
    refused = typed("export", "gold", "--to", str(to))
    assert (refused.code, "[[privacy.zones]] 1 place" in refused.err) == (1, True), "nobody knows what to leave out"
