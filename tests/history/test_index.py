"""The index is what the folders are, whatever happened to it or to them."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3

import pytest
from filelock import FileLock

from pruneviz.history import table
from pruneviz.history.database import INDEX_FILE
from pruneviz.history.folder import runs_directory
from pruneviz.history.index import History
from pruneviz.history.query import BEST, ORDERS
from pruneviz.history.row import recovery_text
from pruneviz.history.trash import find_trashed
from pruneviz.plan import Plan
from tests.history.folders import make_run, make_scan, rows_of_folders, set_state


def indexed(history):
    """Return the rows as they are in the index, by digest."""
    with sqlite3.connect(history.directory / INDEX_FILE) as connection:
        statement = f"SELECT {table.COLUMNS} FROM runs ORDER BY digest"
        return [table.row_of(values) for values in connection.execute(statement)]


def digests(rows):
    return {row.digest for row in rows}


def test_a_row_holds_the_numbers_of_the_report(home):
    folder = make_run(home, seed=3, parent="a" * 64)
    (row,) = History(home).search()
    assert (row.digest, row.state, row.kind, row.seed) == (folder.digest, "finished", "run", 3)
    assert row.model == "sample:tumour-mlp"
    assert row.accuracy_low <= row.accuracy <= row.accuracy_high
    assert 0.29 < row.achieved < 0.31
    assert row.macs < row.macs_original
    assert row.parameters < row.parameters_original
    assert row.bytes < row.bytes_original
    assert row.samples > 100
    assert row.latency_ms > 0
    assert row.parent == "a" * 64
    assert row.bytes_used == folder.size_bytes()
    assert row.damage == ""


def test_a_row_tells_the_recovery_in_a_few_words():
    steps = [("batchnorm", {}), ("finetune", {"epochs": 10}), ("distill", {"epochs": 1})]
    plan = Plan(recovery=tuple({"method": name, "parameters": given} for name, given in steps))
    assert recovery_text(plan) == "batchnorm + finetune 10 epochs + distill 1 epoch"
    assert recovery_text(Plan()) == ""


@pytest.mark.parametrize(
    ("stop", "words"),
    [(3, "3 of 10 epochs"), (0, "10 epochs"), (10, "10 epochs"), (12, "10 epochs")],
)
def test_a_row_tells_that_a_recovery_was_stopped_by_hand(stop, words):
    step = {"method": "finetune", "parameters": {"epochs": 10, "stop_after": stop}}
    assert recovery_text(Plan(recovery=(step,))) == f"finetune {words}"


def step(history, home, chance):
    """Do one of the things that happen to runs, some of them behind the history's back."""
    folders = sorted(p for p in history.directory.iterdir() if len(p.name) == 64)
    thrown = sorted((history.directory / ".trash").glob("*"))
    action = chance.randrange(9)
    if action <= 2 or not folders:
        state = chance.choice(["finished", "failed", "stopped", "running", "queued"])
        folder = make_run(home, seed=chance.randrange(30), state=state)
        if chance.random() < 0.5:
            history.record(folder.digest)
    elif action == 3:
        history.label(chance.choice(folders).name, name=str(chance.random()), tags=["a", "b"])
    elif action == 4:
        history.delete(chance.choice(folders).name)
    elif action == 5 and thrown:
        history.restore(thrown[0].name[:64])
    elif action == 6:
        shutil.rmtree(chance.choice(folders))
    elif action == 7:
        (chance.choice(folders) / chance.choice(["job.json", "status.json"])).write_text("{")
    elif action == 8:
        (chance.choice(folders) / "label.json").unlink(missing_ok=True)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_the_index_is_what_the_folders_are(home, seed):
    chance = random.Random(seed)
    history = History(home)
    for _ in range(15):
        step(history, home, chance)
        if chance.random() < 0.3:
            history.sync()
    history.sync()
    assert indexed(history) == rows_of_folders(home)
    before = history.search()
    history.rebuild()
    assert history.search() == before
    assert digests(before) == digests(rows_of_folders(home))


def garbage(path):
    path.write_bytes(random.Random(0).randbytes(20_000))


def cut_short(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path):
    path.write_bytes(b"")


def other_version(path):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")


def other_table(path):
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE runs")
        connection.execute("CREATE TABLE runs (digest)")


def changed_text(path):
    content = path.read_bytes()
    assert b"sample:tumour-mlp" in content
    path.write_bytes(content.replace(b"sample:tumour-mlp", b"sample:other--mlp"))


def no_text(path):
    path.write_bytes(path.read_bytes().replace(b"sample:tumour-mlp", b"\xff\xfe" * 8 + b"\xff"))


def changed_middle(path):
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 500] = random.Random(1).randbytes(500)
    path.write_bytes(content)


