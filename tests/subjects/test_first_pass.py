"""A failed forward pass is told as what it is, and series are data like others."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn

from pruneviz.plan import Plan
from pruneviz.run import run
from pruneviz.subjects import list_torchvision, load_subject
from pruneviz.subjects.models import torchvision_models
from pruneviz.subjects.models.first_pass import forward
from pruneviz.wording import opened


class Runs(nn.Module):
    """A layer, and code beside it."""

    def __init__(self, code: object, layer: nn.Module | None = None) -> None:
        super().__init__()
        self.inner, self.code = nn.Sequential(layer or nn.Linear(4, 3)), code

    def forward(self, x: Tensor) -> Tensor:
        return self.code(self.inner, x)


class Two(nn.Linear):
    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return super().forward(a - b)


def fails(error: Exception) -> object:
    def code(inner: nn.Module, x: Tensor) -> Tensor:
        raise error

    return code


def plainly(inner: nn.Module, x: Tensor) -> Tensor:
    return inner(x)


CAUSES = {
    "two inputs": (Two(4, 3), "more than one input"),
    "double": (Runs(plainly).double(), "computes in float64.*float()"),
    "half": (Runs(plainly).bfloat16(), "computes in bfloat16"),
    "tokens": (Runs(plainly, nn.Embedding(9, 3)), "whole numbers.*'inner.0'"),
    "memory": (Runs(fails(RuntimeError("can't allocate memory: 9 TB"))), "memory does not"),
    "file": (Runs(fails(FileNotFoundError(2, "No such file", "a.npy"))), "reads a file.*a.npy"),
    "assertion": (Runs(fails(AssertionError("even sides only"))), "refuses.*even sides only"),
    "one at a time": (
        Runs(lambda inner, x: inner(x.view(1, -1)[:, : max(4, 4 * len(x))])),
        r"one input at a time: 'inner.0' \(Linear\) says: .*mat1.*2 inputs of shape \[4\]",
    ),
    "shape": (Runs(plainly, nn.Linear(5, 3)), r"shape \[4\]: 'inner.0' \(Linear\) says: .*mat1"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_the_reason_is_the_one_that_there_is(cause):
    model, words = CAUSES[cause]
    with pytest.raises(ValueError, match=words) as caught:
        forward(model, torch.zeros(2, 4))
    if cause != "shape":
        assert "does not take inputs of shape" not in str(caught.value)
    assert not any(module._forward_pre_hooks for module in model.modules())


NETS = """
from torch import nn
class Steps(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv1d(3, 8, 3), nn.Conv1d(8, 6, 3)
        self.o = nn.Linear(6, 2)
    def forward(self, x):
        return self.o(self.b(self.a(x).relu()).relu().mean(-1))
"""


@pytest.mark.parametrize("shape", [None, (3, 16)])
def test_series_of_a_convolution_along_time_are_judged(tmp_path, shape):
    (tmp_path / "nets.py").write_text(NETS)
    x = np.random.default_rng(0).normal(size=(40, 3, 16)).astype("f4")
    np.savez(tmp_path / "series.npz", x=x, y=np.arange(40) % 2)
    plan = Plan(
        model=f"python:{tmp_path}/nets.py:Steps", data=f"npz:{tmp_path}/series.npz",
        input_shape=shape, sparsity=0.5,
    )  # fmt: skip
    torch.manual_seed(0)
    subject, pruned, report = run(plan, 3)
    data = subject.subject.data
    assert data.x.shape[1:] == (3, 16)
    with torch.no_grad():
        right = float((pruned.model(data.x).argmax(1) == data.y).double().mean())
    assert report.accuracy.pruned == right
    assert report.macs.original == 14 * 8 * 9 + 12 * 6 * 24 + 12


def test_models_of_torchvision_that_are_not_opened_are_named_rightly():
    with pytest.raises(ValueError, match="quantised"):
        load_subject(Plan(model="torchvision:quantized_resnet18"), pretrained=False)


def test_every_model_of_torchvision_is_of_a_kind_that_its_sentence_names():
    opened = set(list_torchvision())
    for name in torchvision.models.list_models():
        folder = torchvision_models._folder(name)
        assert (name in opened) == (folder != "quantization"), name
        sentence = torchvision_models._sentence(nn.Linear(1, 1), name)
        does = torchvision_models.DOES.get(folder, "")[:12]
        assert name not in opened or (does in sentence and bool(does) == bool(folder)), name
    opened_by = {"fasterrcnn_resnet50_fpn": "box", "deeplabv3_resnet50": "pixel", "r3d_18": "film"}
    for name, words in opened_by.items():
        assert words in torchvision_models._sentence(nn.Linear(1, 1), name)
        assert "opened without data" in str(
            torchvision_models._not_judged(torchvision_models._folder(name))
        )


def test_an_output_that_is_no_row_of_scores_is_named_by_its_parts(tmp_path):
    (tmp_path / "nets.py").write_text(
        NETS
        + """
class Named(Steps):
    def forward(self, x):
        return {"logits": super().forward(x), "more": (x,)}
"""
    )
    np.savez(tmp_path / "series.npz", x=np.ones((40, 3, 16), "f4"), y=np.arange(40) % 2)
    plan = Plan(model=f"python:{tmp_path}/nets.py:Named", data=f"npz:{tmp_path}/series.npz")
    words = r"dict of logits: shape \[2, 2\], more: tuple of 0: .*return output\['logits'\] alone"
    with pytest.raises(ValueError, match=words):
        load_subject(plan)


def test_a_network_of_volumes_is_opened_without_data_and_says_so(tmp_path):
    (tmp_path / "nets.py").write_text(NETS + "volumes = lambda: nn.Sequential(nn.Conv3d(1, 4, 3))")
    np.savez(tmp_path / "d.npz", x=np.ones((40, 3, 16), "f4"), y=np.arange(40) % 2)
    plan = Plan(model=f"python:{tmp_path}/nets.py:volumes")
    assert load_subject(plan).example.shape == (2, 1, 16, 112, 112)
    with pytest.raises(ValueError, match=r"'0' \(Conv3d\) says.*load it without data"):
        load_subject(plan.changed(data=f"npz:{tmp_path}/d.npz"))


FORMS = {
    "scripted": ("torch.jit.script(net)", "this model is scripted"),
    "traced": ("torch.jit.trace(net, torch.randn(3, 8))", "this model is scripted"),
    "a part": ("nn.Sequential(net, torch.jit.script(nn.Linear(4, 4)))", "'1' is scripted"),
    "exported": ("torch.export.export(net, (torch.randn(3, 8),)).module()", "is exported"),
    "lazy": ("nn.Sequential(nn.LazyLinear(6), nn.ReLU(), nn.Linear(6, 4))", "no shape yet"),
}
NETWORK = """
import torch
from torch import nn


def build():
    net = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 4))
    return {}
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("form", FORMS)
def test_a_form_that_is_no_code_is_refused_when_it_is_opened(tmp_path, form):
    made, words = FORMS[form]
    (tmp_path / "net.py").write_text(NETWORK.format(made))
    with pytest.raises(ValueError, match=words):
        load_subject(Plan(model=f"python:{tmp_path}/net.py:build", input_shape=(8,)))


COMPANY = {
    "alone": ("net", False),
    "softmax along the batch": ("nn.Sequential(net, nn.Softmax(0))", True),
    "batch statistics": (
        "nn.Sequential(net, nn.Unflatten(1, (2, 2)), nn.BatchNorm1d(2, track_running_stats=False),"
        " nn.Flatten())",
        True,
    ),
    "statistics of an input": (
        "nn.Sequential(net, nn.Unflatten(1, (2, 2)), nn.InstanceNorm1d(2), nn.Flatten())",
        False,
    ),
}


@pytest.mark.parametrize("kind", COMPANY)
def test_answers_that_depend_on_the_rest_of_the_batch_are_said_to(tmp_path, kind):
    made, depends = COMPANY[kind]
    (tmp_path / "net.py").write_text(NETWORK.format(made))
    x = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=x, y=np.arange(40) % 4)
    plan = Plan(model=f"python:{tmp_path}/net.py:build", data=f"npz:{tmp_path}/d.npz")
    subject = load_subject(plan)
    assert any(note in opened.answers_depend_on_others for note in subject.notes) == depends
