"""Texts: each token judged once, perplexity as transformers has it, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from pruneviz.metrics import METRICS
from pruneviz.plan import Plan
from pruneviz.run import run
from pruneviz.subjects import load_subject
from pruneviz.subjects.texts import windows as texts
from pruneviz.subjects.texts.windows import read_windows, windows
from pruneviz.tasks import IGNORED, TASKS
from pruneviz.wording import RefusedError, opened
from pruneviz.wording.refusals.subjects import text_files
from tests.families import add_tokenizer

TASK = TASKS.get("language_modelling").implementation()


class Letters:
    """A tokenizer whose tokens are a text's bytes."""

    token_bytes = torch.ones(256, dtype=torch.int64)

    def encode(self, text):
        return list(text.encode())

    def decode(self, tokens):
        return bytes(tokens).decode()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "words.txt"

    def written(content: str | bytes) -> Path:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


@pytest.mark.parametrize(("length", "stride"), [(8, 8), (8, 3), (8, 1), (5, 4), (40, 40), (64, 9)])
@pytest.mark.parametrize("count", [41, 42, 50, 57])
def test_every_token_but_the_first_is_judged_once(length, stride, count):
    tokens = torch.arange(100, 100 + count)
    x, y = windows(tokens, length, stride)
    assert x.shape == y.shape == (len(x), length)
    assert y[y != IGNORED].tolist() == tokens[1:].tolist()
    assert (x[y != IGNORED] + 1 == y[y != IGNORED]).all(), "the token that comes next"
    begins = x[:, 0].tolist()
    assert begins == [100 + at * stride for at in range(len(x))]
    # with all that stands before it in its window, as much as the stride leaves
    known = (y[1:] != IGNORED).int().argmax(1)
    assert (known == length - stride).all()


def transformers_perplexity(model, tokens, length, stride) -> float:
    """Slide over a text as transformers' documents do, with the network's own loss, exactly.

    Its windows hold the last target too: one token more.
    """
    nats, judged, before = 0.0, 0, 0
    for begin in range(0, len(tokens), stride):
        end = min(begin + length + 1, len(tokens))
        read = tokens[None, begin:end]
        labels = read.clone()
        labels[:, : before - begin if begin else 0] = -100
        count = int((labels[:, 1:] != -100).sum())
        if count:
            nats += float(model(read, labels=labels).loss) * count
        judged, before = judged + count, end
        if end == len(tokens):
            break
    return math.exp(nats / judged)


def llama(tokens: int = 60):
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=tokens, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, initializer_range=0.5, use_cache=False,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


@pytest.mark.parametrize(("length", "stride"), [(16, 16), (16, 5)])
def test_perplexity_is_that_of_transformers(length, stride):
    model = llama().double()
    tokens = torch.randint(60, (150,))
    x, y = windows(tokens, length, stride)
    with torch.no_grad():
        found = TASK.tally(TASK.answers(model(x), y), y)
        expected = transformers_perplexity(model, tokens, length, stride)
    assert METRICS.get("perplexity").combine(found) == pytest.approx(expected, rel=1e-6)
    assert expected > 70, "worse than a guess: nothing is equal by chance"


@pytest.fixture
def folder(tmp_path) -> str:
    """A language model of transformers with its tokenizer, whose tokens are bytes."""
    llama(256).save_pretrained(tmp_path / "llama")
    add_tokenizer(tmp_path / "llama")
    return f"hf:{tmp_path / 'llama'}"


WORDS = "To judge a text, one reads it: naïvely, slowly, and to its end. " * 8


def test_a_text_is_opened_with_the_model_s_own_tokenizer_and_judged(folder, file):
    text = f"text:{file(WORDS)}?length=16&stride=8"
    subject = load_subject(Plan(model=folder, data=text))
    assert subject.data.kind == "text"
    tokens = subject.data.x.flatten()  # what is judged, from its first token on
    judged = torch.cat([tokens[:1], subject.data.y[subject.data.y != IGNORED]])
    assert len(judged) == len(WORDS.encode()) // 4
    plan = Plan(model=folder, data=text, granularity="head", sparsity=0.5)
    *_, report = run(plan, latency_runs=3)
    quality = {pair.metric: pair for pair in report.quality}
    with torch.no_grad():
        expected = transformers_perplexity(llama(256).double(), judged, 16, 8)
    assert quality["perplexity"].original == pytest.approx(expected, rel=1e-4)
    bits = math.log2(expected)  # a byte a token
    assert quality["bits_per_byte"].original == pytest.approx(bits, rel=1e-4)
    assert quality["perplexity"].pruned != quality["perplexity"].original


