import pytest
import torch

from pruneviz import run, store
from pruneviz.plan import Plan
from pruneviz.ui import settings
from pruneviz.ui.engine import cache, live, results
from pruneviz.ui.engine.gate import check_allowed
from pruneviz.ui.engine.keys import prepared_key, subject_key
from pruneviz.ui.engine.live import UNTIMED
from pruneviz.ui.frame import speeds
from pruneviz.ui.server import launch
from tests.ui.finished import MLP, finish

RECOVERED = MLP.changed(recovery=[{"method": "finetune", "parameters": {"epochs": 2}}])


@pytest.mark.parametrize(
    ("fields", "remedy"),
    [
        ({"model": "python:/etc/passwd:build"}, "pruneviz app --model python:/etc/passwd:build$"),
        ({"weights": "/etc/shadow"}, "on Home instead, or .* --model \\S+ --weights /etc/shadow$"),
        ({"data": "npz:/etc/passwd"}, "only who starts .* pruneviz app --data npz:/etc/passwd$"),
        ({"data": "folder:/"}, "pruneviz app --data folder:/$"),
        ({"data": "csv:/etc/passwd?target=x"}, r"--data 'csv:/etc/passwd\?target=x'$"),
    ],
)
def test_a_link_cannot_open_files_of_the_server(fields: dict[str, str], remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        cache.subject(Plan(**fields))
    with pytest.raises(ValueError, match=remedy):
        cache.live(Plan(**fields))


def test_what_the_operator_named_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings.variables(["python:m.py:build"], ["npz:d.npz"]).items():
        monkeypatch.setenv(name, value)
    assert settings.models() == ("python:m.py:build",)
    check_allowed(Plan(model="python:m.py:build", data="npz:d.npz"))
    with pytest.raises(ValueError, match="other"):
        check_allowed(Plan(data="npz:other.npz"))


def test_the_keys_change_with_what_they_stand_for() -> None:
    plan = Plan(sparsity=0.2)
    more = plan.changed(sparsity=0.3)
    assert prepared_key(plan) == prepared_key(more)
    assert cache.plan_key(plan) != cache.plan_key(more)
    assert prepared_key(plan) != prepared_key(plan.changed(criterion="random"))
    assert subject_key(plan) == subject_key(plan.changed(criterion="random"))


def test_a_changed_file_is_read_anew(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "d.npz"
    file.write_bytes(b"1")
    plan = Plan(data=f"npz:{file}")
    before = subject_key(plan)
    file.write_bytes(b"22")
    assert subject_key(plan) != before


def test_live_numbers_of_a_sample_are_exact_or_marked() -> None:
    live = cache.live(Plan(model="sample:tumour-mlp", sparsity=0.5))
    assert live.report.accuracy is not None
    assert live.exact == (live.report.accuracy.samples == live.total)
    assert live.total == 190


def test_what_is_looked_at_gets_exact_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pruneviz.ui.engine.live.EVALUATION_SECONDS", 0.0)
    monkeypatch.setattr("pruneviz.ui.engine.shared.batch_size", lambda x, macs: 32)
    cache._shared.clear()
    plan = Plan(model="sample:tumour-mlp", sparsity=0.37)
    first = cache.follow(plan)
    assert first.report.accuracy is not None
    assert (first.exact, first.report.accuracy.samples) == (False, 32)
    cache.background().wait()
    exact = cache.live(plan)
    cache._shared.clear()
    assert exact.done
    whole = run.report(cache.prepared(plan), cache.pruned(plan), UNTIMED)
    assert exact.report.accuracy == whole.accuracy
    assert cache.follow(plan) == exact


def test_a_timing_from_a_busy_moment_is_taken_again() -> None:
    plan = Plan(model="sample:tumour-mlp", sparsity=0.41)
    original = cache.original(plan)
    slow = original.seconds_per_input = 2 * live.EVALUATION_SECONDS / 190  # inputs
    original.affordable(cache.subject(plan))
    assert original.seconds_per_input < slow


@pytest.mark.parametrize(("given", "expected"), [(None, 256), ("64", 64), ("0", 0)])
def test_memory_is_what_the_operator_allows(monkeypatch, given, expected) -> None:
    monkeypatch.delenv(settings.MEMORY_VARIABLE, raising=False)
    for name, value in settings.variables([], [], given and int(given)).items():
        monkeypatch.setenv(name, value)
    assert settings.memory_mb() == expected


def test_memory_that_is_no_number_gets_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.MEMORY_VARIABLE, "much")
    with pytest.raises(ValueError, match="whole number of MB, such as 256: 'much'"):
        settings.memory_mb()


def test_the_app_is_found() -> None:
    folder = launch.app_directory()
    assert (folder / "app.py").is_file()
    assert (folder / ".streamlit" / "config.toml").is_file()


def test_a_recovery_shows_once_it_is_carried_out_and_no_sooner() -> None:
    raw, before = cache.pruned(MLP), cache.plan_key(RECOVERED)
    assert not cache.is_recovered(RECOVERED)
    assert "not carried out yet" in " ".join(map(str, cache.notes(RECOVERED)))
    assert cache.pruned(RECOVERED).plan == raw.plan, "nobody takes its numbers for the recovered's"
    assert cache.live(RECOVERED).report.accuracy == cache.live(MLP).report.accuracy
    _, report = finish(RECOVERED)
    assert cache.is_recovered(RECOVERED)
    assert cache.plan_key(RECOVERED) != before
    assert cache.live(RECOVERED).report.accuracy == report.accuracy
    assert cache.live(RECOVERED).report.digest == report.digest
    assert report.accuracy is not None
    assert report.accuracy != cache.live(MLP).report.accuracy
    assert "not carried out yet" not in " ".join(map(str, cache.notes(RECOVERED)))


def test_what_is_exported_is_the_recovered_run_itself() -> None:
    raw = results.files(RECOVERED, speeds.pair_at_length)
    assert Plan.from_text(raw.parts["plan.yaml"].decode()).recovery == ()
    folder, report = finish(RECOVERED)
    files = results.files(RECOVERED, speeds.pair_at_length)
    assert files.parts["plan.yaml"] == folder.file("plan.yaml").read_bytes()
    assert Plan.from_text(files.parts["plan.yaml"].decode()).digest() == report.digest
    assert set(files.parts) == set(store.FILES)
    assert files.report == report, "timed by the job, and not here"


def test_amounts_moved_after_a_recovery_ask_for_another_one() -> None:
    finish(RECOVERED)
    moved = RECOVERED.changed(sparsity=0.5)
    assert not cache.is_recovered(moved)
    assert cache.pruned(moved).plan.recovery == ()
    assert not cache.is_recovered(MLP)


@pytest.mark.parametrize("granularity", ["channel", "weight"])
def test_weights_are_shown_as_the_recovery_left_them(granularity: str) -> None:
    plan = RECOVERED.changed(granularity=granularity)
    before = cache.weight(plan, "fc2")
    finish(plan)
    after, mask = cache.weight(plan, "fc2"), cache.pruned(plan).masks["fc2.weight"]
    assert after.shape == before.shape
    assert torch.equal(after[~mask], before[~mask])
    assert not torch.equal(after[mask], before[mask])
