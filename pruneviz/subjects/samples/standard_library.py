"""The text of Python's standard library, as it lies on this machine."""

from __future__ import annotations

import os
import platform
import sysconfig
from collections.abc import Iterable
from functools import cache
from itertools import starmap
from pathlib import Path

import torch
from torch import Tensor

from pruneviz.subjects.augmentation import Augmentation
from pruneviz.subjects.models.hugging_face.tokenizer import FileTokenizer
from pruneviz.subjects.samples.folders import folder_of
from pruneviz.subjects.split import spread
from pruneviz.subjects.subject import Data
from pruneviz.subjects.texts.data import data_of
from pruneviz.subjects.texts.tokenizer import Tokenizer
from pruneviz.subjects.texts.windows import Windows, windows
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import finding

NAME, MODEL = "stdlib", "stdlib-lm"
TOKENS = 2_048  # that the tokenizer and the network know
PLACES = 64  # of a window
JUDGED, TRAINED = 128, 4_096  # windows

# Held out: none of these is in any training. All are in every Python from 3.11 on.
HELD_OUT = """
    calendar.py csv.py fractions.py gettext.py graphlib.py heapq.py json/decoder.py json/encoder.py
    queue.py random.py shlex.py statistics.py tempfile.py textwrap.py timeit.py tokenize.py
    urllib/robotparser.py uuid.py zipapp.py
""".split()
# What is trained on and calibrated with in the app; the sample itself was trained on more.
TRAINING = """
    argparse.py ast.py base64.py codecs.py collections/__init__.py contextlib.py dataclasses.py
    difflib.py email/message.py enum.py functools.py http/client.py ipaddress.py
    logging/__init__.py optparse.py pickle.py shutil.py smtplib.py socket.py threading.py
    traceback.py urllib/parse.py
""".split()
# Not of the library itself: tests, what is installed beside it, and what Python 3.13 left out.
LEFT_OUT = frozenset(
    """
    distutils encodings ensurepip idle_test idlelib lib2to3 pydoc_data site-packages test tests
    turtledemo __phello__
    """.split()
)


def root() -> Path:
    """Return the folder with the standard library of the Python that runs."""
    return Path(sysconfig.get_path("stdlib"))


def every_module() -> list[str]:
    """Return the names of all modules written in Python, those held out too, sorted."""
    found = []
    for folder, inner, files in os.walk(root()):
        inner[:] = [name for name in inner if name not in LEFT_OUT]
        found += [Path(folder, file) for file in files if file.endswith(".py")]
    return sorted(path.relative_to(root()).as_posix() for path in found)


def texts(names: Iterable[str]) -> dict[str, str]:
    """Return the text of each module that is there, by its name, in the order given."""
    paths = {name: root() / name for name in names}
    return {name: path.read_text("utf-8") for name, path in paths.items() if path.is_file()}


@cache
def tokenizer() -> Tokenizer:
    """Return the sample's tokenizer: pairs of bytes that are often together in its training."""
    from tokenizers import Tokenizer as Reader

    return FileTokenizer(Reader.from_file(str(folder_of(MODEL) / "tokenizer.json")), TOKENS)


@cache
def load() -> Data:
    """Return the Data: modules that are held out to judge, others to train and calibrate."""
    cut = library_windows(tokenizer())
    return data_of(f"sample:{NAME}", cut, Augmentation(known=True), held_out=True)


def library_windows(tokenizer: Tokenizer) -> Windows:
    """Return windows of the modules held out, and of those to train on, none across two modules.

    RefusedError where this Python has no text of its library, as where it lies in an archive.
    """
    held_out, training = texts(HELD_OUT), texts(TRAINING)
    if not held_out or not training:
        raise RefusedError(finding.no_standard_library(str(root())))
    x, y, names = _cut(held_out, tokenizer, JUDGED)
    train_x, train_y, _ = _cut(training, tokenizer, TRAINED)
    missing = [name for name in (*HELD_OUT, *TRAINING) if name not in held_out | training]
    note = (
        f"Judged on {len(x):,} windows of length {PLACES} and stride {PLACES}, spread over "
        f"{len(held_out)} modules of the standard library of Python {platform.python_version()} "
        f"that no training saw; trained and calibrated on windows of {len(training)} others. "
        "Another Python has other text, and so other numbers."
    )
    if missing:
        note += f" On this machine are missing: {', '.join(missing)}."
    return Windows(x=x, y=y, train_x=train_x, train_y=train_y, note=note, names=names)


def _cut(
    modules: dict[str, str], tokenizer: Tokenizer, most: int
) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Return at most so many windows, spread over all of the modules, and where each begins."""
    tokens = {name: torch.tensor(tokenizer.encode(text)) for name, text in modules.items()}
    cut = {name: windows(each, PLACES, PLACES) for name, each in tokens.items() if len(each) > 1}
    x, y = (torch.cat(parts) for parts in zip(*cut.values(), strict=True))
    places = [(name, at * PLACES) for name, (read, _) in cut.items() for at in range(len(read))]
    names = list(starmap("{}, token {:,}".format, places))
    chosen = spread(len(x), most)
    return x[chosen], y[chosen], tuple(names[at] for at in chosen.tolist())
