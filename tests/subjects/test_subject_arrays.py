"""Data in npz files: what is taken, and what each bad file says."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from pruneviz.plan import Plan
from pruneviz.subjects import load_subject
from pruneviz.subjects.files import arrays
from pruneviz.subjects.subject import Data


class Loader:
    """Saves arrays as an npz file and loads it beside a model of the factory file."""

    def __init__(self, factory: Path) -> None:
        self.factory = factory
        self.path = factory.parent / "data.npz"

    def __call__(self, model: str = "images", **arrays: object) -> Data:
        np.savez(self.path, **arrays)  # type: ignore[arg-type]
        return self.read(model)

    def read(self, model: str = "images") -> Data:
        plan = Plan(model=f"python:{self.factory}:{model}", data=f"npz:{self.path}")
        data = load_subject(plan).data
        assert data is not None
        return data


@pytest.fixture
def load(factory: Path) -> Loader:
    return Loader(factory)


def test_bytes_become_fractions_and_parts(load: Loader, pixels, labels) -> None:
    data = load(x=pixels, y=labels)
    assert data.x.shape == (45, 1, 8, 8)
    assert data.calibration_x.shape == (15, 1, 8, 8)
    assert data.kind == "image"
    assert 0 <= float(data.x.min()) < float(data.x.max()) <= 1
    assert data.classes == ("0", "1", "2")
    assert "45 inputs, calibrated on 15 others" in data.note
    both = {row.numpy().tobytes() for row in data.x} & {
        row.numpy().tobytes() for row in data.calibration_x
    }
    assert not both
    assert torch.equal(data.y.bincount(), torch.tensor([15, 15, 15]))


def test_split_is_repeatable_and_bound_to_the_content(load: Loader, pixels, labels) -> None:
    first, second = load(x=pixels, y=labels), load(x=pixels, y=labels)
    assert first.sha256 == second.sha256
    pixels[0, 0, 0] ^= 1
    assert load(x=pixels, y=labels).sha256 != first.sha256


def test_mean_and_std_of_the_file(load: Loader, pixels, labels) -> None:
    data = load(x=pixels, y=labels, mean=[0.5], std=[0.25], classes=["a", "b", "c"])
    plain = load(x=pixels, y=labels)
    assert data.mean == (0.5,)
    assert data.std == (0.25,)
    assert data.classes == ("a", "b", "c")
    torch.testing.assert_close(data.raw(data.x), plain.x)
    torch.testing.assert_close(data.x, (plain.x - 0.5) / 0.25)


def test_floats_colours_and_rows(load: Loader, pixels, labels) -> None:
    floats = np.random.RandomState(0).randn(60, 4)
    data = load("table", x=floats, y=labels.reshape(-1, 1).astype(float))
    assert data.kind == "tabular"
    assert "not normalised" in data.note
    assert data.x.dtype == torch.float32
    colours = np.stack([pixels] * 3, 1)
    assert load("colours", x=colours, y=labels).x.shape == (45, 3, 8, 8)


def test_a_sample_normalises_other_data_as_its_own(tmp_path: Path, pixels, labels) -> None:
    np.savez(tmp_path / "d.npz", x=pixels, y=labels)
    subject = load_subject(Plan(data=f"npz:{tmp_path / 'd.npz'}"))
    own = load_subject(Plan()).data
    assert subject.data is not None
    assert own is not None
    assert subject.data.mean == own.mean
    assert subject.data.classes == own.classes
    assert "as the model's own data is" in subject.data.note


def test_many_inputs_calibrate_on_512(load: Loader) -> None:
    x = np.zeros((4000, 4), dtype=np.float32) + np.arange(4000)[:, None]
    data = load("table", x=x, y=np.arange(4000) % 2)
    assert len(data.calibration_y) == 512
    assert len(data.y) == 3488


@pytest.mark.parametrize("missing", ["x", "y"])
def test_missing_arrays(load: Loader, pixels, labels, missing: str) -> None:
    arrays = {"x": pixels, "y": labels}
    arrays["images"] = arrays.pop(missing)
    with pytest.raises(ValueError, match=f"lacks the array {missing}; it holds .*images"):
        load(**arrays)


def test_object_arrays(load: Loader, labels) -> None:
    with pytest.raises(ValueError, match=r"'x' holds Python objects, which could run code"):
        load(x=np.array([{"a": 1}] * 60, dtype=object), y=labels)


def test_lengths_differ(load: Loader, pixels, labels) -> None:
    with pytest.raises(ValueError, match=r"x has 60 inputs and y 59 labels"):
        load(x=pixels, y=labels[1:])
    with pytest.raises(ValueError, match=r"x has 60 inputs and y 1 labels"):
        load(x=pixels, y=3)


def test_labels_outside_the_outputs(load: Loader, pixels, labels) -> None:
    with pytest.raises(ValueError, match=r"no output of the model: 3, 4; it has 3 outputs.*0 to 2"):
        load(x=pixels, y=labels + 2)
    with pytest.raises(ValueError, match=r"no output of the model: -1"):
        load(x=pixels, y=labels - 1)


def test_labels_that_are_none(load: Loader, pixels, labels) -> None:
    with pytest.raises(ValueError, match=r"fractions; give class numbers"):
        load(x=pixels, y=labels + 0.5)
    with pytest.raises(ValueError, match=r"y has shape \[60, 3\].*not one-hot.*one class number"):
        load(x=pixels, y=np.eye(3)[labels] / 2)
    with pytest.raises(ValueError, match=r"holds complex128; give one class number"):
        load(x=pixels, y=labels * 1j)
    with pytest.raises(ValueError, match=r"y has no name for the inputs 0, 3"):
        load(x=pixels, y=np.array(["", "a", "b"])[labels])
    with pytest.raises(ValueError, match=r"y holds NaN"):
        load(x=pixels, y=np.where(labels, labels, np.nan))


def test_shape_that_the_model_does_not_take(load: Loader, pixels, labels) -> None:
    with pytest.raises(ValueError, match=r"does not take inputs of shape \[1, 7, 8\]"):
        load(x=pixels[:, 1:], y=labels)
    with pytest.raises(ValueError, match=r"x has shape \[60\]; give"):
        load(x=pixels[:, 0, 0], y=labels)
    with pytest.raises(ValueError, match=r"x holds <U1 values"):
        load(x=np.full((60, 4), "a"), y=labels)


def test_shape_other_than_the_plans(load: Loader, pixels, labels) -> None:
    load(x=pixels, y=labels)
    plan = Plan(
        model=f"python:{load.factory}:images", data=f"npz:{load.path}", input_shape=(1, 9, 9)
    )
    with pytest.raises(
        ValueError, match=r"shape \[1, 8, 8\], the plan's input shape is \[1, 9, 9\]"
    ):
        load_subject(plan)


def test_output_that_is_no_class_score(load: Loader, pixels, labels) -> None:
    with pytest.raises(ValueError, match=r"judges classifiers alone.*shape \[2, 4, 6, 6\]"):
        load("undecided", x=pixels, y=labels)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan(load: Loader, pixels, labels, value: float) -> None:
    x = pixels.astype(np.float32)
    x[[3, 5], 0, 0] = value
    with pytest.raises(ValueError, match=r"2 of the 60 inputs hold NaN or infinite values"):
        load(x=x, y=labels)


def test_too_few(load: Loader, pixels, labels) -> None:
    with pytest.raises(ValueError, match=r"the data has 7 inputs; give 8 or more"):
        load(x=pixels[:7], y=labels[:7])
    with pytest.raises(ValueError, match=r"one class alone; give inputs of two classes"):
        load(x=pixels, y=labels * 0)
    with pytest.raises(ValueError, match=r"x has shape \[0, 8, 8\]"):
        load(x=pixels[:0], y=labels[:0])


def test_bad_statistics(load: Loader, pixels, labels) -> None:
    with pytest.raises(ValueError, match=r"mean has 2 values; give one for each of 1 channels"):
        load(x=pixels, y=labels, mean=[0, 0], std=[1])
    with pytest.raises(ValueError, match=r"std must be above 0"):
        load(x=pixels, y=labels, mean=[0], std=[0])


def test_files_that_are_none(load: Loader, pixels, labels) -> None:
    with pytest.raises(ValueError, match=r"no '.*data.npz' to read data from"):
        load.read()
    load.path.write_bytes(b"hello")
    with pytest.raises(ValueError, match=r"'data.npz' is not a whole npz file"):
        load.read()
    np.savez(load.path, x=pixels, y=labels)
    load.path.write_bytes(load.path.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"'data.npz' is not a whole npz file"):
        load.read()


def test_damage_inside(load: Loader, labels) -> None:
    np.savez_compressed(load.path, x=np.random.RandomState(0).randn(60, 1, 8, 8), y=labels)
    content = bytearray(load.path.read_bytes())
    content[9000] ^= 255
    load.path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"'data.npz' is not a whole npz file"):
        load.read()


def test_bombs_are_not_unpacked(load: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    def pack(header: dict[str, object], content: bytes) -> None:
        array = io.BytesIO()
        np.lib.format.write_array_header_1_0(array, header)
        with zipfile.ZipFile(load.path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", array.getvalue() + content)

    header = {"descr": "<f4", "fortran_order": False, "shape": (10**8,)}
    pack({**header, "shape": (10**12,)}, b"")
    with pytest.raises(ValueError, match=r"'x' has 1,000,000,000,000 values; give"):
        load.read()
    pack({**header, "shape": (-4,)}, b"")
    with pytest.raises(ValueError, match=r"'x' is shorter than it says"):
        load.read()
    pack(header, b"")
    with pytest.raises(ValueError, match=r"'x' is shorter than it says"):
        load.read()
    monkeypatch.setattr(arrays, "MAX_UNPACKED_BYTES", 1000)
    pack({**header, "descr": "|u1", "shape": (1001,)}, bytes(1001))
    with pytest.raises(ValueError, match=r"unpacks to more than 1 GB"):
        load.read()
    with zipfile.ZipFile(load.path, "w") as archive:
        archive.writestr("x.txt", "hello")
    with pytest.raises(ValueError, match=r"'x.txt' in the npz file is no array"):
        load.read()
