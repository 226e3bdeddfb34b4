"""What references, files and networks are refused for is a fact of its kind, with its values."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pruneviz.plan import Plan
from pruneviz.sent import SentFile
from pruneviz.subjects import accept, load_subject
from pruneviz.subjects.augmentation import Augmentation
from pruneviz.subjects.files.arrays import check_npz
from pruneviz.subjects.files.csv_text import find_separator
from pruneviz.subjects.files.images import check_zip, read_folder
from pruneviz.subjects.files.label_arrays import read_labels
from pruneviz.subjects.files.values import find_scale
from pruneviz.subjects.labelling import Classes, UnknownClassesError
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.subjects.models.outputs import class_count
from pruneviz.subjects.models.samples import SAMPLES, get_sample
from pruneviz.subjects.models.torchvision_models import load_torchvision
from pruneviz.subjects.models.weights import check_header, fit_weights
from pruneviz.subjects.references import parse_data, parse_model
from pruneviz.subjects.sample_data import load_split
from pruneviz.subjects.uploads import KINDS, supply
from pruneviz.wording import Fact, RefusedError
from pruneviz.wording.refusals.subjects import (
    answering,
    array_files,
    finding,
    image_files,
    labelled,
    opening,
    scaling,
    sending,
    tables,
    weight_files,
)

WHOLE = np.array([[0, 300], [2, 3]]).reshape(1, 1, 2, 2)
ABSENT = f"upload:{'ab' * 32}.csv"


def refused(action: Callable[[], object]) -> Fact:
    with pytest.raises(RefusedError) as caught:
        action()
    return caught.value.fact


def packed(members: Mapping[str, bytes]) -> io.BytesIO:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return content


def classes(*names: str, outputs: int, known: tuple[str, ...] = ()) -> Classes:
    return Classes(counts=dict.fromkeys(names, 2), outputs=outputs, known=known, aliases={})


def misfit() -> None:
    given = {"bias": torch.zeros(3), "other": torch.zeros(1)}
    fit_weights(nn.Linear(4, 2), given, "net.safetensors")


REFUSED = {
    "no model": (
        lambda: parse_model("net.py"), finding.names_no_model("net.py"), "model",
        "'net.py' names no model; a model is one of sample:NAME, torchvision:NAME, "
        "timm:NAME, hf:FOLDER, python:FILE.py:FACTORY",
    ),
    "no data": (
        lambda: parse_data("wine.csv"), finding.names_no_data("wine.csv"), "data",
        "'wine.csv' names no data; a data is one of sample:NAME, npz:FILE, folder:DIRECTORY, "
        "masks:DIRECTORY, coco:DIRECTORY, csv:FILE?target=COLUMN, parquet:FILE?target=COLUMN, "
        "text:FILE?length=128&stride=128, texts:FILE?text=COLUMN&target=COLUMN, "
        "choices:FILE",
    ),
    "sample data": (
        lambda: load_split("wine"),
        finding.no_such_sample("wine", ("digits", "tumour", "diabetes", "scenes", "stdlib")),
        "data",
        "unknown sample data 'wine'; choose from digits, tumour, diabetes, scenes, stdlib",
    ),
    "sample": (
        lambda: get_sample("lenet"),
        opening.no_such_sample("lenet", tuple(SAMPLES)), "model",
        "unknown sample model 'lenet'; choose from digits-cnn, digits-resnet, tumour-mlp, "
        "diabetes-mlp, stdlib-lm, digits-detector",
    ),
    "quantised": (
        lambda: load_torchvision("quantized_resnet18", None, pretrained=False),
        opening.quantised("quantized_resnet18", "resnet18"), "model",
        "torchvision's 'quantized_resnet18' is quantised, and its numbers cannot be cut: open "
        "'resnet18', and quantise the pruned one",
    ),
    "a loss": (
        lambda: class_count(torch.tensor(0.5), 2),
        answering.no_classifier("shape []", answering.one_number_for_all()), "model",
        "one class an input judges classifiers alone, and the model's output (shape []) is one "
        "number for all inputs, such as a loss; return the class scores from its forward, or load "
        "it without data",
    ),
    "a pickle": (
        lambda: check_header("w.pt", b"PK\x03\x04", 4), weight_files.pickled("w.pt"), "weights",
        "'w.pt' is a pickle, which could run code when opened; save it as safetensors: "
        "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')",
    ),
    "a misfit": (
        misfit,
        weight_files.not_fitting("net.safetensors", (
            weight_files.misfits((weight_files.of_another_shape("bias", (3,), (2,)),), 0),
            weight_files.missing("weight"), weight_files.unexpected("other"),
        )), "weights",
        "the weights 'net.safetensors' do not fit the model; tensors that do not fit: bias has "
        "shape [3], the model needs [2]; missing tensors: weight; unexpected tensors: other; "
        "choose the model that they were saved from",
    ),
    "no npz": (
        lambda: check_npz(io.BytesIO(b"text"), "a.npz"), array_files.not_whole("a.npz"), "data",
        "'a.npz' is not a whole npz file; save it with numpy.savez and copy it again",
    ),
    "a shift": (
        lambda: Augmentation(shift_pixels=8).check(torch.zeros(1, 1, 8, 9)),
        array_files.no_shift(8, (8, 9)), "data",
        "train_shift_pixels is 8; give 0 or more, and less than the image's 8 by 9 pixels",
    ),
    "cells": (
        lambda: find_separator("a,b\n1,2,3\n", "d.csv"), tables.other_cells("d.csv", 2, 3, 2),
        "data", "'d.csv' is not a UTF-8 CSV table with a header line: line 2 has 3 cells and the "
        "header 2; give every line as many",
    ),
    "no classes": (
        lambda: check_zip(packed({"a.png": b""}), "a.zip"),
        image_files.no_class_folders("a.zip"), "data",
        "'a.zip' holds no class folders; make one folder of images for each class",
    ),
    "two units": (
        lambda: find_scale([("x", WHOLE), ("train_x", WHOLE / 300)]),
        scaling.parts_in_two_units("train_x", "from 0 to 1", "x", "from 0 to 300"), "data",
        "train_x runs from 0 to 1 and x from 0 to 300: these are different units; save both in "
        "the same way",
    ),
    "reading of a sample": (
        lambda: load_subject(Plan.from_fields(
            {"model": "sample:tumour-mlp", "reading": {"resize": "squeeze"}}
        )), finding.sample_read_otherwise(), "reading",
        "a sample's data are read as they were in training; give data of your own, or leave the "
        "reading out of the plan",
    ),
    "one shape": (
        lambda: load_subject(Plan(model="sample:tumour-mlp", input_shape=(9,))),
        finding.inputs_of_another_shape((30,), (9,)), "input_shape",
        "the data's inputs have shape [30], the plan's input shape is [9]; leave the input shape "
        "out or correct it",
    ),
    "fractions": (
        lambda: read_labels([np.array([0.5, 1])], "y", ()), labelled.fractions("y"), "data",
        "y holds fractions; give class numbers 0, 1, 2, …",
    ),
    "names": (
        lambda: classes("ash", "fir", outputs=3, known=("oak", "elm", "yew")).matched({}),
        labelled.outputs_not_known(labelled.names_not_known(
            2, 3, labelled.no_such_names("ash, fir"), ("oak", "elm")
        )), "classes",
        "the data has 2 classes and the model 3 outputs, and the model knows no class named ash, "
        "fir; name the classes as the model does, such as oak, elm; say which output each is with "
        "--class NAME=OUTPUT, or on Home under Your data",
    ),
    "two orders": (
        lambda: classes(*(f"c{i}" for i in range(1, 11)), outputs=10).matched({}),
        labelled.outputs_not_known(labelled.order_not_known(
            10, "c1, c2, c3, c4, c5, +5 more", 10, "c1, c10, c2, c3, c4, +5 more",
            "c1, c2, c3, c4, c5, +5 more",
        )), "classes",
        "the data has 10 classes (c1, c2, c3, c4, c5, +5 more) and the model 10 outputs, and "
        "nothing says which output each is; as text they are c1, c10, c2, c3, c4, +5 more, by "
        "their numbers c1, c2, c3, c4, c5, +5 more; say which output each is with --class "
        "NAME=OUTPUT, or on Home under Your data",
    ),
    "no kind": (
        lambda: accept("a.doc", b"text", Path()),
        sending.no_kind("a.doc", KINDS), "",
        "'a.doc' is no kind of file that can be used; upload safetensors, npz, csv, parquet, zip, "
        "jsonl, txt",
    ),
    "gone": (
        lambda: load_subject(Plan(data=ABSENT), home=Path("nowhere")),
        sending.gone("", "ab" * 6), "",
        "the upload abababababab… is not here (any more); upload the file again",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_is_of_its_kind_with_its_values_its_field_and_its_words(case):
    action, expected, field, sentence = REFUSED[case]
    found = refused(action)
    assert (found, found.values, found.field) == (expected, expected.values, field)
    assert str(found) == sentence


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_the_same_in_another_process_and_from_a_file(case):
    found = refused(REFUSED[case][0])
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301
    again = Fact.read(json.loads(json.dumps(found.state())))
    assert (again, str(again), again.field) == (found, str(found), found.field)


def test_a_plan_for_other_weights_is_told_with_both_digests():
    asked = "ab" * 32
    found = refused(lambda: load_subject(Plan(model="sample:tumour-mlp", weights_sha256=asked)))
    own = load_subject(Plan(model="sample:tumour-mlp")).sha256
    assert (found, found.field) == (finding.other_weights(asked, own), "weights")
    assert str(found).startswith(
        "this plan was made for other weights: it asks for abababababab…, these are "
        f"{own[:12]}…; give the weights"
    )


def test_classes_that_are_not_known_keep_what_there_is_to_choose_in_another_process():
    with pytest.raises(UnknownClassesError) as caught:
        classes("ash", "fir", outputs=1).matched({"ash": 3})
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert again.fact == labelled.outputs_not_known(labelled.beyond_the_outputs("ash", 3, 1))
    assert (again.counts, again.choices) == ({"ash": 2, "fir": 2}, ("0",))
    assert str(again) == str(caught.value)


def test_images_that_are_broken_keep_the_reason_of_the_last_and_name_the_first(tmp_path):
    for name in ("a/1.png", "a/2.png", "b/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"text")
    found = refused(lambda: read_folder(tmp_path, Expectation(shape=(1, 8, 8))))
    assert found == image_files.others_not_whole(image_files.not_whole("a/2.png"), "a/1.png")
    assert str(found) == (
        "'a/2.png' is not a whole image; remove it or save it again (so is 'a/1.png')"
    )


@pytest.mark.parametrize(
    ("factory", "kind", "reason"),
    [
        ("fails", "KeyError", "'no such luck'"),
        ("absent", "ValueError", "there is no function absent()"),
    ],
)
def test_a_factory_that_makes_no_model_is_told_with_its_error(tmp_path, factory, kind, reason):
    path = tmp_path / "net.py"
    path.write_text("def fails():\n    raise KeyError('no such luck')\n")
    found = refused(lambda: load_subject(Plan(model=f"python:{path}:{factory}")))
    assert str(found) == f"{factory}() of '{path}' made no model: {kind}: {reason}"
    of = opening.no_factory if factory == "absent" else opening.made_no_model
    assert (found in of, found.field) == (True, "model")


def test_a_file_that_is_another_is_told_with_both_digests(tmp_path):
    (tmp_path / "d.csv").write_text("text")
    wanted = SentFile(what="data", name="d.csv", sha256="ab" * 32)
    given = str(tmp_path / "d.csv")
    found = refused(lambda: supply(ABSENT, wanted, given, tmp_path))
    digest = hashlib.sha256(b"text").hexdigest()[:12]
    assert found == sending.another_file(given, digest, "data", wanted.title)
