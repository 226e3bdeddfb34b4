"""The app as an ASGI application: Streamlit's own, with the one address that its pages need.

On a link to a page, such as /tune, Streamlit's browser code asks for the server under /tune first,
which is not there and leaves an error in the console. Told the address, it does not guess.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from pruneviz.ui.server.launch import app_directory

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


_folder = app_directory()
_pages = frozenset({"", *(path.stem for path in (_folder / "pages").glob("*.py"))})
app = st.App(_folder / "app.py", middleware=[Middleware(KnownAddress, pages=_pages)])
