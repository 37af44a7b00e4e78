"""Which activities a page of insights is of: all, or by the address those with a tag, only commutes, or none of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Depends, Query, Request

from strava_pipeline.lookups.activity_list import Selection, limit_to
from strava_pipeline.serve.dashboard.site import Snapshot

Commute = Annotated[
    Literal["", "true", "false"],
    Query(description="true: only commutes; false: without them; both only where it is said"),
]
Tag = Annotated[str, Query(max_length=50, description="only activities with this tag of yours")]


@dataclass(frozen=True, slots=True)
class Only:
    """The filter in an address, by parameter; `others`: the other parameters of the address."""

    given: Mapping[str, str]
    others: Mapping[str, str]

    def at(self, address: str) -> str:
        """An address with the same filter."""
        path, mark, place = address.partition("#")
        query = urlencode(self.given)
        return f"{path}{'&' if '?' in path else '?'}{query}{mark}{place}" if query else address


def _only(request: Request, snapshot: Snapshot, commute: Commute = "", tag: Tag = "") -> Only:
    """Limits the request's snapshot, so it stands before all that read insights."""
    selection = Selection(commute=commute == "true" if commute else None, tag=tag or None)
    if selection.wanted:
        limit_to(snapshot, selection)
    given = {name: text for name, text in (("commute", commute), ("tag", tag)) if text}
    return Only(given, {name: text for name, text in request.query_params.items() if name not in ("commute", "tag")})


ONLY = Depends(_only)
CurrentOnly = Annotated[Only, ONLY]
