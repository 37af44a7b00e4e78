"""Counts what an import unpacks to while it is unpacked, and refuses it where that gets too much.

What a directory says of sizes decides nothing here. Limits of a single file stand with the containers.
"""

from collections.abc import Callable, Iterator
from functools import partial

from strava_pipeline.core.errors import SourceError
from strava_pipeline.core.size_limits import IMPORT_LIMIT_MB, ImportLimits, megabytes
from strava_pipeline.core.text import printable

_RATIO = 200  # times its own size: TCX, the most repetitive of real files, packs to about a fortieth
_RATIO_FROM = 2**30  # bytes; less harms nobody


class Meter:
    """One import, or one look at what would be one. `packed`: the size in bytes of an archive, None for files and folders."""

    def __init__(self, name: str, limits: ImportLimits, packed: int | None = None) -> None:
        self.limits = limits
        self._name, self._packed = name, packed
        self._total = 0

    def again(self) -> "Meter":
        """One that counts from zero: of a look at an archive before it is read."""
        return Meter(self._name, self.limits, self._packed)

    def add(self, size: int) -> None:
        """Raises SourceError where it is too much in all."""
        self._total += size
        if self._total > self.limits.total_bytes:
            raise SourceError(
                f"{printable(self._name)} unpacks to more than {megabytes(self.limits.total_bytes)}, so nothing of it was "
                f"imported. If it is yours and has to be that large, raise {IMPORT_LIMIT_MB}, or import it in parts."
            )
        if self._packed is not None and self._total > max(_RATIO_FROM, _RATIO * self._packed):
            raise SourceError(
                f"{printable(self._name)} unpacks to more than {_RATIO} times its size ({megabytes(self._total)}), as archives "
                "do that are made to fill a disk, so nothing of it was imported. If you trust it, unpack it and name the folder."
            )

    def metered(self, load: Callable[[], bytes]) -> Callable[[], bytes]:
        """`load`, counted the first time: what is read twice is there once."""
        return partial(_load, load, self, _Counted())

    def metered_pieces(self, open_pieces: Callable[[], Iterator[bytes]]) -> Callable[[], Iterator[bytes]]:
        """The same of what is read piece by piece."""
        return partial(_pieces, open_pieces, self, _Counted())


class _Counted:
    """How many bytes of an entry are in the total."""

    def __init__(self) -> None:
        self.size = 0


def _load(load: Callable[[], bytes], meter: Meter, counted: _Counted) -> bytes:
    body = load()
    _count(len(body), meter, counted)
    return body


def _pieces(open_pieces: Callable[[], Iterator[bytes]], meter: Meter, counted: _Counted) -> Iterator[bytes]:
    size = 0
    for piece in open_pieces():
        size += len(piece)
        _count(size, meter, counted)
        yield piece


def _count(size: int, meter: Meter, counted: _Counted) -> None:
    if size > counted.size:
        more, counted.size = size - counted.size, size
        meter.add(more)
