"""A row finds its file by the name it tells, wherever the export lies; what has no partner is told from both sides."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from strava_pipeline.core.errors import SourceError
from strava_pipeline.core.files.archive_csv import ArchiveGear
from strava_pipeline.ingest.archive.bulk_export import BulkExport, activity_format, bulk_exports, refuse_foreign_lists
from strava_pipeline.ingest.archive.container import Container, open_container
from strava_pipeline.ingest.archive.contents import contents
from strava_pipeline.ingest.archive.entry import Entry
from strava_pipeline_tests.ingest.archive.made import unpacked, zipped

HEADER = "Activity ID,Activity Date,Activity Name,Filename,Media\n"


def listed(*rows: tuple[int, str, str]) -> bytes:
    """A list of activities: id, file, media."""
    lines = [f'{number},"Jul 14, 2020, 10:36:55 PM",A,{file},{media}\n' for number, file, media in rows]
    return (HEADER + "".join(lines)).encode()


FILES = {
    "activities.csv": listed(
        (1, "activities/101.fit.gz", "media/a.jpg|media/b.jpg"),
        (2, "activities/102.gpx", ""),
        (3, "activities/103.tcx.gz", ""),
        (4, "", ""),
        (5, "#error#", ""),
        (6, "activities/101.fit.gz", ""),
    ),
    "activities/101.fit.gz": b"fit",
    "activities/102.gpx": b"gpx",
    "activities/20250510.gpx": b"nobody's",
    "routes/7.gpx": b"a route",
    "media/a.jpg": b"",
    "bikes.csv": b"Fahrradname,Marke,Modell,Standard\nTarmac ,Specialized,SL6,\n,Canyon,Grizl,\n",
    "shoes.csv": b"Shoe Name,Shoe Brand,Shoe Model,Shoe Default Sport Types\n",
    "profile.csv": b"Athlete ID,Email Address\n151936996,a@example.invalid\n",
}


def only(path: Path) -> BulkExport:
    with open_container(path) as container:
        (found,) = bulk_exports(container)
    return found


def at(folder: Path, raw: bytes, name: str = "export.zip") -> Path:
    (folder / name).write_bytes(raw)
    return folder / name


@pytest.mark.parametrize("root", ["", "export_1/", "backup/export_1/"])
@pytest.mark.parametrize("packed", [True, False])
def test_rows_and_files_find_each_other_wherever_the_export_lies(tmp_path: Path, root: str, packed: bool) -> None:
    files = {root + name: body for name, body in FILES.items()}
    found = only(at(tmp_path, zipped(files)) if packed else unpacked(tmp_path / "unpacked", files))
    assert found.root == root
    assert {name: row.activity_id for name, row in found.files.items()} == {
        f"{root}activities/101.fit.gz": 1,
        f"{root}activities/102.gpx": 2,
    }
    assert [row.activity_id for row in found.missing] == [3]
    assert [row.activity_id for row in found.shared] == [6]
    assert list(found.unlisted) == [f"{root}activities/20250510.gpx"]
    assert list(found.missing_media) == [f"{root}media/b.jpg"]
    assert [row.activity_id for row in found.activities.rows if row.unexported] == [5]
    assert found.athlete_id == 151936996
    assert found.gear == (
        ArchiveGear("bike", "Tarmac", "Specialized", "SL6"),
        ArchiveGear("bike", "Canyon Grizl", "Canyon", "Grizl"),
    )


def test_a_file_that_was_unpacked_too_is_still_the_row_s(tmp_path: Path) -> None:
    files = {"activities.csv": listed((1, "activities/101.fit.gz", "")), "activities/101.fit": b""}
    assert only(unpacked(tmp_path, files)).files.keys() == {"activities/101.fit"}


def test_the_list_alone_is_an_export_without_files(tmp_path: Path) -> None:
    found = only(at(tmp_path, FILES["activities.csv"], "strava 2020.csv"))
    assert [row.activity_id for row in found.missing] == [1, 2, 3, 6]


def test_two_exports_side_by_side_keep_to_themselves(tmp_path: Path) -> None:
    files = {f"{root}{name}": body for root in ("export_1/", "export_2/") for name, body in FILES.items()}
    with open_container(at(tmp_path, zipped(files))) as container:
        found = list(bulk_exports(container))
    assert [each.root for each in found] == ["export_1/", "export_2/"]
    assert [list(each.unlisted) for each in found] == [[f"{each.root}activities/20250510.gpx"] for each in found]


def test_the_zip_s_name_tells_whose_it_is_where_the_profile_does_not(tmp_path: Path) -> None:
    assert only(at(tmp_path, zipped({"activities.csv": listed()}), "export_4711.zip")).athlete_id == 4711


def test_what_has_no_list_of_activities_is_no_export(tmp_path: Path) -> None:
    files = {"activities.csv": b"date,weight\n2020-01-01,70\n", "a.gpx": b"", "notes.csv": FILES["activities.csv"]}
    with open_container(unpacked(tmp_path, files)) as container:
        assert list(bulk_exports(container)) == []


@pytest.mark.parametrize(
    ("name", "promised"),
    [("activities/1.fit.gz", "fit.gz"), ("1.GPX", "gpx"), ("a.tcx", "tcx"), ("1.bin.gz", "bin.gz"), ("a.jpg", None), ("fit", None)],
)  # fmt: skip
def test_a_name_promises_a_format(name: str, promised: str | None) -> None:
    assert activity_format(name) == promised


FOREIGN = b"When,Name,Type,Dist km,Activity Id\n2020-07-14 22:36:55,A,Ride,24.3,1\n"
WHOLE = b"Activity ID,Activity Date,Activity Name,Activity Type,Distance\n"


GARMIN = "Aktivitätstyp,Datum,Favorit,Titel,Distanz,Kalorien\nLaufen,2020-07-14 22:36:55,false,A,5,3\n".encode()
LIKE_STRAVA = b"Activity ID,Activity Date,Name,Kilometres\n1,Jul 14,A,5\n"
POLISH = b"ID,Data,Nazwa,Plik\n1,14 lip 2020,A,activities/1.gpx\n"


@pytest.mark.parametrize(
    ("files", "refused", "left_out"),
    [
        ({"activities.csv": b""}, "activities.csv", []),
        ({"activities.csv": b"\x00" * 90}, "activities.csv", []),
        ({"activities.csv": LIKE_STRAVA, "a.gpx": b""}, "activities.csv", []),
        ({"activities.csv": WHOLE[:22], "a.gpx": b""}, "activities.csv", []),
        ({"activities.csv": FOREIGN, "profile.csv": b""}, "activities.csv", []),
        ({"activities.csv": FOREIGN, "a.gpx": b""}, None, ["activities.csv"]),
        ({"activities.csv": WHOLE, "other/Activities.csv": GARMIN, "a.gpx": b""}, None, ["other/Activities.csv"]),
        ({"activities.csv": WHOLE, "other/velo.csv": FOREIGN, "media.csv": GARMIN}, None, []),
        ({"a.gpx": b""}, None, []),
    ],
)
@pytest.mark.parametrize("look", [refuse_foreign_lists, contents], ids=["by the header", "by the whole"])
def test_a_list_that_may_be_stravas_is_refused_and_another_programs_is_left_out(
    tmp_path: Path,
    look: Callable[[Container], object],
    files: dict[str, bytes],
    refused: str | None,
    left_out: list[str],
) -> None:
    for path in (unpacked(tmp_path / "unpacked", files), at(tmp_path, zipped(files))):
        with open_container(path) as container:
            if refused is None:
                found = look(container)
                assert found is None or [fault.name for fault in found.faults] == left_out
                continue
            with pytest.raises(SourceError) as caught:
                look(container)
        assert str(caught.value).startswith(f"{path}: {refused} is not one of Strava's lists of activities: it lacks ")


def test_a_list_in_an_unknown_language_is_refused_by_the_files_that_it_names(tmp_path: Path) -> None:
    with open_container(unpacked(tmp_path, {"activities.csv": POLISH})) as container, pytest.raises(SourceError):
        contents(container)


def test_a_list_is_unpacked_and_decoded_once(tmp_path: Path) -> None:
    unpackings: list[str] = []
    with open_container(at(tmp_path, zipped(FILES | {"activities.csv": WHOLE}))) as container:

        def counted(entry: Entry) -> Entry:
            def load() -> bytes:
                unpackings.append(entry.name)
                return entry.read()

            return replace(entry, read=load)

        container.entries = [counted(entry) for entry in container.entries]
        assert [export.list_name for export in contents(container).exports] == ["activities.csv"]
    assert sorted(unpackings) == ["activities.csv", "bikes.csv", "profile.csv", "shoes.csv"]


@pytest.mark.parametrize("name", ["velo.csv", "activities.csv"])
def test_a_foreign_list_named_alone_is_refused_and_says_what_to_do(tmp_path: Path, name: str) -> None:
    path = at(tmp_path, FOREIGN, name)
    with open_container(path) as container, pytest.raises(SourceError) as caught:
        refuse_foreign_lists(container)
    assert str(caught.value).startswith(
        f"{path} is not one of Strava's lists of activities: it lacks Activity Date, Activity Name, Activity Type, Distance. "
        f"Nothing of {name} was imported. "
    )
    assert "name the activity files (FIT, GPX, TCX) alone" in str(caught.value)
    path.write_bytes(GARMIN)
    with (
        open_container(path) as container,
        pytest.raises(SourceError, match=r"is Garmin's table of activities, .* Export Your Data"),
    ):
        refuse_foreign_lists(container)
