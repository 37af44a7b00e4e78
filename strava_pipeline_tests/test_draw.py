"""Four draws run every dear test, each with its file's others; the draw follows from what lands."""

from pathlib import Path

from strava_pipeline_tests.draw import PARTS, draw_of, left_out
from strava_pipeline_tests.processes import ran


def test_each_dear_test_runs_in_one_of_four_draws_with_its_file() -> None:
    dear = [f"e2e/test_{file}.py::test_{number}" for file in range(21) for number in range(2)]
    draws = [{*dear} - left_out(dear, draw) for draw in range(PARTS)]
    assert sorted(name for drawn in draws for name in drawn) == sorted(dear)
    for drawn in draws:
        files = [name.partition("::")[0] for name in sorted(drawn)]
        assert (files[::2], 5 <= len({*files}) <= 6) == (files[1::2], True), "a file's dear tests run together"


def test_the_draw_follows_from_the_tree_and_a_release_runs_everything(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        alone = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
        return ran(*alone, *arguments, cwd=tmp_path, check=True).stdout.strip()

    git("init")
    (tmp_path / "file").write_text("a")
    git("add", "file")
    git("commit", "-m", "a")
    first = draw_of(tmp_path)
    assert first == int(git("rev-parse", "HEAD^{tree}"), 16) % PARTS
    git("commit", "--allow-empty", "-m", "b")
    git("clone", "--depth", "1", f"file://{tmp_path}", "shallow")
    assert draw_of(tmp_path / "shallow") == first
    git("tag", "v1.0.0")
    assert draw_of(tmp_path) is None
