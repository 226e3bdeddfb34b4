"""Which output each class of the data is: names, numbers and what the plan says; never the rank."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pruneviz import wording
from pruneviz.cli.options import made_plan
from pruneviz.plan import Plan
from pruneviz.run import measure_baseline
from pruneviz.subjects import Subject, load_subject
from pruneviz.subjects.labelling import Classes, UnknownClassesError
from pruneviz.subjects.sample_data import load_split

GREY = """
import torch
from torch import nn


def build(levels):
    # the logit of a level c is -(x - c)^2 up to a constant: always right on images of that grey
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            c = torch.tensor(levels) / 255.0
            self.conv, self.fc = nn.Conv2d(1, 2, 1), nn.Linear(2, len(levels))
            with torch.no_grad():
                self.conv.weight.fill_(1.0), self.conv.bias.zero_()
                self.fc.weight.copy_(torch.stack([c, c], 1)), self.fc.bias.copy_(-c * c)

        def forward(self, x):
            return self.fc(torch.relu(self.conv(x)).mean((2, 3)))

    return Net()


def four():
    return build([0.0, 60.0, 120.0, 180.0])


def twelve():
    return build([20.0 * n for n in range(12)])
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.py"
    path.write_text(GREY, encoding="utf-8")
    return path


def folders(root: Path, levels: dict[str, int], count: int = 6) -> Path:
    """Write a folder of grey images for each class."""
    for name, level in levels.items():
        (root / name).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(np.full((4, 4), level, np.uint8)).save(root / name / f"{i}.png")
    return root


def opened(net: Path, factory: str, data: str, **fields: object) -> Subject:
    plan = Plan(model=f"python:{net}:{factory}", data=data, input_shape=(1, 4, 4), **fields)
    return load_subject(plan)


def accuracy(subject: Subject) -> float:
    data, logits = subject.data, measure_baseline(subject).answers
    assert data is not None
    assert logits is not None
    return float((logits.argmax(1) == data.y).double().mean())


@pytest.mark.parametrize("missing", [0, 2, 5, 10, 11, None])
def test_folders_named_by_their_outputs_may_lack_one(net: Path, tmp_path: Path, missing) -> None:
    levels = {str(n): 20 * n for n in range(12) if n != missing}
    subject = opened(net, "twelve", f"folder:{folders(tmp_path / 'd', levels)}")
    assert accuracy(subject) == 1.0
    assert subject.data is not None
    assert len(subject.data.classes) == 12
    assert subject.data.classes == tuple(map(str, range(12)))


def test_a_class_without_a_folder_is_not_filled_by_the_next(net: Path, tmp_path: Path) -> None:
    levels = {"ash": 0, "elm": 60, "oak": 180}  # the third output has no images
    data = f"folder:{folders(tmp_path / 'd', levels)}"
    with pytest.raises(
        UnknownClassesError, match=r"3 classes .*ash.* 4 outputs.*--class"
    ) as raised:
        opened(net, "four", data)
    assert raised.value.counts == {"ash": 6, "elm": 6, "oak": 6}
    assert raised.value.choices == ("0", "1", "2", "3")
    given = {"ash": 0, "elm": 1, "oak": 3}
    subject = opened(net, "four", data, classes=given)
    assert accuracy(subject) == 1.0
    assert subject.data is not None
    assert subject.data.labelling is not None
    assert subject.data.labelling.outputs == given
    assert subject.data.classes == ("ash", "elm", "2", "oak")
    with pytest.raises(UnknownClassesError, match=r"class 'oak' for output 4.*4 outputs, 0 to 3"):
        opened(net, "four", data, classes={**given, "oak": 4})


def test_an_order_is_a_proposal_and_is_said(net: Path, tmp_path: Path) -> None:
    levels = {"0": 0, "180": 60, "270": 120, "90": 180}  # angles, as image folders are read
    subject = opened(net, "four", f"folder:{folders(tmp_path / 'd', levels)}")
    assert accuracy(subject) == 1.0
    assert any(
        "order of their text" in n and "90 is output 3" in n for n in map(str, subject.notes)
    )
    turned = opened(net, "four", f"folder:{tmp_path / 'd'}", classes={"0": 3, "180": 2, "270": 1,
                                                                     "90": 0})  # fmt: skip
    assert accuracy(turned) == 0.0
    assert not any("taken in" in note for note in map(str, turned.notes))
    assert subject.data is not None
    assert turned.data is not None
    assert turned.data.sha256 != subject.data.sha256


