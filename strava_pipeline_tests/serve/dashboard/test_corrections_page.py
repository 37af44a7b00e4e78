"""What an athlete says of an activity on its page: shown at once everywhere, and taken back; what can't be said is refused."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.corrections import CorrectionDecision, Words, checked_words, words_of
from strava_pipeline.lake.gold.measured import note_unmeasured
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.made.tracks import write_track
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.tracking import measure_what_was_said
from strava_pipeline_tests.core.test_cuts import track
from strava_pipeline_tests.lake.bronze import copied
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put
from strava_pipeline_tests.serve.dashboard.conftest import served
from strava_pipeline_tests.serve.dashboard.test_api import settings_of
from strava_pipeline_tests.serve.dashboard.test_pages import NOW, page, words

pytestmark = pytest.mark.slow

NOTHING = {"name": "", "sport_type": "", "gear": "", "commute": "", "counts": "", "more_tags": "", "note": ""}


@pytest.fixture(scope="module")
def stock(new_lake: NewLake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = new_lake(tmp_path_factory.mktemp("corrections") / "data")
    rides = [activity(n, f"2025-05-0{n}T08:00", name=f"Ride {n}", gear_id="b1") for n in (1, 2, 3)]
    put(made, rides)
    put(made, [{"source": "garmin", "gear_id": "9", "name": "New bike"}], "gear")
    publish(made)
    return made


@pytest.fixture
def lake(stock: Lake, tmp_path: Path) -> Lake:
    return copied(stock, Lake(tmp_path / "data"))


@pytest.fixture
def site(tmp_path: Path, lake: Lake) -> Iterator[TestClient]:
    with served(settings_of(tmp_path), time=NOW) as made:
        yield made.browser()


@pytest.fixture(scope="module")
def refusing(stock: Lake) -> Iterator[TestClient]:
    """The same for all that is refused."""
    with served(settings_of(stock.data_dir.parent), time=NOW) as made:
        yield made.browser()


class Form(HTMLParser):
    """The fields of the last form with an action, as a browser would send them."""

    def __init__(self, text: str, action: str) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self._action, self._form, self._name, self._text = action, "", "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        self._text, self._name = "", has.get("name", self._name)
        self._form = has["action"] if tag == "form" else self._form
        if self._form != self._action:
            return
        if tag == "form":
            self.fields = {}
        elif tag == "select" or (tag == "option" and "selected" in has):
            self.fields[self._name] = [has.get("value", "")]
        elif tag == "input" and (has.get("type") != "checkbox" or "checked" in has):
            self.fields.setdefault(self._name, []).append(has.get("value", ""))

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.fields[self._name] = [self._text.replace("\n", "\r\n")]


def form(site: TestClient, address: str, action: str) -> dict[str, list[str]]:
    return Form(page(site, address), action).fields


def said(lake: Lake) -> dict[int, Words]:
    with snapshot(lake) as connection:
        return words_of(connection, lake)


WORDS, OF_MANY = "/activities/1/words", "/activities/words"


@pytest.mark.dear
def test_what_is_said_on_the_page_is_shown_at_once_and_taken_back(site: TestClient, lake: Lake) -> None:
    texts = {"name": "To <work>", "sport_type": "GravelRide", "note": "late\r\nand wet", "more_tags": "rain, wind"}
    assert site.post(WORDS, data={**NOTHING, **texts, "gear": "garmin:9"}).status_code == 303
    text = page(site, "/activities/1")
    assert "Corrected by you: name, sport, gear, note, tags." in words(text)
    assert ("To &lt;work&gt;" in text, '<option value="GravelRide" selected>' in text) == (True, True)
    assert '<option value="garmin:9" selected><bdi>New bike</bdi></option>' in text, "no activity has it"
    assert "To &lt;work&gt;" in page(site, "/activities")
    assert site.get("/api/activities/1").json()["activity"]["sport_type"] == "GravelRide"
    shown = form(site, "/activities/1", WORDS)
    assert site.post(WORDS, data={**shown, "counts": "false", "name": ""}).status_code == 303
    text = words(page(site, "/activities/1"))
    assert ("Ride 1" in text, "This is in no total" in text) == (True, True)
    assert site.post(WORDS, data={**form(site, "/activities/1", WORDS), "undo": "true"}).status_code == 303
    assert (said(lake), "Corrected by you" in page(site, "/activities/1")) == ({}, False)


@pytest.mark.dear
def test_the_form_shows_what_is_recorded_and_takes_a_distance_and_times(site: TestClient, lake: Lake) -> None:
    text = page(site, "/activities/1")
    assert 'placeholder="Ride 1"' in text
    assert re.search('name="distance" value="" inputmode="decimal" placeholder="20.0 km"', text)
    assert "as recorded: Ride" in words(text)
    shown = form(site, "/activities/1", WORDS)
    typed = {**shown, "distance": "21,5", "moving_time": "55:00", "elapsed_time": "1:10:00"}
    assert site.post(WORDS, data=typed).status_code == 303
    assert said(lake) == {1: {"distance": 21_500.0, "moving_time": 3300, "elapsed_time": 4200}}
    text = page(site, "/activities/1")
    assert all(each in text for each in ('value="21.5"', 'value="55:00"', 'value="1:10:00"', "21.5 km"))
    shown = form(site, "/activities/1", WORDS)
    assert site.post(WORDS, data={**shown, "moving_time": ""}).status_code == 303
    assert said(lake) == {1: {"distance": 21_500.0, "elapsed_time": 4200}}


@pytest.mark.dear
def test_gear_that_no_source_has_gets_a_name_of_one_s_own(site: TestClient, lake: Lake) -> None:
    assert site.post(WORDS, data={**NOTHING, "new_gear": " My <bike> "}).status_code == 303
    assert said(lake) == {1: {"gear": "own:My <bike>"}}
    offered = '<option value="own:My &lt;bike&gt;"{}><bdi>My &lt;bike&gt;</bdi></option>'
    assert offered.format(" selected") in page(site, "/activities/1")
    assert offered.format("") in page(site, "/activities/2")
    assert "My &lt;bike&gt; 20.0 km" in words(page(site, "/gear")).replace("1 activity, ", "")
    shown = form(site, "/activities/1", WORDS)
    assert site.post(WORDS, data={**shown, "new_gear": ""}).status_code == 303
    assert said(lake) == {1: {"gear": "own:My <bike>"}}
    (listed,) = site.get("/api/activities?gear=own:My <bike>").json()["activities"].values()
    assert (listed["gear_name"], listed["gear_item"]) == ("My <bike>", "own:my <bike>")


@pytest.mark.dear
def test_an_activity_that_cant_be_says_why(site: TestClient, lake: Lake) -> None:
    words_of_one = checked_words({"distance": 195e3, "moving_time": 1, "elapsed_time": 1})
    record_decisions(lake, CorrectionDecision(at=NOW, by="a test", activity_id=2, words=words_of_one))
    publish(lake)
    why = "nothing is as fast as its distance in its time"
    assert f"This is in no total: {why}." in words(page(site, "/activities/2"))
    assert site.get("/api/activities/2").json()["activity"]["impossible"] == why


@pytest.mark.dear
def test_what_waits_for_an_answer_names_what_counts_and_counts_by_one_click(site: TestClient, lake: Lake) -> None:
    pair = {"id": 2, "other_id": 3, "verdict": "doubtful", "joined": False, "score": 50.0, "reasons": ["near"]}
    put(lake, [{**pair, "waiting_id": 3, "counted_id": 2}], "activity_matches")
    publish(lake)

    def counted() -> list[int]:
        with snapshot(lake) as connection:
            query = "SELECT activity_id FROM counted_activities ORDER BY 1"
            return [one for (one,) in connection.execute(query).fetchall()]

    text = page(site, "/activities/3")
    assert "This is in no total: it may be the same as another activity" in words(text)
    assert ('href="/activities/2"' in text, counted()) == (True, [1, 2])
    assert 'href="/pairs"' in page(site, "/").partition("<main")[2]
    token = form(site, "/activities/3", "/activities/3/words")["csrf_token"]
    assert site.post("/activities/3/words", data={"csrf_token": token, "counts": "true"}).status_code == 303
    assert ("This is in no total" in page(site, "/activities/3"), counted()) == (False, [1, 2, 3])
    record_decisions(
        lake, CorrectionDecision(at=NOW, by="a test", activity_id=3, words=checked_words({"counts": None}))
    )
    record_decisions(
        lake, CorrectionDecision(at=NOW, by="a test", activity_id=2, words=checked_words({"counts": False}))
    )
    publish(lake)
    assert counted() == [1, 3], "where the other one counts in nothing, this one does"


@pytest.mark.dear
def test_a_form_says_only_what_was_changed_in_it(site: TestClient, lake: Lake) -> None:
    """Two tabs: what one said stays, whatever the other showed; and so does what a form can't hold as it is."""
    tags = ["wet, cold", "\u202eb"]
    odd = {"name": "a\nb", "tags": tags, "note": "One\n\nTwo \u202e", "gear": "garmin:9", "commute": False}
    record_decisions(lake, CorrectionDecision(at=NOW, by="a test", activity_id=1, words=odd))
    publish(lake)
    stale = form(site, "/activities/1", WORDS)
    lines = (lake.decisions / "corrections.jsonl").read_bytes()
    assert site.post(WORDS, data=stale).headers["location"] == "/activities/1"
    assert (lake.decisions / "corrections.jsonl").read_bytes() == lines
    site.post(WORDS, data={**stale, "sport_type": "Run", "more_tags": "race", "gear": "strava:b1"})
    site.post(WORDS, data={**stale, "tags": stale["tags"][:1], "note": "", "gear": ""})
    held = {**odd, "tags": ["wet, cold", "race"], "sport_type": "Run", "gear": "strava:b1"}
    del held["note"]
    assert said(lake) == {1: held}
    site.post(WORDS, data={**stale, "undo": "true"})
    assert said(lake) == {1: {"tags": ["race"], "sport_type": "Run", "gear": "strava:b1"}}
    for shown in ("[1]", "{", '{"tags": 5}', '{"depth": 5}'):
        assert site.post(WORDS, data={**stale, "undo": "true", "shown": shown}).status_code == 400, shown
    assert site.post(WORDS, data={**NOTHING, "shown": '{"name": 5}'}).status_code == 303


