"""Hostile links and broken files: a sentence near what is wrong, and the app stays usable."""

from __future__ import annotations

import base64
import io
import json
import pickle
import re
import zipfile
import zlib

import numpy as np
import pytest
import torch
from playwright.sync_api import expect
from safetensors.torch import save

from tests.browser import steps


def packed(text: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(text)).decode().rstrip("=")


def fields(**given) -> str:
    return packed(json.dumps(given).encode())


# How links are taken apart is tested in tests/ui; here, one for each way through the app.
HOSTILE_LINKS = {
    "garbage": ("%00%ff<b>no-plan</b>", "damaged"),
    "too long": (packed(b'{"model": "' + b"a" * 50_000_000 + b'"}'), "too long"),
    "markup": (fields(model="sample:<img src=//example.org/x>"), "img"),
    "code of the server": (fields(model="python:/etc/passwd:f"), "only who starts the server"),
    "data of the server": (fields(data="npz:/etc/passwd"), "only who starts the server"),
    "weights of the server": (fields(weights="/etc/passwd"), "upload weights of your own on Home"),
}


@pytest.mark.parametrize("case", HOSTILE_LINKS)
def test_a_hostile_link_gets_a_sentence(page, case):
    plan, words = HOSTILE_LINKS[case]
    steps.visit(page, "tune", plan)
    first = steps.alerts(page).first
    expect(first).to_contain_text(re.compile(words))
    sentence = first.inner_text()
    assert len(sentence) < 700
    assert "Traceback" not in page.locator("body").inner_text()
    assert "root:" not in page.locator("body").inner_text()
    steps.no_exception(page)
    still_usable(page)


def still_usable(page):
    """Choose a sample on Home, as a user would who got a broken link."""
    steps.go(page, "home")
    page.locator(".st-key-use-tumour-mlp button").click()
    expect(page.locator(".st-key-strip-plan")).to_contain_text("Tumours, tabular")
    expect(steps.cell(page, "accuracy")).to_contain_text("of 97.9 %")
    expect(steps.alerts(page)).to_have_count(0)


def object_arrays() -> bytes:
    file = io.BytesIO()
    with_objects = np.array([{"a": 1}, None], dtype=object)
    np.savez(file, x=with_objects, y=np.zeros(2, dtype=np.int64))
    return file.getvalue()


def climbing_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../../outside/0/a.png", b"no picture")
    return file.getvalue()


ONE_COLUMN = b"only\n1\n2\n"
NO_TARGET = b"a,b,class\n1,2,\n3,4,\n5,6,\n"
BROKEN_FILES = {
    "a pickle as safetensors": (
        "weights", "net.safetensors", pickle.dumps({"w": [1.0]}), "safetensors"),
    "a cut safetensors": (
        "weights", "cut.safetensors", save({"w": torch.zeros(100)})[:-50], "cut|safetensors"),
    "other weights": (
        "weights", "other.safetensors", save({"w": torch.zeros(3)}), "'other.safetensors' do not"),
    "objects in an npz": ("data", "objects.npz", object_arrays(), "object|number"),
    "no npz at all": ("data", "text.npz", b"hello", "npz"),
    "a zip that climbs": ("data", "climb.zip", climbing_zip(), r"\.\."),
    "one column": ("data", "one.csv", ONE_COLUMN, "at least two columns"),
    "no target": ("data", "none.csv", NO_TARGET, "class|empty|missing"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN_FILES)
def test_a_broken_file_gets_a_sentence_beside_it(page, server, case):
    kind, name, content, words = BROKEN_FILES[case]
    steps.visit(page, "home")
    numbers = steps.exact(page)
    uploader = page.locator(f".st-key-home-{kind}")
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    uploader.locator("input[type=file]").set_input_files([file])
    expect(uploader).to_contain_text(name)
    use = page.locator(f".st-key-home-use-{kind} button")
    if case == "one column":  # without a column to choose as the class there is nothing to use
        expect(steps.alerts(page)).to_have_count(1)
        expect(use).to_be_disabled()
    else:
        expect(use).to_be_enabled()
        use.click()
    alert = steps.alerts(page).last
    expect(alert).to_contain_text(re.compile(words))
    above, below = uploader.bounding_box(), alert.bounding_box()
    assert abs(above["x"] - below["x"]) < 40, "the sentence stands in another column"
    assert 0 < below["y"] - above["y"] < 450, "the sentence stands far from the file"
    steps.no_exception(page)
    assert steps.exact(page) == numbers
    assert not list(server.home.rglob("outside"))