@pytest.mark.parametrize(
    "spoil",
    [
        garbage,
        cut_short,
        emptied,
        other_version,
        other_table,
        changed_text,
        no_text,
        changed_middle,
        lambda path: path.unlink(),
    ],
)
def test_a_spoilt_index_is_made_anew(home, spoil):
    for seed in range(12):
        make_run(home, seed=seed)
    before = History(home).search()
    path = runs_directory(home) / INDEX_FILE
    spoil(path)
    history = History(home)
    assert history.search() == before
    assert history.count() == 12
    assert history.note == ""
    assert indexed(history) == rows_of_folders(home)


def test_an_index_spoilt_while_it_is_in_use_is_made_anew(home):
    make_run(home)
    history = History(home)
    before = history.search()
    garbage(history.directory / INDEX_FILE)
    assert history.search() == before


def test_a_change_too_quick_for_the_clock_is_seen(home):
    folder = make_run(home, state="running")
    history = History(home)
    for state in ("stopped", "failed", "running", "stopped"):
        before = folder.file("status.json").stat()
        text = folder.file("status.json").read_text()
        folder.file("status.json").write_text(text.replace(text.split('"')[3], state))
        os.utime(folder.file("status.json"), ns=(before.st_atime_ns, before.st_mtime_ns))
        history.sync()
        assert indexed(history)[0].state == state


def test_a_broken_run_is_shown_and_in_nobody_s_way(home):
    whole, no_job, no_report, other_report, no_status, no_label = (
        make_run(home, seed=seed) for seed in range(6)
    )
    no_job.file("job.json").write_bytes(b"\xff\x00")
    no_report.file("report.json").unlink()
    other_report.file("report.json").write_text(whole.file("report.json").read_text())
    no_status.file("status.json").write_text('{"state": "flying"}')
    no_label.file("label.json").write_text('{"name": ["x"]}')
    (whole.path.parent / ("b" * 64)).mkdir()  # a run that is just being made
    history = History(home)
    rows = {row.digest: row for row in history.search()}
    assert len(rows) == 6
    assert rows[whole.digest].damage == ""
    for folder, word in [
        (no_job, "job.json"), (no_report, "report.json"), (other_report, "another run"),
        (no_status, "state must be one of"),
    ]:  # fmt: skip
        assert rows[folder.digest].state == "damaged"
        assert word in rows[folder.digest].damage
    assert rows[no_label.digest].state == "finished"
    assert "label.json" in rows[no_label.digest].damage
    assert history.count(state="damaged") == 4
    history.label(no_label.digest, note="new")
    assert no_label.file("label.json.damaged").read_text() == '{"name": ["x"]}'
    assert history.get(no_label.digest).damage == ""
    history.delete(no_job.digest)
    assert history.count() == 5


def test_states_are_looked_up_live(home):
    dead, alive, done = (make_run(home, seed=seed, state="running") for seed in range(3))
    with FileLock(alive.file("lock")):
        history = History(home)
        states = {row.digest: row.state for row in history.search()}
        assert states[dead.digest] == "interrupted"
        assert states[alive.digest] == "running"
        set_state(done, "stopped")  # behind the index's back
        assert {row.state for row in history.search()} == {"interrupted", "running", "stopped"}
        assert digests(history.search(state="running")) == {alive.digest}
        assert history.count(state="interrupted") == 1
        assert history.count(state="queued") == 0
        with pytest.raises(ValueError, match="stop it first"):
            history.delete(alive.digest)
    assert history.count(state="interrupted") == 2
    assert digests(history.unfinished()) == {dead.digest, alive.digest, done.digest}


def test_a_status_of_an_earlier_version_is_read_by_its_present_name(home):
    folder = make_run(home, state="stopped")
    file = folder.file("status.json")
    file.write_text(file.read_text().replace('"stopped"', '"cancelled"', 1))
    assert folder.state() == "stopped"
    assert [row.state for row in History(home).search()] == ["stopped"]


@pytest.mark.parametrize("updated", ["yesterday", "2026-11-20T12:00:00", ""])
def test_a_time_that_is_none_is_in_nobody_s_way(home, updated):
    folder = make_run(home, state="queued")
    status = folder.status().model_copy(update={"updated": updated})
    folder.write_status(status)
    assert History(home).search()[0].state == "interrupted"


def test_search_finds_by_words_and_by_fields(home):
    folders = [make_run(home, seed=seed) for seed in range(5)]
    scan = make_scan(home)
    history = History(home)
    history.label(folders[0].digest, name="Größe 50 %", tags=["paper", "x_y"], note="like _ and '")
    for text in ("größe", "GRÖSSE"[:2], "50 %", "paper", "_ and", "'", folders[0].digest[:20]):
        assert folders[0].digest in digests(history.search(text)), text
    for text in ("größe 51", "' OR 1=1 --", '"; DROP TABLE runs', "%%", "1_2"):
        assert history.search(text) == [], text
    assert digests(history.search(tag="paper")) == {folders[0].digest}
    assert history.search(tag="pape") == []
    assert digests(history.search(kind="sensitivity")) == {scan.digest}
    assert history.count(kind="run") == history.count(kind="run", model="sample:tumour-mlp") == 5
    assert history.count(model="sample:tumour") == 0
    assert history.choices("kind") == ["run", "sensitivity"]
    assert history.choices("tags") == ["paper", "x_y"]
    with pytest.raises(ValueError, match="state is one of"):
        history.search(state="flying")
    with pytest.raises(ValueError, match="ordered by one of"):
        history.search(order="digest; DROP TABLE runs")