@pytest.mark.dear
def test_what_is_ticked_in_the_list_is_corrected_at_once_and_by_a_button_no_more(site: TestClient, lake: Lake) -> None:
    site.post(WORDS, data={**NOTHING, "more_tags": "old"})
    action = "/activities/words?sport=Ride&order=asc"
    shown = form(site, "/activities?sport=Ride&order=asc", action)
    ticked = {
        **shown, "id": ["1", "2"], "gear": "garmin:9", "commute": "true", "more_tags": "race", "fewer_tags": "old",
    }  # fmt: skip
    back = site.post(action, data=ticked).headers["location"]
    assert back.startswith("/activities?sport=Ride&order=asc&step=")
    word = {"gear": "garmin:9", "commute": True, "tags": ["race"]}
    assert said(lake) == {1: word, 2: word}
    every = site.post(action, data={**ticked, "all": "true"}).headers["location"]
    assert said(lake) == {1: word, 2: word, 3: word}
    site.post(action, data={"step": every.rpartition("=")[2]})
    assert said(lake) == {1: word, 2: word}
    text = page(site, back)
    assert ("2 activities corrected. Undo" in words(text), "New bike" in text) == (True, True)
    step = back.rpartition("=")[2]
    assert site.post(action, data={"step": step}).headers["location"] == "/activities?sport=Ride&order=asc"
    assert said(lake) == {1: {"tags": ["old"]}}
    assert "corrected. Undo" not in words(page(site, back)), "there is nothing left of it"
    done = site.post(WORDS, data={**form(site, "/activities/1", WORDS), "name": "Mine"}).headers["location"]
    assert "Saved. Undo" in words(page(site, done))
    site.post(WORDS, data={"step": done.rpartition("=")[2]})
    assert said(lake) == {1: {"tags": ["old"]}}


