"""Tables as people have them: words, dates and gaps become numbers, by the training part alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from pruneviz.subjects.files.raw import RawData
from pruneviz.subjects.files.tables import read_csv
from pruneviz.subjects.models.expectation import Expectation
from pruneviz.subjects.split import stratified
from pruneviz.subjects.tables.columns import Columns, taken_apart
from pruneviz.subjects.tables.parquet import read_parquet
from pruneviz.wording import RefusedError, prepared_tables
from pruneviz.wording.refusals.subjects import tables

ROWS = 60
RANDOM = np.random.RandomState(0)


@pytest.fixture
def table() -> pd.DataFrame:
    """A table with everything: a key, an address, gaps, words seldom and often, and dates."""
    return pd.DataFrame(
        {
            "row": np.arange(ROWS),
            "address": [f"0x{i * 7919:06x}" for i in range(ROWS)],
            " height": np.where(np.arange(ROWS) % 7 == 3, np.nan, RANDOM.randn(ROWS).round(3)),
            "colour": ["red", "blue", "", "red", "green", "blue"] * 9 + ["odd", "rare"] * 3,
            "when": pd.date_range("2024-01-01", periods=ROWS, freq="D")
            .to_series()
            .sample(ROWS, random_state=1)
            .dt.strftime("%Y-%m-%d")
            .to_list(),
            "same": 1.0,
            "age": RANDOM.randint(18, 90, ROWS),
            "kind": ["sick", "well", "well"] * (ROWS // 3),
        }
    )


@pytest.fixture
def read(tmp_path: Path):
    def run(table: pd.DataFrame | str, said: str = "?target=kind") -> RawData:
        text = table if isinstance(table, str) else table.to_csv(index=False)
        (tmp_path / "t.csv").write_text(text, encoding="utf-8")
        return read_csv(tmp_path / "t.csv", taken_apart(f"t.csv{said}")[1], Expectation())

    return run


def test_a_table_becomes_what_its_training_part_says(read, table):
    raw = read(table)
    labels = (table.kind == "well").to_numpy(dtype=np.int64)
    training, held_out = stratified(labels, 0.5, 0)
    height, fit = table[" height"], table.iloc[training]
    median = fit[" height"].median()
    expected = {
        "height": height.fillna(median),
        "when": (pd.to_datetime(table.when) - pd.Timestamp("1970-01-01")).dt.days,
        "age": table.age,
        "height (missing)": height.isna(),
    }
    frequent = fit.colour.value_counts().loc[lambda n: n >= 5].index
    for word in sorted({"(missing)" if w == "" else w for w in frequent}):
        expected[f"colour = {word}"] = table.colour == ("" if word == "(missing)" else word)
    expected["colour = (other)"] = ~table.colour.isin(frequent)
    # in the order of the columns: numbers, dates, their gaps, then words
    assert set(raw.features) == set(expected)
    wanted = np.stack([expected[name].to_numpy(dtype=np.float32) for name in raw.features], 1)
    np.testing.assert_array_equal(raw.x.numpy(), wanted[held_out])
    np.testing.assert_array_equal(raw.train.x.numpy(), wanted[training])
    np.testing.assert_array_equal(raw.train.y.numpy(), labels[training])
    assert raw.names == tuple(f"line {i + 2}" for i in held_out)
    for name, mean, std in zip(raw.features, raw.mean, raw.std, strict=True):
        measured = name in ("height", "when", "age")
        values = wanted[training][:, raw.features.index(name)].astype(np.float64)
        expected_pair = (values.mean(), values.std()) if measured else (0, 1)
        assert (mean, std) == pytest.approx(expected_pair, rel=1e-6)


def test_what_names_the_rows_is_left_out_and_said_and_may_stay(read, table):
    raw = read(table.assign(**{"Unnamed: 9": np.where(np.arange(ROWS) < 3, 1.0, np.nan)}))
    said = next(note for note in raw.notes if note in prepared_tables.left_out)
    assert [str(each) for each in said.values["columns"]] == [
        "row (numbers of the rows)",
        "address (names of the rows: nearly all differ)",
        "Unnamed: 9 (without a name)",
        "same (alike in all rows that are trained on)",
    ]
    kept = read(table, "?target=kind&keep=row&ignore=colour,same")
    assert "row" in kept.features
    assert not any(name.startswith("colour") for name in kept.features)


def test_evaluated_rows_decide_nothing(read, table):
    raw = read(table)
    labels = (table.kind == "well").to_numpy(dtype=np.int64)
    _, held_out = stratified(labels, 0.5, 0)
    other = table.copy()
    other.loc[held_out, " height"] = 1e6
    other.loc[held_out[0], "colour"] = "never seen"
    changed = read(other)
    assert torch.equal(changed.train.x, raw.train.x)
    assert (changed.features, changed.mean, changed.std) == (raw.features, raw.mean, raw.std)
    unseen = dict(zip(changed.features, changed.x[0].tolist(), strict=True))
    assert [name for name, value in unseen.items() if name.startswith("colour") and value] == [
        "colour = (other)"
    ]


def test_a_table_of_numbers_stays_as_it_is_unless_asked(read, table):
    numbers = table[["row", "age", "kind"]]
    raw = read(numbers)
    assert (raw.features, raw.notes, raw.note) == (("row", "age"), (), "")
    assert raw.train.x is None
    assert torch.equal(
        raw.x, torch.from_numpy(numbers[["row", "age"]].to_numpy(np.float32, copy=True))
    )
    grouped = read(numbers, "?target=kind&groups=age&ignore=row")
    assert torch.equal(grouped.x, raw.x[:, 1:])
    assert read(numbers, "?target=kind&prepare=yes").features == ("age",)


def test_groups_are_values_and_quarters_with_their_bounds(read, table):
    raw = read(table, "?target=kind&groups=colour,age, height")
    names, index = raw.groups["colour"]
    rows = [int(name.removeprefix("line ")) - 2 for name in raw.names]
    assert [names[i] for i in index] == [c or "(missing)" for c in table.colour[rows]]
    assert names[-1] == "(missing)"
    names, index = raw.groups["age"]
    assert len(names) == 4
    for row, place in zip(rows, index, strict=True):
        low, high = map(int, names[place].split(" to "))
        assert low <= table.age[row] <= high
    assert int(names[0].split()[0]) == table.age.min()
    assert int(names[3].split()[-1]) == table.age.max()
    assert np.bincount(raw.groups["age"][1]).sum() == len(raw.x)
    assert "(missing)" in raw.groups["height"][0]


def test_dates_in_other_orders(read, table):
    right = read(table).train.x
    for written in ("%d.%m.%Y", "%Y/%m/%d", "%Y-%m-%dT00:00:00", "%m/%d/%Y"):
        when = pd.to_datetime(table.when).dt.strftime(written)
        raw = read(table.assign(when=when))
        assert torch.equal(raw.train.x, right), written
        assert not any(note in prepared_tables.month_first for note in raw.notes)
    early = pd.to_datetime(["2024-03-05", "2024-07-01"] * (ROWS // 2))
    raw = read(table.assign(when=early.strftime("%m/%d/%Y")))
    assert any(note in prepared_tables.month_first for note in raw.notes)


def test_two_hundred_columns_of_text_are_bounded(read):
    words = {f"w{i}": [f"{(row * (i + 3)) % 20}x" for row in range(240)] for i in range(200)}
    raw = read(pd.DataFrame({**words, "kind": [0, 1] * 120}))
    assert raw.x.shape[1] <= 200 * 11
    assert set(raw.x.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("labels", [("1", "2"), ("sick", "well"), ("1.0", "2.0")])
def test_labels_in_other_forms(read, table, labels):
    raw = read(table.assign(kind=np.array(labels)[(table.kind == "well").astype(int)]))
    assert len(np.unique(raw.labels)) == 2
    assert raw.named == (labels[0] == "sick")


def refused(read, table, said="?target=kind"):
    with pytest.raises(RefusedError) as caught:
        read(table, said)
    return caught.value.fact


def test_what_cannot_be_read_is_refused(read, table):
    fact = refused(read, table, "?target=kind&groups=sex&ignore=id")
    assert fact == tables.no_such_columns(
        "t.csv", "sex, id", "row, address, height, colour, when, +3 more"
    )
    assert refused(read, table, "?target=sort") in tables.no_such_target
    assert refused(read, table, "?target=kind&ignore=kind") in tables.target_ignored
    assert refused(read, table, "?target=kind&prepare=no") in tables.no_preparation
    gaps = table.assign(kind=table.kind.where(table.index != 4, ""))
    assert "empty cells in 1 of its 60 rows, in kind" in str(refused(read, gaps))
    empty = pd.DataFrame({"a": [""] * 20, "b": [np.nan] * 20, "kind": [0, 1] * 10})
    assert refused(read, empty) in tables.nothing_to_learn
    assert refused(read, table[["row", "same", "address", "kind"]]) in tables.nothing_to_learn
    endless = table.astype({"age": float})
    endless.loc[5, "age"] = np.inf
    assert "in column age (line 7)" in str(refused(read, endless))
    assert "10 inputs; give 16 or more" in str(refused(read, table[:10]))


def test_a_reference_says_its_columns_and_reads_them_again():
    said = Columns(target=("a,b",), groups=("c d", "ä&ignore=x"), ignore=("e?",), keep=("f",))
    name, read = taken_apart(f"/data/?target=x/t.csv{said}")
    assert (name, read) == ("/data/?target=x/t.csv", said)
    assert str(taken_apart("t.csv?target=kind")[1]) == "?target=kind"
    assert taken_apart("t.csv?x=1") == ("t.csv?x=1", Columns())
    found = taken_apart("t.csv?target=size, m&groups=sex")[1].found_in(["size, m", " sex"], "t")
    assert (found.target, found.groups) == (("size, m",), (" sex",))


def test_parquet_is_read_as_csv_is(read, table, tmp_path):
    typed = table.assign(
        when=pd.to_datetime(table.when), colour=table.colour.replace("", None).astype("category")
    )
    typed.to_parquet(tmp_path / "t.parquet")
    from_csv = read(table)
    raw = read_parquet(tmp_path / "t.parquet", Columns(target=("kind",)), Expectation())
    assert torch.equal(raw.x, from_csv.x)
    assert torch.equal(raw.train.x, from_csv.train.x)
    assert raw.features == from_csv.features
    assert raw.names[0] == f"row {int(from_csv.names[0].removeprefix('line ')) - 2}"
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:-100])
    with pytest.raises(RefusedError, match="no whole Parquet file"):
        read_parquet(tmp_path / "cut.parquet", Columns(target=("kind",)), Expectation())
    table.assign(age=[[1, 2]] * ROWS).to_parquet(tmp_path / "lists.parquet")
    with pytest.raises(RefusedError, match="lists, records or bytes: age"):
        read_parquet(tmp_path / "lists.parquet", Columns(target=("kind",)), Expectation())