def test_without_a_tokenizer_or_a_language_model_the_remedy_is_named(folder, file):
    text = f"text:{file(WORDS)}"
    with pytest.raises(RefusedError, match="is no language model") as caught:
        load_subject(Plan(model="sample:digits-cnn", data=text))
    assert caught.value.fact in text_files.no_language_model
    (Path(folder.removeprefix("hf:")) / "tokenizer.json").unlink()
    with pytest.raises(RefusedError, match="has none; choose a model with") as caught:
        load_subject(Plan(model=folder, data=text))
    assert caught.value.fact in text_files.no_tokenizer


def test_the_last_quarter_is_judged_and_no_window_crosses_its_border(file):
    text = "".join(chr(33 + at % 90) for at in range(400))
    read = read_windows(file(text), Letters(), 256, 20, 10)
    judged, trained = (y[y != IGNORED].tolist() for y in (read.y, read.train_y))
    assert bytes(judged).decode() == text[301:]
    assert bytes(trained).decode() == text[1:300]
    assert len(read.train_x) == 15, "one after the other, whatever the stride"
    assert read.names[1] == "token 310"
    for said in ("99 tokens", "400", "length 20", "stride 10", "300 tokens before"):
        assert said in read.note


def test_a_text_that_the_tokenizer_spells_in_bytes_is_told(file):
    said = str(opened.spelled_in_bytes(3.0))
    assert said in read_windows(file("\u65e5\u672c\u8a9e" * 80), Letters(), None, 8, None).note
    assert "bytes" not in read_windows(file("plain words " * 40), Letters(), None, 8, None).note


def test_a_mark_of_utf_8_is_no_text(file):
    read = read_windows(file(b"\xef\xbb\xbf" + b"abcd" * 100), Letters(), 256, 20, None)
    assert read.train_x[0, :4].tolist() == list(b"abcd")
    assert len(read.x) == 5, "the stride is the length where none is given"


REFUSED = {
    "empty": (b" \n", {}, text_files.empty("words.txt")),
    "binary": (b"abc\0def", {}, text_files.no_text("words.txt")),
    "latin 1": ("naïve".encode("latin-1"), {}, text_files.no_utf8("words.txt", 2)),
    "short": (b"abcd" * 10, {}, text_files.too_short("words.txt", 40, 2, 20, 4)),
    "a word": (b"ab", {}, text_files.too_short("words.txt", 2, 2, 20, 0)),
    "stride": (b"abcd" * 99, {"stride": 21}, text_files.stride_beyond(21, 20)),
    "vocabulary": (b"abcd" * 99, {"known": 99}, text_files.token_beyond(100, 99)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_text_to_judge_is_refused(name, file):
    content, asked, expected = REFUSED[name]
    given = {"known": 256, "length": 20, "stride": 20, **asked}
    with pytest.raises(RefusedError) as caught:
        read_windows(file(content), Letters(), **given)
    assert caught.value.fact == expected
    assert caught.value.fact.field == "data"


def test_a_text_is_not_read_before_its_size_is_known(file, monkeypatch):
    monkeypatch.setattr(texts, "MAX_TEXT_BYTES", 1_000_000)
    path = file(b"abcd" * 500_000)
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail("read"))
    with pytest.raises(RefusedError, match="2 MB; give a text of at most 1 MB"):
        read_windows(path, Letters(), 256, 20, 20)


def test_the_stride_that_is_told_makes_windows_that_are_few_enough(file, monkeypatch):
    monkeypatch.setattr(texts, "MAX_VALUES", 1_000)
    path = file(b"abcd" * 500)
    with pytest.raises(RefusedError) as caught:
        read_windows(path, Letters(), 256, 20, 1)
    stride = caught.value.fact.values["stride"]
    assert read_windows(path, Letters(), 256, 20, stride).x.numel() <= 1_000
    with pytest.raises(RefusedError):
        read_windows(path, Letters(), 256, 20, stride - 1)
