"""An algorithm that is a program of its own: what it decides, and everything that can be wrong with a program."""

import os
import shlex
import sys
from pathlib import Path

import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.trips.activity.reading.algorithms import ExternalAlgorithmError, external_algorithm
from strava_pipeline.trips.activity.rules.bundle import Bundle
from strava_pipeline.trips.activity.rules.replay import BASELINE, Sweep
from strava_pipeline.trips.activity.rules.thresholds import thresholds
from strava_pipeline.trips.activity.rules.verdict import Algorithm, Decision, Verdict
from strava_pipeline_tests.trips.activity.rules.made import point, trip

HANGS = 0.5  # seconds that a program gets which never answers
READ = "import sys, os, json, time\nask = lambda: json.loads(sys.stdin.readline())\n"
TELL = "tell = lambda **told: print(json.dumps(told), flush=True)\n"
LOOP = f"{READ}{TELL}for line in sys.stdin:\n    trip = json.loads(line)\n    "
SECRET = "48.853712"


def program(source: str) -> str:
    return shlex.join([sys.executable, "-I", "-S", "-c", source])  # a quick start: no environment, no site


def ride(name: str = "A", points: int = 3) -> Bundle:
    return trip(*(point(place, 5.0 * place, latitude=float(SECRET)) for place in range(points)), external_id=name)


def decided(source: str, *bundles: Bundle, timeout: float = 30) -> list[Decision]:
    with external_algorithm(program(source), timeout=timeout) as algorithm:
        return [algorithm.decide(bundle, thresholds()) for bundle in bundles or (ride(),)]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_each_trip_is_answered_in_its_turn() -> None:
    loop = f"{LOOP}n = len(trip['locations']); tell(externalId=trip['externalId'], verdict='rejected' if n < 9 else 'accepted', reasons=['too_few', 'other'][:9 - n])"
    assert decided(loop, ride("A", 3), ride("Ü 🚲", 8), ride("C", 9)) == [
        Decision(Verdict.REJECTED, ("too_few", "other")),
        Decision(Verdict.REJECTED, ("too_few",)),
        Decision(Verdict.ACCEPTED),
    ]


def test_a_replay_by_a_program_is_a_replay() -> None:
    loop = f"{LOOP}tell(externalId=trip['externalId'], verdict='accepted', reasons=[])"
    with external_algorithm(program(loop)) as algorithm:
        replay = Sweep(algorithm, {BASELINE: thresholds()})
        replay.add([ride("A"), ride("B")])
    assert [(told.external_id, told.new) for told in replay.trips] == [("A", "accepted"), ("B", "accepted")]
    assert replay.algorithm.full_name == f"external-{Path(sys.executable).name}"


def test_a_bundle_of_a_megabyte_goes_in_whole() -> None:
    loop = LOOP + "whole = len(trip['locations']) == 9000 and len(line) > 1_000_000\n    "
    loop += "tell(externalId='A', verdict='accepted' if whole else 'rejected', reasons=[])"
    assert decided(loop, ride(points=9_000))[0].verdict == "accepted"


@pytest.mark.parametrize("reason", ["stopped at 48.853712, 2.35", "\x1b[31mred", "", 7])
def test_a_reason_that_is_no_code_is_no_decision(reason: object) -> None:
    with pytest.raises(ExternalAlgorithmError, match="answered no decision") as caught:
        decided(f"{LOOP}tell(externalId='A', verdict='rejected', reasons=[{reason!r}])", ride())
    assert "48.85" not in str(caught.value)


