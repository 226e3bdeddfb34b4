"""Start the browser app: where its files are, its options, and a first page without a wait."""

from __future__ import annotations

import gc
import importlib
import logging
import os
import socket
import threading
import time
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from pruneviz.ui import settings
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import browsing

log = logging.getLogger(__name__)
# The slow imports of the first page; done while the server starts and the browser opens.
FIRST_MODULES = ("pruneviz.ui.frame.frame", "plotly.graph_objects")
PAUSE_SECONDS = 3.0  # in which the first page has the processor to itself
LATER_MODULES = (
    "torchvision",
    "captum.attr",
    "lightning_fabric",
    "pruneviz.ui.history.run_details",
    "pruneviz.ui.history.run_storage",
)


def app_directory() -> Path:
    """Return the folder with app.py, pages/ and .streamlit/: a checkout's root, or the wheel's."""
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "_app", package.parent):
        if (folder / "app.py").is_file() and (folder / "pages").is_dir():
            return folder
    raise FileNotFoundError(f"app.py is neither in {package / '_app'} nor in {package.parent}")


def launch(
    port: int = 8501,
    models: Sequence[str] = (),
    data: Sequence[str] = (),
    *,
    headless: bool = False,
    open_browser: bool = True,
    address: str = "localhost",
    memory_mb: int | None = None,
    weights: Sequence[str] = (),
) -> None:
    """Serve the app on `port` until it is interrupted.

    `models` (`[NAME=]REFERENCE`), their `weights` (`[NAME=]FILE`) and `data` are references that
    read paths of this machine or run code; the app opens only those that are named here, and begins
    with the first model. `address` other than localhost lets others reach the app.
    `memory_mb` is how much it may keep so as not to compute it again; None leaves that as it is.
    """
    settings.check(models, weights, data)
    if _answers(port):
        raise RefusedError(browsing.port_in_use(port))
    # From here on this process is the server, so its environment is ours to set.
    os.environ.update(settings.variables(models, data, memory_mb, weights))
    folder = app_directory()
    threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()
    if open_browser and not headless:
        threading.Thread(target=_open_when_served, args=(port,), daemon=True).start()
    from streamlit import config
    from streamlit.runtime.pages_manager import PagesManager
    from streamlit.web import bootstrap

    # A folder named pages/ would otherwise give the first visitor file names instead of app.py.
    PagesManager.uses_pages_directory = False
    options = {
        "server_address": address,
        "server_port": port,
        "server_headless": headless or not open_browser,
    }
    script = str(folder / "app.py")
    # Streamlit then reads the app's own config.toml, wherever the server is started from.
    config._main_script_path = script
    bootstrap.load_config_options(options)
    bootstrap.run_asgi_app(script, "pruneviz.ui.server.server:app", [], options)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("localhost", port)) == 0


def _open_when_served(port: int) -> None:
    """Open the browser once the server accepts connections, or give up after a minute."""
    for _ in range(600):
        if _answers(port):
            webbrowser.open(f"http://localhost:{port}")
            return
        time.sleep(0.1)


def _warm_up() -> None:
    """Import what the first page needs and make its numbers; then import what other pages need."""
    for name in FIRST_MODULES:
        importlib.import_module(name)
    _set_apart()
    from pruneviz.ui.engine import cache
    from pruneviz.ui.session import edits

    # The first visitor's page asks for the same and finds it, or waits for it.
    try:
        cache.follow(edits.opening(cache.brings_data))
    except ValueError as error:  # the strip says it to the visitor
        log.warning("the first model cannot be opened: %s", error)
    time.sleep(PAUSE_SECONDS)
    for name in LATER_MODULES:
        importlib.import_module(name)
        _set_apart()
    _read_history()
    _set_apart()


def _set_apart() -> None:
    """Let the collection of garbage pass over what was imported, which stays until the end.

    Streamlit collects after every run of a page, and of every part of it that looks again twice a
    second: without this, that was seen to cost a slider 80 ms, and a server that just started so
    much that an estimate did not get better for minutes.
    """
    gc.collect()
    gc.freeze()


def _read_history() -> None:
    """Read the runs that the index does not know yet, before somebody opens Runs."""
    from pruneviz.ui.jobs.watch import watch

    try:
        watch().history()
    except ValueError as error:  # Runs says it to whoever opens it
        log.warning("the runs cannot be read: %s", error)
