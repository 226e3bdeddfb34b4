"""What it takes to open folders of many photographs, by a share of them or by all.

Photographs are parts of those in `../shared/data/imagenet`, each another part in a JPEG file of its
own of 256 × 256 pixels, in 100 folders. Each row is a process of its own, on one thread of torch:
`opens` is how long it takes until a ResNet-18 and the folder are open, without the imports; `CPU`
what all threads took for it; `data` by how much memory, at its highest, is above that of the same
process without data. A share is what is taken where nothing is said; of all images each is decoded
when it is needed. The ratio is of opening 50,000 for the first time to 10 seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

from common import finish, quick_asked
from PIL import Image

DATA = Path(__file__).parents[1] / ".." / "shared" / "data" / "imagenet"
MANY, QUICK = 50_000, 3_000
GOAL_SECONDS = 10
CLASSES = 100
PARTS = 20  # along a photograph's side
ONE = """
import json, resource, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
import torchvision
from pruneviz.plan import Plan
from pruneviz.subjects.load import load_subject
folder, home = sys.argv[1:]
plan = Plan(model="torchvision:resnet18")
if folder:
    classes = {f"class{i:03}": i for i in range(100)}
    plan = plan.changed(data=f"folder:{folder}", classes=classes)
start, cpu = time.perf_counter(), time.process_time()
subject = load_subject(plan, home=Path(home), pretrained=False)
seconds, spent = time.perf_counter() - start, time.process_time() - cpu
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps([seconds, spent, peak, len(subject.data.x) if folder else 0]))
"""


def write_photographs(folder: Path, count: int) -> None:
    """Write so many JPEG files, each another part of a photograph."""
    sources = sorted(DATA.glob("*.jpg"))
    if not sources:
        raise SystemExit(f"this benchmark needs photographs: there are none in {DATA}")
    for label in range(CLASSES):
        (folder / f"class{label:03}").mkdir(parents=True)
    parts = product(range(PARTS), range(PARTS), sources)
    for number, (left, top, source) in zip(range(count), parts, strict=False):
        with Image.open(source) as image:
            width, height = image.width // 2, image.height // 2
            x, y = left * width // PARTS, top * height // PARTS
            part = image.convert("RGB").resize((256, 256), box=(x, y, x + width, y + height))
        part.save(folder / f"class{number % CLASSES:03}" / f"{number:05}.jpg", quality=80)


def opened(folder: str, home: Path) -> tuple[float, float, int, int]:
    """Return seconds, seconds of CPU, the most memory in bytes and the images to judge by."""
    command = [sys.executable, "-c", ONE, folder, str(home)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    seconds, spent, peak, images = json.loads(done.stdout.splitlines()[-1])
    return seconds, spent, peak, images


def main() -> None:
    """Write the photographs, open them in each way, and write the section."""
    quick = quick_asked(__doc__)
    count = QUICK if quick else MANY
    with tempfile.TemporaryDirectory() as work:
        many, home = Path(work, "many"), Path(work, "home")
        seconds, _, base, _ = opened("", home)
        print(f"without data it opens in {seconds:.1f} s", flush=True)
        write_photographs(many, count)
        rows, first = [], 0.0
        for name, end in (
            ("a share, first time", ""),
            ("a share, again", ""),
            ("all, first time", "?images=all"),
            ("all, again", "?images=all"),
        ):
            seconds, spent, peak, images = opened(f"{many}{end}", home)
            first = first or seconds
            above = f"{(peak - base) / 1e6:+,.0f} MB"
            rows.append(
                [f"{count:,}", name, f"{images:,}", f"{seconds:.1f}", f"{spent:.1f}", above]
            )
    finish(
        "many images",
        ["files", "way", "judged by", "opens (s)", "CPU (s)", "data"],
        rows,
        f"Without data the process has {base / 1e6:,.0f} MB. ResNet-18 with random weights.",
        first / GOAL_SECONDS,
    )


if __name__ == "__main__":
    main()
