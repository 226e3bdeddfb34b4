"""The house: rooms on floors, imports that only go down, no circle, rooms of a size one can see."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
# From the ground up; a file imports from its own room and from lower floors alone.
FLOORS = [
    {"home", "sent", "stepwise", "wording"},
    {"plan", "registry"},
    {"network", "report"},
    {"metrics"},
    {"tasks"},
    {"coupling", "evaluate"},
    {"granularity", "subjects"},
    {"allocate", "measure", "pruned", "statistics"},
    {"apply", "compare", "criteria", "explain", "export", "reuse"},
    {"language", "proof", "recovery", "store"},
    {"catalogue", "history", "stages"},
    {"blockwise", "run", "vocabulary"},
    {"sensitivity"},
    {"analyses"},
    {"propose"},
    {"figures", "jobs"},
    {"ui"},
    {"app", "cli", "pages"},
    {"__main__"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
UI_FLOORS = [
    {"settings"},
    {"engine", "session"},
    {"words"},
    {"jobs", "architecture"},
    {"comparisons", "frame", "server"},
    {"home", "kit"},
    {"recover", "sensitivity"},
    {"history", "tune"},
    {"attributions", "classes", "compare"},
]
UI_FLOOR = {room: number for number, rooms in enumerate(UI_FLOORS) for room in rooms}
STREAMLIT = {"ui", "pages", "app"}
WITHOUT_TORCH = (
    "plan", "registry", "report", "history.folder", "history.index", "history.label",
    "history.lineage", "history.query", "history.row", "history.trash", "history.usage",
)  # fmt: skip
MOST_FILES, MOST_LINES = 16, 300


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PATHS = [*(ROOT / "pruneviz").rglob("*.py"), *(ROOT / "pages").glob("*.py"), ROOT / "app.py"]
FILES = {module_of(path): path for path in sorted(PATHS)}


def imports(path: Path) -> list[str]:
    """Return the modules and names a file imports when it runs (not those for types alone)."""
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


def uses(path: Path) -> set[str]:
    """Return the project's own files that a file imports."""
    found = set()
    for name in imports(path):
        file = name if name in FILES else name.rpartition(".")[0]
        found |= {file} & FILES.keys()
    return found - {module_of(path)}


USES = {name: uses(path) for name, path in FILES.items()}


def room_of(module: str) -> str:
    head, _, rest = module.partition(".")
    return rest.partition(".")[0] if head == "pruneviz" and rest else head


def wing_of(module: str) -> str:
    """Return the room within the browser's side."""
    return module.split(".")[2]


def upwards(floors: Mapping[str, int], pairs: Iterator[tuple[str, str, str, str]]) -> list[str]:
    """Return what imports from its own floor or a higher one, as sentences."""
    return [
        f"{file} imports {other}"
        for file, other, room, used in pairs
        if room != used and floors[used] >= floors[room]
    ]


def test_every_room_has_its_floor():
    rooms = {room_of(name) for name in FILES} - {"pruneviz"}
    assert rooms == FLOOR.keys()
    assert {wing_of(name) for name in FILES if name.startswith("pruneviz.ui.")} == UI_FLOOR.keys()


def test_imports_go_down_only():
    pairs = (
        (file, other, room_of(file), room_of(other))
        for file, used in USES.items() for other in used if other != "pruneviz"
    )  # fmt: skip
    assert upwards(FLOOR, pairs) == []


def test_within_the_browser_s_side_imports_go_down_only():
    side = "pruneviz.ui."
    pairs = (
        (file, other, wing_of(file), wing_of(other))
        for file, used in USES.items() for other in used
        if file.startswith(side) and other.startswith(side)
    )  # fmt: skip
    assert upwards(UI_FLOOR, pairs) == []


def drawn(picture: str) -> list[set[str]]:
    """Return the rooms of a picture's floors, from the ground up, where they stand counted."""
    rows = re.findall(r"^ +(\d+)   (\w+(?: · \w+)*)  ", picture, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(len(rows), 0, -1))
    return [set(rooms.split(" · ")) for _, rooms in reversed(rows)]


def test_the_house_is_drawn_as_it_stands():
    _, house, side = (ROOT / "CONTRIBUTING.md").read_text().split("\nfloor  rooms")
    assert drawn(house) == FLOORS
    assert drawn(side) == UI_FLOORS


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Return a circle of a graph, nothing where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_files_import_one_another_in_a_circle():
    assert circle(USES) == []


def test_no_rooms_import_one_another_in_a_circle():
    rooms: dict[str, set[str]] = {}
    for file, used in USES.items():
        others = {room_of(other) for other in used} - {room_of(file)}
        rooms.setdefault(room_of(file), set()).update(others)
    assert circle(rooms) == []


def test_a_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})


def test_streamlit_is_imported_above_alone():
    found = [
        file for file, path in FILES.items()
        if room_of(file) not in STREAMLIT
        and any(name.partition(".")[0] == "streamlit" for name in imports(path))
    ]  # fmt: skip
    assert found == []


def test_a_room_holds_no_more_files_than_one_can_see():
    folders = {path.parent for path in PATHS}
    crowded = {
        str(folder.relative_to(ROOT)): len(list(folder.glob("*.py")))
        for folder in folders if len(list(folder.glob("*.py"))) > MOST_FILES
    }  # fmt: skip
    assert crowded == {}


def test_a_file_is_no_longer_than_one_can_read_in_a_sitting():
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in PATHS}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


def first_that_brings(package: str, modules: Iterable[str]) -> str:
    """Return which of the modules, imported in turn in a process of its own, brings a package."""
    code = (
        "import sys, importlib\n"
        f"for name in {list(modules)}:\n"
        "    importlib.import_module(f'pruneviz.{name}')\n"
        f"    {package!r} in sys.modules and sys.exit(name)"
    )
    return subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True
    ).stderr


def test_the_library_works_without_streamlit():
    assert first_that_brings("streamlit", ("run", "cli")) == ""


def test_what_is_asked_and_what_is_stored_is_read_without_torch():
    assert first_that_brings("torch", WITHOUT_TORCH) == ""


def test_what_brings_a_package_is_named():
    assert first_that_brings("pydantic", ("home", "plan", "registry")).strip() == "plan"


def test_no_two_files_of_tests_have_one_name():
    """Of folders that are no packages, pytest imports each file by its name alone."""
    names = [
        path.name
        for path in (ROOT / "tests").rglob("test_*.py")
        if not (path.parent / "__init__.py").exists()
    ]
    assert sorted(names) == sorted(set(names))
