"""The house: each file imports only from its own floor and those above it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = [
    {"reading", "sent", "duplicate", "folding", "plain_layers", "registry", "home", "steady",
     "passes", "causes", "attempts"},
    {"plan", "masks", "report", "answers"},
    {"subjects", "explicit", "coupling", "granularity", "criteria", "calibrate", "evaluate",
     "measure", "explain", "replay"},
    {"allocate", "bypass", "surgery", "rehearsal", "apply", "counting", "concluded", "lively",
     "proof",
     "sensitivity", "compare", "export", "store", "recovery", "history"},
    {"run", "scans", "recover", "timed", "catalogue", "contest", "propose"},
    {"jobs"},
    {"figures"},
    {"ui", "cli", "__main__"},
    {"pages", "app"},
]  # fmt: skip
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(
    [*(ROOT / "pruneviz").rglob("*.py"), *(ROOT / "pages").glob("*.py"), ROOT / "app.py"]
)


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "pruneviz" else parts[0]


def imports(path: Path) -> list[str]:
    """Return the modules a file imports when it runs (not those for types alone)."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_up_only(path):
    room = room_of(path)
    if path == ROOT / "pruneviz" / "__init__.py":
        return
    assert room in FLOOR, f"say on which floor the room '{room}' is"
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "pruneviz" and len(parts) > 1 and parts[1] in FLOOR:
            assert FLOOR[parts[1]] <= FLOOR[room], f"{path.name} imports {name}"
        if parts[0] == "streamlit":
            assert room in {"ui", "pages", "app"}, f"{path.name} imports streamlit"


def test_the_library_works_without_streamlit():
    import subprocess
    import sys

    code = "import sys, pruneviz.run, pruneviz.cli; sys.exit('streamlit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
