"""The contract of failures, limits and refusals of a provider, of interrupted runs, and of planned calls."""

import logging
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import (
    ForbiddenError,
    GoneError,
    LimitReachedError,
    NeedsLoginError,
    PipelineError,
    RefusedError,
    TransientError,
)
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.refusals import Meaning
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.http import Exchange, Wire
from strava_pipeline.ingest.registry import login_files, missing_login
from strava_pipeline.lake.bronze.answers import items_of_kind
from strava_pipeline.lake.bronze.listings import is_by_start, last_pull
from strava_pipeline.lake.providers import last_outcomes
from strava_pipeline.operations.provider_access import plan_providers
from strava_pipeline.operations.providers import bring_provider_files, gear_is_due
from strava_pipeline.operations.source import Source
from strava_pipeline.testing.subjects import has_trait, kinds_of
from strava_pipeline.testing.worlds import YEARS, World, five, five_on_pages, step

ERRORS: list[tuple[dict[str, Any], type[PipelineError]]] = [
    ({"kind": "status", "status": 404}, GoneError),
    ({"kind": "status", "status": 422}, RefusedError),
    ({"kind": "status", "status": 302}, RefusedError),
    ({"kind": "status", "status": 503, "times": 3}, TransientError),
    ({"kind": "html", "status": 200, "times": 3}, TransientError),
    ({"kind": "truncate", "times": 3}, TransientError),
    ({"kind": "reset", "times": 3}, TransientError),
    ({"kind": "empty", "times": 3}, TransientError),
    ({"kind": "body", "body": {"message": "We are back soon."}, "times": 3}, TransientError),
    ({"kind": "body", "body": "null", "times": 3}, TransientError),
]


OF_FILES = ("html", "truncate", "empty")


MEANT: dict[Meaning, type[PipelineError]] = {
    "login": NeedsLoginError,
    "perhaps_login": ForbiddenError,
    "call": ForbiddenError,
    "pause": LimitReachedError,
}


