"""The contract of a login that is a file: its account, and its readers."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from strava_pipeline.core.errors import NeedsLoginError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest import registry
from strava_pipeline.ingest.clock import machine_clock

SECRET = "hush-hush"
"""The secret in these tests' logins, which no error may contain."""


@dataclass(frozen=True)
class Kept:
    """A login on disk. `use` reads it as a run does, and sends nothing."""

    path: Path
    use: Callable[[], object]
    source: str
    settings: Settings

    def refusal(self) -> str:
        """Why it is refused, without its contents."""
        with pytest.raises(NeedsLoginError) as caught:
            self.use()
        assert SECRET not in f"{caught.value!r} {caught.value.__context__!r}"
        if registry.is_provider(self.source):
            assert registry.missing_login(self.source, self.settings) == str(caught.value)
            registry.kept_login(self.source, self.settings)  # `status` shows the rest
        return str(caught.value)


class LoginFileContract:
    """The contract of a login's file: `source` is the provider's name, `content` a login as its client stores it, with
    SECRET in it.
    """

    source: ClassVar[str]
    content: ClassVar[dict[str, Any]]

    @pytest.fixture
    def kept(self, tmp_path: Path) -> Kept:
        """The login on disk."""
        settings = Settings(_env_file=None, secrets_dir=tmp_path / "secrets_dir", data_dir=tmp_path / "data_dir")
        path, *_ = registry.login_files(self.source, settings)
        path.parent.mkdir(mode=0o700)
        path.write_text(json.dumps(self.content))
        path.chmod(0o600)
        return Kept(path, partial(registry.connect, self.source, settings, machine_clock()), self.source, settings)

    def test_a_link_in_place_of_a_login_is_refused_by_name(self, kept: Kept, tmp_path: Path) -> None:
        kept.use()
        elsewhere = tmp_path / "elsewhere.json"
        kept.path.rename(elsewhere)
        kept.path.symlink_to(elsewhere)
        assert f"{kept.path} is a link" in kept.refusal()
        elsewhere.unlink()
        assert f"{kept.path} is a link" in kept.refusal(), "also where it leads nowhere"

    def test_a_login_that_others_could_read_is_closed_to_them_and_used(
        self, kept: Kept, caplog: pytest.LogCaptureFixture
    ) -> None:
        kept.path.chmod(0o644)
        kept.use()
        assert kept.path.stat().st_mode & 0o777 == 0o600
        assert f"{kept.path} could be read by others" in caplog.text

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
    def test_a_login_that_belongs_to_another_user_is_refused_by_name(self, kept: Kept) -> None:
        os.chown(kept.path, 4242, -1)
        assert f"{kept.path} belongs to user 4242" in kept.refusal()
        os.chown(kept.path.parent, 4242, -1)
        kept.use()  # theirs is the folder, or a share gives all files one owner

    def test_what_is_no_file_is_refused_by_name_and_waited_for_by_nobody(self, kept: Kept) -> None:
        kept.path.unlink()
        os.mkfifo(kept.path)
        assert f"{kept.path} is no file" in kept.refusal()
        kept.path.unlink()
        kept.path.mkdir()
        assert f"{kept.path} is a folder" in kept.refusal()
