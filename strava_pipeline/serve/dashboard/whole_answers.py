"""What middlewares that change or keep whole answers share: the start of an answer is held back until its body is known."""

from collections.abc import Awaitable, Callable

from starlette.types import Message, Send

Change = Callable[[Message, Message], Awaitable[Message]]
"""Given the start of an answer, which it may change, and the first message of its body: that message, as it is to be sent."""


def with_body(send: Send, is_wanted: Callable[[Message], bool], change: Change) -> Send:
    """A `send` that passes answers through `change` whose start `is_wanted`; further parts of a body pass as they are."""
    held: Message | None = None

    async def sending(message: Message) -> None:
        nonlocal held
        if message["type"] == "http.response.start" and is_wanted(message):
            held = message
            return
        if held is not None:
            start, held = held, None
            message = await change(start, message)
            await send(start)
        await send(message)

    return sending
