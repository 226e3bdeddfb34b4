"""References: what they mean, and which a link from elsewhere may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from pruneviz.plan import Plan
from pruneviz.subjects import load_subject, needs_operator, own_paths
from pruneviz.subjects.references import Reference, is_named, parse_data, parse_model, parse_upload
from pruneviz.subjects.tables.columns import Columns

SHA = "ab" * 32


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (None, False),
        ("sample:digits-cnn", False),
        ("torchvision:resnet18", False),
        (f"upload:{SHA}.npz", False),
        ("npz:/data/x.npz", True),
        ("folder:/data", True),
        ("csv:/data/x.csv?target=y", True),
        ("python:/model.py:build", True),
        ("/weights.safetensors", True),
        ("weights.safetensors", True),
        ("", True),
    ],
)
def test_needs_operator(reference: str | None, expected: bool) -> None:
    assert needs_operator(reference) is expected


@pytest.mark.parametrize(
    ("reference", "named", "expected"),
    [
        ("csv:a.csv?target=y&groups=sex", "csv:a.csv?target=y", True),
        ("csv:a.csv?target=z", "csv:a.csv?target=y&groups=sex", True),
        ("csv:a.csv?target=y&ignore=b,ssn", "csv:a.csv?target=y&ignore=ssn", True),
        ("csv:a.csv?target=y", "csv:a.csv?target=y&ignore=ssn", False),
        ("csv:a.csv?target=y&groups=%20ssn&ignore=ssn", "csv:a.csv?target=y&ignore=ssn", False),
        ("csv:a.csv?target=a,b&ignore=a%2Cb", "csv:a.csv?target=y&ignore=a%2Cb", False),
        ("csv:b.csv?target=y", "csv:a.csv?target=y", False),
        ("csv:a.csv?target=y", "csv:a.csv", False),
        ("parquet:a.csv?target=y", "csv:a.csv?target=y", False),
        ("npz:a.npz", "npz:a.npz", True),
        ("npz:a.npz?target=y", "npz:a.npz", False),
    ],
)
def test_a_table_that_was_named_may_be_read_by_other_columns(reference, named, expected) -> None:
    assert is_named(reference, [named]) is expected


def test_parse() -> None:
    assert parse_model("python:a:b.py:make") == Reference("python", "a:b.py:make")
    assert parse_data("csv:w.csv?target=a%20b") == Reference(
        "csv", "w.csv", Columns(target=("a b",))
    )
    assert parse_data("csv:w.csv") == Reference("csv", "w.csv")
    assert parse_data("folder:a?target=b") == Reference("folder", "a?target=b")
    assert parse_data("text:what?.txt") == Reference("text", "what?.txt")
    cut = parse_data("text:a?b.txt?stride=64&length=128")
    assert cut == Reference("text", "a?b.txt", length=128, stride=64)
    assert parse_upload(SHA) == (SHA, "safetensors")
    assert parse_upload(f"{SHA}.csv") == (SHA, "csv")


@pytest.mark.parametrize("text", ["", "resnet18", "hub:resnet18", "sample:", "csv:a.csv"])
def test_unknown_models(text: str) -> None:
    with pytest.raises(ValueError, match=r"names no model.*sample:NAME, torchvision:NAME"):
        load_subject(Plan(model=text))


@pytest.mark.parametrize("text", ["digits", "net:a.py:b", "npz:"])
def test_unknown_data(text: str) -> None:
    with pytest.raises(ValueError, match=r"names no data.*npz:FILE, folder:DIRECTORY"):
        load_subject(Plan(data=text))


@pytest.mark.parametrize(
    "end", ["lenght=3", "length=0", "length=-1", "length=1.5", "length=", "length=8&length=9"]
)
def test_what_a_text_does_not_choose_is_refused(end: str) -> None:
    with pytest.raises(ValueError, match=r"is no choice for a text; write text:FILE\?length="):
        parse_data(f"text:words.txt?{end}")


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        f"{SHA}/../x.npz",
        f"{SHA}.py",
        SHA.upper(),
        SHA[:-1],
        f"{SHA}.npz\n",
        f"{SHA}.npz.csv",
        "",
    ],
)
def test_uploads_cannot_name_other_files(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"is no upload|names no data"):
        load_subject(Plan(data=f"upload:{name}"), home=tmp_path)
    with pytest.raises(ValueError, match=r"is no upload"):
        load_subject(Plan(weights=f"upload:{name}"), home=tmp_path)


def test_upload_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"abababababab… is not here.*upload the file again"):
        load_subject(Plan(data=f"upload:{SHA}.npz"), home=tmp_path)


def test_weights_are_no_data(tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / f"{SHA}.safetensors").touch()
    with pytest.raises(ValueError, match=r"is a weights file, not data"):
        load_subject(Plan(data=f"upload:{SHA}"), home=tmp_path)


def test_plan_for_other_weights_or_data() -> None:
    subject = load_subject(Plan())
    assert subject.data is not None
    bound = Plan(weights_sha256=subject.sha256, data_sha256=subject.data.sha256)
    assert load_subject(bound).sha256 == subject.sha256
    with pytest.raises(ValueError, match=r"made for other weights: it asks for abababababab…"):
        load_subject(Plan(weights_sha256=SHA))
    with pytest.raises(ValueError, match=r"made for other data: .*give the data it was made for"):
        load_subject(Plan(data_sha256=SHA))


def test_the_paths_a_plan_names() -> None:
    plan = Plan(model="python:a/nets.py:build", weights="w.safetensors", data="csv:t.csv?target=k")
    assert own_paths(plan) == [Path("a/nets.py"), Path("w.safetensors"), Path("t.csv")]
    assert own_paths(Plan(weights=f"upload:{SHA}", data="sample:digits")) == []
