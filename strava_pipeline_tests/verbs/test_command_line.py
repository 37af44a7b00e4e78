"""The command line itself: help, its version, and what a mistyped command meant."""

import re
import tomllib
from importlib.metadata import version

import pytest

from strava_pipeline.cli import COMMANDS, SUBJECTS
from strava_pipeline_tests.documents import REPO
from strava_pipeline_tests.verbs.conftest import Type


@pytest.mark.parametrize(("typed", "meant"), [("flw", "'flow'"), ("bakfill", "'backfill', 'flow-backfill'")])
def test_a_mistyped_command_names_the_one_that_was_meant(type_in: Type, typed: str, meant: str) -> None:
    said = type_in(typed)
    assert said.code == 2
    assert f"No such command '{typed}'. Did you mean {meant}?" in " ".join(said.err.replace("│", " ").split())


def test_what_is_like_no_command_suggests_none(type_in: Type) -> None:
    said = type_in("xyzzy")
    assert (said.code, "Did you mean" in said.err) == (2, False)


@pytest.mark.parametrize("words", [(), ("quarantine",), ("quarantine", "list"), ("flow",)])
def test_help_of_a_command_is_what_its_option_shows(type_in: Type, words: tuple[str, ...]) -> None:
    asked, shown = type_in("help", *words), type_in(*words, "--help")
    assert (asked.code, asked.out) == (0, shown.out)
    assert "Usage: " in asked.out


def test_help_all_lists_every_command(type_in: Type) -> None:
    listed = type_in("help", "all").out
    assert [name for name in COMMANDS if f" {name} " not in listed] == []


def test_the_first_page_of_help_names_the_ten_commands_that_everybody_needs(
    type_in: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    page = type_in("help").out.splitlines()
    assert re.findall(r"^│ ([a-z]\S+)", "\n".join(page), re.MULTILINE) == [*SUBJECTS["Start here"]]
    assert len(page) <= 40


def test_the_version_is_that_of_the_package_its_description_and_the_newest_part_of_the_changelog(type_in: Type) -> None:
    described = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["version"]
    cut = re.findall(r"^## \[(\d\S*)\]", (REPO / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert (version("strava_pipeline"), cut[0]) == (described, described)
    said = type_in("--version")
    assert (said.code, said.out) == (0, f"strava-pipeline {described}\n")
