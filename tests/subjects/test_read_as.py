"""How inputs are read can be said in the plan: normalisation, size and colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pruneviz.cli.options import made_plan
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject
from pruneviz.subjects.subject import Data


@pytest.fixture
def pictures(tmp_path: Path) -> np.ndarray:
    """Return colour images (24, 12, 8, 3) that lie in class folders, too."""
    pixels = np.random.RandomState(0).randint(0, 256, (24, 12, 8, 3), dtype=np.uint8)
    for i, image in enumerate(pixels):
        path = tmp_path / "data" / "abc"[i % 3] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return pixels


def load(factory: Path, data: str, shape: tuple[int, ...] | None, **reading: object) -> Data:
    plan = Plan(
        model=f"python:{factory}:colours", data=data, input_shape=shape, reading=reading or None
    )
    assert Plan.from_text(plan.to_yaml()) == plan
    found = load_subject(plan).data
    assert found is not None
    return found


def of_folder(factory: Path, shape: tuple[int, ...] = (3, 12, 8), **reading: object) -> Data:
    return load(factory, f"folder:{factory.parent / 'data'}", shape, **reading)


@pytest.mark.parametrize("unit", [1, 255])
def test_mean_and_std_of_the_plan_normalise(factory, pictures, unit):
    plain = of_folder(factory)
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
    data = of_folder(factory, mean=[m * unit for m in mean], std=[s * unit for s in std])
    m, s = torch.tensor(mean).view(3, 1, 1), torch.tensor(std).view(3, 1, 1)
    torch.testing.assert_close(data.x, (plain.x - m) / s)
    torch.testing.assert_close(data.raw(data.x), plain.x)
    assert "normalised by the plan's mean and std" in data.note
    assert data.sha256 != plain.sha256
    one = of_folder(factory, mean=[0.5], std=[0.25])
    torch.testing.assert_close(one.x, (plain.x - 0.5) / 0.25)


@pytest.mark.parametrize("kind", ["folder", "npz"])
def test_colours_are_turned_or_taken_out(factory, pictures, kind, tmp_path):
    np.savez(tmp_path / "a.npz", x=pictures.transpose(0, 3, 1, 2), y=np.arange(24) % 3)
    where = {"folder": f"folder:{tmp_path / 'data'}", "npz": f"npz:{tmp_path / 'a.npz'}"}[kind]
    plain = load(factory, where, (3, 12, 8))
    assert torch.equal(load(factory, where, (3, 12, 8), colour="bgr").x, plain.x.flip(1))
    assert torch.equal(load(factory, where, (3, 12, 8), colour="rgb").x, plain.x)
    grey = load(factory, where, (3, 12, 8), colour="grey").x
    wanted = (plain.x * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1)
    for channel in range(3):
        torch.testing.assert_close(grey[:, channel], wanted, atol=0.003, rtol=0)


def test_images_are_squeezed_or_cut_as_the_plan_says(factory, pictures):
    squeezed = of_folder(factory, (3, 8, 8), resize="squeeze")
    assert torch.equal(squeezed.x, of_folder(factory, (3, 8, 8)).x)
    cut = of_folder(factory, (3, 8, 8), resize="crop:8")  # the shorter side is 8 as it is
    middle = pictures[:, 2:10].transpose(0, 3, 1, 2) / 255
    for x, name in zip(cut.x, cut.names, strict=True):
        index = int(name.removesuffix(".png")[-2:])
        torch.testing.assert_close(x, torch.from_numpy(middle[index]).float())
    near = of_folder(factory, (3, 8, 8), interpolation="nearest")
    assert not torch.equal(near.x, squeezed.x)
    assert set(near.x.unique().tolist()) <= set(of_folder(factory).x.unique().tolist()) | set(
        of_folder(factory).calibration_x.unique().tolist()
    )


def test_what_a_file_does_not_have_is_refused(factory, pictures, tmp_path):
    np.savez(tmp_path / "a.npz", x=pictures.transpose(0, 3, 1, 2), y=np.arange(24) % 3)
    npz = f"npz:{tmp_path / 'a.npz'}"
    with pytest.raises(ValueError, match="npz file have the size they have; leave resize"):
        load(factory, npz, None, resize="squeeze")
    with pytest.raises(ValueError, match="mean has 2 values; give one, or one for each of 3"):
        load(factory, npz, None, mean=[0.5, 0.5], std=[1])
    with pytest.raises(ValueError, match="sample's data are read as they were in training"):
        load_subject(Plan(reading={"colour": "bgr"}))
    text = "a,b,c,d,kind\n" + "".join(f"{i},{i * i},1,2,{i % 3}\n" for i in range(24))
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    csv = f"csv:{tmp_path / 'a.csv'}?target=kind"
    plan = Plan(model=f"python:{factory}:table", data=csv, reading={"colour": "grey"})
    with pytest.raises(ValueError, match="colours are for images"):
        load_subject(plan)
    plan = plan.changed(reading={"mean": [11.5, 100, 1, 2], "std": [5, 50, 1, 1]})
    data = load_subject(plan).data
    assert data is not None
    torch.testing.assert_close(data.raw(data.x)[:, 2], torch.ones(len(data.y)))
    assert data.mean == (11.5, 100, 1, 2)


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        ({"mean": [0.5]}, "mean and std belong together"),
        ({"mean": [0.5], "std": [0]}, "std finite and above 0"),
        ({"mean": [float("nan")], "std": [1]}, "mean must be finite"),
        ({"resize": "crop"}, "resize must be squeeze, or such as crop:256"),
        ({"colour": "hsv"}, "reading.colour must be one of rgb, bgr, grey"),
        ({"size": 3}, "reading.size is unknown here"),
        ("bgr", "reading must be"),
    ],
)
def test_readings_that_cannot_be_are_named(reading, words):
    with pytest.raises(ValueError, match=words):
        Plan.from_fields({"reading": reading})


def test_a_plan_that_says_nothing_of_it_reads_as_before():
    assert Plan(reading={}).digest() == Plan().digest()
    assert "reading" not in Plan().canonical_json()
    assert Plan(reading={"colour": "bgr"}).digest() != Plan().digest()


def test_options_make_a_reading(tmp_path):
    typed = {"mean": "0.5,0.4,0.3", "std": "0.2", "resize": "crop:256", "colour": "bgr"}
    plan = made_plan(None, data="folder:x", **typed)
    assert plan.reading is not None
    assert plan.reading.mean == (0.5, 0.4, 0.3)
    assert (plan.reading.resize, plan.reading.colour) == ("crop:256", "bgr")
    (tmp_path / "p.yaml").write_text(plan.to_yaml(), encoding="utf-8")
    again = made_plan(tmp_path / "p.yaml", interpolation="nearest")
    assert again.reading == plan.reading.model_copy(update={"interpolation": "nearest"})
    assert made_plan(tmp_path / "p.yaml", data="folder:y").reading is None
    with pytest.raises(ValueError, match=r"mean reads 0\.5 or"):
        made_plan(None, mean="half", std="1")
