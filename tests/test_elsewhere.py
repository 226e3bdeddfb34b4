"""A plan made of uploads gives the same run where only the files are at hand, and no other file."""

from __future__ import annotations

import hashlib
import io
import json
import shlex
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save

from pruneviz import store
from pruneviz.cli.options import made_plan
from pruneviz.plan import Plan
from pruneviz.report import Report
from pruneviz.run import run
from pruneviz.sent import SentFile, sent_name
from pruneviz.subjects.models.samples import sample_directory
from pruneviz.subjects.sample_data import load_split
from pruneviz.subjects.tables.columns import Columns
from pruneviz.ui.engine import results
from pruneviz.ui.frame import speeds
from pruneviz.ui.home import uploads

Call = Callable[..., tuple[int, str, str]]
WEIGHTS, TABLE = "my own (net).safetensors", "tumours 2024.csv"
ASKED = Columns(target=("what it is",))


@pytest.fixture
def weights() -> bytes:
    state = load_file(sample_directory("tumour-mlp") / "weights.safetensors")
    return save({name: value * 1.01 for name, value in state.items()})


@pytest.fixture
def table() -> bytes:
    split = load_split("tumour")
    out = io.StringIO()
    out.write(";".join([*split.features, "what it is"]) + "\n")
    for row, kind in zip(split.test_x[:60].tolist(), split.test_y[:60].tolist(), strict=True):
        out.write(";".join([*map(str, row), split.classes[kind]]) + "\n")
    return out.getvalue().encode()


@pytest.fixture
def exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: bytes, table: bytes
) -> Report:
    """Export from uploads as the app does; unpack elsewhere, beside the files that were sent."""
    monkeypatch.setenv("PRUNEVIZ_HOME", str(tmp_path / "first home"))
    plan = uploads.plan_with_weights(Plan(), "sample:tumour-mlp", weights, f"C:\\x\\{WEIGHTS}")
    plan = uploads.plan_with_data(plan, table, TABLE, ASKED).changed(sparsity=0.4)
    (tmp_path / "run").mkdir()
    with zipfile.ZipFile(io.BytesIO(results.files(plan, speeds.pair_at_length).archive)) as archive:
        archive.extractall(tmp_path / "run")
    monkeypatch.setenv("PRUNEVIZ_HOME", str(tmp_path / "other home"))
    monkeypatch.chdir(tmp_path / "run")
    Path(WEIGHTS).write_bytes(weights)
    Path(TABLE).write_bytes(table)
    return Report.model_validate_json(Path("report.json").read_text(encoding="utf-8"))


def test_the_files_alone_repeat_the_run_elsewhere(
    exported: Report, pruneviz: Call, weights: bytes, table: bytes
) -> None:
    assert [(sent.what, sent.name, sent.sha256) for sent in exported.inputs] == [
        ("weights", WEIGHTS, hashlib.sha256(weights).hexdigest()),
        ("data", TABLE, hashlib.sha256(table).hexdigest()),
    ]
    code, _, err = pruneviz("replay", ".")
    assert code == 1
    options = f"--weights '{WEIGHTS}' --data '{TABLE}'"
    assert err.strip().endswith(f"give run or replay {options}")
    given = shlex.split(options)
    code, _, err = pruneviz("run", "plan.yaml", given[0], given[1])
    assert code == 1
    assert f"its data '{TABLE}'" in err
    assert WEIGHTS not in err
    code, out, _ = pruneviz("replay", ".", *given, "--json")
    assert code == 0
    assert json.loads(out) == {"digest": exported.digest, "identical": True, "differences": []}
    code, out, _ = pruneviz("run", "plan.yaml", *given, "--latency-runs", "3", "--json")
    assert code == 0
    again = Report.model_validate_json(out)
    assert again.digest == exported.digest
    assert again.inputs == exported.inputs
    assert again.deterministic() == exported.deterministic()


