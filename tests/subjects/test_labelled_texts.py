"""Texts with labels: tokens, masks and labels as transformers has them, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch.nn.functional import cross_entropy

from pruneviz import run as engine
from pruneviz.metrics import METRICS
from pruneviz.network.inputs import Inputs, call
from pruneviz.plan import Plan
from pruneviz.subjects import accept, load_subject, own_paths, table_columns
from pruneviz.subjects.labelling import UnknownClassesError
from pruneviz.subjects.references import parse_data
from pruneviz.subjects.tables.columns import Columns
from pruneviz.subjects.texts.rows import read_rows
from pruneviz.tasks import IGNORED
from pruneviz.wording import RefusedError, opened
from pruneviz.wording.refusals.subjects import finding, text_files

WORDS = ["good", "bad", "film", "book", "very", "not", "a", "the", "##s"]
VOCABULARY = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
SIZES = {"vocab_size": 20, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 4, "max_position_embeddings": 12, "initializer_range": 0.5,
         "pad_token_id": 0}  # fmt: skip
DISTIL = {"vocab_size": 20, "dim": 16, "hidden_dim": 24, "n_layers": 2, "n_heads": 4,
          "max_position_embeddings": 12, "initializer_range": 0.5, "pad_token_id": 0}  # fmt: skip
SENTIMENT = {0: "negative", 1: "positive"}
TAGS = {0: "O", 1: "B-WORK", 2: "I-WORK"}


def cutter() -> Tokenizer:
    cuts = Tokenizer(models.WordPiece(VOCABULARY, unk_token="[UNK]"))
    cuts.pre_tokenizer = pre_tokenizers.Whitespace()
    cuts.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )  # fmt: skip
    return cuts


def saved(path: Path, kind: str, **more: object):
    torch.manual_seed(0)
    cls = getattr(transformers, kind)
    sizes = DISTIL if kind.startswith("Distil") else SIZES
    model = cls(cls.config_class(**{**sizes, **more})).eval()
    model.save_pretrained(path)
    cutter().save(str(path / "tokenizer.json"))
    return model


def rows() -> list[dict[str, object]]:
    said = ["a good film", "the book", "not very good a bad film", "bad", "films very very bad"]
    labels = ["positive", "negative", "negative", "negative", "positive"]
    sites = ["x", "y"]
    return [
        {"text": f"{said[i % 5]} {'very ' * (i % 3)}", "label": labels[i % 5], "site": sites[i % 2]}
        for i in range(40)
    ]


def lines(path: Path, given: list[dict[str, object]]) -> Path:
    path.write_text("\n".join(map(json.dumps, given)))
    return path


@pytest.fixture
def folder(tmp_path) -> str:
    saved(tmp_path / "net", "BertForSequenceClassification", id2label=SENTIMENT)
    return f"hf:{tmp_path / 'net'}"


@pytest.mark.parametrize("kind", ["Bert", "DistilBert"])
def test_padded_texts_are_judged_as_transformers_judges_them(tmp_path, kind):
    model = saved(tmp_path, f"{kind}ForSequenceClassification", id2label=SENTIMENT)
    file = lines(tmp_path / "t.jsonl", rows())
    plan = Plan(model=f"hf:{tmp_path}", data=f"texts:{file}?groups=site", sparsity=0.5,
                criterion="taylor")  # fmt: skip
    subject = load_subject(plan)
    data = subject.data
    assert isinstance(data.x, Inputs)
    assert [*data.x.kwargs] == ["input_ids", "attention_mask"]
    assert (data.x.kwargs["attention_mask"] == 0).any(), "some are padded"
    assert data.labelling.basis == "names"
    assert data.groups["site"][0] == ("x", "y")
    own = transformers.PreTrainedTokenizerFast(tokenizer_object=cutter(), pad_token="[PAD]")
    places = [int(name.split(":")[0].removeprefix("line ")) - 1 for name in data.names]
    given = rows()
    texts = [str(given[place]["text"]) for place in places]
    labels = torch.tensor([SENTIMENT[1] == given[place]["label"] for place in places]).long()
    batch = own(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        logits = model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        assert torch.allclose(call(subject.model, data.x), logits, atol=1e-6)
        blind = model(batch["input_ids"]).logits
    assert not torch.allclose(blind, logits, atol=1e-3), "a mask that is not told is told by this"
    prepared = engine.prepare(subject, plan)
    pruned = engine.prune(prepared, plan)
    assert pruned.is_cut
    report = engine.report(prepared, pruned, engine.time_models(prepared, pruned, 3).summary())
    assert report.accuracy.original == float((logits.argmax(1) == labels).double().mean())
    nll = subject.task.tally(subject.task.answers(call(subject.model, data.x), data.y), data.y)
    assert torch.allclose(nll["nll"].mean(), cross_entropy(logits.double(), labels), atol=1e-6)


def test_words_are_judged_at_their_first_token_and_nowhere_else(tmp_path):
    model = saved(tmp_path, "BertForTokenClassification", id2label=TAGS)
    words = [["films", "a", "book"], ["good"], ["the", "film", "films", "bad"]] * 6
    tags = [["B-WORK", "O", "I-WORK"], ["O"], ["O", "B-WORK", "-100", "O"]] * 6
    file = lines(tmp_path / "t.jsonl", [{"w": w, "t": t} for w, t in zip(words, tags, strict=True)])
    plan = Plan(model=f"hf:{tmp_path}", data=f"texts:{file}?text=w&target=t")
    subject = load_subject(plan)
    data = subject.data
    assert data.classes == tuple(TAGS.values())
    found = [row[row != IGNORED].tolist() for row in data.y]
    assert {tuple(each) for each in found} == {(1, 0, 2), (0,), (0, 1, 0)}
    short = next(i for i, each in enumerate(found) if each == [1, 0, 2])
    # [CLS] film ##s a book [SEP], filled up to [CLS] the film film ##s bad [SEP]
    assert data.x.kwargs["input_ids"][short].tolist() == [2, 6, 12, 10, 7, 3, 0]
    assert data.y[short].tolist() == [-100, 1, -100, 0, 2, -100, -100]
    task = subject.task
    tally = task.tally(task.answers(call(subject.model, data.x), data.y), data.y)
    found = METRICS.get("token_accuracy").combine(tally)
    with torch.no_grad():
        answers = model(**data.x.kwargs).logits.argmax(2)
    judged = data.y != IGNORED
    right = (answers == data.y)[judged].double().mean()
    assert found == pytest.approx(float(right))


def test_lines_of_words_are_read_as_lists_are(tmp_path):
    saved(tmp_path, "BertForTokenClassification", id2label=TAGS)
    texts = [[("films", "B-WORK"), ("a", "O")], [("book", "I-WORK"), ("good", "O"), ("a", "O")]] * 6
    file = tmp_path / "t.conll"
    head = "-DOCSTART- -X- O\n\n"
    file.write_text(head + "\n\n".join("\n".join(f"{w} NN {t}" for w, t in x) for x in texts))
    listed = lines(tmp_path / "t.jsonl", [{"tokens": [w for w, _ in x], "tags": [t for _, t in x]}
                                          for x in texts])  # fmt: skip
    one, other = (
        load_subject(Plan(model=f"hf:{tmp_path}", data=f"texts:{path}")).data
        for path in (file, listed)
    )
    assert one.sha256 == other.sha256
    assert one.names[0].startswith("line 3: films a")


def test_a_table_of_pairs_tells_the_network_which_text_is_which(tmp_path):
    model = saved(tmp_path, "BertForSequenceClassification", id2label=SENTIMENT)
    file = tmp_path / "t.csv"
    cells = [("a film", '"good, very"', 1), ("the book", "bad", 0)] * 8
    file.write_text("one,two,y\n" + "\n".join(f"{a},{b},{y}" for a, b, y in cells))
    data = f"texts:{file}?text=one,two&target=y"
    subject = load_subject(Plan(model=f"hf:{tmp_path}", data=data))
    own = transformers.PreTrainedTokenizerFast(tokenizer_object=cutter(), pad_token="[PAD]")
    order = [cells[int(n.split(":")[0].removeprefix("line ")) - 2] for n in subject.data.names]
    batch = own([a for a, _, _ in order], [b.strip('"') for _, b, _ in order], padding=True,
                return_tensors="pt", return_token_type_ids=True)  # fmt: skip
    assert subject.data.y.tolist() == [y for _, _, y in order]
    assert batch["token_type_ids"].any()
    with torch.no_grad():
        wanted = model(**batch).logits
        assert torch.allclose(call(subject.model, subject.data.x), wanted, atol=1e-6)


def test_long_texts_are_cut_as_the_tokenizer_cuts_them_and_counted(tmp_path, folder):
    given = rows()
    given[3] = {**given[3], "text": "very " * 30}
    file = lines(tmp_path / "t.jsonl", given)
    subject = load_subject(Plan(model=folder, data=f"texts:{file}"))
    assert opened.texts_cut(1, 40, 12) in subject.notes, "the network has 12 places"
    limited = load_subject(Plan(model=folder, data=f"texts:{file}?length=5"))
    ids = limited.data.x.kwargs["input_ids"]
    assert ids.shape[1] == 5
    assert {int(row[row != 0][-1]) for row in ids} == {3}, "each ends as texts end"


def refused(plan: Plan) -> object:
    with pytest.raises(RefusedError) as caught:
        load_subject(plan)
    return caught.value.fact


def changed(number: int, **values: object) -> list[dict[str, object]]:
    return [{**row, **(values if i == number else {})} for i, row in enumerate(rows())]


WRONG = {
    "an empty text": (changed(3, text=" "), "", text_files.texts_empty),
    "a text that is a number": (changed(3, text=4), "", text_files.no_text_in),
    "half a sign": (changed(3, text="\ud800"), "", text_files.no_text_in),
    "words where texts are asked": (changed(3, text=["a"]), "", text_files.no_text_in),
    "no label": (changed(3, label=None), "", opened.empty_cells),
    "one label": ([{**row, "label": "positive"} for row in rows()], "", finding.one_class),
    "too few": (rows()[:5], "", finding.too_few_inputs),
    "no such column": (rows(), "?text=words", text_files.no_such_column),
    "one column for both": (rows(), "?text=text&target=text", text_files.text_is_asked_for),
    "no length": (rows(), "?length=many", text_files.no_length),
    "more than the network takes": (rows(), "?length=13", text_files.length_beyond),
    "less than a text's ends": (rows(), "?length=2", text_files.length_too_short),
    "three texts": (rows(), "?text=text,site,text", text_files.too_many_texts),
    "a table's choice": (rows(), "?ignore=site", text_files.no_column_choice),
}


WRITTEN = {
    "commas alone": (",,,\n,,\n", ".csv", text_files.empty),
    "a separator alone": ("sep=;\n", ".csv", text_files.empty),
    "a header alone": ("text,label\n", ".csv", text_files.empty),
    "a header alone between tabs": ("text\tlabel\n", ".tsv", text_files.empty),
    "a name twice": ("text,label,label\na good film,1,1\nbad,0,0\n", ".csv", text_files.wrong_line),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_tables_without_rows_or_with_a_name_twice_are_refused(tmp_path, folder, name):
    text, ending, kind = WRITTEN[name]
    file = tmp_path / f"t{ending}"
    file.write_text(text)
    assert refused(Plan(model=folder, data=f"texts:{file}")) in kind


def read(path: Path, text: str, tagged: bool = False) -> list[list[object]]:
    path.write_bytes(text.encode())
    found = read_rows(path, Columns(), tagged)
    return [*found.table.to_numpy().tolist(), list(found.lines)]


def test_only_ends_of_lines_end_a_line(tmp_path):
    signs = "\u2028 \u2029 \x85 \x0b \x0c \x1c"
    for end in ("\n", "\r\n", "\r"):
        objects = [{"text": f"a {signs} b", "label": 1}, {"text": "c", "label": 0}]
        text = end.join(json.dumps(each, ensure_ascii=False) for each in objects)
        assert read(tmp_path / "t.jsonl", text) == [[f"a {signs} b", 1], ["c", 0], [1, 2]]
        words = end.join(["a\x85b O", "c  B", "", "d O", ""])
        found = read(tmp_path / "t.txt", words, True)
        assert found == [[["a\x85b", "c"], ["O", "B"]], [["d"], ["O"]], [1, 4]]


def test_quotation_marks_in_lines_with_tabs_are_signs_like_others(tmp_path):
    text = 'text\tlabel\n"Hello there\t1\n\nfoo bar\t0\nthe end" he said\t1\n'
    wanted = [['"Hello there', "1"], ["foo bar", "0"], ['the end" he said', "1"], [2, 4, 5]]
    assert read(tmp_path / "t.tsv", text) == wanted
    broken = 'text\tlabel\n"over\ntwo lines"\t1\nb\t0\n'
    assert read(tmp_path / "t.tsv", broken) == [["over\ntwo lines", "1"], ["b", "0"], [2, 4]]


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_in_a_file_is_refused_with_its_line(tmp_path, folder, name):
    given, choices, kind = WRONG[name]
    file = lines(tmp_path / "t.jsonl", given)
    fact = refused(Plan(model=folder, data=f"texts:{file}{choices}"))
    assert fact in kind
    if "line" in fact.values:
        assert fact.values["line"] == 4


def test_labels_that_the_network_does_not_know_ask_which_output_they_are(tmp_path, folder):
    strange = [{**row, "label": {"positive": "up", "negative": "down"}[row["label"]]}
               for row in rows()]  # fmt: skip
    data = f"texts:{lines(tmp_path / 't.jsonl', strange)}"
    with pytest.raises(UnknownClassesError) as caught:
        load_subject(Plan(model=folder, data=data))
    assert caught.value.choices == ("0 (negative)", "1 (positive)")
    told = load_subject(Plan(model=folder, data=data, classes={"up": 1, "down": 0})).data
    plain = load_subject(Plan(model=folder, data=f"texts:{lines(tmp_path / 'p.jsonl', rows())}"))
    assert torch.equal(told.y, plain.data.y)
    from_1 = [{**row, "label": 1 + (row["label"] == "positive")} for row in rows()]
    counted = load_subject(Plan(model=folder, data=f"texts:{lines(tmp_path / 'n.jsonl', from_1)}"))
    assert torch.equal(counted.data.y, plain.data.y)
    assert any("in order" in str(note) for note in counted.notes), "and a note says so"


def test_files_and_models_that_do_not_fit_are_refused(tmp_path, folder):
    file = tmp_path / "t.jsonl"
    file.write_text('{"text": "a"}\nno JSON\n')
    assert refused(Plan(model=folder, data=f"texts:{file}")).values["line"] == 2
    file.write_bytes(b"\xff\xfe")
    assert refused(Plan(model=folder, data=f"texts:{file}")) in text_files.no_utf8
    words = tmp_path / "t.conll"
    words.write_text("good O\nbad\n")
    assert refused(Plan(model=folder, data=f"texts:{words}")) in text_files.wrong_line
    lines(file, rows())
    for model, kind in {
        "sample:tumour-mlp": text_files.no_tokenizer,
        "sample:stdlib-lm": text_files.texts_of_another_task,
    }.items():
        assert refused(Plan(model=model, data=f"texts:{file}")) in kind
    (Path(folder[3:]) / "tokenizer.json").unlink()
    assert refused(Plan(model=folder, data=f"texts:{file}")) in text_files.no_tokenizer
    saved(tmp_path / "tags", "BertForTokenClassification", id2label=TAGS)
    tagger = f"hf:{tmp_path / 'tags'}"
    asked = Plan(model=tagger, data=f"texts:{file}?text=text&target=label")
    assert refused(asked) in text_files.no_list_in
    uneven = lines(tmp_path / "u.jsonl", [{"tokens": ["a", "b"], "tags": ["O"]}])
    assert refused(Plan(model=tagger, data=f"texts:{uneven}")) in text_files.not_a_tag_each
    saved(tmp_path / "small", "BertForSequenceClassification", vocab_size=8, id2label=SENTIMENT)
    asked = Plan(model=f"hf:{tmp_path / 'small'}", data=f"texts:{file}")
    assert refused(asked) in text_files.token_beyond


def test_a_reference_names_its_file_and_is_for_the_operator(tmp_path):
    assert own_paths(Plan(data="texts:a b.csv?text=t&target=y")) == [Path("a b.csv")]
    assert parse_data("texts:a.csv?text=t&length=9").columns.length == ("9",)
    with pytest.raises(RefusedError) as caught:
        parse_data("csv:a.csv?text=t&target=y")
    assert caught.value.fact in text_files.texts_in_a_table


def test_a_text_of_which_the_tokenizer_makes_nothing_is_refused(tmp_path, folder):
    bare = cutter()
    bare.post_processor = None
    bare.normalizer = normalizers.Replace("the", " ")
    net = Path(folder[3:])
    bare.save(str(net / "tokenizer.json"))
    settings = {"model_max_length": 10**30}  # as of a tokenizer without a limit
    (net / "tokenizer_config.json").write_text(json.dumps(settings))
    file = lines(tmp_path / "t.jsonl", rows())
    assert load_subject(Plan(model=folder, data=f"texts:{file}")).data is not None
    file = lines(tmp_path / "t.jsonl", changed(3, text="the the"))
    fact = refused(Plan(model=folder, data=f"texts:{file}"))
    assert fact == text_files.nothing_made_of(1, 4)


def test_texts_too_many_for_memory_are_refused(tmp_path, monkeypatch, folder):
    from pruneviz.subjects.texts import encoded

    monkeypatch.setattr(encoded, "MAX_VALUES", 100)
    file = lines(tmp_path / "t.jsonl", rows())
    assert refused(Plan(model=folder, data=f"texts:{file}")) in text_files.too_many_places


def test_sent_texts_are_read_as_files_are(tmp_path, folder):
    home = tmp_path / "home"
    sent = "\n".join(map(json.dumps, rows())).encode()
    file = lines(tmp_path / "t.jsonl", rows())
    upload = accept("t.jsonl", sent, home)
    asked = f"{upload}?target=label&groups=site&text=text"
    found = load_subject(Plan(model=folder, data=asked), home=home).data
    wanted = load_subject(Plan(model=folder, data=f"texts:{file}?groups=site")).data
    assert found.sha256 == wanted.sha256
    assert table_columns(asked, home) == ["text", "label", "site"]
    table = "text,label\n" + "\n".join(f"{row['text']},{row['label']}" for row in rows())
    upload = accept("t.csv", table.encode(), home)
    asked = f"{upload}?target=label&text=text"
    assert load_subject(Plan(model=folder, data=asked), home=home).data.sha256 == wanted.sha256
    saved(tmp_path / "tags", "BertForTokenClassification", id2label=TAGS)
    words = "\n\n".join(["film B-WORK\na O\n", "good O\nbook I-WORK\nthe O\n"] * 6)
    tagger = Plan(model=f"hf:{tmp_path / 'tags'}", data=accept("t.txt", words.encode(), home))
    assert load_subject(tagger, home=home).data.classes == tuple(TAGS.values())
    short = tagger.changed(data=f"{tagger.data}?length=4")
    assert load_subject(short, home=home).data.y.shape[1] == 4
    with pytest.raises(RefusedError) as caught:
        load_subject(Plan(data=tagger.data), home=home)
    assert caught.value.fact in text_files.no_tokenizer


def test_a_sent_text_is_cut_into_windows_for_a_language_model(tmp_path):
    text = "def words(text):\n    return [word for word in text.split() if word]\n" * 60
    upload = accept("t.txt", text.encode(), tmp_path / "home")
    file = tmp_path / "t.txt"
    file.write_text(text)
    for choice in ("", "?length=32&stride=16"):
        found = load_subject(Plan(model="sample:stdlib-lm", data=upload + choice),
                             home=tmp_path / "home").data  # fmt: skip
        wanted = load_subject(Plan(model="sample:stdlib-lm", data=f"text:{file}{choice}")).data
        assert found.sha256 == wanted.sha256


@pytest.mark.parametrize(("name", "content", "kind"), [
    ("t.jsonl", b"{", text_files.wrong_line), ("t.jsonl", b"[1]", text_files.wrong_line),
    ("t.jsonl", b"\xff", text_files.no_utf8), ("t.txt", b"a\0b", text_files.no_text),
    ("t.txt", b" \n", text_files.empty),
])  # fmt: skip
def test_what_is_sent_is_checked_before_it_is_kept(tmp_path, name, content, kind):
    with pytest.raises(RefusedError) as caught:
        accept(name, content, tmp_path)
    assert caught.value.fact in kind
    assert not (tmp_path / "uploads").exists()