@pytest.mark.parametrize("part", range(1, 6))
def test_names_of_the_model_decide_whatever_is_there(part: int) -> None:
    known = ("zebra", "Red fox", "sea_lion", "ant", "Owl-Monkey")
    chooser = random.Random(part)
    for _ in range(20):
        chosen = chooser.sample(range(5), part)
        names = [chooser.choice([known[i], known[i].upper(), known[i].replace(" ", "_")])
                 for i in chosen]  # fmt: skip
        found = Classes(counts=dict.fromkeys(names, 3), outputs=5, known=known, aliases={})
        assert found.matched({}).outputs == dict(zip(names, chosen, strict=True))
        assert found.matched({}).notes == ()
        assert found.named(found.matched({}).outputs) == known


def classes(names: str, outputs: int, known: str = "", numbered: bool = False) -> Classes:
    counts = dict.fromkeys(names.split(), 2)
    return Classes(
        counts=counts, outputs=outputs, known=tuple(known.split()), numbered=numbered, aliases={}
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (classes("B M", 2, "malignant benign"), {"B": 1, "M": 0}),
        (classes("02 00 1.0", 3), {"02": 2, "00": 0, "1.0": 1}),
        (classes("1 2 3", 3, numbered=True), {"1": 0, "2": 1, "3": 2}),
        (classes("1 2 3 4 5 6 7 8 9 10 11", 11, numbered=True), {str(i + 1): i for i in range(11)}),
        (classes("10 20 30", 3, numbered=True), {"10": 0, "20": 1, "30": 2}),
        (classes("no yes", 2), {"no": 0, "yes": 1}),
        (classes("c1 c10 c2", 3), {"c1": 0, "c10": 1, "c2": 2}),
        (classes("c0 c1 c2", 3), {"c0": 0, "c1": 1, "c2": 2}),
        (classes("cafe\u0301 STRASSE", 3, "Straße ant CAFÉ"), {"cafe\u0301": 2, "STRASSE": 0}),
    ],
)
def test_what_can_be_known_or_proposed(given: Classes, expected: dict[str, int]) -> None:
    assert given.matched({}).outputs == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (classes("ash elm", 3), "do not say|does not say which output"),
        (classes("krebs gesund", 2, "malignant benign"), "knows no class named krebs, gesund"),
        (classes("m b be", 3, "malignant benign unsure"), "knows no class named m, b, be"),
        (classes("0 1 2 255", 4, numbered=True), "no output of the model: 255"),
        (classes("-1 0 1", 3, numbered=True), "no output of the model: -1"),
        (classes("1 2 4", 4, numbered=True), "no output of the model: 4"),
        (classes("0 90 180 270", 4, numbered=True), "as text they are 0, 180, 270, 90"),
        (classes("1 2 3 4 5 6 7 8 9 10", 10), "no output of the model: 10; .*by their numbers"),
        (classes("1 01 2", 3), "some are the same number"),
        (classes(" ".join(f"c{n}" for n in range(11)), 11), "by their numbers c0, c1, c2"),
        (classes(" ".join(f"{n}_x" for n in range(1, 12)), 11), "by their numbers 1_x, 2_x"),
        (classes("a b c d", 3), "4 classes .* 3 outputs, too many"),
        (classes("crane", 3, "crane heron crane"), "it has two named crane"),
    ],
)
def test_what_cannot_be_known_is_refused_with_the_remedy(given: Classes, words: str) -> None:
    with pytest.raises(UnknownClassesError, match=rf"{words}.*--class NAME=OUTPUT.*Home"):
        given.matched({})


def test_labels_that_may_begin_at_1_are_said_to_be_taken_from_0() -> None:
    assert [
        n in wording.opened.no_class_0 for n in classes("1 2", 3, numbered=True).matched({}).notes
    ]
    assert classes("0 2", 3, numbered=True).matched({}).notes == ()


OWN = {
    "classes": "['zebra', 'ant', 'owl', 'elk']",
    "class_names": "('zebra', 'ant', 'owl', 'elk')",
    "id2label": "{0: 'zebra', 1: 'ant', 2: 'owl', 3: 'elk'}",
    "names": "{'3': 'elk', '2': 'owl', '1': 'ant', '0': 'zebra'}",
    "class_to_idx": "{'elk': 3, 'owl': 2, 'ant': 1, 'zebra': 0}",
    "config": "__import__('types').SimpleNamespace(label2id={'elk': 3, 'owl': 2, 'ant': 1,"
    " 'zebra': 0})",
    "hparams": "{'id2label': {0: 'zebra', 1: 'ant', 2: 'owl', 3: 'elk'}}",
}
NO_NAMES = {
    "id2label": "{0: 'LABEL_0', 1: 'LABEL_1', 2: 'LABEL_2', 3: 'LABEL_3'}",
    "names": "['conv', 'fc', 'head', 'pool']",
    "classes": "4",
    "labels": "['ant', 'owl']",
    "class_to_idx": "{'elk': 4, 'owl': 3, 'ant': 2, 'zebra': 1}",
}


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("attribute", OWN)
def test_names_that_the_network_keeps_decide(net: Path, tmp_path: Path, attribute, inside) -> None:
    end = "return torch.nn.Sequential(m)" if inside else "return m"
    text = f"def named():\n    m = four()\n    m.{attribute} = {OWN[attribute]}\n    {end}\n"
    net.write_text(net.read_text() + text)
    levels = {"ANT": 60, "elk": 180, "zebra": 0}  # of "owl" there is no image
    subject = opened(net, "named", f"folder:{folders(tmp_path / 'd', levels)}")
    assert accuracy(subject) == 1.0
    assert subject.data is not None
    assert subject.data.classes == ("zebra", "ant", "owl", "elk")