def test_another_file_is_refused_with_both_digests(
    exported: Report, pruneviz: Call, weights: bytes
) -> None:
    wanted = {sent.what: sent for sent in exported.inputs}
    Path("other.csv").write_bytes(b"a,b\n1,2\n")
    Path("other.safetensors").write_bytes(weights[:-4] + bytes(4))
    for what, other in (("weights", "other.safetensors"), ("data", "csv:other.csv")):
        file = Path(other.removeprefix("csv:"))
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        right = {"--weights": WEIGHTS, "--data": TABLE, f"--{what}": other}
        for command in (("run", "plan.yaml"), ("replay", ".")):
            code, out, err = pruneviz(*command, *(part for pair in right.items() for part in pair))
            assert (code, out) == (1, "")
            assert f"its SHA-256 is {found[:12]}…" in err
            assert f"the plan's {what} are {wanted[what].title}" in err
            assert f"'{file}'" in err


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            f"csv:{TABLE}?target=area",
            r"reads the table as \?target=what%20it%20is, not",
        ),
        (".", r"is a folder; give the file itself that was sent: 'tumours 2024.csv' \(SHA"),
        ("gone.csv", r"'gone.csv' cannot be read: No such file .* are 'tumours 2024.csv' \(SHA"),
        ("sample:tumour", "'sample:tumour' cannot be read"),
    ],
)
@pytest.mark.usefixtures("exported")
def test_what_is_no_file_of_the_plan_is_refused(given: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        made_plan(Path("plan.yaml"), weights=WEIGHTS, data=given)


def test_a_file_may_be_named_in_every_way_and_keeps_its_first_name(
    exported: Report, table: bytes
) -> None:
    Path("renamed").write_bytes(table)
    for given in (
        "renamed",
        "csv:renamed",
        "csv:renamed?target=what%20it%20is",
        exported.plan.data,
    ):
        made = made_plan(Path("plan.yaml"), weights=WEIGHTS, data=given)
        assert made.digest() == exported.digest
    assert [sent.name for sent in uploads.sent(made)] == [WEIGHTS, TABLE]


@pytest.mark.usefixtures("exported")
def test_without_its_report_a_plan_still_knows_the_digest(tmp_path: Path) -> None:
    plan = Path("plan.yaml").rename(tmp_path / "plan.yaml")
    with pytest.raises(ValueError, match=r"for its weights the uploaded file \(SHA-256 \w{12}…\)"):
        made_plan(plan)
    assert made_plan(plan, weights=WEIGHTS, data=TABLE).data_sha256


def test_a_zip_and_arrays_come_back_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed, arrays = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for place in range(40):
            picture = io.BytesIO()
            Image.new("L", (8, 8), 6 * place).save(picture, "PNG")
            archive.writestr(f"{place % 4}/{place}.png", picture.getvalue())
    x = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0)).numpy()
    np.savez(arrays, x=x, y=np.arange(40) % 4)
    for name, content in (("a b.zip", packed.getvalue()), ("-x.npz", arrays.getvalue())):
        monkeypatch.setenv("PRUNEVIZ_HOME", str(tmp_path / f"first {name}"))
        plan = uploads.plan_with_data(Plan(sparsity=0.3), content, name, Columns())
        report = run(plan, latency_runs=3)[2]
        file, digest = tmp_path / name, report.digest
        file.write_bytes(content)
        (tmp_path / "plan.yaml").write_text(report.plan.to_yaml(), encoding="utf-8")
        monkeypatch.setenv("PRUNEVIZ_HOME", str(tmp_path / f"other {name}"))
        made = made_plan(tmp_path / "plan.yaml", data=str(file))
        assert run(made, latency_runs=3)[2].digest == digest
        assert [sent.name for sent in uploads.sent(made)] == [name]


def test_replay_takes_no_file_where_the_plan_has_no_upload(pruneviz: Call, tmp_path: Path) -> None:
    given = ("--model", "sample:tumour-mlp", "--sparsity", "0.5", "--latency-runs", "3")
    assert pruneviz("run", *given, "--out", tmp_path / "run")[0] == 0
    code, _, err = pruneviz("replay", tmp_path / "run", "--data", "csv:x.csv?target=y")
    assert code == 1
    assert "the plan's data are no upload (sample:tumour); leave --data out" in err


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("../../etc/passwd.csv", "passwd.csv"),
        ("C:\\Users\\me\\wine.csv", "wine.csv"),
        ("two\nlines\x1b[31m.csv", "two lines[31m.csv"),
        ("turned\u202egpj.csv", "turnedgpj.csv"),
        ("Weine – süß.csv", "Weine – süß.csv"),
        ("..", ""),
        ("/", ""),
        ("lone\ud800.csv", "lone.csv"),
        ("x" * 500 + ".safetensors", "x" * 108 + ".safetensors"),
    ],
)
def test_a_sent_name_is_one_line_and_no_path(sent: str, name: str) -> None:
    assert sent_name(sent) == name
    assert SentFile(what="data", name=sent, sha256="0" * 64).name == name


def test_a_shell_reads_the_option_as_the_name() -> None:
    for name in ("a b.csv", "$(rm x).csv", "it's.csv", "a;b&c.csv", "`x`.csv"):
        option = SentFile(what="data", name=name, sha256="0" * 64).option
        assert shlex.split(option) == ["--data", name]
    dashed = SentFile(what="weights", name="-f.safetensors", sha256="0" * 64).option
    assert dashed == "--weights ./-f.safetensors"
    same = SentFile(what="weights", name=store.WEIGHTS_FILE, sha256="0" * 64).option
    assert same == "--weights ../weights.safetensors"  # beside the run, whose own are the pruned


def test_the_name_changes_no_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: bytes
) -> None:
    monkeypatch.setenv("PRUNEVIZ_HOME", str(tmp_path))
    model = Plan(model="sample:tumour-mlp")
    first = uploads.plan_with_data(model, table, "a.csv", ASKED)
    assert [sent.name for sent in uploads.sent(first)] == ["a.csv"]
    second = uploads.plan_with_data(model, table, "b.csv", ASKED)
    assert first.digest() == second.digest()
    assert [sent.name for sent in uploads.sent(second)] == ["b.csv"]
    assert uploads.sent(model) == ()
