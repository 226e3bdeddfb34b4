"""What a network cannot be opened for is said as it is: what failed, what was given, the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pruneviz.coupling.accept import answer
from pruneviz.evaluate import predict
from pruneviz.network.causes import WrongInputError
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject
from pruneviz.subjects.models.first_pass import forward
from pruneviz.subjects.models.outputs import class_count

X = torch.linspace(-2, 3, 2 * 64).view(2, 1, 8, 8)
SHAPE = "does not take inputs of shape"


class Net(nn.Module):
    """A small classifier of images (1, 8, 8), around which `forward` of others lies."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.f = nn.Conv2d(1, 6, 3), nn.Linear(6, 2)

    def core(self, x: Tensor) -> Tensor:
        return self.f(self.c(x).relu().mean((2, 3)))


def made(forward: Callable[..., Any], base: type[nn.Module] = Net) -> nn.Module:
    return type("Made", (base,), {"forward": forward})().eval()


class Normed(Net):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(6)

    def train(self, mode: bool = True) -> Normed:
        super().train(mode)
        self.norm.train(True)
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self.f(self.norm(self.c(x).mean((2, 3))))


class Rows(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.a, self.f = layer, nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        out = self.a(x)
        return self.f(out[0][:, -1] if isinstance(out, tuple) else out)


class Attends(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.f = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.f(self.a(x, x, x)[0].mean(1))


def fails(self: Net, x: Tensor) -> Tensor:
    raise ValueError("pixels must lie in [0, 1]")


def several(self: Net, x: Tensor | None = None, ids: Tensor | None = None) -> Tensor:
    if ids is None:
        raise ValueError("you have to give ids")
    return self.core(x)


def listed(self: Net, x: list[Tensor]) -> Tensor:
    if not isinstance(x, list):
        raise TypeError("expected a list of images")
    return self.core(torch.stack(x))


def slopes(self: Net, x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    return self.core(x + torch.autograd.grad(self.core(x).sum(), x)[0])


# the network, the words of what failed and of the remedy, and whether other inputs may do
REFUSED: dict[str, tuple[nn.Module, str, str, bool]] = {
    "by name alone": (
        made(lambda self, *, pixels: self.core(pixels)),
        r"by name alone \(pixels\): its forward says: TypeError",
        r"self\.net\(pixels=x\)",
        False,
    ),
    "two inputs": (made(lambda self, a, b: self.core(a - b)), r"\(a, b\)", "several inputs", False),
    "one more by name": (
        made(lambda self, x, *, scale: self.core(x * scale)), r"\(x, scale\)", "several", False,
    ),
    "its own words of another input": (made(several), r"\(x, ids\).*have to", "several", False),
    "any number": (made(lambda self, *xs: self.core(xs[0] - xs[1])), r"\(\*xs\)", "several", False),
    "any names": (made(lambda self, **xs: self.core(xs["a"])), "by name alone", "NAME=x", False),
    "no end": (made(lambda self, x: self(x)), "fails.*recursion", "mend it there$", False),
    "attention": (
        Attends(), SHAPE, r"shape \[8, 8\].*x\.squeeze\(1\)", True,
    ),
    "by chance": (
        made(lambda self, x: x.unsqueeze(-1) + torch.zeros(1, 14, 6)), SHAPE, "made for$", True,
    ),
    "no input": (made(lambda self: self.core(X)), "takes no input", "take one tensor", False),
    "a dictionary": (
        made(lambda self, batch: self.core(batch["image"])),
        "dictionary.*'image'", r"self\.net\(\{'image': x\}\)", False,
    ),
    "a dictionary of two": (
        made(lambda self, batch: self.core(batch["a"] - batch.get("b"))),
        "dictionary.*'a', 'b'", "several inputs", False,
    ),
    "an object": (made(lambda self, x: self.core(x.pixels)), "attributes.*pixels", "tensor", False),
    "a list": (made(listed), "a list of tensors.*expected a list", r"list\(x\)", False),
    "an array": (made(lambda self, x: self.core(torch.from_numpy(x))), "NumPy", "tensor", False),
    "float64 inside": (
        Rows(nn.Linear(8, 5).double()), r"float32 and float64: 'a' \(Linear\)", r"float\(\)", False,
    ),
    "complex": (Rows(nn.Linear(8, 5, dtype=torch.complex64)), "complex64", "complex", False),
    "gradients": (made(slopes), "computes gradients", "enable_grad", False),
    "another device": (
        made(lambda self, x: self.core(x) + torch.zeros(2, device="meta")),
        "mixes devices", r"x\.device", False,
    ),
    "two at least": (Normed().eval(), "two inputs or more.*'norm'", "running", False),
    "its own words": (
        made(fails), r"own code refuses: its forward \(test_refusals\.py, line \d+\) says: pixels",
        "as it asks", True,
    ),
    "a mistake": (made(lambda self, x: self.core(x, 3)), "own code fails.*core", "mend it", True),
    "an attribute": (made(lambda self, x: self.head(x)), "fails.*'head'", "mend it there$", False),
    "an end": (made(lambda self, x: exit(3)), "fails.*SystemExit", "mend it there$", False),
    "no forward": (Net().eval(), "cannot be run", "give its class a forward", False),
    "rows of a table": (
        Rows(nn.Embedding(50, 5)), "whole numbers, such as tokens: 'a'", r"x\.long\(\)", False,
    ),
    "a row": (Rows(nn.Linear(64, 5)), SHAPE, r"shape \[64\].*x\.flatten\(1\)", True),
    "a series": (Rows(nn.LSTM(8, 5, batch_first=True)), SHAPE, r"x\.squeeze\(1\)", True),
    "channels last": (
        made(lambda self, x: self.core(x.permute(0, 3, 1, 2))), SHAPE, "channels last", True,
    ),
    "another size": (Rows(nn.Linear(5, 5)), SHAPE, "data that it was made for", True),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_a_failed_pass_says_what_failed_what_was_given_and_the_remedy(kind: str) -> None:
    model, words, remedy, others = REFUSED[kind]
    with pytest.raises(ValueError, match=words) as caught:
        forward(model, X)
    cause, given, advice = re.split(
        r"; it was given (.*?float32, from −2 to \S+); ", str(caught.value)
    )
    assert re.search(words, cause), cause
    assert re.search(remedy, advice), advice
    assert "says: " in cause
    assert f"{1 if kind == 'two at least' else 2} input" in given
    assert isinstance(caught.value, WrongInputError) == others
    assert (SHAPE in cause) == (words == SHAPE)
    assert not any(module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize("kind", REFUSED)
def test_both_refusals_of_one_network_agree(kind: str) -> None:
    model, words, _, _ = REFUSED[kind]
    if kind in ("two at least", "gradients"):
        answer(model, X)  # a pass of two inputs, with gradients, is nothing to them
        return
    with pytest.raises(ValueError, match="does not run on its example: ") as caught:
        answer(model, X)
    if kind in ("two inputs", "one more by name", "its own words of another input"):
        assert "give an example of each" in str(caught.value)
    else:
        assert re.search(words, str(caught.value)), caught.value


FACTORIES = """
import torch
from torch import nn
class Fixed(nn.Linear):
    def __init__(self):
        super().__init__(4, 2)
    def forward(self, x):
        assert x.shape[-1] == 9
        return super().forward(x)
def empty():
    with torch.device("meta"):
        return nn.Linear(4, 2)
def lazy():
    return nn.LazyLinear(2)
def memory():
    return nn.LSTM(3, 2, batch_first=True)
"""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "Fixed",
            r"no input shape was given, and 4, .*line 8\) says: AssertionError: assert x\.sh",
        ),
        ("empty", "'weight' is on the device 'meta' and has no values"),
        ("lazy", "'weight' has no shape yet"),
    ],
)
def test_a_factory_is_told_what_it_made(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "nets.py").write_text(FACTORIES)
    with pytest.raises(ValueError, match=words):
        load_subject(Plan(model=f"python:{tmp_path}/nets.py:{name}"))


def test_a_recurrent_layer_suggests_series_of_its_width(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(FACTORIES)
    subject = load_subject(Plan(model=f"python:{tmp_path}/nets.py:memory"))
    assert subject.example.shape == (2, 128, 3)


def test_whole_numbers_beyond_a_table_are_named_with_its_rows() -> None:
    model = made(lambda self, x: self.f(self.e(x.long()).mean((1, 2, 3))))
    model.e = nn.Embedding(3, 6)
    words = r"rows 0 to 2 of a table.*asked for others \(from −2 to 3\): 'e'"
    with pytest.raises(WrongInputError, match=words):
        forward(model, X)


def test_inputs_that_a_model_changes_stay_as_they_were() -> None:
    x = X.clone()
    with pytest.raises(ValueError, match=r"changes the inputs.*x\.clone\(\)"):
        forward(made(lambda self, x: self.core(x.mul_(2))), x)
    assert torch.equal(x, X)


def test_nan_alone_is_named_where_it_begins() -> None:
    model = made(lambda self, x: self.core(x))
    with torch.no_grad():
        model.c.bias.fill_(float("nan"))
    with pytest.raises(ValueError, match=r"begins in 'c' \(Conv2d\); it was given 2 inputs"):
        forward(model, X)
    with pytest.raises(ValueError, match="begins in the model's own code"):
        forward(made(lambda self, x: self.core(x) * float("nan")), X)


def test_what_a_pass_draws_is_as_if_it_had_not_been_asked() -> None:
    model = made(lambda self, x: self.core(x + torch.rand(1)))
    state = torch.random.get_rng_state()
    forward(model, X)
    assert torch.equal(state, torch.random.get_rng_state())


@dataclass
class Out:
    logits: Any
    hidden: Any = None


SCORES = torch.zeros(2, 3)
OUTPUTS = {
    "dictionary": ({"loss": None, "logits": SCORES}, r"return output\['logits'\] alone"),
    "tuple": ((torch.zeros(2, 4, 5), SCORES), r"return output\[1\] alone"),
    "dataclass": (Out(SCORES), r"logits: shape \[2, 3\], hidden: nothing.*return output\.logits"),
    "nested": ({"a": {"b": SCORES}}, r"return output\['a'\]\['b'\] alone"),
    "yes or no": (SCORES > 0, "yes or no"),
    "boxes": ([{"boxes": SCORES, "scores": SCORES[0]}] * 2, "holds boxes.*detector.*without data$"),
    "maps": ({"out": torch.zeros(2, 3, 4, 4)}, "segmentation.*without data$"),
    "map": (torch.zeros(2, 3, 4, 4), "segmentation.*without data$"),
    "one number an input": (torch.zeros(2), "one number an input.*a score for each class"),
    "one number": (torch.tensor(0.0), "one number for all inputs"),
    "fewer rows": (SCORES[:1], "not one row for each of 2 inputs"),
    "complex": (SCORES + 0j, "complex.*abs"),
    "one column": (SCORES[:, :1], "one output"),
}  # fmt: skip


@pytest.mark.parametrize("kind", OUTPUTS)
def test_an_output_that_cannot_be_judged_is_named_with_its_remedy(kind: str) -> None:
    output, words = OUTPUTS[kind]
    with pytest.raises(ValueError, match=words):
        class_count(output, 2)
    assert class_count(SCORES, 2) == 3


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (None, r"\(nothing\).*let its forward return its answer"),
        (Out(SCORES), r"return output\.logits"),
        ("cat", "let its forward return tensors"),
        ([1, 2], "let its forward return tensors"),
        (SCORES.numpy(), "ndarray.*let its forward return tensors"),
    ],
)
def test_an_answer_without_tensors_is_refused_when_it_is_opened(output: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        forward(made(lambda self, x: output), X)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("1 / (0 if (x == 77).any() else 1)", "fails.*ZeroDivisionError.*1 input of .*77"),
        ("torch.zeros(min(len(x), 2), 1)", "does not take 4 inputs at once.*any number"),
        ("check(x)", "refuses.*line 5.*below 50.*1 input of .*from 77 to 77"),
    ],
)
def test_data_of_which_some_fail_are_told_by_the_input(
    tmp_path: Path, code: str, words: str
) -> None:
    (tmp_path / "nets.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "def check(x):\n"
        "    if (x == 77).any():\n"
        "        raise RuntimeError('give values below 50')\n"
        "    return 0\n"
        "class Late(nn.Linear):\n"
        "    def __init__(self):\n"
        "        super().__init__(3, 2)\n"
        "    def forward(self, x):\n"
        f"        return super().forward(x) + ({code})\n"
    )
    x = np.zeros((96, 3), "f4")
    x[40:] = 77
    np.savez(tmp_path / "d.npz", x=x, y=np.arange(96) % 2)
    plan = Plan(model=f"python:{tmp_path}/nets.py:Late", data=f"npz:{tmp_path}/d.npz")
    with pytest.raises(ValueError, match=words):
        load_subject(plan)
    if code == "check(x)":
        model = load_subject(plan.changed(data=None)).model
        with pytest.raises(ValueError, match=f"some of the data cannot be answered.*{words}"):
            predict(model, torch.from_numpy(x))
