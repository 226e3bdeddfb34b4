"""Models from Python files and from torchvision."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from pruneviz.network.inputs import Inputs
from pruneviz.plan import Plan
from pruneviz.subjects import list_torchvision, load_subject
from pruneviz.subjects.models import torchvision_models
from pruneviz.subjects.subject import Subject


def python(factory: Path, name: str, **fields: object) -> Subject:
    return load_subject(Plan.from_fields({"model": f"python:{factory}:{name}", **fields}))


def test_factory_with_an_input_shape(factory: Path) -> None:
    subject = python(factory, "images", input_shape=[1, 8, 8])
    assert subject.example.shape == (2, 1, 8, 8)
    assert subject.data is None
    assert "images() made" in str(subject.notes[0])
    assert str(factory.parent) not in sys.path


def test_factory_is_seeded_and_never_in_train_mode(factory: Path) -> None:
    state = torch.random.get_rng_state()
    first, second = (python(factory, "table", input_shape=[4]) for _ in range(2))
    assert first.sha256 == second.sha256
    assert torch.equal(first.example, second.example)
    assert torch.equal(state, torch.random.get_rng_state())
    assert not any(module.training for module in first.model.modules())
    assert not any(p.requires_grad for p in first.model.parameters())


def test_factory_with_weights(factory: Path, tmp_path: Path) -> None:
    state = {
        k: t + 1 for k, t in python(factory, "table", input_shape=[4]).model.state_dict().items()
    }
    save_file(state, tmp_path / "w.safetensors")
    subject = python(factory, "table", input_shape=[4], weights=str(tmp_path / "w.safetensors"))
    assert torch.equal(subject.model.state_dict()["0.bias"], state["0.bias"])
    assert subject.notes == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent", r"no function absent\(\)"),
        ("number", r"must return a torch.nn.Module, not int"),
        ("broken", "made no model: RuntimeError: no such luck"),
        ("leaves", "made no model: SystemExit: 3"),
        ("diverged", "NaN or infinite values in bias"),
        ("not a name", "must read python:FILE.py:FACTORY"),
    ],
)
def test_bad_factories(factory: Path, name: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        python(factory, name, input_shape=[4])


def test_bad_python_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no Python file .*none\.py"):
        python(tmp_path / "none.py", "build")
    (tmp_path / "bad.py").write_text("def build(:\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"made no model: SyntaxError"):
        python(tmp_path / "bad.py", "build")


def test_shape_must_be_known_and_right(factory: Path) -> None:
    with pytest.raises(ValueError, match=r"give data, or the shape of one input such as 3,32,32"):
        python(factory, "images")
    with pytest.raises(ValueError, match=r"does not take inputs of shape \[1, 9, 9\]: .+; give"):
        python(factory, "images", input_shape=[1, 9, 9])


@pytest.mark.parametrize(
    ("name", "shape"), [("colours", (3, 224, 224)), ("signal", (2, 128)), ("table", (4,))]
)
def test_the_first_layer_suggests_a_shape(factory: Path, name: str, shape: tuple[int, ...]) -> None:
    subject = python(factory, name)
    assert subject.example.shape == (2, *shape)
    assert f"{','.join(map(str, shape))} was assumed" in str(subject.notes[-1])


def test_words_suggest_no_shape(factory: Path) -> None:
    with pytest.raises(ValueError, match=r"looks up whole numbers.*x\.long\(\).*give data"):
        python(factory, "words")


def test_one_output_is_refused_truthfully(factory: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((20, 4), np.float32), y=np.arange(20) % 2)
    with pytest.raises(ValueError, match=r"one output.*not supported yet.*second output"):
        python(factory, "single", data=f"npz:{tmp_path / 'd.npz'}")


def test_torchvision_random_weights_say_so() -> None:
    plan = Plan(model="torchvision:mobilenet_v3_small")
    first, second = (load_subject(plan, pretrained=False) for _ in range(2))
    assert first.weights_label == "random weights"
    assert "not asked for" in str(first.notes[0])
    assert first.sha256 == second.sha256
    assert first.example.shape == (2, 3, 224, 224)
    assert not any(module.training for module in first.model.modules())


def test_torchvision_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torchvision_models, "reachable", lambda url: False)
    subject = load_subject(Plan(model="torchvision:squeezenet1_1"))
    assert subject.weights_label == "random weights"
    assert "could not be had (their server does not answer)" in str(subject.notes[0])


def test_torchvision_takes_pretrained_weights_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torchvision

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    url = torchvision.models.get_model_weights("squeezenet1_1").DEFAULT.url
    cached = tmp_path / "hub" / "checkpoints" / Path(url).name
    cached.parent.mkdir(parents=True)
    state = torchvision.models.squeezenet1_1(weights=None).state_dict()
    torch.save(state, cached)
    subject = load_subject(Plan(model="torchvision:squeezenet1_1"))
    assert subject.weights_label == "pretrained"
    assert subject.notes == ()
    assert torch.equal(subject.model.state_dict()["features.0.bias"], state["features.0.bias"])
    cached.write_bytes(b"not weights")
    damaged = load_subject(Plan(model="torchvision:squeezenet1_1"))
    assert damaged.weights_label == "random weights"
    assert "in torch's cache is damaged; remove it" in str(damaged.notes[0])


def test_torchvision_with_other_classes(tmp_path: Path) -> None:
    import torchvision

    state = torchvision.models.mobilenet_v3_small(weights=None, num_classes=7).state_dict()
    save_file(state, tmp_path / "w.safetensors")
    plan = Plan(model="torchvision:mobilenet_v3_small", weights=str(tmp_path / "w.safetensors"))
    subject = load_subject(plan)
    assert subject.weights_label == "your weights"
    assert subject.model(subject.example).shape == (2, 7)
    state["features.0.0.weight"] = torch.zeros(16, 1, 3, 3)
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"features.0.0.weight has shape \[16, 1, 3, 3\]"):
        load_subject(plan)


def test_torchvision_names() -> None:
    names = list_torchvision()
    assert {"resnet18", "vit_b_16", "fasterrcnn_resnet50_fpn"} <= set(names)
    with pytest.raises(ValueError, match=r"no model 'resnet99'; its names are like .*resnet18"):
        load_subject(Plan(model="torchvision:resnet99"))
    with pytest.raises(ValueError, match=r"no model 'xyz'"):
        load_subject(Plan(model="torchvision:xyz"))


def test_optical_flow_takes_two_images(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models.optical_flow import RAFT

    monkeypatch.setattr(RAFT.forward, "__defaults__", (1,))  # of its twelve rounds
    subject = load_subject(Plan(model="torchvision:raft_small"), pretrained=False)
    assert isinstance(subject.example, Inputs)
    first, second = subject.example.args
    assert first.shape == second.shape == (2, 3, 128, 128)
    assert not torch.equal(first, second)
    assert "where it is in a second one" in subject.sentence
    assert any("Motion is not judged" in str(note) for note in subject.notes)


def test_the_quantised_alone_are_not_opened() -> None:
    import torchvision

    every = set(torchvision.models.list_models())
    left = every - set(list_torchvision())
    assert left == {name for name in every if name.startswith("quantized_")} != set()


def test_detectors_load_without_data(tmp_path: Path) -> None:
    model = "torchvision:ssdlite320_mobilenet_v3_large"
    subject = load_subject(Plan(model=model), pretrained=False)
    assert subject.data is None
    assert "finds objects" in subject.sentence
    assert any("Boxes are judged on images with boxes" in str(note) for note in subject.notes)
    np.savez(tmp_path / "d.npz", x=np.zeros((8, 3, 32, 32), np.uint8), y=np.arange(8))
    plan = Plan(model="torchvision:lraspp_mobilenet_v3_large", data=f"npz:{tmp_path / 'd.npz'}")
    with pytest.raises(
        ValueError, match=r"one class an input judges classifiers alone.*OrderedDict.*segmentation"
    ):
        load_subject(plan, pretrained=False)
