"""A house with several athletes, for tests of commands: nothing is set but what it sets itself."""

from pathlib import Path

import pytest

from strava_pipeline.environment.setting_sources import variables_of
from strava_pipeline.environment.settings import Settings


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a house, where this process works, with an .env that names ATHLETES_DIR, an application, and no server."""
    for variables in map(variables_of, Settings.model_fields.values()):
        for name in variables:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "house"
    folder.mkdir()
    (folder / ".env").write_text(
        "ATHLETES_DIR=athletes\nSTRAVA_CLIENT_ID=7\nSTRAVA_CLIENT_SECRET=of-the-house\nSTRAVA_BASE_URL=http://127.0.0.1:9\n"
        f"STRAVA_LEDGER_DIR={tmp_path}/ledger\nSTRAVA_AUTOMATION=false\n"
    )
    monkeypatch.chdir(folder)
    return folder
