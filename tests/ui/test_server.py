"""A browser that leaves while it is answered is no fault of the app's; every other error is."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from pruneviz.ui.server.server import ClosedTab

CONNECTED = {"type": "websocket", "path": "/", "headers": [], "query_string": b""}


async def asking():
    return {"type": "websocket.connect"}


def served(endpoint) -> list[str]:
    """Return what an endpoint sent, or tried to: its other side has gone once it is accepted."""
    sent: list[str] = []

    async def gone(message):
        sent.append(message["type"])
        if len(sent) > 1:
            raise OSError("closed")

    app = Starlette(
        routes=[WebSocketRoute("/", endpoint)],
        middleware=[Middleware(ClosedTab)],
    )
    asyncio.run(app(dict(CONNECTED), asking, gone))
    return sent


async def answers(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_bytes(b"an answer")


async def answers_then_listens(websocket: WebSocket) -> None:
    """As Streamlit's endpoint: another task's answer fails, then it listens, then it closes."""
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        await websocket.send_bytes(b"an answer")
    try:
        await websocket.receive_bytes()
    except RuntimeError:
        await websocket.close()


async def breaks(websocket: WebSocket) -> None:
    await websocket.accept()
    raise RuntimeError("a fault of the app")


@pytest.mark.parametrize("endpoint", [answers, answers_then_listens])
def test_a_tab_that_was_closed_ends_quietly(endpoint):
    assert served(endpoint) == ["websocket.accept", "websocket.send"]


def test_a_fault_of_the_app_is_not_hidden():
    with pytest.raises(RuntimeError, match="a fault of the app"):
        served(breaks)
