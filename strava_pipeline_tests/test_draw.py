"""Landings in turn run every test, and each of them all that is quick or of the core."""

from pathlib import Path

from strava_pipeline_tests.draw import PARTS, draw_of, drawn_of
from strava_pipeline_tests.processes import ran


def test_each_slow_test_runs_in_one_of_thirteen_draws_with_its_file_and_every_other_test_in_each() -> None:
    slow = {
        f"e2e/test_{file}.py::test_{number}": marks
        for file in range(200)
        for number, marks in enumerate((["slow"], ["samples", "parametrize"]))
    }
    always: dict[str, list[str]] = {"a.py::test_a": [], "a.py::test_b": ["closed"], "a.py::test_c": ["slow", "core"]}
    draws = [drawn_of(slow | always, draw) for draw in range(1774, 1774 + PARTS)]
    assert sorted(name for drawn in draws for name in drawn.difference(always)) == sorted(slow)
    for drawn in draws:
        assert drawn.issuperset(always)
        files = [name.partition("::")[0] for name in sorted(drawn.difference(always))]
        assert (files[::2], 15 <= len({*files}) <= 16) == (files[1::2], True), "a file's slow tests run together"


def test_the_draw_is_the_number_of_commits_and_a_release_runs_everything(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        alone = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
        return ran(*alone, *arguments, cwd=tmp_path, check=True).stdout.strip()

    git("init")
    git("commit", "--allow-empty", "-m", "a")
    git("commit", "--allow-empty", "-m", "b")
    assert draw_of(tmp_path) == 2
    git("clone", "--depth", "1", f"file://{tmp_path}", "shallow")
    assert draw_of(tmp_path / "shallow") == int(git("rev-parse", "HEAD"), 16) % 1000
    git("tag", "v1.0.0")
    assert draw_of(tmp_path) is None