@pytest.mark.parametrize("order", [*ORDERS, BEST, "mae"])
def test_pages_of_a_list_are_the_list(home, order):
    for seed in range(7):
        make_run(home, seed=seed, state="finished" if seed % 2 else "failed")
    history = History(home)
    for descending in (False, True):
        whole = history.search(order=order, descending=descending)
        pages = [
            history.search(order=order, descending=descending, limit=3, offset=start)
            for start in (0, 3, 6, 9)
        ]
        assert [row for page in pages for row in page] == whole
        assert len(digests(whole)) == 7
        lacking = [row.accuracy is None for row in whole]
        assert order != "accuracy" or lacking == sorted(lacking)


def test_the_newest_come_first(home):
    for seed in (4, 1, 3):
        make_run(home, seed=seed)
    assert [row.seed for row in History(home).search()] == [4, 3, 1]


def test_a_run_is_named_by_the_beginning_of_its_digest_or_by_its_name(home):
    folders = [make_run(home, seed=seed) for seed in range(40)]
    history = History(home)
    assert history.get(folders[0].digest).seed == 0
    assert history.get(folders[0].digest[:10]).seed == 0
    history.label(folders[1].digest, name="best one")
    assert history.get("best one").seed == 1
    history.label(folders[2].digest, name="best one")
    with pytest.raises(ValueError, match="several runs are called 'best one'"):
        history.get("best one")
    for text in (folders[0].digest[:3], "best", "", "%", "0" * 64):
        with pytest.raises(ValueError, match="no run is called"):
            history.get(text)


def test_a_name_never_hides_the_run_of_that_digest(home):
    first, second = make_run(home, seed=0), make_run(home, seed=1)
    history = History(home)
    history.label(second.digest, name=first.digest)
    assert history.get(first.digest).seed == 0
    history.delete(first.digest)
    with pytest.raises(ValueError, match="no run is called"):
        history.get(first.digest)
    history.delete(second.digest)
    assert find_trashed(history.directory, first.digest) == first.digest


def test_labels_are_cleaned_and_limited(home):
    folder = make_run(home)
    history = History(home)
    row = history.label(
        folder.digest,
        name=" a\x1b[31m\u202eb\0 ",
        tags=["x", "X ", "", "imported"],
        note="1\r\n2\x07",
    )
    assert (row.name, row.tags, row.note) == ("a[31mb", ("x",), "1\n2")
    assert history.label(folder.digest, name="new").note == "1\n2"
    assert History(home).get("new").tags == ("x",)
    for wrong in (
        {"name": "n" * 81}, {"note": "n" * 2001}, {"tags": ["t" * 31]},
        {"tags": [str(i) for i in range(21)]},
    ):  # fmt: skip
        with pytest.raises(ValueError, match="at most"):
            history.label(folder.digest, **wrong)
    assert history.get("new").note == "1\n2"
    with pytest.raises(ValueError, match="there is no run"):
        history.label("0" * 64, name="x")
    for wrong_digest in ("../../etc", "", "x" * 64):
        with pytest.raises(ValueError, match="64 digits"):
            history.label(wrong_digest, name="x")


def test_lineage_is_a_tree_of_ancestors_and_descendants(home):
    top = make_run(home, seed=0, parent="f" * 64)
    middle = make_run(home, seed=1, parent=top.digest)
    make_run(home, seed=2, parent=top.digest)
    low = [make_run(home, seed=seed, parent=middle.digest) for seed in (3, 4)]
    make_run(home, seed=5)
    history = History(home)
    seen = [(depth, part.digest) for depth, part in history.lineage(middle.digest).lines()]
    assert seen == [
        (0, "f" * 64),
        (1, top.digest),
        (2, middle.digest),
        (3, low[0].digest),
        (3, low[1].digest),
    ]
    assert history.lineage(middle.digest).row is None  # the oldest is gone
    alone = history.lineage("0" * 64)
    assert (alone.row, alone.children) == (None, ())


def test_a_circle_and_a_long_chain_do_not_hang():
    from pruneviz.history.lineage import family, tree

    circle = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a"), ("e", "e")]
    assert {part.digest for _, part in tree(family(circle, "b"), {}).lines()} == set("abc")
    assert [part.digest for _, part in tree(family(circle, "e"), {}).lines()] == ["e"]
    chain = [(str(i), str(i - 1)) for i in range(1, 5000)]
    lines = list(tree(family(chain, "2500"), {}).lines())
    assert [depth for depth, _ in lines] == list(range(5000))
