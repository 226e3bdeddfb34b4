"""A run's folder says what became of the run."""

from __future__ import annotations

import pytest

from pruneviz.history.folder import RunFolder


@pytest.mark.parametrize("state", ["queued", "running", "stopped", "finished", "failed", None])
def test_what_has_ended_is_not_stopping_though_the_request_is_still_there(tmp_path, state):
    folder = RunFolder(tmp_path)
    assert not folder.stopping(state)
    folder.file("cancel").touch()
    assert folder.stopping(state) == (state in ("queued", "running"))
