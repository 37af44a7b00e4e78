"""The meaning of Garmin's refusals, for either kind of login."""

from strava_pipeline.core.refusals import Meaning, Refusals

_BLOCKED: dict[int, Meaning] = {403: "pause", 427: "pause"}  # this account, or this network, for a while or for good
BY_APP = Refusals(
    at_login=_BLOCKED,
    at_data={401: "login", **_BLOCKED},
    of_one_call=b"Only owner of activity",  # how the 403 for one activity begins; it says nothing about the account
)
BY_KEY = Refusals(at_login={400: "login", 401: "login", 403: "perhaps_login"}, at_data={401: "login", 403: "call"})
