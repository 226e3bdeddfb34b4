"""The README's pictures can be taken, and show something; PRUNEVIZ_SCREENSHOTS says where to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from pruneviz import run
from pruneviz.analyses.comparison import comparison_plan
from pruneviz.history.folder import RunFolder, Spec, Status, run_digest, runs_directory, write_json
from pruneviz.jobs.context import Context
from pruneviz.jobs.kind import kind
from pruneviz.subjects import load_subject
from pruneviz.ui import comparisons
from tests.browser import screenshots
from tests.browser.server import ROOT

MOST_BYTES = 200_000
FEWEST_COLOURS = 20


def measure_all_but_one(home: Path) -> None:
    """Measure here all criteria but the last: each is a job, and one shows that they work."""
    for criterion in comparisons.first_chosen(screenshots.PLAN)[:-1]:
        plan = screenshots.PLAN.changed(criterion=criterion)
        plan = comparison_plan(run.bind(plan, load_subject(plan)))
        folder = RunFolder(runs_directory(home) / run_digest(comparisons.KIND, plan))
        folder.path.mkdir(parents=True)
        spec = Spec(kind=comparisons.KIND, plan=plan)
        write_json(folder.file("job.json"), spec.model_dump(mode="json"))
        for _ in kind(spec.kind).work(spec, Context(folder)):
            pass
        folder.write_status(Status(state="finished", fraction=1.0))


@pytest.mark.parametrize("name", screenshots.FIGURES)
def test_pictures_of_every_page(page, server, tmp_path, name):
    wanted = os.environ.get("PRUNEVIZ_SCREENSHOTS")
    folder = ROOT / wanted if wanted else tmp_path
    Path(folder).mkdir(parents=True, exist_ok=True)
    if name == "methods":
        measure_all_but_one(server.home)
    light, dark = screenshots.take(page, name, folder)
    brightness = []
    for path in (light, dark):
        picture = Image.open(path)
        assert picture.size == (screenshots.WIDTH, screenshots.HEIGHT)
        assert path.stat().st_size < MOST_BYTES
        grey = list(picture.convert("L").resize((144, 100)).get_flattened_data())
        assert len(set(grey)) > FEWEST_COLOURS
        brightness.append(sum(grey) / len(grey))
    assert brightness[0] > 200 > 90 > brightness[1]
