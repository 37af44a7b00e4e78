"""Typing a command: in this process, with the rig's settings in the environment."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from strava_pipeline.cli import main
from strava_pipeline.core.process import INTERRUPTS
from strava_pipeline.verbs import output
from strava_pipeline_tests.rig import Rig


@dataclass(frozen=True)
class Typed:
    """What a command ended with."""

    code: int
    out: str
    err: str


Type = Callable[..., Typed]
TypeOn = Callable[[Rig], Type]


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Type:
    """`type_in("trips", "activity", "diagnose")`: the exit code and both outputs, with the settings that are in force."""

    def typed(*words: str) -> Typed:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["strava-pipeline", *words])
        # others can't set a handler, nor can the command in them
        mine = threading.current_thread() is threading.main_thread()
        handlers = {number: signal.getsignal(number) for number in INTERRUPTS if mine}
        environment, advised = dict(os.environ), [*output._whose]
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        finally:  # a command changes all this until its process has ended, and this one goes on
            os.environ.clear()
            os.environ.update(environment)
            output._whose[:] = advised
            for number, handler in handlers.items():
                signal.signal(number, handler)
        said = capsys.readouterr()
        return Typed(code, said.out, said.err)

    return typed


@pytest.fixture
def type_on(monkeypatch: pytest.MonkeyPatch, type_in: Type) -> TypeOn:
    """`type_on(rig)("flow", "--dry-run")`: the same with the settings of a rig."""

    def on(rig: Rig) -> Type:
        for name, value in rig.settings.environ().items():
            monkeypatch.setenv(name, value)
        return type_in

    return on
