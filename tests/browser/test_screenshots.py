"""The README's pictures can be taken, and show something; PRUNEVIZ_SCREENSHOTS says where to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from tests.browser import screenshots
from tests.browser.server import ROOT

MOST_BYTES = 200_000
FEWEST_COLOURS = 20


@pytest.mark.parametrize("name", screenshots.FIGURES)
def test_pictures_of_every_page(page, tmp_path, name):
    wanted = os.environ.get("PRUNEVIZ_SCREENSHOTS")
    folder = ROOT / wanted if wanted else tmp_path
    Path(folder).mkdir(parents=True, exist_ok=True)
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
