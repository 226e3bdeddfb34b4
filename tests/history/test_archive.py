"""A zip file of runs: what goes out comes in the same, and nothing else comes in at all."""

from __future__ import annotations

import io
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from pruneviz.history import archive, check
from pruneviz.history.archive import export_runs, import_runs
from pruneviz.history.folder import runs_directory
from pruneviz.history.index import History
from pruneviz.store import FILES
from tests.history.folders import make_run, make_scan
from tests.history.mounts import full, small_disk
from tests.history.spoiled import BAD, files_of, zipped


def packed(home, tmp_path):
    """Export all runs of a home folder."""
    history = History(home)
    path = tmp_path / "runs.zip"
    export_runs(history, [row.digest for row in history.search()], path)
    return path


def without_origin(row):
    return replace(row, tags=tuple(tag for tag in row.tags if tag != "imported"), bytes_used=0)


def nothing_came_in(home):
    left = [path.name for path in runs_directory(home).iterdir()]
    return not [name for name in left if not name.startswith("index.")]


def test_what_goes_out_comes_in_the_same(home, tmp_path):
    first = make_run(home, seed=1)
    second = make_run(home, seed=2, parent=first.digest)
    make_run(home, seed=3, state="failed").file("log.txt").write_text("it failed\n")
    make_scan(home)
    History(home).label(second.digest, name="näme", tags=["a"], note="two\nlines")
    path = packed(home, tmp_path)
    other = History(tmp_path / "other")
    result = import_runs(other, path)
    before, after = History(home).search(), other.search()
    assert list(map(without_origin, after)) == list(map(without_origin, before))
    assert set(result.added) == {row.digest for row in before}
    assert all("imported" in row.tags for row in after)
    assert other.count(tag="imported") == 4
    for row in before:
        for file in History(home).folder(row.digest).path.glob("*.*"):
            if file.name not in ("label.json", "job.json"):
                assert other.folder(row.digest).file(file.name).read_bytes() == file.read_bytes()
    assert not any(other.directory.rglob("checkpoints"))
    assert not any(other.directory.rglob("*.pt"))


def test_a_run_that_is_there_stays_as_it_is(home, tmp_path):
    folder = make_run(home, seed=1)
    make_run(home, seed=2)
    path = packed(home, tmp_path)
    history = History(home)
    history.delete(make_run(home, seed=2).digest)
    row = history.label(folder.digest, name="mine")
    result = import_runs(history, path)
    assert result.present == (folder.digest,)
    assert len(result.added) == 1
    assert history.get("mine") == row
    again = import_runs(history, path)
    assert (len(again.present), again.added) == (2, ())


def test_known_files_are_those_that_a_run_writes():
    assert set(FILES) < set(check.KNOWN)
    assert "lock" not in check.KNOWN


def test_options_of_another_machine_are_forgotten(home, tmp_path):
    make_run(home, state="stopped", options={"folder": "/tmp/elsewhere"})
    other = History(tmp_path / "other")
    (digest,) = import_runs(other, packed(home, tmp_path)).added
    assert other.folder(digest).spec().options == {}


def test_a_stream_is_taken_as_a_file_is(home, tmp_path):
    make_run(home)
    content = io.BytesIO(packed(home, tmp_path).read_bytes())
    assert len(import_runs(History(tmp_path / "other"), content, "mine.zip").added) == 1
    with pytest.raises(ValueError, match=r"'mine\.zip' is not a whole zip file"):
        import_runs(History(tmp_path / "other"), io.BytesIO(b"no"), "mine.zip")


