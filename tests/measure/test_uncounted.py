"""What MACs leave out stands beside them, in the same words wherever they are said."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pruneviz.cli.tables import print_report
from pruneviz.figures import proposed
from pruneviz.history.adopt import adopt
from pruneviz.history.index import History
from pruneviz.metrics import METRICS
from pruneviz.plan import Plan
from pruneviz.propose import Goal
from pruneviz.report import Report, Uncounted
from pruneviz.run import run
from pruneviz.store import write_run
from pruneviz.ui.engine.live import Live
from pruneviz.ui.history import report_tables, runs
from pruneviz.ui.tune import snapshots
from pruneviz.ui.words import cells, text

BOTH, PRUNED, ORIGINAL = "fft_r2c", "cdist_forward", "linalg_inv_ex"


class Odd(nn.Module):
    """Calls an operator always, another while it is whole, and a third one once it is narrower."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.o = nn.Linear(6, 16), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.a(x))
        y = self.o(h) + torch.fft.rfft(x).real[:, :3]
        if len(self.a.weight) < 16:
            return y + 0 * torch.cdist(x, x[:1])
        return y + 0 * torch.linalg.inv(2 * torch.eye(3))[0]


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> tuple[Report, Report, object]:
    """Return a report of a cut network, one of a masked network, and a home that has the first."""
    folder = tmp_path_factory.mktemp("odd")
    sys.modules["odd_operators"] = sys.modules[__name__]
    (folder / "net.py").write_text(
        "import odd_operators, torch\n"
        "def build():\n    torch.manual_seed(0)\n    return odd_operators.Odd().eval()\n"
    )
    x = np.random.default_rng(0).normal(size=(12, 6)).astype("float32")
    np.savez(folder / "d.npz", x=x, y=np.arange(12) % 3)
    names = {"model": f"python:{folder}/net.py:build", "data": f"npz:{folder}/d.npz"}
    prepared, pruned, cut = run(Plan(**names, sparsity=0.5), 3)
    write_run(folder / "run", prepared, pruned, cut)
    adopt(folder / "home", folder / "run")
    masked = run(Plan(**names, sparsity=0.5, granularity="weight"), 3)[2]
    return cut, masked, folder / "home"


def test_operators_of_either_network_are_named(report):
    cut, masked, _ = report
    assert cut.uncounted == Uncounted(original=(BOTH, ORIGINAL), pruned=(BOTH, PRUNED))
    assert masked.uncounted == Uncounted(original=(BOTH, ORIGINAL), pruned=(BOTH, ORIGINAL))
    words = cut.uncounted.in_words()
    assert words == f"not counting {BOTH}, {ORIGINAL} (original only), {PRUNED} (pruned only)"
    notes = " ".join(cut.notes)
    assert f"Only the pruned network calls {PRUNED}," in notes
    assert f"Only the original calls {ORIGINAL}," in notes
    assert "Only the" not in " ".join(masked.notes)


def test_the_same_words_stand_beside_every_number_of_macs(report, capsys, monkeypatch):
    cut, _, home = report
    words = cut.uncounted.in_words()
    cell = cells.macs_cell(cut.macs, cut.uncounted)
    short = f"not counting {BOTH}, {ORIGINAL} (original only) and 1 more"
    assert short in cells.cell_markdown(cell)
    assert short in cells.cell_sentence(cell)
    assert words in {row[0]: row[3] for row in report_tables.numbers(cut)}["MACs"]
    assert words in {row[0]: row[1] for row in report_tables.side_by_side(cut, cut)}["MACs"]
    side = snapshots.Side("A", cut.plan, Live(cut, exact=False))
    judged = SimpleNamespace(metrics=[METRICS.get("accuracy")], data=None)
    original = SimpleNamespace(baseline=SimpleNamespace(answers=None))
    monkeypatch.setattr(snapshots.cache, "subject", lambda plan: judged)
    monkeypatch.setattr(snapshots.cache, "original", lambda plan: original)
    assert snapshots.table([side]).count(text.escape(words)) == 2  # the original's and the plan's
    assert words in proposed.standing(Goal("macs", 0.5), cut)[1]
    assert words not in proposed.standing(Goal("parameters", 0.5), cut)[1]
    (row,) = History(home).search()
    assert row.uncounted == words
    assert words in runs.table([row])["MACs"][0]
    print_report(cut)
    assert BOTH in capsys.readouterr().out


def test_nothing_is_said_where_all_is_counted():
    assert Uncounted().in_words() == ""
    many = tuple("abcde")
    assert Uncounted(original=many, pruned=many).in_words() == "not counting a, b, c and 2 more"
