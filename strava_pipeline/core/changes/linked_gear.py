"""Links between pieces of gear at several providers, as a person made them in providers.toml. Pure.

Equal names prove nothing here: gear that is not linked is not compared (core/gear_links.py proposes links).
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from strava_pipeline.core.gear_links import Links, Piece, comparable


@dataclass(frozen=True, slots=True)
class PieceAt:
    """An item at one provider: its name there, and its id, or None if only a text names it."""

    gear_id: str | None
    name: str


@dataclass(slots=True)
class LinkedGear:
    """A person's links, and the pieces that providers have.

    Args:
        links: by item, its id or name at each provider.
        pieces: of all providers.
        by_text: the providers whose gear is a text in a row, without an id and without a list of pieces.
    """

    links: Links = field(default_factory=dict)
    pieces: Iterable[Piece] = ()
    by_text: Collection[str] = frozenset()
    _names: dict[tuple[str, str], str] = field(init=False, default_factory=dict)
    _items: dict[tuple[str, str], str] = field(init=False, default_factory=dict)
    _places: dict[tuple[str, str], PieceAt] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        at: dict[str, list[Piece]] = {}
        for piece in self.pieces:
            self._names[piece.source, piece.gear_id] = piece.name
            at.setdefault(piece.source, []).append(piece)
        for item, services in self.links.items():
            for provider, value in services.items():
                found = PieceAt(None, value) if provider in self.by_text else _piece(at.get(provider, []), value)
                if found is not None:
                    self._places[item, provider] = found
                    self._items.setdefault((provider, found.gear_id or comparable(found.name)), item)

    def item(self, provider: str, gear_id: str) -> str | None:
        """The person's name of the item that a row names, or None if it is not linked."""
        return self._items.get((provider, comparable(gear_id) if provider in self.by_text else gear_id))

    def name(self, provider: str, gear_id: str) -> str:
        """The provider's name of the gear that a row names."""
        return gear_id if provider in self.by_text else self._names.get((provider, gear_id), gear_id)

    def at(self, item: str, provider: str) -> PieceAt | None:
        """The item at a provider, or None if it is not linked there or the provider has no such piece."""
        return self._places.get((item, provider))

    def to_create(self, provider: str) -> Iterator[tuple[str, str]]:
        """The items that are linked at the provider by a name but don't exist there, each with that name.

        A link that could be the id of a deleted piece is skipped, unless the item's name or another link confirms that
        it is a name.
        """
        for item, services in self.links.items():
            value = services.get(provider)
            if value is None or (item, provider) in self._places:
                continue
            if any(of == provider and comparable(name) == comparable(value) for (of, _), name in self._names.items()):
                continue  # several pieces have that name: which one is meant is for the person to say
            others = (self._places.get((item, other)) for other in services)
            names = {comparable(item), *(comparable(piece.name) for piece in others if piece is not None)}
            if comparable(value) in names:
                yield item, value


def _piece(pieces: Collection[Piece], value: str) -> PieceAt | None:
    """The piece with that id, or else with that name; None if several pieces have the name."""
    named = [piece for piece in pieces if comparable(piece.name) == comparable(value)]
    found = next((piece for piece in pieces if piece.gear_id == value), None) or (named[0] if len(named) == 1 else None)
    return None if found is None else PieceAt(found.gear_id, found.name)