@pytest.mark.parametrize("attribute", NO_NAMES)
def test_what_does_not_name_the_outputs_is_no_name(net: Path, tmp_path: Path, attribute) -> None:
    value = NO_NAMES[attribute]
    text = f"def named():\n    m = four()\n    m.{attribute} = {value}\n    return m\n"
    net.write_text(net.read_text() + text)
    levels = {"ash": 0, "elm": 60, "fir": 120, "oak": 180}
    subject = opened(net, "named", f"folder:{folders(tmp_path / 'd', levels)}")
    assert accuracy(subject) == 1.0
    assert any("taken in order" in note for note in map(str, subject.notes))


def test_what_the_plan_says_wins_and_the_rest_keeps_its_rule() -> None:
    some = classes("malignant B unsure", 3, "malignant benign unclear")
    found = some.matched({"B": 1, "unsure": 2, "other": 0})
    assert found.outputs == {"malignant": 0, "B": 1, "unsure": 2}
    assert wording.opened.no_input_of("other") in found.notes
    with pytest.raises(UnknownClassesError):
        classes("M B", 2).matched({"M": 0})  # the other is not filled in by its rank
    merged = classes("tabby persian dog", 2)
    outputs = merged.matched({"tabby": 0, "persian": 0, "dog": 1}).outputs
    assert merged.named(outputs) == ("tabby / persian", "dog")


def test_synsets_of_all_imagenet_are_in_their_order() -> None:
    names = [f"n{1440764 + 37 * i:08d}" for i in range(1000)]
    shuffled = random.Random(0).sample(names, 1000)
    known = tuple(f"name {i}" for i in range(1000))
    found = Classes(counts=dict.fromkeys(shuffled, 1), outputs=1000, known=known, aliases={})
    assert found.matched({}).outputs == {name: i for i, name in enumerate(names)}
    few = Classes(counts=dict.fromkeys(names[:10], 1), outputs=1000, known=known, aliases={})
    with pytest.raises(UnknownClassesError):
        few.matched({})


def tumours(tmp_path: Path, words: dict[str, str], **fields: object) -> Subject:
    split = load_split("tumour")
    frame = pd.DataFrame(split.test_x.numpy(), columns=list(split.features))
    kinds = [words[split.classes[i]] for i in split.test_y.tolist()]
    frame.assign(verdict=kinds).to_csv(tmp_path / "t.csv", index=False)
    data = f"csv:{tmp_path / 't.csv'}?target=verdict"
    return load_subject(Plan(model="sample:tumour-mlp", data=data, **fields))


def test_a_table_with_other_words_than_the_model(tmp_path: Path) -> None:
    subject = tumours(tmp_path, {"malignant": "M", "benign": "B"})
    assert accuracy(subject) > 0.95
    assert any("M is malignant, B is benign" in note for note in map(str, subject.notes))
    foreign = {"malignant": "krebs", "benign": "gesund"}
    with pytest.raises(UnknownClassesError, match=r"knows no class named gesund, krebs"):
        tumours(tmp_path, foreign)
    turned = tumours(tmp_path, foreign, classes={"krebs": 1, "gesund": 0})
    (note,) = map(str, measure_baseline(turned).notes)
    assert f"right in {100 * accuracy(turned):.1f}\u00a0%" in note
    assert "--class gesund=1 --class krebs=0" in note
    said = tumours(tmp_path, foreign, classes={"krebs": 0, "gesund": 1})
    assert measure_baseline(said).notes == ()
    assert accuracy(said) > 0.95
    assert said.data is not None
    assert said.data.classes == ("malignant", "benign")


Y = np.repeat(np.arange(4), 8)


