"""HEAD: what GET would answer, without its body."""

from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class HeadRequests:
    """An ASGI middleware that asks for a HEAD as for a GET, and leaves out the body.

    The query of /login is left out, too: it may hold a link that logs in once, which a look at its headers would use up.
    """

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        asked = {**scope, "method": "GET"}
        if scope["path"] == "/login":
            asked["query_string"] = b""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self.app(asked, receive, sending)