def interrupt(run: Callable[[], object], asked: Callable[[], list[str]], patch: pytest.MonkeyPatch) -> None:
    """Interrupt a run during the first of the calls that `asked` returns."""
    send = Wire.send

    def interrupted(wire: Wire, method: str, url: str, **options: Any) -> Exchange:
        before = len(asked())
        exchange = send(wire, method, url, **options)
        if len(asked()) > before:
            signal.raise_signal(signal.SIGINT)
        return exchange

    with patch.context() as sending:
        sending.setattr(Wire, "send", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert len(asked()) == 1


class FailureContract:
    """The contract of errors, limits, logins and calls."""

    @pytest.fixture
    def interruptible(
        self,
    ) -> Iterator[None]:
        """Undo ignored interrupts, which the starter of the tests may have set."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    def test_an_id_is_quoted_in_an_address(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        if "files" not in spec_of(world.subject.name).capabilities:
            pytest.skip("this provider gives no files")
        client = Source(world.subject.name, world.settings, world.run()).client
        asked: list[tuple[str, Any]] = []
        send = Wire.send

        def listen(wire: Wire, method: str, url: str, **options: Any) -> Exchange:
            asked.append((url, options.get("params")))
            return send(wire, method, url, **options)

        monkeypatch.setattr(Wire, "send", listen)
        with pytest.raises(GoneError):
            client.get_file("no/such ride?")
        (url, params), *_ = asked  # some services have a second address for files
        assert "no%2Fsuch%20ride%3F" in url or "no/such ride?" in (params or {}).values()

    @pytest.mark.usefixtures("interruptible")
    def test_an_interrupt_during_a_call_waits_until_the_answer_is_on_disk(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In the listing, and in the files."""
        world.need_calls()
        five_on_pages(world.subject)
        interrupt(world.pull, world.asked, monkeypatch)
        world.pull()
        assert len(world.names()) == 5
        if "files" not in spec_of(world.subject.name).capabilities:
            return
        asked = world.asked_for_files
        interrupt(world.fetch_files, asked, monkeypatch)
        run = world.run()
        source = Source(world.subject.name, world.settings, run)
        bring_provider_files(run, source, YEARS, True, ImportLimits())
        assert len(asked()) == len(set(asked())) == 5

    @pytest.mark.parametrize(("mode", "years"), [("all", []), ("year", [2025]), ("year", [2024, 2025])])
    def test_a_long_limit_ends_a_listing_which_a_later_run_goes_on_with(
        self, world: World, mode: str, years: list[int]
    ) -> None:
        world.need_calls()
        if mode == "year" and not spec_of(world.subject.name).paged:
            pytest.skip("a year is one answer")
        five_on_pages(world.subject)
        world.subject.fail(kind="status", status=429, after=1, headers={"Retry-After": "7200"})
        stopped = world.pull(mode) if mode == "all" else world.listed(mode, *years)
        assert isinstance(stopped.stopped, LimitReachedError)
        assert stopped.stopped.resumes_at - world.subject.clock.now() > timedelta(hours=1)
        if mode == "all":
            assert len(world.names()) == 1 + spec_of(world.subject.name).paged, "what came is kept"
        asked = len(world.asked())
        report = world.pull(mode, *years)
        assert (report.listing_resumed, report.as_of) == (True, stopped.manifest.started_at)
        assert world.names() == [f"ride {number}" for number in range(1, 6)]
        if mode == "all":  # recent activities are looked at again
            return
        assert report.rows_received <= 4, (
            "of those that came, at most the one where the listing broke off is asked for again"
        )
        assert len(world.asked()) - asked <= 3, "two pages, and one more where only an empty page is the end"

    def test_a_short_listing_of_a_run_that_died_is_made_anew(self, world: World) -> None:
        world.need_calls()
        keys = five_on_pages(world.subject)
        world.listed("all")
        world.subject.edit(keys[0], "edited")
        world.subject.clock.advance(60)
        report = world.pull("all")
        assert (report.listing_resumed, report.as_of) == (False, None)
        assert world.names() == ["edited", *(f"ride {number}" for number in range(2, 6))]

    def test_a_short_limit_is_waited_for_and_the_run_shows_until_when(
        self, world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        if has_trait(world.subject, "pauses_for_hours"):
            pytest.skip("it lets nothing through for hours, whatever the answer says")
        world.need_calls()
        caplog.set_level(logging.INFO)
        five(world.subject)
        for headers in ({"Retry-After": "30"}, {}):
            world.settings = world.settings.model_copy(update={"data_dir": tmp_path / f"data-{len(headers)}"})
            caplog.clear()
            before = world.subject.clock.now()
            world.subject.fail(kind="status", status=429, headers=headers)
            report = world.listed()
            assert (report.stopped, report.rows_received, report.manifest.complete) == (None, 5, True)
            assert world.subject.clock.now() - before >= timedelta(seconds=30 if headers else 1)
            title = spec_of(world.subject.name).title
            shown = rf"{title} .* until 2026-03-01 12:\d\d:\d\d UTC\. Waiting \d+ (s|min)\."
            assert any(re.fullmatch(shown, message) for message in caplog.messages), caplog.messages

    def test_a_fault_that_the_subject_orders_hits_the_call_that_it_is_meant_for(self, world: World) -> None:
        """In the listing, the account, gear, and the files of one activity and of any: tests of errors depend on it."""
        world.need_calls()
        subject, spec = world.subject, spec_of(world.subject.name)
        (key, *_) = five(subject)
        world.listed()
        fault: dict[str, Any] = {"kind": "status", "status": 500, "times": 9}
        client = Source(subject.name, world.settings, world.run()).client

        def check(name: str, order: Callable[..., None], call: Callable[[], object]) -> None:
            order(**fault)
            with suppress(PipelineError):
                call()
            world.check_faults_are_met(f"{name} of the subject")
            subject.faults.clear()

        check("fail", subject.fail, world.listed)
        if subject.account is not None:
            check("fail(path=account)", partial(subject.fail, path=subject.account), client.login)
        if "gear" in kinds_of(subject):
            order = partial(subject.fail, path=subject.gear)
            check("fail(path=gear)", order, lambda: list(client.list_kind("gear", None, None)))
        if "files" in spec.capabilities:
            for whose in (key, None):
                check(f"fail_file({whose!r})", partial(subject.fail_file, whose), lambda: client.get_file(key))

    def test_an_error_is_of_the_kind_that_says_what_to_do(
        self, world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        five(world.subject)
        for number, (fault, error) in enumerate(ERRORS):
            if not world.by_calls and fault["kind"] not in OF_FILES:
                continue
            world.settings = world.settings.model_copy(update={"data_dir": tmp_path / f"data-{number}"})
            world.subject.fail(**fault)
            with pytest.raises(error) as caught:
                world.listed()
            assert world.subject.secret not in caplog.text + str(caught.value) + repr(caught.value), fault
            world.subject.faults.clear()
            assert world.listed().rows_received == 5, f"the next run goes on after {fault}"
            caplog.clear()

    def test_a_refusal_means_what_the_record_says(
        self, world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        world.need_calls()
        caplog.set_level(logging.DEBUG)
        five(world.subject)
        refusals = Source(world.subject.name, world.settings, world.run()).client.spec.refusals
        assert {401, 403} <= set(refusals.at_data)
        for status, meaning in refusals.at_data.items():
            world.settings = world.settings.model_copy(update={"data_dir": tmp_path / f"data-{status}"})
            world.subject.fail(kind="status", status=status, body={"message": "Refused."})
            error: BaseException | None = None
            try:
                error = world.listed().stopped
            except PipelineError as raised:
                error = raised
            assert type(error) is MEANT[meaning], status
            assert world.subject.secret not in caplog.text + str(error), status
            world.subject.faults.clear()
            assert world.listed().rows_received == 5

    def test_a_second_403_in_a_row_at_the_call_that_names_the_account_says_to_log_in(self, world: World) -> None:
        if world.subject.account is None:
            pytest.skip("whose login it is takes no call here")
        for times in (1, 2):
            world.subject.fail(path=world.subject.account, kind="status", status=403, times=times)
            client = Source(world.subject.name, world.settings, world.run()).client
            if times == 1:
                assert client.login().account, "the second call is let through"
            else:
                with pytest.raises(NeedsLoginError, match="twice in a row"):
                    client.login()

    def test_without_a_login_a_sentence_says_so_and_nothing_is_sent(self, world: World, tmp_path: Path) -> None:
        name = world.subject.name
        assert missing_login(name, world.settings) is None
        without = Settings(_env_file=None, secrets_dir=tmp_path / "nothing here")
        assert (missing_login(name, without) or "").endswith(".")
        assert all(path.is_relative_to(without.secrets_dir) for path in login_files(name, without)), (
            "purge deletes these"
        )
        assert not world.subject.journal.log

    def test_how_a_step_ended_is_kept_without_a_secret(self, world: World) -> None:
        world.need_calls()
        name = world.subject.name

        def ended() -> tuple[bool, str, bool]:
            outcome = last_outcomes(world.run().lake, name)["listing"]
            assert world.subject.secret not in outcome.message
            return outcome.succeeded, outcome.message, outcome.limited_until is not None

        five(world.subject)
        world.subject.fail(kind="status", status=503, times=3)
        with pytest.raises(TransientError) as failed:
            step(world)
        assert ended() == (False, str(failed.value), False)
        world.subject.fail(kind="status", status=429, headers={"Retry-After": "7200"})
        step(world)
        assert ended()[::2] == (False, True)
        asked = len(world.subject.journal.log)
        refused = step(world)
        assert isinstance(refused.stopped, LimitReachedError)
        assert (len(world.subject.journal.log), ended()[::2]) == (asked, (False, True)), (
            "nothing is asked before it ends"
        )
        world.subject.clock.advance(25 * 3600)  # a day later, it lists again
        step(world)
        assert ended() == (True, "", False)
        pull = last_pull(world.run().lake, name)
        assert pull is not None
        assert (pull.window.mode, pull.complete, pull.rows) == ("year" if is_by_start(name) else "all", True, 5)

    def test_a_listing_and_a_day_without_news_take_the_calls_of_the_plan(self, world: World) -> None:
        five(world.subject)
        world.subject.clock.advance(3600)
        world.pull("all", per_page=200, matched=False)
        settings = world.settings.model_copy(update={"per_page": 2})
        plan = plan_providers(world.run(), settings, [2024, 2025])[world.subject.name]
        calls = 3 if spec_of(world.subject.name).paged else 1
        calls = (calls if is_by_start(world.subject.name) else 3) if world.by_calls else 0
        assert (plan.listing_calls, plan.is_known) == (calls, True), "known from the first listing on"
        world.subject.add("2026-02-27", "a ride")
        world.pull("incremental", per_page=200, matched=False)
        world.subject.clock.advance(24 * 3600)
        asked = len(world.subject.journal.log)
        world.listed("incremental", per_page=200)
        plan = plan_providers(world.run(), world.settings, [2025])[world.subject.name]
        assert len(world.subject.journal.log) - asked == plan.quiet_day_calls

    def test_gear_is_fetched_weekly_and_a_day_later_where_an_activity_names_unknown_gear(self, world: World) -> None:
        world.need_kind("gear")
        five(world.subject)
        reported = step(world)
        assert (reported.metadata["gear_answers"], reported.stopped) == (1, None)
        assert reported.metadata["calls"] == len(world.subject.journal.log)

        def due(*named: str) -> bool:
            run = world.run()
            return gear_is_due(run, Source(world.subject.name, world.settings, run), named)

        known = next(gear_id for _, gear_id, _, _ in items_of_kind(world.run().lake, "gear"))
        assert not due(known, "unheard-of")
        world.subject.clock.advance(21 * 3600)
        assert (due(known), due(known, "unheard-of")) == (False, True)
        world.subject.clock.advance(7 * 24 * 3600)
        assert due(known)

    def test_gear_that_cannot_be_fetched_is_reported_and_keeps_no_activity_out(self, world: World) -> None:
        world.need_kind("gear")
        five(world.subject)
        world.subject.fail(path=world.subject.gear, kind="status", status=503, times=3)
        reported = step(world)
        assert "503" in str(reported.metadata["first_problems"])
        assert (reported.stopped, reported.holds) == (None, True)
        world.subject.fail(path=world.subject.gear, kind="body", body={"message": "We are back soon."}, times=3)
        reported = step(world)
        assert "first_problems" in reported.metadata, "what is no list of gear is not kept as one"
        world.subject.fail(path=world.subject.gear, kind="status", status=429, headers={"Retry-After": "7200"})
        reported = step(world)
        assert isinstance(reported.stopped, LimitReachedError)
        world.merge(world.run())
        assert len(world.names()) == 5