@pytest.mark.parametrize(
    ("address", "more", "status"),
    [
        ("/activities/99/words", {}, 404),
        (WORDS, {"sport_type": "Nothing"}, 400),
        (WORDS, {"counts": "maybe"}, 400),
        (WORDS, {"commute": "maybe"}, 400),
        (WORDS, {"distance": "far"}, 400),
        (WORDS, {"distance": "-5"}, 400),
        (WORDS, {"distance": "1,234"}, 400),
        (WORDS, {"moving_time": "5"}, 400),
        (WORDS, {"gear": "b1"}, 400),
        (WORDS, {"gear": "strava:b99"}, 400),
        (OF_MANY, {"id": []}, 400),
        (OF_MANY, {"id": ["1", "x"]}, 400),
        (OF_MANY, {"id": ["1", "9" * 19]}, 400),
        (OF_MANY, {"id": ["1", "-7017142179298425737"]}, 404),
        (OF_MANY, {"id": [*map(str, range(1, 202))]}, 400),
        (OF_MANY, {"id": ["1", "99"]}, 404),
        (OF_MANY, {"commute": ""}, 400),
        (OF_MANY, {"sport_type": "Nothing"}, 400),
        (OF_MANY, {"distance": "5"}, 400),
    ],
)
def test_what_cannot_be_said_is_refused_and_nothing_is_kept(
    refusing: TestClient, stock: Lake, address: str, more: dict[str, str | list[str]], status: int
) -> None:
    said = {"id": ["1", "2"], "commute": "true"} if address == OF_MANY else NOTHING
    assert refusing.post(address, data={**said, **more}).status_code == status
    assert not stock.decisions.exists()


