"""Four landings in turn run every test, and each of them all that is quick or of the core."""

import os
from pathlib import Path

from strava_pipeline_tests.draw import draw_of, is_drawn
from strava_pipeline_tests.processes import ran


def test_each_slow_test_runs_in_one_of_four_draws_and_every_other_test_in_each() -> None:
    names = [f"strava_pipeline_tests/e2e/test_a.py::test_{number}[cell]" for number in range(200)]
    for first in (0, 1774):
        draws = range(first, first + 4)
        for marks in (["slow"], ["samples", "parametrize"]):
            assert {sum(is_drawn(name, marks, draw) for draw in draws) for name in names} == {1}
        for marks in ([], ["closed"], ["slow", "core"]):
            assert all(is_drawn(name, marks, draw) for name in names for draw in draws)


def test_the_draw_is_the_number_of_commits_and_some_commits_run_everything(tmp_path: Path) -> None:
    # The same hashes each time, and so as many tries.
    dated = os.environ | dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "@1700000003 +0000")

    def git(*arguments: str) -> str:
        alone = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
        return ran(*alone, *arguments, cwd=tmp_path, env=dated, check=True).stdout.strip()

    def commit(*, is_last_digit_0: bool) -> None:
        git("commit", "--allow-empty", "-m", "a")
        while git("rev-parse", "HEAD").endswith("0") is not is_last_digit_0:
            git("commit", "--amend", "--allow-empty", "-m", f"a{git('rev-parse', 'HEAD')}")

    git("init")
    commit(is_last_digit_0=False)
    commit(is_last_digit_0=False)
    assert draw_of(tmp_path) == 2
    git("clone", "--depth", "1", f"file://{tmp_path}", "shallow")
    assert draw_of(tmp_path / "shallow") == int(git("rev-parse", "HEAD")[:-1], 16) % 1000
    git("tag", "v1.0.0")
    assert draw_of(tmp_path) is None
    commit(is_last_digit_0=True)
    assert draw_of(tmp_path) is None
