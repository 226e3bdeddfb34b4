"""The text of the standard library: what is held out of any training, and what is missing."""

from __future__ import annotations

import platform

import pytest
import torch

from pruneviz.subjects.samples import standard_library
from pruneviz.subjects.samples.standard_library import (
    HELD_OUT,
    TRAINING,
    every_module,
    library_windows,
    texts,
)
from pruneviz.tasks import IGNORED
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import finding


class Letters:
    token_bytes = torch.ones(256, dtype=torch.int64)

    def encode(self, text):
        return list(text.encode())

    def decode(self, tokens):
        return bytes(tokens).decode()


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A standard library of two modules."""
    monkeypatch.setattr(standard_library, "root", lambda: tmp_path)
    (tmp_path / "json").mkdir()
    (tmp_path / "test").mkdir()
    (tmp_path / "json" / "decoder.py").write_text("abcd" * 40)
    (tmp_path / "ast.py").write_text("efgh" * 20)
    (tmp_path / "test" / "more.py").write_text("pass")
    return tmp_path


def test_what_is_held_out_is_not_trained_on_and_all_of_it_is_here():
    assert not set(HELD_OUT) & set(TRAINING)
    assert list(texts(TRAINING)) == TRAINING
    assert list(texts(HELD_OUT)) == HELD_OUT


def test_no_window_crosses_two_modules_and_what_is_missing_is_said(library):
    found = library_windows(Letters())
    assert found.x.shape == (3, 64)
    assert found.names == tuple(f"json/decoder.py, token {at}" for at in (0, 64, 128))
    assert bytes(found.y[found.y != IGNORED].tolist()) == (b"abcd" * 40)[1:]
    assert bytes(found.train_y[found.train_y != IGNORED].tolist()) == (b"efgh" * 20)[1:]
    assert platform.python_version() in found.note
    assert "are missing: calendar.py, csv.py" in found.note
    assert "json/decoder.py" not in found.note


def test_windows_are_spread_where_there_are_more_than_are_judged(library):
    (library / "csv.py").write_text("x" * 64 * 500)
    found = library_windows(Letters())
    assert len(found.x) == standard_library.JUDGED
    assert found.names[0].startswith("csv.py")
    assert found.names[-1].startswith("json/decoder.py")


def test_without_any_text_it_is_refused_with_the_remedy(library):
    (library / "ast.py").unlink()
    with pytest.raises(RefusedError, match="text:FILE") as caught:
        library_windows(Letters())
    assert caught.value.fact == finding.no_standard_library(str(library))


def test_tests_and_what_is_installed_are_no_modules_of_it(library):
    assert every_module() == ["ast.py", "json/decoder.py"]
