"""What is chosen and shown is named in plain words, the same wherever it is met."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pruneviz

ROOM = Path(pruneviz.__file__).parent
NAMES = (
    "How to divide it among layers", "Compare with snapshots", "Reset layers to Overall",
    "Lose at most (points)", "One small chart a layer", "Import runs", "Download as zip",
    "Download the pruned network", "Disk space", "Where this run came from",
    "the curves alone predict", "limited by", "Method comparison", "cannot be pruned",
    "not started",
)  # fmt: skip


@pytest.fixture(scope="module")
def said() -> str:
    """Return every string of the program and its pages, those of one sentence joined."""
    files = [*ROOM.rglob("*.py"), *(ROOM.parent / "pages").glob("*.py")]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    return "\n".join(
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_thing_has_its_plain_name(said: str, name: str) -> None:
    assert name in said