@pytest.mark.parametrize(
    "arrays",
    [
        {"y": Y},
        {"y": Y.astype(np.float32)},
        {"y": Y[:, None]},
        {"y": np.eye(4)[Y]},
        {"y": np.eye(4, dtype=bool)[Y]},
        {"y": Y + 1},
        {"y": Y.astype(str)},
        {"y": Y.astype("S")},
        {"y": np.array(["a", "b", "c", "d"])[Y]},
        {"y": np.array(["d", "b", "a", "c"])[Y], "classes": np.array(["d", "b", "a", "c"])},
        {"y": Y + 1, "train_y": Y[::-1] + 1},
    ],
    ids=lambda arrays: " ".join(f"{k}:{v.dtype}{v.shape}" for k, v in arrays.items()),
)
def test_labels_of_every_form_in_an_npz_file(net: Path, tmp_path: Path, arrays) -> None:
    x = np.broadcast_to((60 * Y)[:, None, None], (32, 4, 4)).astype(np.uint8)
    if "train_y" in arrays:
        arrays = {**arrays, "train_x": x[::-1]}
    np.savez(tmp_path / "d.npz", x=x, **arrays)
    subject = opened(net, "four", f"npz:{tmp_path / 'd.npz'}")
    assert accuracy(subject) == 1.0
    data = subject.data
    assert data is not None
    assert (subject.model(data.train_x).argmax(1) == data.train_y).all()


def test_one_hot_columns_that_lack_a_class_are_not_outputs(net: Path, tmp_path: Path) -> None:
    here = Y != 1
    x = np.broadcast_to((60 * Y[here])[:, None, None], (24, 4, 4)).astype(np.uint8)
    columns = np.eye(4)[Y[here]][:, [0, 2, 3]]
    np.savez(tmp_path / "d.npz", x=x, y=columns)
    with pytest.raises(UnknownClassesError, match=r"3 columns and the model 4 outputs"):
        opened(net, "four", f"npz:{tmp_path / 'd.npz'}")
    said = {"0": 0, "1": 2, "2": 3}
    assert accuracy(opened(net, "four", f"npz:{tmp_path / 'd.npz'}", classes=said)) == 1.0


def test_names_in_the_file_that_the_model_has_elsewhere_decide(tmp_path: Path) -> None:
    split = load_split("tumour")
    turned = 1 - split.test_y.numpy()  # 0 is benign here, and the model's output 0 is malignant
    np.savez(tmp_path / "t.npz", x=split.test_x.numpy(), y=turned, mean=split.mean, std=split.std,
             classes=np.array(["benign", "malignant"]))  # fmt: skip
    subject = load_subject(Plan(model="sample:tumour-mlp", data=f"npz:{tmp_path / 't.npz'}"))
    assert accuracy(subject) > 0.95


def test_more_names_than_outputs_are_said(net: Path, tmp_path: Path) -> None:
    x = np.broadcast_to((60 * Y)[:, None, None], (32, 4, 4)).astype(np.uint8)
    np.savez(tmp_path / "d.npz", x=x, y=Y, classes=np.array(list("abcdefg")))
    subject = opened(net, "four", f"npz:{tmp_path / 'd.npz'}")
    assert subject.data is not None
    assert subject.data.classes == tuple("abcd")
    assert any(
        "names 7 classes and the model has 4 outputs" in note for note in map(str, subject.notes)
    )


def test_classes_are_part_of_the_plan_only_when_they_are_said(tmp_path: Path) -> None:
    assert "classes" not in Plan().canonical_json()
    assert Plan.from_text("sparsity: 0.5").classes == {}
    said = Plan(classes={"M": 0, "B": 1})
    assert said.digest() == Plan(classes={"B": 1, "M": "0"}).digest() != Plan().digest()
    assert Plan.from_text(said.to_yaml()) == said
    for wrong in ({"M": -1}, {"M": 0.5}, {"M": "x"}, ["M"]):
        with pytest.raises(ValueError, match=r"class"):
            Plan(classes=wrong)
    file = tmp_path / "plan.yaml"
    file.write_text(said.changed(data_sha256="0" * 64).to_yaml(), encoding="utf-8")
    changed = made_plan(file, classes=["M=1", "a=b=0"])
    assert changed.classes == {"B": 1, "M": 1, "a=b": 0}
    assert changed.data_sha256 is None
    assert made_plan(file, data="npz:other.npz").classes == {}
    for texts, words in ((["M"], "reads NAME=OUTPUT"), (["M=0", "M=1"], "given twice")):
        with pytest.raises(ValueError, match=words):
            made_plan(None, classes=texts)


def test_every_assignment_of_two_words_is_one_of_two() -> None:
    for names in itertools.permutations(["malignant", "benign"]):
        found = Classes(counts=dict.fromkeys(names, 1), outputs=2, known=names, aliases={})
        assert found.matched({}).outputs == {names[0]: 0, names[1]: 1}
