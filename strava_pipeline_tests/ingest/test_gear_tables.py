"""Links of gear that are written into providers.toml: nothing else in it changes."""

from pathlib import Path

import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.environment.setting_files import replace_file
from strava_pipeline.ingest.gear_tables import with_links
from strava_pipeline.ingest.providers_file import UnusableProvidersError, providers_file
from strava_pipeline_tests.providers.subjects import register_toy

OWN = """\
# my own file
[providers.toy]   # the toy
enabled = true

priority=2 # mine
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    register_toy(monkeypatch)
    return tmp_path / "providers.toml"


@pytest.mark.parametrize(
    ("text", "added", "expected"),
    [
        (OWN, {"Blue": {"strava": "b1", "toy": "B1"}}, OWN + '\n[gear.Blue]\nstrava = "b1"\ntoy = "B1"\n'),
        (
            OWN + '\n[gear.Red] # old\nstrava = "b2"\n',
            {"Blue bike": {"toy": "B1"}},
            OWN + '\n[gear.Red] # old\nstrava = "b2"\n\n[gear."Blue bike"]\ntoy = "B1"\n',
        ),
        (
            OWN + '\n[gear."Red bike"]\nstrava = "b2" # at Strava\n\n[changes]\napproval_days = 3\n',
            {"Red bike": {"toy": "B1"}},
            OWN + '\n[gear."Red bike"]\nstrava = "b2" # at Strava\ntoy = "B1"\n\n[changes]\napproval_days = 3\n',
        ),
        ('gear = { A = { strava = "b1" } }\n', {"A": {"toy": "B1"}}, 'gear = { A = { strava = "b1", toy = "B1"} }\n'),
        ('[gear]\nA.strava = "b1"\n', {"A": {"toy": "B1"}}, None),
        ("", {'A "quoted" \\ [x] = é': {"toy": 'B"1\\'}}, None),
    ],
    ids=["first", "another", "more of one", "inline", "dotted", "odd characters"],
)
def test_links_are_added_and_every_other_line_stays(
    file: Path, text: str, added: dict[str, dict[str, str]], expected: str | None
) -> None:
    file.write_text(text)
    before, after = with_links(file, added)
    assert before == text == file.read_text(), "nothing is written yet"
    if expected is not None:
        assert after == expected
    replace_file(file, before, after)
    found = providers_file(file).gear
    for name, services in added.items():
        assert found[name].items() >= services.items()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('gear.A.strava = "b1"\n\n[providers.toy]\nenabled = true\n', id="dotted at the top"),
        pytest.param('[gear]\nA.strava = "b1"\n[providers.toy]\n', id="dotted in a table"),
        pytest.param('gear.A = { strava = "b1" }\n[providers.toy]\n', id="dotted and inline"),
        pytest.param('[providers.toy]\n[gear.A]\nstrava = "b1"\n[changes]\n', id="between tables"),
        pytest.param(
            '[gear.A]\nstrava = "b1"\n[providers.toy]\nenabled = true\n[gear.C]\nstrava = "b3"\n', id="in two places"
        ),
        pytest.param("[providers.toy]\nenabled = true # no line end", id="none and no line end"),
        pytest.param('[gear." A "]\nstrava = "b1"', id="blanks in a name"),
        pytest.param('[gear]\n[providers.toy]\n[gear.A]\nstrava = "b1"\n', id="an empty table before"),
    ],
)
def test_a_file_in_any_form_gets_its_links(file: Path, text: str) -> None:
    file.write_text(text)
    replace_file(file, *with_links(file, {"A": {"toy": "B1"}, "B": {"toy": "B2"}}))
    gear = providers_file(file).gear
    assert (gear["A"]["toy"], gear["B"]) == ("B1", {"toy": "B2"})
    assert gear["A"].get("strava") == ("b1" if "b1" in text else None)
    for line in text.splitlines():
        assert line.rstrip(" }") in file.read_text()


def test_a_file_of_windows_stays_one(file: Path) -> None:
    text = "\ufeff[providers.toy]\r\nenabled = true\r\n"
    file.write_bytes(text.encode())
    before, after = with_links(file, {"A": {"toy": "B1"}})
    replace_file(file, before, after)
    assert file.read_bytes().startswith(text.encode())
    assert providers_file(file).gear == {"A": {"toy": "B1"}}


def test_a_change_meanwhile_is_not_overwritten(file: Path) -> None:
    file.write_text(OWN)
    before, after = with_links(file, {"A": {"toy": "B1"}})
    file.write_text(OWN + "# more\n")
    with pytest.raises(PipelineError, match="was changed meanwhile, so nothing was written"):
        replace_file(file, before, after)
    assert file.read_text() == OWN + "# more\n"
    assert [path.name for path in file.parent.iterdir()] == ["providers.toml"]


def test_permissions_and_a_link_stay(file: Path, tmp_path: Path) -> None:
    place = tmp_path / "mine" / "choices.toml"
    place.parent.mkdir()
    place.write_text(OWN)
    place.chmod(0o640)
    file.symlink_to(place)
    replace_file(file, *with_links(file, {"A": {"toy": "B1"}}))
    assert file.is_symlink()
    assert place.stat().st_mode & 0o777 == 0o640
    assert "[gear.A]" in place.read_text()


def test_a_file_that_cannot_be_used_stays_as_it_is(file: Path) -> None:
    file.write_text("[providers.tyo]\n")
    with pytest.raises(UnusableProvidersError, match="no such provider"):
        with_links(file, {"A": {"toy": "B1"}})
