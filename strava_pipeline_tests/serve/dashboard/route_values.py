"""What stands for each name in a route's path, for the tests that ask every route."""

SENT = b"<gpx></gpx>"
PICTURE = "/map/{zoom}/{column}/{row}.png"
VALUES = {
    "activity_id": "1",
    "other_id": "1",
    "first_id": "1",
    "second_id": "2",
    "side": "first",
    "segment_id": "1",
    "route_id": "1",
    "month": "2025-05",
    "year": "2025",
    "period": "2025",
    "widget": "week",
    "digest": "0" * 64,
    "name": "home.pmtiles",
    "number": "distance",
    "zoom": "9",
    "column": "1",
    "row": "2",
    "change_id": "0f3c",
    "file_id": f"20261120T080206564698Z-0123abcd-0-{'0' * 32}",
    "request_id": "20261120T080206564698Z-0123abcd",
}
NEEDED = {
    "/api/heat/lines": "?box=16.1,48.0,16.2,48.1",
    "/api/calendar": "?from=2025-05&to=2025-06",
    PICTURE: "?levels=1-5-25&colours=d9773a-b3400f-7a1540-2f0a5c",
}
