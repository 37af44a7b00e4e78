"""A plain client of the emulator for its tests: logs in, calls the API, gives control orders.

It knows HTTP and nothing of the emulator's inside; what a real client library makes of it is in test_stravalib.py.
"""

import socket
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

EVERYTHING = "read,profile:read_all,activity:read_all"


class Client:
    def __init__(self, url: str, scope: str | None = EVERYTHING) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False
        self.tokens: dict[str, Any] = {}
        if scope is not None:
            self.login(scope)

    def authorize(self, **changes: str | None) -> requests.Response:
        query = {
            "client_id": "12345",
            "redirect_uri": "http://localhost/exchange_token",
            "response_type": "code",
            "approval_prompt": "auto",
            "scope": EVERYTHING,
            "state": "s 1",
        }
        return self.http.get(f"{self.url}/oauth/authorize", params=query | changes, allow_redirects=False)

    def code(self, scope: str = EVERYTHING) -> str:
        return parse_qs(urlsplit(self.authorize(scope=scope).headers["location"]).query)["code"][0]

    def token(self, **fields: str) -> requests.Response:
        client = {"client_id": "12345", "client_secret": "emulator-secret"}
        return self.http.post(f"{self.url}/oauth/token", data=client | fields)

    def exchange(self, code: str) -> requests.Response:
        return self.token(grant_type="authorization_code", code=code)

    def refresh(self, refresh_token: str | None = None) -> requests.Response:
        return self.token(grant_type="refresh_token", refresh_token=refresh_token or self.tokens["refresh_token"])

    def login(self, scope: str) -> None:
        answer = self.exchange(self.code(scope))
        answer.raise_for_status()
        self.use(answer.json())

    def use(self, tokens: dict[str, Any]) -> None:
        self.tokens = tokens
        self.http.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def get(self, path: str, /, **query: Any) -> requests.Response:
        return self.http.get(f"{self.url}/api/v3{path}", params=query, timeout=20)

    def ids(self, **query: Any) -> list[int]:
        answer = self.get("/athlete/activities", **query)
        assert answer.status_code == 200, answer.text
        return [activity["id"] for activity in answer.json()]

    def pages(self, **query: Any) -> list[list[int]]:
        """All pages up to the empty one, which is left out."""
        found: list[list[int]] = []
        while page := self.ids(**query, page=len(found) + 1):
            found.append(page)
        return found

    def every_id(self, **query: Any) -> list[int]:
        return [identity for page in self.pages(per_page=200, **query) for identity in page]

    def control(self, path: str, /, **order: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/_emulator{path}", json=order, timeout=20)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def calls(self) -> dict[str, Any]:
        found: dict[str, Any] = requests.get(f"{self.url}/_emulator/calls", timeout=20).json()
        return found

    def truth(self) -> dict[str, Any]:
        found: dict[str, Any] = requests.get(f"{self.url}/_emulator/truth", timeout=60).json()
        return found

    def raw(self, path: str, method: str = "GET", body: str = "") -> tuple[bytes, bool]:
        """All bytes that come back on a connection of its own, and whether it was reset."""
        received = b""
        with self._sent(path, method, body) as connection:
            try:
                while chunk := connection.recv(65536):
                    received += chunk
            except ConnectionResetError:
                return received, True
        return received, False

    def send(self, path: str) -> None:
        """Ask, and be gone before the answer."""
        self._sent(path, "GET", "").close()

    def _sent(self, path: str, method: str, body: str) -> socket.socket:
        parts = urlsplit(self.url)
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {parts.netloc}",
            f"Authorization: {self.http.headers.get('Authorization', '')}",
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        connection = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10)
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        return connection
