"""The app as an ASGI application: Streamlit's own, between two small layers.

On a link to a page, such as /tune, Streamlit's browser code asks for the server under /tune first,
which is not there and leaves an error in the console. Told the address, it does not guess.

A tab that is closed while the server answers it is no fault, but Streamlit's endpoint then closes
what is closed already, and the log fills with tracebacks among which a true one is not seen.
"""

from __future__ import annotations

import logging
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect, WebSocketDisconnected

from pruneviz.ui.server.launch import app_directory

log = logging.getLogger(__name__)
ADDRESS = "<script>window.__streamlit = {BACKEND_BASE_URL: window.location.origin + '/'}</script>"


class KnownAddress:
    """Serves the browser's page with the server's address in it, on / and on every page's path."""

    def __init__(self, app: ASGIApp, pages: frozenset[str]) -> None:
        """Read Streamlit's page once."""
        self._app, self._pages = app, pages
        page = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
        self._page = page.replace("<head>", f"<head>{ADDRESS}", 1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for a page; hand on everything else."""
        wanted = scope["type"] == "http" and scope["method"] == "GET"
        if wanted and scope["path"].strip("/") in self._pages:
            response = HTMLResponse(self._page, headers={"Cache-Control": "no-cache"})
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class ClosedTab:
    """Ends a connection quietly whose other side has gone; every other error goes on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and take back only that the browser is no longer there."""
        try:
            await self._app(scope, receive, send)
        except (WebSocketDisconnect, WebSocketDisconnected) as left:
            log.debug("a browser left while it was answered: %r", left)


_folder = app_directory()
_pages = frozenset({"", *(path.stem for path in (_folder / "pages").glob("*.py"))})
app = st.App(
    _folder / "app.py",
    middleware=[Middleware(ClosedTab), Middleware(KnownAddress, pages=_pages)],
)
