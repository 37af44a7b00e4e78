"""Years as a person types them: 2023 2024, 2019,2021, 2015-2020."""

import typer

HELP = "Years, separated by spaces or commas, or a range: 2023 2024, 2015-2020."


def typed_years(words: list[str], known: list[int]) -> list[int]:
    """The years among `words`, ascending; typer.BadParameter where a word is none, or the year no partition."""
    chosen: set[int] = set()
    for word in " ".join(words).replace(",", " ").split():
        begin, dash, last = word.partition("-")
        try:
            chosen.update(range(int(begin), int(last if dash else begin) + 1))
        except ValueError as error:
            raise typer.BadParameter(f"{word!r} is no year; {HELP}", param_hint="--years") from error
    if not chosen:
        raise typer.BadParameter(f"which years? {HELP}", param_hint="--years")
    if outside := sorted(chosen - set(known)):
        raise typer.BadParameter(
            f"{', '.join(map(str, outside))}: years go from {known[0]} (STRAVA_FIRST_YEAR; it also holds what is older) "
            f"to {known[-1]}",
            param_hint="--years",
        )
    return sorted(chosen)