BAD: dict[str, tuple[str, str]] = {
    "dies at once": ("raise SystemExit(3)", "ended with exit code 3"),
    "dies while it answers": (f"{READ}ask(); print('{{\"externalId\": ', end='', flush=True); sys.exit(5)", "no JSON"),
    "closes its output and stays": (f"{READ}ask(); os.close(1); time.sleep(60)", "closed its output"),
    "is silent": (f"{READ}ask(); time.sleep(60)", f"no answer in {HANGS:g} s"),
    "answers without an end of line": (f"{READ}ask(); print('{{}}', end='', flush=True); time.sleep(60)", "no answer"),
    "answers brackets without end": (f"{READ}ask(); print('[' * 200_000, flush=True)", "no JSON"),
    "answers two megabytes": (f"{READ}{TELL}ask(); tell(externalId='A', verdict='accepted', x='{SECRET}' * 250_000)", "no JSON"),
    "repeats the bundle": (f"{READ}{TELL}tell(**ask())", "answered no decision"),
    "answers of another trip": (f"{READ}{TELL}ask(); tell(externalId='{SECRET}', verdict='accepted')", "externalId"),
    "answers another verdict": (f"{READ}{TELL}ask(); tell(externalId='A', verdict='{SECRET}')", "no decision"),
    "answers a list for a verdict": (f"{READ}{TELL}ask(); tell(externalId='A', verdict=['accepted'])", "no decision"),
    "answers text for reasons": (f"{READ}{TELL}ask(); tell(externalId='A', verdict='accepted', reasons='{SECRET}')", "no decision"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_a_program_that_gives_no_decision_is_told_of_without_its_answer_and_is_gone(fault: str, tmp_path: Path) -> None:
    source, said = BAD[fault]
    pid = tmp_path / "pid"
    noted = f"import os, pathlib; pathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\n"
    waits = HANGS if "no answer" in said else 30.0
    with pytest.raises(ExternalAlgorithmError, match=r"asked of trip A,") as error:
        decided(noted + source, timeout=waits)
    assert said in str(error.value)
    assert SECRET not in str(error.value)
    if pid.exists():  # a slow start may have met the end of its time before it
        assert not alive(int(pid.read_text()))


def test_a_second_line_is_no_answer_to_the_next_trip() -> None:
    twice = f"{LOOP}tell(externalId=trip['externalId'], verdict='accepted'); tell(externalId=trip['externalId'], verdict='rejected')"
    with pytest.raises(ExternalAlgorithmError, match=r"asked of trip B, answered without that trip's externalId"):
        decided(twice, ride("A"), ride("B"))


@pytest.mark.parametrize("fault", ["does not read", "answers without end"])
def test_a_program_is_gone_even_where_it_would_hold_us_up(fault: str, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    noted = f"import os, time, pathlib; pathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\n"
    goes_on = {"does not read": "time.sleep(60)", "answers without end": "while True: print('x' * 5_000, flush=True)"}[
        fault
    ]
    with pytest.raises(ExternalAlgorithmError):
        decided(f"{noted}print('no', flush=True)\n{goes_on}", ride(points=9_000))
    assert not alive(int(pid.read_text()))


def test_a_program_that_answers_before_it_has_read_is_believed_and_ended() -> None:
    early = f"{READ}{TELL}tell(externalId='A', verdict='accepted'); time.sleep(60)"
    assert decided(early, ride(points=9_000)) == [Decision(Verdict.ACCEPTED)]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("", "it names no program"),
        ("  \t ", "it names no program"),
        ("/no/such/program --fast", "No such file"),
        ("/", "denied"),
        ("'unfinished", "No closing quotation"),
        ("echo \0", "null"),
    ],
)
def test_what_can_not_be_started_is_misuse(command: str, said: str) -> None:
    with pytest.raises(MisuseError, match=r"^--exec .* can't be started: ") as error, external_algorithm(command):
        pass
    assert said in str(error.value)


def test_a_program_ends_with_the_body_that_asks_it_whatever_that_raises(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    loop = f"import os, pathlib; pathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\n{LOOP}tell(externalId='A', verdict='accepted')"

    def fails(algorithm: Algorithm) -> None:
        algorithm.decide(ride(), thresholds())
        raise KeyError("something of ours")

    with pytest.raises(KeyError), external_algorithm(program(loop)) as algorithm:
        fails(algorithm)
    assert not alive(int(pid.read_text()))
