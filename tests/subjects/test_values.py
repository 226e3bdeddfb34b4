"""The same pixels give the same numbers, in whatever type, unit and layout a file holds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pruneviz.plan.reading import Reading
from pruneviz.subjects.files.arrays import read_npz
from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.files.read_as import read_as
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.subjects.sources import finish_data
from pruneviz.subjects.split import normalise

MEAN, STD = np.array([123.7, 116.3, 103.5]), np.array([58.4, 57.1, 57.4])
COLOURS = Expectation(channels=3)


@pytest.fixture
def read(tmp_path: Path):
    def run(expects: Expectation = COLOURS, **arrays: object) -> RawData:
        np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
        return read_npz(tmp_path / "a.npz", expects)

    return run


@pytest.fixture
def colours() -> np.ndarray:
    return np.random.RandomState(1).randint(3, 250, (12, 3, 8, 8), dtype=np.uint8)


FORMS = {
    "bytes": lambda x: x,
    "int16": lambda x: x.astype("int16"),
    "wide integers": lambda x: x.astype("int64"),
    "small words": lambda x: x.astype("uint16"),
    "16 bits": lambda x: x.astype("uint16") * 257,
    "16 bits in int32": lambda x: x.astype("int32") * 257,
    "16 bits as floats": lambda x: x.astype("float64") * 257,
    "floats": lambda x: x.astype("float32"),
    "big-endian": lambda x: x.astype(">f8"),
    "floats with fractions": lambda x: x + 1e-6 * np.sin(np.arange(x.size)).reshape(x.shape),
    "0 to 1": lambda x: x / 255.0,
    "half precision": lambda x: (x / 255.0).astype("float16"),
    "channels last": lambda x: x.transpose(0, 2, 3, 1),
    "floats with channels last": lambda x: x.transpose(0, 2, 3, 1).astype("float32"),
    "in Fortran's order": np.asfortranarray,
}


def test_sixteen_grey_levels_are_a_unit_where_the_model_is_made_for_one(read):
    x = np.arange(17).repeat(64).reshape(17, 1, 8, 8)
    known = Expectation(channels=1, mean=(0.3,), std=(0.4,))
    raw = read(known, x=x, y=np.arange(17) % 2)
    assert torch.equal(raw.x, torch.from_numpy(x / np.float32(16)).float())
    assert raw.recorded
    for other, values in ((Expectation(channels=1), x), (known, x[:16]), (known, x - 8)):
        raw = read(other, x=values, y=np.arange(len(values)) % 2)
        assert torch.equal(raw.x, torch.from_numpy(values).float())
        note = finish_data("npz:a.npz", raw, other, 2).note
        assert ("for images from 0 to 1" in note) == (other is known)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("unit", [None, 1, 255])
def test_same_pixels_are_the_same_inputs(read, colours, form, unit):
    moments = {} if unit is None else {"mean": MEAN / 255 * unit, "std": STD / 255 * unit}
    labels = np.arange(12) % 3
    train = FORMS[form](colours[::-1])
    raw = read(x=FORMS[form](colours), y=labels, train_x=train, train_y=labels, **moments)
    close = {"atol": 5e-4, "rtol": 0} if form == "half precision" else {"atol": 1e-6, "rtol": 0}
    wanted = torch.from_numpy(colours / 255).float()
    torch.testing.assert_close(raw.x, wanted, **close)
    assert raw.train.x is not None
    torch.testing.assert_close(raw.train.x, wanted.flip(0), **close)
    assert raw.recorded
    if unit is not None:
        assert raw.mean == pytest.approx(MEAN / 255)
        assert raw.std == pytest.approx(STD / 255)


def test_what_was_decided_is_said(read, colours):
    labels = np.arange(12) % 3
    assert "from 3 to 249 and were divided by 255" in read(x=colours, y=labels).note
    words = read(x=colours.astype("int32") * 257, y=labels).note
    assert "to 63,993 and were divided by 65,535" in words
    raw = read(x=colours.transpose(0, 2, 3, 1), y=labels, mean=MEAN, std=STD)
    assert "channels last" in raw.note
    assert "Mean and std are in units of pixels and were divided by 255." in raw.note
    assert "taken as they are" in read(x=colours / 100 - 1, y=labels).note


DEPTHS = {10: 1023, 12: 4095, 14: 16_383, 16: 65_535}


@pytest.mark.parametrize("kind", ["uint16", "int32", "int64", "float32", ">u2"])
@pytest.mark.parametrize("bits", DEPTHS)
def test_as_many_bits_are_white_as_the_largest_value_of_all_parts_needs(read, kind, bits):
    white = DEPTHS[bits]
    generator = np.random.RandomState(bits)
    train = generator.randint(0, white + 1, (12, 1, 8, 8))
    x = generator.randint(0, white // 9, (12, 1, 8, 8))  # the darker part is on the same scale
    labels = np.arange(12) % 3
    for bright in (white, white - 7):
        train[5, 0, 3, 3] = bright
        arrays = {"x": x.astype(kind), "train_x": train.clip(0, bright).astype(kind)}
        raw = read(Expectation(channels=1), y=labels, train_y=labels, **arrays)
        torch.testing.assert_close(raw.x, torch.from_numpy(x / white).float())
        wanted = torch.from_numpy(train.clip(0, bright) / white).float()
        torch.testing.assert_close(raw.train.x, wanted)
        assert f"were divided by {white:,}" in raw.note
        said = [f"{bits}-bit images in 16-bit files: no value is above {bright:,}"]
        assert [str(note).partition(", so")[0] for note in raw.notes] == said * (bits < 16)
    train[0, 0, 0, 0] = white + 1
    deeper = {10: 4095, 12: 16_383, 14: 65_535, 16: 1}[bits]
    raw = read(x=train.astype("int64"), y=labels)
    torch.testing.assert_close(raw.x, torch.from_numpy(train / deeper).float())


@pytest.mark.parametrize("step", [256, 257])
def test_dark_bytes_that_were_widened_to_16_bits_stay_dark(read, colours, step):
    for darker in (4, 16, 64):
        x = (colours // darker).astype("uint16") * step
        raw = read(x=x, y=np.arange(12) % 3)
        torch.testing.assert_close(raw.x, torch.from_numpy(x / 65_535).float())
        assert raw.notes == ()


def test_statistics_of_12_bits_are_in_their_units(read):
    x = np.random.RandomState(0).randint(0, 4096, (12, 1, 8, 8)).astype("uint16")
    raw = read(Expectation(channels=1), x=x, y=np.arange(12) % 3, mean=[2047.5], std=[1228.5])
    assert raw.mean == pytest.approx((0.5,))
    assert raw.std == pytest.approx((0.3,))
    said = Reading(mean=(2047.5,), std=(1228.5,))
    raw = read_as(read(Expectation(channels=1), x=x, y=np.arange(12) % 3), said, "npz")
    assert raw.mean == pytest.approx((0.5,))
    assert "divided by 4,095" in raw.note


@pytest.mark.parametrize("bits", DEPTHS)
def test_deep_images_that_are_normalised_already_are_not_normalised_again(read, bits):
    white, labels = DEPTHS[bits], np.arange(12) % 3
    x = np.random.RandomState(bits).randint(0, white + 1, (12, 1, 8, 8))
    mean, std = 0.45 * white, 0.3 * white
    raw = read(Expectation(channels=1), x=(x - mean) / std, y=labels, mean=[mean], std=[std])
    torch.testing.assert_close(raw.x, torch.from_numpy(x / white).float(), atol=1e-5, rtol=0)
    assert raw.mean == pytest.approx((0.45,))


def test_tables_and_series_of_such_numbers_stay_as_they_are(read):
    for shape in ((12, 5), (12, 64)):
        x = np.random.RandomState(0).randint(0, 4096, shape).astype("uint16")
        raw = read(x=x, y=np.arange(12) % 3)
        assert torch.equal(raw.x, torch.from_numpy(x.astype("float32")))
        assert raw.notes == ()


@pytest.mark.parametrize("unit", [1, 255])
@pytest.mark.parametrize("centred", [False, True], ids=["by channel", "from -1 to 1"])
def test_images_that_are_normalised_already_are_not_normalised_again(read, colours, unit, centred):
    mean, std = (np.full(3, 127.5),) * 2 if centred else (MEAN, STD)
    x = (colours - mean.reshape(3, 1, 1)) / std.reshape(3, 1, 1)
    labels = np.arange(12) % 3
    alone = finish_data("npz:a", read(x=x, y=labels), COLOURS, 3)
    raw = read(x=x, y=labels, mean=mean / 255 * unit, std=std / 255 * unit)
    data = finish_data("npz:a", raw, COLOURS, 3)
    torch.testing.assert_close(data.x, alone.x, atol=1e-5, rtol=0)
    pixels = data.raw(data.x) * 255
    torch.testing.assert_close(pixels, pixels.round(), atol=1e-3, rtol=0)
    assert "normalised by mean and std already" in data.note


def test_a_model_that_normalises_does_so_whatever_the_type(read, colours):
    expects = Expectation(channels=3, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.2))
    labels = np.arange(12) % 3
    wanted = finish_data("npz:a", read(x=colours, y=labels), expects, 3)
    for form in (FORMS["0 to 1"], FORMS["wide integers"], FORMS["16 bits"]):
        data = finish_data("npz:a", read(x=form(colours), y=labels), expects, 3)
        assert data.mean == wanted.mean
        torch.testing.assert_close(data.x, wanted.x, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "values",
    [
        np.linspace(-2.1, 2.6, 12 * 192),
        np.arange(12 * 192) % 17,  # as scikit-learn's digits
        np.arange(12 * 192) * 40 - 1000,  # Hounsfield units
        np.linspace(250, 320, 12 * 192),  # kelvin
    ],
    ids=["normalised", "17 levels", "signed", "kelvin"],
)
def test_images_in_other_units_stay_as_they_are(read, values):
    raw = read(x=values.reshape(12, 3, 8, 8), y=np.arange(12) % 3)
    assert torch.equal(raw.x, torch.from_numpy(values).float().view(12, 3, 8, 8))
    assert not raw.recorded


def test_tables_stay_as_they_are_and_images_in_rows_do_not(read, colours):
    labels = np.arange(12) % 3
    ages = np.random.RandomState(0).randint(0, 200, (12, 5))
    for kind in ("int64", "uint8", "float32"):
        raw = read(x=ages.astype(kind), y=labels)
        assert torch.equal(raw.x, torch.from_numpy(ages).float())
        assert not raw.recorded
        rows = read(x=colours.reshape(12, -1).astype(kind), y=labels)
        torch.testing.assert_close(rows.x, torch.from_numpy(colours / 255).float().view(12, -1))


def test_parts_in_different_units_are_refused(read, colours):
    labels = np.arange(12) % 3
    for other in (colours / 255, colours / 127.5 - 1, (colours - 128) / 60):
        with pytest.raises(ValueError, match=r"x runs .* different units; save both"):
            read(x=colours, y=labels, train_x=other.astype("float32"), train_y=labels)
        with pytest.raises(ValueError, match=r"x runs .* different units; save both"):
            read(x=other, y=labels, train_x=colours.astype("int64") * 257, train_y=labels)
    dark = (colours // 16).astype("uint8")
    raw = read(x=dark, y=labels, train_x=colours, train_y=labels)
    torch.testing.assert_close(raw.x, torch.from_numpy(dark / 255).float())


def test_statistics_in_two_units_are_refused(read, colours):
    with pytest.raises(ValueError, match="different units; give both"):
        read(x=colours, y=np.arange(12) % 3, mean=MEAN / 255, std=STD)
    raw = read(x=colours, y=np.arange(12) % 3, mean=[0.0], std=[255.0])  # as Rescaling(1 / 255)
    torch.testing.assert_close(
        normalise(raw.x, raw.mean, raw.std), torch.from_numpy(colours / 255).float()
    )


def test_values_beyond_single_precision_are_named(read):
    with pytest.raises(ValueError, match=r"x holds values up to 1e\+300; scale them"):
        read(x=np.full((12, 3, 8, 8), 1e300), y=np.arange(12) % 3)
