"""The range of local years that are partitions. No import but the standard library's: commands that only read need it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class YearRange:
    """The partitions, first and newest local year, both included."""

    first: int
    newest: int

    def __post_init__(self) -> None:
        if self.first > self.newest:
            raise ValueError(f"first year {self.first} is after the newest year {self.newest}")

    def since(self, year: int) -> list[int]:
        """The partitions from `year` on."""
        return list(range(year, self.newest + 1))

    @property
    def all(self) -> list[int]:
        """Every partition."""
        return self.since(self.first)

    def clamp(self, year: int) -> int:
        """The partition that a local year belongs to."""
        return min(max(year, self.first), self.newest)
