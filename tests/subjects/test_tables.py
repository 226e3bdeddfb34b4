"""CSV tables: separators, decimals, empty cells and names, each found or named, never guessed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.files.tables import csv_columns, order_note, read_csv
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.subjects.tables.columns import Columns

ROWS = np.round(np.random.RandomState(0).randn(20, 3) * 100, 2)
KINDS = ["oak", "ash"] * 10


@pytest.fixture
def read(tmp_path: Path):
    def run(text: str | bytes, target: str = "kind", expects: Expectation | None = None) -> RawData:
        path = tmp_path / "t.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_csv(path, Columns(target=(target,)), expects or Expectation())

    return run


def written(mark: str, decimal: str = ".", quote: str = "", end: str = "\n") -> str:
    lines = [["a", "b", "c", "kind"]]
    lines += [
        [f"{quote}{str(v).replace('.', decimal)}{quote}" for v in row] + [kind]
        for row, kind in zip(ROWS.tolist(), KINDS, strict=True)
    ]
    return end.join(mark.join(line) for line in lines) + end


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "BOM"])
def test_separators_and_decimals_are_found(read, mark, decimal, end, start):
    quote = '"' if mark == decimal else ""
    raw = read(start + written(mark, decimal, quote, end))
    np.testing.assert_allclose(raw.x.numpy(), ROWS, rtol=1e-6)
    assert raw.features == ("a", "b", "c")
    assert raw.classes == ("ash", "oak")
    assert ("decimals" in raw.note) == (decimal == ",")
    assert ("separated by" in raw.note) == (mark != ",")


def test_columns_of_a_table_with_semicolons(tmp_path):
    (tmp_path / "t.csv").write_text('a;"b;c";kind\n1;2;x\n', encoding="utf-8")
    assert csv_columns(tmp_path / "t.csv") == ["a", "b;c", "kind"]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (("1,234", "5,678"), "'1,234' in column a, whose mark may separate thousands"),
        (("1,234,567", "2,5"), "'1,234,567' in column a, whose mark may separate thousands"),
        (("1.234,5", "2,5"), "'1.234,5' in column a, whose mark may separate thousands"),
        (("1'234", "2,5"), "whose mark may separate thousands"),
        (("1 234", "2,5"), "whose mark may separate thousands"),
        (("1.234.567", "2"), "whose mark may separate thousands"),
        (("1,5", "x"), "columns that are not numbers: a holds 'x'"),
    ],
)
def test_thousands_are_refused(read, cells, words):
    text = "a;b;kind\n" + "".join(f"{cell};7;{i % 2}\n" for i, cell in enumerate(cells * 5))
    with pytest.raises(ValueError, match=words):
        read(text)


def test_points_that_may_separate_thousands_are_refused(read):
    doubtful = "a;b;kind\n1.234;5;x\n567;6;y\n"
    with pytest.raises(
        ValueError, match=r"'1\.234' in column a, whose mark may separate thousands"
    ):
        read(doubtful)
    for mark, first in ((",", "1.234"), (";", "0.234"), (";", "1234"), (";", "1.2345")):
        raw = read(doubtful.replace("1.234", first).replace(";", mark))
        assert raw.x[:, 0].tolist() == pytest.approx([float(first), 567.0])
    assert read("a;kind\n1.234;x\n5.678;y\n").x.flatten().tolist() == pytest.approx([1.234, 5.678])


def test_columns_are_found_by_their_names_however_they_are_written(read):
    known = Expectation(features=("mean radius", "mean area"))
    for header in ("Mean_Area,mean-radius,kind", "MEAN AREA ,Mean Radius, kind "):
        raw = read(f"{header}\n1,2,x\n3,4,y\n", expects=known)
        assert raw.x.tolist() == [[2.0, 1.0], [4.0, 3.0]]
        assert order_note(raw.features, known.features) is None
    raw = read("area,radius,kind\n1,2,x\n3,4,y\n", expects=known)
    assert raw.x.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert "order of the file: area is mean radius" in str(order_note(raw.features, known.features))
    assert order_note(raw.features, ()) is None


def test_commas_and_points_in_one_table_are_refused(read):
    with pytest.raises(ValueError, match=r"comma, such as 1,5, and with a point, such as 1\.234"):
        read("a;b;kind\n" + "1,5;1.234;0\n2,5;2.345;1\n" * 5)
    raw = read("a;b;kind\n" + "1,234;7;0\n0,5;8;1\n" * 5)  # 0,5 cannot be thousands
    assert raw.x[0].tolist() == pytest.approx([1.234, 7])


@pytest.mark.parametrize("word", ["None", "NA", "nan", "NULL", "n/a", "N/A", "null"])
def test_classes_may_be_called_none(read, word):
    raw = read("a,kind\n" + f"1,{word}\n2,mild\n3,severe\n" * 4)
    assert set(raw.classes) == {word, "mild", "severe"}
    assert [raw.classes[i] for i in raw.labels[:3]] == [word, "mild", "severe"]


def test_empty_cells_are_none(read):
    for cell in ("", " ", '""'):
        with pytest.raises(ValueError, match="empty cells in 1 of its 2 rows, in kind"):
            read(f"a,kind\n1,{cell}\n2,x\n")
    for cell in ("", "NA", "None", "?"):
        raw = read("a,kind\n" + f"{cell},y\n2,x\n4,y\n" * 8)
        assert raw.features == ("a", "a (missing)")
    with pytest.raises(ValueError, match="column kind holds NA beside numbers"):
        read("a,kind\n1,0\n2,1\n3,NA\n")


def test_truth_and_whole_numbers_are_outputs(read):
    assert read("a,kind\n1,True\n2,FALSE\n3,true\n").labels.tolist() == [1, 0, 1]
    assert read("a,kind\n1,1.0\n2,0\n").labels.tolist() == [1, 0]


def test_lines_name_the_rows(read):
    assert read("a,kind\n1,x\n2,y\n3,x").names == ("line 2", "line 3", "line 4")
    assert read('a,kind\n1,"x\nz"\n\n2,y\n').names == ("line 2", "line 5")
    assert read("\na,kind\r\n1,x\r\n\r\n2,y\r\n").names == ("line 3", "line 5")


def test_lines_of_spaces_and_a_spreadsheets_first_line_hold_no_row(read):
    assert read("a,kind\n \t \n1,x\n  \n2,y\n").names == ("line 3", "line 5")
    for first in ("sep=;", '"sep=;"', "SEP=; "):
        raw = read(f"{first}\r\na;kind\r\n1,5;x\r\n2;y\r\n")
        assert raw.names == ("line 3", "line 4")
        assert raw.x.flatten().tolist() == [1.5, 2.0]


def test_lines_of_unequal_length_are_named(read):
    with pytest.raises(ValueError, match="line 3 has 3 cells and the header 2"):
        read("a,kind\n1,x\n2,y,z\n")
    with pytest.raises(ValueError, match="line 3 has 1 cells and the header 3"):
        read("a;b;kind\n1;2;x\n2\n")
    late = "a,kind\n" + "1,x\n2,y\n" * 400 + "3,x,4\n"
    with pytest.raises(ValueError, match=r"not a UTF-8 CSV table.*line 802"):
        read(late)


def test_other_encodings_are_refused(read):
    for encoding in ("latin-1", "utf-16"):
        with pytest.raises(ValueError, match="not a UTF-8 CSV table"):
            read("größe,kind\n1,x\n2,y\n".encode(encoding))


def test_quoted_fields_and_spaces(read):
    raw = read('"a, b", c ,kind\n"1", 2,"x, y"\n3, 4, z\n')
    assert raw.features[0] == "a, b"
    assert torch.equal(raw.x, torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert set(raw.classes) == {"x, y", "z"}
