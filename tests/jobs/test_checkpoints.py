"""Checkpoints: whole or not used."""

from __future__ import annotations

import torch

from pruneviz.history.folder import CHECKPOINTS, RunFolder
from pruneviz.jobs import checkpoints
from pruneviz.jobs.context import Context


def save_three(folder):
    context = Context(RunFolder(folder))
    for done in (1, 2, 3):
        context.save(done, {"done": done, "weights": torch.full((3,), float(done))})
    return context


def test_the_newest_are_kept_and_come_back(tmp_path):
    context, taken = save_three(tmp_path), []
    assert [p.name[:9] for p in checkpoints.newest_first(tmp_path / CHECKPOINTS)] == [
        "000000003", "000000002",
    ]  # fmt: skip
    assert context.restore(taken.append)
    assert taken[0]["done"] == 3
    assert torch.equal(taken[0]["weights"], torch.full((3,), 3.0))


def test_milestones_outlive_what_lies_between(tmp_path):
    context = Context(RunFolder(tmp_path))
    for done in range(1, 10):
        context.save(done, {"done": done}, milestone=done in (2, 4, 6))
    names = [path.name[:11] for path in checkpoints.newest_first(tmp_path / CHECKPOINTS)]
    assert names == ["000000009-s", "000000008-s", "000000006-m", "000000004-m"]


def test_a_damaged_one_gives_way_to_the_one_before(tmp_path):
    context, taken = save_three(tmp_path), []
    newest = checkpoints.newest_first(tmp_path / CHECKPOINTS)[0]
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(bytes(content))
    assert context.restore(taken.append)
    assert taken[0]["done"] == 2
    assert "is not used: it is damaged" in (tmp_path / "log.txt").read_text()


def test_one_that_is_refused_gives_way_and_none_begins_anew(tmp_path):
    context = save_three(tmp_path)

    def refuse(state):
        raise ValueError("it belongs to another plan")

    assert not context.restore(refuse)
    assert (tmp_path / "log.txt").read_text().count("another plan") == 2


def test_a_checkpoint_that_holds_code_is_not_opened(tmp_path, monkeypatch):
    class Trap:
        def __reduce__(self):
            return (print, ("opened",))

    context = Context(RunFolder(tmp_path))
    context.save(1, {"trap": Trap()})
    assert not context.restore(lambda state: None)
    assert "more than tensors and values" in (tmp_path / "log.txt").read_text()
