"""Which gear of several services is the same: by a person's links in providers.toml, and proposed by equal names. Pure.

Names are compared stripped, in Unicode's composed form, and without regard to case.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

Links = Mapping[str, Mapping[str, str]]
"""A person's links: by the name of an item, its id or name at each service."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A bike or a pair of shoes at one service.

    Args:
        source, gear_id: the service and its id of the piece.
        name: as the service shows it; the id, where it shows none.
        retired: whether it is no longer used; None if unknown.
        rows: how many rows of the service name it.
        last_used_at: the start of the last of these (UTC).
    """

    source: str
    gear_id: str
    name: str
    retired: bool | None = None
    rows: int = 0
    last_used_at: datetime | None = None


@dataclass(slots=True)
class GearItem:
    """An item, linked or possible.

    Args:
        name: of its table in providers.toml, or else of its first piece.
        linked: the person's links, by service.
        pieces: of all services.
        proposed: links to add, by service: ids of pieces with an equal name.
        unclear: services with several pieces of that name, from which a person has to choose.
        lost: services that lack the linked id or name.
    """

    name: str
    linked: dict[str, str] = field(default_factory=dict)
    pieces: list[Piece] = field(default_factory=list)
    proposed: dict[str, str] = field(default_factory=dict)
    unclear: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def gear_items(pieces: Iterable[Piece], links: Links, sources: Sequence[str]) -> list[GearItem]:
    """All pieces, grouped: first the linked ones, then those with equal names, then single ones.

    `sources`: the services, the best first; an item without a table takes its name from the first of them. A link is
    proposed where an item has pieces at two services or more; a service that a person linked to an item gets no other
    link.

        # one item, "Domane", with both pieces and the links {"strava": "b1", "garmin": "9a"} proposed
        bikes = [Piece("strava", "b1", "Domane", ...), Piece("garmin", "9a", "domane ", ...)]
        gear_items(bikes, {}, ["strava", "garmin"])
    """
    left = sorted(pieces, key=lambda piece: (_rank(piece, sources), piece.name, piece.gear_id))
    items = []
    for name, linked in links.items():
        item = GearItem(name, dict(linked))
        for service, value in linked.items():
            piece = _meant([piece for piece in left if piece.source == service], value)
            if piece is not None:
                item.pieces.append(piece)
                left.remove(piece)
            elif service in sources:
                item.lost.append(service)
        items.append(item)
    by_name: dict[str, GearItem] = {}
    for item in items:
        for known in (item.name, *(piece.name for piece in item.pieces)):
            by_name.setdefault(comparable(known), item)
    for piece in left:
        key = comparable(piece.name)
        if key not in by_name:
            by_name[key] = GearItem(piece.name)
            items.append(by_name[key])
        by_name[key].pieces.append(piece)
    for item in items:
        _propose(item)
    return items


def proposed_links(items: Iterable[GearItem]) -> Links:
    """The links that are proposed, by item."""
    return {item.name: item.proposed for item in items if item.proposed}


def comparable(name: str) -> str:
    """The form in which names of gear are compared."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def _rank(piece: Piece, sources: Sequence[str]) -> int:
    return sources.index(piece.source) if piece.source in sources else len(sources)


def _meant(pieces: Sequence[Piece], value: str) -> Piece | None:
    """The piece with that id, or else the first with that name."""
    of_name = (piece for piece in pieces if comparable(piece.name) == comparable(value))
    return next((piece for piece in pieces if piece.gear_id == value), None) or next(of_name, None)


def _propose(item: GearItem) -> None:
    unlinked: dict[str, list[str]] = {}
    for piece in item.pieces:
        if piece.source not in item.linked:
            unlinked.setdefault(piece.source, []).append(piece.gear_id)
    item.unclear = [service for service, ids in unlinked.items() if len(ids) > 1]
    found = {service: ids[0] for service, ids in unlinked.items() if len(ids) == 1}
    if len(item.linked) + len(found) > 1:
        item.proposed = found