@pytest.mark.parametrize("state", ["running", "queued"])
def test_a_run_without_an_end_stays_at_home(home, tmp_path, state):
    folder = make_run(home, state=state)
    with pytest.raises(ValueError, match="has not ended: resume it"):
        export_runs(History(home), [folder.digest], tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()


def test_an_export_that_cannot_be_is_said(home, tmp_path):
    folder = make_run(home)
    history = History(home)
    for digests, path, words in [
        ([], tmp_path / "a.zip", "no run is named"),
        (["0" * 64], tmp_path / "a.zip", "there is no run"),
        ([folder.digest], tmp_path, "is a folder"),
        ([folder.digest], tmp_path / "gone" / "a.zip", "cannot be written: No such file"),
    ]:
        with pytest.raises(ValueError, match=words):
            export_runs(history, digests, path)
    folder.file("report.json").write_text("{")
    with pytest.raises(ValueError, match=r"is damaged, leave it out: 'report\.json'"):
        export_runs(history, [folder.digest], tmp_path / "a.zip")


# Each takes the files of a good export, the digest of its run, and a path to write to.


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The files of a good export with one run, and the run's digest."""
    folder = tmp_path_factory.mktemp("good")
    run = make_run(folder / "home", seed=5)
    run.file("log.txt").write_text("all is well\n")
    History(folder / "home").label(run.digest, name="good")
    return files_of(packed(folder / "home", folder)), run.digest


def test_the_good_zip_comes_in(good, home, tmp_path):
    files, digest = good
    path = zipped(tmp_path / "good.zip", {f"{digest}/": b"", **files}, zipfile.ZIP_DEFLATED)
    assert import_runs(History(home), path).added == (digest,)


@pytest.mark.filterwarnings("ignore:Duplicate")
@pytest.mark.parametrize(("spoil", "words"), BAD, ids=lambda part: getattr(part, "__name__", ""))
def test_a_bad_zip_is_refused_and_nothing_of_it_is_kept(good, home, tmp_path, spoil, words):
    files, digest = good
    # A good run beside the bad one is refused with it.
    beside = make_run(tmp_path / "beside", seed=6)
    files = {**files_of(packed(tmp_path / "beside", tmp_path)), **files}
    history = History(home)
    path = spoil(files, digest, tmp_path / "bad.zip")
    with pytest.raises(ValueError, match=words) as refused:
        import_runs(history, path)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500
    assert nothing_came_in(home)
    assert history.count() == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.zip", "beside", "home", "runs.zip"]
    assert beside.spec() is not None


def test_what_a_zip_unpacks_to_is_counted_and_not_believed(good, home, tmp_path, monkeypatch):
    files, _ = good
    path = zipped(tmp_path / "good.zip", files)
    monkeypatch.setattr(archive, "MAX_TOTAL_BYTES", 1000)  # of the counting alone
    with pytest.raises(ValueError, match="more than it announces"):
        import_runs(History(home), path)
    assert nothing_came_in(home)


def test_a_full_disk_keeps_nothing_of_an_import(good, tmp_path):
    files, _ = good
    path = zipped(tmp_path / "good.zip", files)
    with small_disk(tmp_path / "disk", 3) as disk:
        history = History(disk)
        with full(disk), pytest.raises(ValueError, match=r"make room|No space left"):
            import_runs(history, path)
        assert nothing_came_in(disk)
        assert len(import_runs(History(disk), path).added) == 1


def test_an_import_leaves_a_reserve_on_the_disk(good, home, tmp_path, monkeypatch):
    files, digest = good
    path = zipped(tmp_path / "good.zip", files)
    size = sum(map(len, files.values()))
    history = History(home)
    for total, reserve in ((10**8, 5 * 10**6), (10**12, 10**9)):
        for spare in (-1, 0):
            free = size + reserve + spare
            usage = shutil._ntuple_diskusage(total, total - free, free)
            monkeypatch.setattr(archive.shutil, "disk_usage", lambda _, usage=usage: usage)
            if spare < 0:
                with pytest.raises(ValueError, match=f"the disk has {size - 1:,} to spare"):
                    import_runs(history, path)
                assert nothing_came_in(home)
        assert import_runs(history, path).added == (digest,)
        shutil.rmtree(history.directory / digest)


def test_an_import_that_cannot_be_opened_is_said(home):
    with pytest.raises(ValueError, match="cannot be imported: No such file"):
        import_runs(History(home), Path("gone.zip"))
