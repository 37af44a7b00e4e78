"""Files that hold positions: for their owner's eyes alone, whole or not at all, and never where a commit would take them."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.orchestrate.storage import PipelineStorage
from strava_pipeline.verbs.output import write_private
from strava_pipeline_tests.imports import a_gpx
from strava_pipeline_tests.processes import python
from strava_pipeline_tests.rig import Make
from strava_pipeline_tests.verbs.conftest import TypeOn


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A git work tree that ignores `ignored/` and `*.private`, and knows `known.private` all the same."""
    tree = tmp_path / "tree"
    (tree / "ignored").mkdir(parents=True)
    (tree / ".gitignore").write_text("ignored/\n*.private\n")
    (tree / "known.private").write_text("of before")
    for words in (("init", "-q"), ("add", "-f", "known.private")):
        subprocess.run(["git", *words], cwd=tree, check=True, timeout=30)
    return tree


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_is_for_its_owner_alone_and_overwritten_whole(tmp_path: Path) -> None:
    out = tmp_path / "all.json"
    out.write_text("much longer than what is written now")
    out.chmod(0o644)
    write_private(out, [b"short", b", whole"])
    assert out.read_bytes() == b"short, whole"
    assert out.stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == {"all.json"}


def test_what_breaks_off_leaves_the_file_of_before(tmp_path: Path) -> None:
    out = tmp_path / "all.json"
    out.write_text("of before")

    def parts() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("the source is gone")

    with pytest.raises(RuntimeError, match="the source is gone"):
        write_private(out, parts())
    assert out.read_text() == "of before"
    assert names(tmp_path) == {"all.json"}


@pytest.mark.parametrize(
    ("place", "taken"),
    [
        ("all.json", False),
        ("sub/all.json", False),
        ("ignored/all.json", True),
        ("all.private", True),
        ("sub/all.private", True),
        ("known.private", False),  # git follows it, whatever it ignores
        (".git/all.json", False),
        ("sub/../ignored/all.json", True),
        ("ignored/../all.json", False),
        ("link/all.json", False),  # a folder outside that is one of the tree
    ],
)
def test_a_place_in_a_git_work_tree_is_taken_only_where_git_ignores_it(tree: Path, place: str, taken: bool) -> None:
    (tree / "sub").mkdir()
    out = tree / place
    if place.startswith("link"):
        (tree.parent / "link").symlink_to(tree / "sub")
        out = tree.parent / place
    if taken:
        write_private(out, [b"here"])
        assert out.read_bytes() == b"here"
        return
    before = sorted(tree.rglob("*"))
    with pytest.raises(MisuseError, match="positions would be a commit away"):
        write_private(out, [b"here"])
    assert sorted(tree.rglob("*")) == before
    assert (tree / "known.private").read_text() == "of before"


def test_a_link_in_a_work_tree_stays_one_and_what_it_leads_to_is_written(tree: Path) -> None:
    outside = tree.parent / "outside.json"
    (tree / "link.json").symlink_to(outside)
    write_private(tree / "link.json", [b"here"])
    assert (tree / "link.json").is_symlink()
    assert outside.read_bytes() == b"here"
    assert outside.stat().st_mode & 0o777 == 0o600


def test_without_git_nothing_below_a_work_tree_is_taken(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MisuseError):
        write_private(tree / "ignored" / "all.json", [b"here"])


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_WORK_TREE"])
def test_a_git_that_is_at_work_elsewhere_says_nothing_of_this_tree(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=other, check=True, timeout=30)
    (other / ".git" / "info" / "exclude").write_text("*.json\n")
    monkeypatch.setenv(name, str(other / ".git" if name == "GIT_DIR" else other))
    with pytest.raises(MisuseError):
        write_private(tree / "all.json", [b"here"])
    write_private(tree / "all.private", [b"here"])


@pytest.mark.dear
def test_all_that_a_command_makes_is_for_its_owner_alone(
    make_rig: Make, type_on: TypeOn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed, ride = type_on(make_rig(logged_in=False)), tmp_path / "ride.gpx"
    ride.write_bytes(a_gpx())
    folders = {"STRAVA_DATA_DIR": "data", "STRAVA_LOGS_DIR": "logs", "DAGSTER_HOME": "home"}
    for name, folder in folders.items():
        monkeypatch.setenv(name, str(tmp_path / "new" / folder))
    assert typed("import", str(ride)).code == 0
    found = {path: path.stat().st_mode & 0o777 for path in (tmp_path / "new").rglob("*") if not path.is_symlink()}
    snapshot = tmp_path / "new" / "data" / "warehouse" / "strava.duckdb"
    assert found.pop(snapshot) == 0o400
    assert {
        path.relative_to(tmp_path) for path, mode in found.items() if mode != (0o700 if path.is_dir() else 0o600)
    } == set()
    assert {path.name for path in found} >= {*folders.values(), "bronze", "flow", "runs.db"}


@pytest.mark.dear
def test_so_is_what_dagsters_own_programs_make(tmp_path: Path) -> None:
    PipelineStorage(str(tmp_path))
    assert os.umask(0) == 0o077
    code = "import os, strava_pipeline.definitions; print(os.umask(0) == 0o077)"
    said = python("-c", code, cwd=tmp_path, env={**os.environ, "DAGSTER_HOME": str(tmp_path)}, check=True)
    assert said.stdout == "True\n"
