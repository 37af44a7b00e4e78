"""An activity as a page of a listing, for a writer that read it: from the list of the days around it, or from its detail.

The list is preferred. A detail has more fields, and other fields with other digits: kept as a row, it would be one more
version of the activity, and the next listing another one.
"""

from datetime import datetime

from strava_pipeline.ingest.garmin.activity_list import LISTING, days_around
from strava_pipeline.ingest.garmin.client import LARGEST_PAGE, GarminClient
from strava_pipeline.ingest.garmin.record import rows
from strava_pipeline.ingest.provider import Page
from strava_pipeline.ingest.service_client import Answer

ACTIVITY = "/activity-service/activity"


def page_around(client: GarminClient, start: datetime) -> Page:
    """The list of the athlete's days around an instant. Raises as the client's calls do."""
    began, calls = int(start.timestamp()), client.calls
    query = {"start": 0, "limit": LARGEST_PAGE, **days_around(began, began)}
    answer = client.service.get(LISTING, query, check=rows)
    read = client.spec.read_page(answer.json)
    return Page(1, LARGEST_PAGE, read, answer.body, answer.fetched_at, client.calls - calls)


def page_of_detail(client: GarminClient, detail: Answer) -> Page:
    """A detail as a list of one."""
    body = b"[" + detail.body.lstrip(b"\xef\xbb\xbf") + b"]"
    return Page(1, 1, client.spec.read_page([detail.json]), body, detail.fetched_at, 1)
