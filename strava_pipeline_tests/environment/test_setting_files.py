"""Changes in files that a person writes: what is told is changed, every other line stays, and no file is ever half-written."""

import os
import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.environment.athletes import athletes
from strava_pipeline.environment.setting_files import replace_file, variables_set
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.providers_file import UnusableProvidersError, enabled_in_file
from strava_pipeline.ingest.service_tables import with_enabled
from strava_pipeline.lake.gold.rules_file import rules_of
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.user_files import goals_of


@pytest.fixture
def env(tmp_path: Path) -> Path:
    return tmp_path / ".env"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(None, "A=new\n", id="no file"),
        pytest.param("# A=old\n\nB=1", "# A=old\n\nB=1\nA=new\n", id="a comment and no line end"),
        pytest.param("B=1\n\nA=old   # my key\nC=3\n", "B=1\n\nA=new   # my key\nC=3\n", id="with a comment"),
        pytest.param("export A = 'o#ld' # mine\r\nB=1\r\n", "export A=new\r\nB=1\r\n", id="of Windows"),
        pytest.param("A=\nB=${A}x\nA=old\n", None, id="used in another"),
        pytest.param("A\nB=1", "A=new\nB=1", id="bare"),
        pytest.param('B="two\nlines"\nA="old\nlines"\n', 'B="two\nlines"\nA=new\n', id="of two lines"),
    ],
)
def test_a_variable_is_set_and_every_other_line_stays(env: Path, text: str | None, expected: str | None) -> None:
    if text is not None:
        env.write_bytes(text.encode())
        env.chmod(0o644)
    if expected is None:
        with pytest.raises(PipelineError, match=r"A can't be set in .* as it is written. Nothing was changed"):
            variables_set(env, {"A": "new"}).__enter__()
        assert env.read_text() == text
        return
    with variables_set(env, {"A": "new"}):
        assert env.read_bytes().decode() == expected
    assert env.read_bytes().decode() == expected
    assert env.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("value", ["a key", "it's", "back\\slash", 'a "b" #c', "#", "ä$b", "x=y", "$HOME"])
def test_whatever_the_value_it_is_read_as_it_was_given(env: Path, value: str) -> None:
    with variables_set(env, {"A": value, "B": "1"}):
        assert dotenv_values(env) == {"A": value, "B": "1"}


def test_a_value_that_could_not_be_read_again_is_refused(env: Path) -> None:
    with pytest.raises(PipelineError, match="can't be set"):
        variables_set(env, {"A": "${HOME}"}).__enter__()
    assert not env.exists()


@pytest.mark.parametrize("text", [None, "A=old\n"])
def test_where_what_follows_fails_the_file_is_as_it_was(env: Path, text: str | None) -> None:
    if text is not None:
        env.write_text(text)
    with pytest.raises(KeyboardInterrupt), variables_set(env, {"A": "new"}):
        raise KeyboardInterrupt
    assert (env.read_text() if env.exists() else None) == text
    assert [path.name for path in env.parent.iterdir()] == ([".env"] if text else [])


def test_a_file_that_cannot_be_written_is_named_and_stays(tmp_path: Path) -> None:
    with pytest.raises(
        PipelineError, match=r"none/\.env can't be written: No such file or directory. It is as it was before."
    ):
        replace_file(tmp_path / "none" / ".env", "", "A=1\n")
    (tmp_path / ".env").mkdir()
    with pytest.raises(PipelineError, match=r"\.env can't be read: Is a directory"):
        variables_set(tmp_path / ".env", {"A": "1"}).__enter__()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "[providers.garmin]\nenabled = true\n"),
        (
            "[providers.garmin]  # my watch\nenabled = false # yet\n",
            "[providers.garmin]  # my watch\nenabled = true # yet\n",
        ),
        ("[providers.garmin]\nenabled = true\n", "[providers.garmin]\nenabled = true\n"),
    ],
    ids=["no file", "off", "on"],
)
def test_a_service_is_enabled_and_every_other_line_stays(tmp_path: Path, text: str | None, expected: str) -> None:
    path = tmp_path / "providers.toml"
    if text is not None:
        path.write_text(text)
    before, after = with_enabled(path, "garmin")
    assert (before, after) == (text or "", expected)
    replace_file(path, before, after)
    assert [*enabled_in_file(Settings(_env_file=None, providers_config=path))] == ["garmin"]


def test_a_service_is_enabled_beside_others_under_the_name_that_the_person_gave_it(tmp_path: Path) -> None:
    path = tmp_path / "providers.toml"
    path.write_text('# mine\n[providers.intervalsicu]\npriority = 1\n\n[gear."Blue bike"]\nstrava = "b1"\n')
    _, after = with_enabled(path, "intervals_icu")
    assert (
        after == '# mine\n[providers.intervalsicu]\npriority = 1\nenabled = true\n\n[gear."Blue bike"]\nstrava = "b1"\n'
    )


def test_a_file_of_services_that_cannot_be_used_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "providers.toml"
    path.write_text("[providers.garmin\n")
    with pytest.raises(UnusableProvidersError, match="is no TOML in UTF-8"):
        with_enabled(path, "garmin")


def made(path: Path, what: str) -> None:
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "device":
        path.symlink_to("/dev/zero")
    elif what == "large":
        with path.open("wb") as file:
            file.truncate(2 << 30)
    else:
        path.write_bytes(b"a = '\xff'")


@pytest.mark.parametrize("what", ["pipe", "folder", "device", "large", "not UTF-8"])
def test_what_is_no_file_of_a_person_ends_in_a_sentence_and_waits_for_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (".env", "goals.toml", "rules.toml", "providers.toml", "athletes.toml"):
        made(tmp_path / name, what)
    lake, house = (
        Lake(tmp_path / "data"),
        Settings.load(_env_file=None, athletes_dir=tmp_path, providers_config=tmp_path / "providers.toml"),
    )
    for read in (
        Settings.load,
        lambda: goals_of(lake),
        lambda: rules_of(lake),
        lambda: enabled_in_file(house),
        lambda: athletes(house),
    ):
        with pytest.raises(PipelineError) as said:
            read()
        assert re.search("can't be read|is no TOML|codec can't", str(said.value))
