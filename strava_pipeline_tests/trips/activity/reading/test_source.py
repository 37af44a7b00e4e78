"""Where the file of a source's URL lies: one answer for who opens it, who deletes around it, and who hands it on."""

from pathlib import Path

import pytest

from strava_pipeline.environment.setting_values import trips_file


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///trips.sqlite", "{here}/trips.sqlite"),  # here, and at the root too
        ("  parquet:///a folder/50%20km.parquet ", "{here}/a folder/50%20km.parquet"),  # nothing is decoded
        ("sqlite:///not/there/yet.sqlite", "{here}/not/there/yet.sqlite"),
        ("sqlite:///{root}", "/{root}"),  # only there
        ("sqlite:////{root}", "/{root}"),
        ("sqlite:////not/there/yet.sqlite", "/not/there/yet.sqlite"),
        ("sqlite:///folder", "{here}/folder"),  # a folder is no file, whoever opens it says so
        *((url, None) for url in ("postgresql:///trips", "postgres://reader@db/trips", "sqlite://", "sqlite:///", "")),
        *(
            (url, None)
            for url in ("sqlite://trips.sqlite", "sqlite:trips.sqlite", "file:///trips.sqlite", "trips.sqlite")
        ),
    ],
)
def test_a_file_is_looked_for_here_and_then_at_the_root(
    url: str, path: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / "folder").mkdir(parents=True)
    (tmp_path / "elsewhere.sqlite").touch()
    (tmp_path / "here" / "trips.sqlite").touch()
    monkeypatch.chdir(tmp_path / "here")
    places = {"here": tmp_path / "here", "root": str(tmp_path / "elsewhere.sqlite").removeprefix("/")}
    assert trips_file(url.format(**places)) == (None if path is None else Path(path.format(**places)))
