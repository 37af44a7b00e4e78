"""A walk over pages: each declared number leads to an explanation that comes to it, and no other total is shown.

A person's amount on a page is a number with km, mi, h, m or ft behind it. What is no total of activities is in WITHOUT, with its reason.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator
from html import unescape
from html.parser import HTMLParser
from typing import Any

from starlette.testclient import TestClient

from strava_pipeline.core.insights.declared_numbers import NUMBERS
from strava_pipeline.core.insights.goals import Units
from strava_pipeline.core.text import counted

WITHOUT = {  # an element, by its tag, #id, .class or [aria-label], → why its amounts have no explanation of their own
    "figure": "a chart, whose points are the days of a total beside it",
    "div[Activities]": "values of one activity each: its page has each source's",
    "section[latest]": "values of one activity",
    ".month-days li": "values of one activity",
    ".days": "a day, which leads to its few activities",
    "section[weekdays]": "no filter has the day of the week",
    "section[hours]": "no filter has the time of the day",
    ".quiet": "beside a total: the year before, a mean, a distance to go",
    ".prose": "words beside a number",
    ".goal": "what a goal asks for",
    "section[body]": "days and nights, not activities",
    "th": "names",
    "form": "what a form takes",
    "option": "what a form takes",
    ".no-sport": "no filter selects what has no sport",
    ".attention": "what waits until somebody decides: a reason of what does not count",
    ".cards li": "what one service's own rows say of its piece",
    "section[device-": "values of one activity each, which they lead to",
    "progress": "a share, written beside it",
}
_AMOUNT = re.compile(r"(?<![\d:/])\d[\d,.]* (?:km|mi|h|ft|m)\b(?!/)")


class _Walk(HTMLParser):
    """Collects the declared numbers of a page (number, query, text), and amounts that stand elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.path: list[tuple[str, dict[str, str]]] = []
        self.links: list[tuple[str, str, str]] = []
        self.loose: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if found.get("class") == "why":
            number, _, query = unescape(found["href"]).removeprefix("/why/").partition("?")
            self.links.append((number, query, ""))
        if tag not in ("br", "img", "input", "link", "meta", "hr"):
            self.path.append((tag, found))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A part of a drawing, which holds no text."""

    def handle_endtag(self, tag: str) -> None:
        while self.path and self.path.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if any(found.get("class") == "why" for _, found in self.path):
            number, query, text = self.links[-1]
            self.links[-1] = (number, query, text + data)
        elif not any(self._is_left_out(place) for place in range(len(self.path))):
            self.loose += _AMOUNT.findall(" ".join(data.split()))

    def _is_left_out(self, place: int) -> bool:
        tag, found = self.path[place]
        labels = (found.get("aria-label", ""), found.get("aria-labelledby", ""), found.get("id", ""))
        for rule in WITHOUT:
            outer, _, inner = rule.rpartition(" ")
            if outer and (inner != tag or not any(outer[1:] in each.get("class", "").split() for _, each in self.path)):
                continue
            name, _, label = inner.rstrip("]").partition("[")
            if name.startswith("."):
                if name[1:] in found.get("class", "").split():
                    return True
            elif name.startswith("#"):
                if found.get("id") == name[1:]:
                    return True
            elif name == tag and (not label or any(each.startswith(label) for each in labels)):
                return True
        return False


def faults_of_numbers(text: str, why: Callable[[str, str], dict[str, Any]], units: Units = "km") -> Iterator[str]:
    """What is wrong with the numbers of a page. `why`: the answer of `/api/why/NUMBER?QUERY`."""
    walk = _Walk()
    walk.feed(text[text.index("<main") : text.index("</main")])
    yield from (f"{amount}: a number without a declaration" for amount in walk.loose)
    known: dict[tuple[str, str], dict[str, Any]] = {}
    for number, query, shown in walk.links:
        if (number, query) not in known:
            known[number, query] = why(number, query)
        answer = known[number, query]
        value, noun = answer["number"] or 0, {"days": "day", "weeks": "week"}.get(number, "activity")
        texts = {NUMBERS[number].text(value, units), f"{round(value):,}", counted(round(value), noun)}
        if " ".join(shown.removeprefix("≤ ").partition(" · ")[0].split()) not in texts:
            yield f"{number}?{query}: the page says {shown}, its explanation {texts}"


def faults_of_page(site: TestClient, path: str) -> list[str]:
    """What is wrong with the numbers of a page of a dashboard, and with what their explanations list."""
    faults: list[str] = []

    def why(number: str, query: str) -> dict[str, Any]:
        answer = site.get(f"/api/why/{number}?{query}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        rows = [*csv.DictReader(io.StringIO(site.get(f"/why/{number}.csv?{query}").text))]
        listed, number_of = comes_to(number, [float(row["value"]) for row in rows]), found["number"] or 0
        if abs(listed - number_of) > 1e-6 * max(1, abs(number_of)):
            faults.append(f"{number}?{query}: its file comes to {listed}, not {number_of}")
        for source, each in found["services"].items():
            parts = sum(part["value"] for part in each["reasons"].values())
            if abs(number_of - each["value"] - parts) > 1e-6 * max(1, abs(number_of)):
                faults.append(f"{number}?{query}: the reasons of {source} come to {parts}")
        return found

    text = site.get(path, headers={"Accept": "text/html"}).text
    return [*faults_of_numbers(text, why), *faults]


def comes_to(name: str, values: list[float]) -> float:
    """What the listed rows of a number come to."""
    number = NUMBERS[name]
    if not number.reached or not values:
        return sum(values)
    if number.measure == "whole":  # an Eddington number, of all days that reach it
        return max(min(each, place) for place, each in enumerate(sorted(values, reverse=True), 1))
    assert len({*values}) == 1
    return values[0]


def count_of_numbers(text: str) -> int:
    return len(numbers_of(text))


def numbers_of(text: str) -> list[tuple[str, str, str]]:
    """The declared numbers of a page: name, query and text."""
    walk = _Walk()
    walk.feed(text[text.index("<main") : text.index("</main")])
    return walk.links
