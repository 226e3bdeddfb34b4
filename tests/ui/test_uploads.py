"""Sentences about a file that was sent name it as the user does."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from pruneviz.plan import Plan
from pruneviz.subjects.tables.columns import Columns
from pruneviz.ui.home import uploads
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals.subjects import weight_files


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNEVIZ_HOME", str(tmp_path))


def test_weights_that_do_not_fit_are_named_as_they_were_sent(tmp_path: Path) -> None:
    content = save({"w": torch.zeros(3)})
    with pytest.raises(ValueError, match=r"the weights 'my net\.safetensors' do not fit") as caught:
        uploads.plan_with_weights(Plan(), "sample:digits-cnn", content, "C:\\my net.safetensors")
    stored = next((tmp_path / "uploads").iterdir())
    assert stored.stem not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_data_that_do_not_fit_are_named_as_they_were_sent(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'wine\.csv'") as caught:
        uploads.plan_with_data(
            Plan(), b"a,b,class\n1,2,\n3,4,\n", "wine.csv", Columns(target=("class",))
        )
    assert next((tmp_path / "uploads").iterdir()).stem not in str(caught.value)


def test_a_table_needs_a_target() -> None:
    with pytest.raises(ValueError, match="choose the column"):
        uploads.plan_with_data(Plan(), b"a,b\n1,2\n", "wine.csv", Columns())


def test_it_stays_of_its_kind_and_of_its_field(tmp_path: Path) -> None:
    content = save({"w": torch.zeros(3)})
    with pytest.raises(RefusedError) as caught:
        uploads.plan_with_weights(Plan(), "sample:digits-cnn", content, "net.safetensors")
    found = caught.value.fact
    assert found in weight_files.not_fitting
    assert (found.field, found.values["file"]) == ("weights", "net.safetensors")
    assert found.values["faults"][-1] == weight_files.unexpected("w")
