"""A person's login to Garmin with a key: it is tested before it is stored, with the day on which it ends."""

from contextlib import suppress
from datetime import date, datetime

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.garmin.key_tokens import key_tokens
from strava_pipeline.ingest.garmin.keys import KEY_PAGE, KEY_SETTING, TYPED, Key, is_key, is_placeholder, save_key
from strava_pipeline.ingest.http import make_wire
from strava_pipeline.ingest.provider import LoginRequest

_FORMS = ("%Y-%m-%d", "%d.%m.%Y", "%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y")


def login_by_key(settings: Settings, clock: ServerClock, request: LoginRequest) -> None:
    """Ask for a key, exchange it for a token, ask for its end, and store all of these.

    Raises MisuseError for an invalid key or day, NeedsLoginError if Garmin refuses the key; then nothing is stored.
    """
    set_one = settings.secret(KEY_SETTING)
    if set_one is not None and not is_placeholder(set_one.get_secret_value()):
        raise MisuseError(
            f"{KEY_SETTING} is set, and counts before a key that is kept. Unset it, or put the new key there."
        )
    value = request.ask_secret("Key").strip()
    if not is_key(value):
        raise MisuseError(f"That is no key. {KEY_PAGE} shows one when it is made, and only then.")
    wire = make_wire(settings, clock)
    tokens = key_tokens(settings, Key(value, TYPED), wire, clock, lambda why, seconds: request.say(why))
    if request.asks_again:  # nobody looks up the day of a key that is refused
        tokens.get_new()
        ends_on = _last_day(request, clock)
    else:
        ends_on = _last_day(request, clock)
        tokens.get_new()
    save_key(settings, value, ends_on)


def _last_day(request: LoginRequest, clock: ServerClock) -> date | None:
    while True:
        try:
            return _day(request.ask("Its last day, such as 2027-03-01 (Enter: not known)").strip(), clock)
        except MisuseError as error:
            if not request.asks_again:
                raise
            request.say(str(error))


def _day(text: str, clock: ServerClock) -> date | None:
    if not text:
        return None
    for form in _FORMS:
        with suppress(ValueError):
            day = datetime.strptime(text, form).date()  # noqa: DTZ007 - a day
            break
    else:
        raise MisuseError("That is no day like 2027-03-01, 1.3.2027 or March 1, 2027.")
    if day < clock.now().date():
        raise MisuseError(f"A key that ended on {day} is of no use: the day must be today or later.")
    return day