@pytest.mark.dear
def test_what_a_rule_gave_is_shown_with_the_rule_until_a_word_stands_above_it(site: TestClient, tmp_path: Path) -> None:
    rule = '[[rule]]\ntitle = "<To> work"\nwhen.weekdays = "thu"\nthen.name = "Work"\nthen.commute = true\nthen.tags = ["rain"]\n'
    (tmp_path / "rules.toml").write_text(rule)
    publish(Lake(tmp_path / "data"))
    text, by_rule = page(site, "/activities/1"), "by your rule 1, &lt;To&gt; work"
    assert (">rain<" in text, words(text).count(by_rule), f"name {by_rule}" in words(text)) == (True, 3, True)
    assert "Corrected by you" not in page(site, "/activities"), "a rule corrects nothing in one's name"
    assert site.post("/activities/1/words", data={**NOTHING, "name": "Mine", "more_tags": "sun"}).status_code == 303
    text = words(page(site, "/activities/1"))
    found = (text.count(by_rule), f"commute {by_rule}" in text, " rain " in text, " sun " in text)
    assert found == (1, True, True, True)


@pytest.mark.dear
def test_a_stretch_of_the_track_is_cut_on_the_page_and_taken_back(site: TestClient, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "data")
    points = track(3600, altitude=[None] * 3600).drop("activity_id", "athlete_id", "source", "part", "point")
    write_track(lake, 2025, 2, ME, "file", [points], "file:2")
    with writing(lake) as connection:
        note_unmeasured(connection, [2])
    measure_what_was_said(lake)
    publish(lake)
    assert "Cut the track" not in page(site, "/activities/1"), "without a track"
    assert site.post("/activities/2/cuts", data={"from": "50:00", "to": ""}).status_code == 303
    text = words(page(site, "/activities/2"))
    assert ("You cut 1 part" in text, "15.0 km" in text, "50:00" in text) == (True, True, True)
    assert site.get("/activities/2/track.gpx").text.count("<trkpt") == 3001
    shown = form(site, "/activities/2", "/activities/2/cuts")["shown"]
    assert shown == ["2024-05-01T10:50:00Z/"]
    for refused in ({"from": "soon"}, {"from": "2:00:00"}, {"to": "0:00"}, {"to": "1:00", "shown": ""}):
        assert site.post("/activities/2/cuts", data={"shown": shown, **refused}).status_code == 400, refused
    assert site.post("/activities/2/cuts", data={"undo": "true"}).status_code == 303
    assert "20.0 km" in words(page(site, "/activities/2"))


@pytest.mark.dear
def test_an_activity_is_deleted_here_and_the_list_takes_that_back(site: TestClient) -> None:
    shown = form(site, "/activities/1", WORDS)
    done = site.post(WORDS, data={**shown, "description": "Gone\nby mistake", "deleted": "true"}).headers["location"]
    assert done.startswith("/activities?step=")
    text = page(site, done)
    assert ("1 activity corrected. Undo" in words(text), 'href="/activities/1"' in text) == (True, False)
    gone = site.get("/activities/1")
    assert (gone.status_code, "corrections undo 1" in words(gone.text)) == (404, True)
    site.post("/activities/words", data={"step": done.rpartition("=")[2]})
    assert "Gone" not in page(site, "/activities/1")
