"""The README's commands, typed in its order by somebody with an account and an archive."""

import pytest

from strava_pipeline_tests.documents import PROGRAM, REPO, commands_in
from strava_pipeline_tests.rig import Make
from strava_pipeline_tests.verbs.conftest import TypeOn

pytestmark = pytest.mark.slow

TYPED_ELSEWHERE = (
    "auth",  # a login with a browser: ingest/strava/test_auth.py
    "start",  # questions at a terminal: e2e/test_first_hour.py
    "dashboard",  # a server: test_dashboard_verb.py
    "service",  # processes: e2e/test_service.py
    "providers pull",  # of a service that a person enabled: providers/test_pulls.py
)


@pytest.mark.dear
def test_every_command_of_the_readme_ends_well(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(activities=8)
    typed = type_on(rig)
    archive = str(rig.archive("export_3412345678.zip"))
    text = (REPO / "README.md").read_text(encoding="utf-8")
    lines = [words[1:] for words in commands_in(text) if words[0] == PROGRAM and words[1:]]
    ran = []
    for words in lines:
        if not " ".join(words).startswith(TYPED_ELSEWHERE):
            ended = typed(*(archive if word.endswith(("export_3412345678.zip", "FOLDER")) else word for word in words))
            assert (words, ended.code) == (words, 0), ended.err
            ran.append(words[0])
    assert set(ran) >= {"flow", "status", "flow-backfill", "import", "sql", "report"}
    assert (rig.folder / "2026.html").stat().st_size > 1000
    assert rig.one("SELECT count(*) FROM activities") == 8
