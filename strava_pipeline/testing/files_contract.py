"""The contract of files: which are asked for, once each, and where they arrive."""

from itertools import cycle
from pathlib import Path

import pytest

from strava_pipeline.core.errors import NeedsLoginError, TransientError
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.lake.gold.quarantine import failing_now
from strava_pipeline.lake.providers import file_answers
from strava_pipeline.operations.merging_steps import land_files, read_imports
from strava_pipeline.testing.subjects import GPX
from strava_pipeline.testing.worlds import World, five

POINTS = {"gpx": 3, "tcx": 3, "fit": 31}


def import_gpx(world: World, folder: Path, day: str) -> None:
    (folder / "own.gpx").write_text(GPX.format(day))
    run = world.run()
    land_files(run, [folder / "own.gpx"], ImportLimits(), also_undone=False)
    read_imports(run, ImportLimits())


class FilesContract:
    """The contract of activities' files."""

    @pytest.fixture
    def files(self, world: World) -> World:
        """The world, if the provider gives files."""
        if "files" not in spec_of(world.subject.name).capabilities:
            pytest.skip("this provider gives no files")
        return world

    def test_files_of_activities_without_a_track_come_newest_first_and_once(self, files: World) -> None:
        """One of them has no file."""
        world, name = files, files.subject.name
        keys = five(world.subject)
        world.subject.lose_file(keys[2])
        world.pull()
        before = len(world.subject.journal.log)
        report = world.fetch_files()
        assert report.asset == f"bronze_{name}_files"
        assert (report.metadata["received"], report.stopped) == (4, None)
        assert report.metadata["gone"] == 1
        assert report.metadata["calls"] == len(world.subject.journal.log) - before, "with the login's"
        assert report.holds
        assert failing_now(world.run().lake) == []
        assert world.asked_for_files() == keys[::-1]
        formats = [format_ for _, format_ in zip(keys, cycle(world.subject.formats), strict=False)]
        given = [pair for pair in zip(keys, formats, strict=True) if pair[0] != keys[2]]
        assert world.gold(
            "SELECT source, source_id, account IS NOT NULL, format FROM files ORDER BY source_id"
        ) == sorted((name, key, True, format_) for key, format_ in given)
        assert world.tracks() == [(key, name, POINTS[format_]) for key, format_ in given]
        laps = "SELECT activity_id, source, count(*) FROM activity_laps GROUP BY ALL ORDER BY ALL"
        assert world.gold(laps) == sorted(
            (hashed_id(name, key), name, 1) for key, format_ in given if format_ in ("fit", "tcx")
        )
        assert world.gold("SELECT DISTINCT source FROM activity_sources") == [(name,)]
        world.subject.clock.advance(60 * 86_400)
        again = world.fetch_files()
        assert (world.asked_for_files(), again.metadata["missing"]) == (keys[::-1], 0)

    def test_the_same_file_from_two_sources_is_one_activity(self, files: World, tmp_path: Path) -> None:
        world = files
        if "tcx" in world.subject.formats:
            pytest.skip("its files are made here, of the points that the service shows")
        key = world.subject.add("2025-01-04", "with a wrong clock", file_of="2025-01-03")
        import_gpx(world, tmp_path, "2025-01-03")
        world.pull()
        assert world.gold("SELECT count(*) FROM activity_members") == [(0,)]
        world.subject.clock.advance(3600)
        world.fetch_files()
        assert world.asked_for_files() == [key]
        assert world.gold("SELECT verdict, list_contains(reasons, 'the same file') FROM activity_matches") == [
            ("certain", True)
        ]
        file_name = getattr(world.subject, "file_name", "{}.gpx")
        assert world.gold("SELECT source, names FROM files") == [("file", sorted([file_name.format(key), "own.gpx"]))]

    def test_a_fault_of_all_files_is_no_activitys_and_costs_few_calls_a_run(self, files: World) -> None:
        """A refused login, an outage, and a refusal of each file."""
        world = files
        five(world.subject)
        world.subject.add("2025-01-06", "ride 6")
        world.pull()
        world.subject.fail_file(None, kind="status", status=401)
        with pytest.raises(NeedsLoginError):
            world.fetch_files()
        world.check_faults_are_met("a refused login")
        world.subject.faults.clear()
        world.subject.fail_file(None, kind="status", status=503, times=100)
        world.subject.fail(kind="status", status=503, times=100)
        with pytest.raises(TransientError):
            world.fetch_files()
        world.check_faults_are_met("an outage")
        assert not file_answers(world.run().lake, world.subject.name)
        world.subject.faults.clear()
        asked = len(world.asked_for_files())
        world.subject.fail_file(None, kind="status", status=400, times=100)
        report = world.fetch_files()
        assert len(world.asked_for_files()) - asked == 5
        assert isinstance(report.stopped, str)
        assert (report.metadata["missing"], report.metadata["waiting_for_retry"]) == (1, 5)
