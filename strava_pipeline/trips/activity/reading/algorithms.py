"""Running an algorithm over trips: over all trips of a source on several cores, or as a program of its own (`--exec`).

On several cores each process reads, decrypts and decides its share; small records come back in the order of the trips, so the
result is the same on any number of cores. A program gets a bundle a line, as `export` writes it, and answers each line with
`{"externalId": …, "verdict": "accepted" | "rejected" | "needs_review" | "unknown", "reasons": [codes]}` in the same order. No
error repeats an answer, which may hold positions.
"""

import shlex
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from queue import Empty, Queue

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.json_values import json_bytes, parse_json
from strava_pipeline.core.limits import TripLimits
from strava_pipeline.trips.activity.processes import spread
from strava_pipeline.trips.activity.reading.keys import KeyRing
from strava_pipeline.trips.activity.reading.opening import open_source
from strava_pipeline.trips.activity.reading.read import in_order, read_bundles
from strava_pipeline.trips.activity.reading.source import Filters, ListedTrip
from strava_pipeline.trips.activity.rules.bundle import Bundle
from strava_pipeline.trips.activity.rules.replay import DecidedBatch, Sweep
from strava_pipeline.trips.activity.rules.text import code
from strava_pipeline.trips.activity.rules.thresholds import Thresholds
from strava_pipeline.trips.activity.rules.verdict import Algorithm, Decision, Verdict

SHARE = 1_000  # trips of a process at once; fewer in all are not worth a second process (0.5 s to start)


def decided_of_source(
    url: str,
    keys: KeyRing,
    filters: Filters,
    sweep: Sweep,
    *,
    processes: int,
    limits: TripLimits = TripLimits(),
) -> Iterator[DecidedBatch]:
    """The decisions of the sweep's algorithm, with its sets, on the trips that pass the filters, batch by batch, in their order.

    Raises SourceError; PipelineError if a process was ended from outside.
    """
    in_this_process = processes < 2 or filters.needs_feedback  # then the keys decide which trips these are
    with open_source(url, limits) as source:
        order = [] if in_this_process else in_order(source, filters)[: filters.limit]
        if len(order) <= SHARE:
            yield from (sweep.decide(batch) for batch in read_bundles(source, keys, filters))
            return
    shares = [order[place : place + SHARE] for place in range(0, len(order), SHARE)]
    decide = partial(_decide, url, limits, keys, sweep)
    advice = "Nothing was changed; run it again with --processes 1."
    for batches in spread(decide, shares, min(processes, len(shares)), advice=advice):
        yield from batches


def _decide(
    url: str, limits: TripLimits, keys: KeyRing, sweep: Sweep, share: Sequence[ListedTrip]
) -> list[DecidedBatch]:
    with open_source(url, limits) as source:
        return [sweep.decide(batch) for batch in read_bundles(source, keys, order=share)]


TIMEOUT = 30.0  # seconds for one trip: a hundred thousand points take a phone's code less
_LONGEST = 1_000_000  # bytes of an answer; a decision has some hundred
_GRACE = 1.0  # seconds that a program may take to end


class ExternalAlgorithmError(PipelineError):
    """The program gave no usable decision: it ended, was silent for too long, or answered wrongly."""


@contextmanager
def external_algorithm(command: str, *, timeout: float = TIMEOUT) -> Iterator[Algorithm]:
    """The program `command` (words as a shell splits them, no shell) as an algorithm during the body.

    The program receives the bundles, but no thresholds. Raises MisuseError if the program can't be started,
    ExternalAlgorithmError while deciding.
    """
    try:
        words = shlex.split(command)
        if not words:
            raise ValueError("it names no program")
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    except (OSError, ValueError) as error:
        raise MisuseError(f"--exec {command!r} can't be started: {error}.") from None
    program = _Program(process, words[0], timeout)
    try:
        yield Algorithm("external", words[0].rpartition("/")[2], program.decide)
    finally:
        program.end()


class _Program:
    """One running program. A thread reads its answers, so that waiting for one can be limited."""

    def __init__(self, process: "subprocess.Popen[bytes]", name: str, timeout: float) -> None:
        self._process, self._name, self._timeout = process, name, timeout
        self._answers: Queue[bytes] = Queue(maxsize=16)
        self._writer: threading.Thread | None = None
        threading.Thread(target=self._read, daemon=True).start()

    def decide(self, bundle: Bundle, thresholds: Thresholds) -> Decision:
        """The program's decision on one trip. Raises ExternalAlgorithmError."""
        who = f"{self._name}, asked of trip {bundle.external_id},"
        if self._writer is not None:
            self._writer.join(self._timeout)
            if self._writer.is_alive():
                raise ExternalAlgorithmError(f"{who} has not read the trip before yet.")
        # in a thread: once the pipe is full, a program that doesn't read would block this process for good
        self._writer = threading.Thread(target=self._write, args=(json_bytes(bundle.as_json()) + b"\n",), daemon=True)
        self._writer.start()
        try:
            answer = self._answers.get(timeout=self._timeout)
        except Empty:
            raise ExternalAlgorithmError(
                f"{who} gave no answer in {self._timeout:g} s. A decision is one line."
            ) from None
        if not answer:
            raise ExternalAlgorithmError(f"{who} {self._ending()}. It must answer every line until its input ends.")
        return _decision(answer, bundle, who)

    def end(self) -> None:
        """Close the program's input, and kill the program if it doesn't end then."""
        if self._writer is not None and self._writer.is_alive():
            self._process.kill()  # it doesn't read, and closing would wait for the current line
        with suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ending(self) -> str:
        try:
            return f"ended with exit code {self._process.wait(_GRACE)}"
        except subprocess.TimeoutExpired:
            return "closed its output"

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):  # it ended: the reading side reports that
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        while line := self._process.stdout.readline(_LONGEST):
            self._answers.put(line)
        self._answers.put(b"")


def _decision(answer: bytes, bundle: Bundle, who: str) -> Decision:
    try:
        answered = parse_json(answer)
    except (ValueError, RecursionError):
        raise ExternalAlgorithmError(f"{who} answered a line that is no JSON ({len(answer)} bytes).") from None
    if not isinstance(answered, dict) or answered.get("externalId") != bundle.external_id:
        raise ExternalAlgorithmError(
            f"{who} answered without that trip's externalId: one line for each line, in their order."
        )
    reasons = answered.get("reasons", [])
    if (
        answered.get("verdict") not in list(Verdict)  # not a set: the value may be a list, which has no hash
        or not isinstance(reasons, list)
        or not all(code(reason) for reason in reasons)
    ):
        raise ExternalAlgorithmError(
            f"{who} answered no decision: verdict is one of {', '.join(Verdict)}, reasons a list of codes such as too_short."
        )
    return Decision(Verdict(answered["verdict"]), tuple(reasons))
