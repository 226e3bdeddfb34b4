"""Fewer tokens: texts are cut as before, logits of what stays are the same, and all is written."""

from __future__ import annotations

import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch.nn.functional import cross_entropy

from pruneviz.plan import Plan
from pruneviz.subjects import load_subject
from pruneviz.vocabulary import cut_vocabulary
from pruneviz.vocabulary.tokens import kept_tokens, rewritten
from pruneviz.wording import RefusedError

TEXT = (
    "the doctors read the pictures of the lungs again and again, and they wrote what they saw. "
    "whoever reads reports wants them short; naïve readers want them shorter. "
) * 12
OTHER = "zebras quarrel, yaks quiver & 7 quick foxes jump over 193 lazy quilts: jazz! " * 12
SPECIAL = ("<unk>", "<s>", "</s>", "<pad>")


def trained(kind: str) -> Tokenizer:
    """Return a tokenizer of a kind, trained on more than the text."""
    if kind == "BPE":
        cuts = Tokenizer(models.BPE())
        cuts.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        cuts.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        how = trainers.BpeTrainer(
            vocab_size=420, special_tokens=[*SPECIAL], initial_alphabet=alphabet
        )
    elif kind == "Unigram":
        cuts = Tokenizer(models.Unigram())
        cuts.pre_tokenizer = pre_tokenizers.Metaspace()
        cuts.decoder = decoders.Metaspace()
        how = trainers.UnigramTrainer(vocab_size=150, special_tokens=[*SPECIAL], unk_token="<unk>")
    else:
        cuts = Tokenizer(models.WordPiece(unk_token="<unk>"))
        cuts.pre_tokenizer = pre_tokenizers.Whitespace()
        cuts.decoder = decoders.WordPiece()
        how = trainers.WordPieceTrainer(vocab_size=200, special_tokens=[*SPECIAL])
    cuts.train_from_iterator([TEXT + OTHER], how)
    ends = [(token, cuts.token_to_id(token)) for token in ("<s>", "</s>")]
    cuts.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    return cuts


def settings_of(cuts: Tokenizer) -> dict:
    return json.loads(cuts.to_str())


@pytest.mark.parametrize("kind", ["BPE", "Unigram", "WordPiece"])
@pytest.mark.parametrize("special", [False, True])
def test_a_text_is_cut_as_before(kind, special):
    cuts = trained(kind)
    used = cuts.encode(TEXT, add_special_tokens=False).ids
    kept = kept_tokens(settings_of(cuts), used, ())
    assert len(kept) < 0.9 * cuts.get_vocab_size()
    fewer = Tokenizer.from_str(json.dumps(rewritten(settings_of(cuts), kept)))
    assert fewer.get_vocab_size() == len(kept)
    before, after = (t.encode(TEXT, add_special_tokens=special) for t in (cuts, fewer))
    assert [kept[number] for number in after.ids] == before.ids
    assert after.tokens == before.tokens
    assert fewer.decode(after.ids) == cuts.decode(before.ids)
    assert {*SPECIAL} <= fewer.get_vocab().keys()


@pytest.mark.parametrize("kind", ["BPE", "Unigram"])
def test_other_texts_are_cut_into_more_tokens_that_spell_the_same(kind):
    cuts = trained(kind)
    kept = kept_tokens(settings_of(cuts), cuts.encode(TEXT).ids, ())
    fewer = Tokenizer.from_str(json.dumps(rewritten(settings_of(cuts), kept)))
    one, other = cuts.encode(OTHER), fewer.encode(OTHER)
    assert len(other.ids) > len(one.ids)
    assert fewer.decode(other.ids) == cuts.decode(one.ids)


def test_merges_written_with_a_blank_stay_so():
    settings = settings_of(trained("BPE"))
    settings["model"]["merges"] = [" ".join(pair) for pair in settings["model"]["merges"]]
    cuts = Tokenizer.from_str(json.dumps(settings))
    used = cuts.encode(TEXT).ids
    kept = kept_tokens(settings, used, ())
    fewer = Tokenizer.from_str(json.dumps(rewritten(settings, kept)))
    assert [kept[n] for n in fewer.encode(TEXT).ids] == used


def test_what_a_configuration_names_stays_and_other_kinds_are_refused():
    settings = settings_of(trained("BPE"))
    rare = max(settings["model"]["vocab"].values())
    assert rare not in kept_tokens(settings, (), ())
    assert rare in kept_tokens(settings, (), (rare, 10**6))
    with pytest.raises(RefusedError, match="'Tokens'"):
        kept_tokens({"model": {"type": "Tokens", "vocab": {}}}, (), ())


@pytest.fixture
def written(tmp_path):
    def write(tied: bool = True, **more):
        from transformers import LlamaConfig, LlamaForCausalLM

        cuts = trained("BPE")
        ids = {f"{n}_token_id": cuts.token_to_id(t) for n, t in
               (("bos", "<s>"), ("eos", "</s>"), ("pad", "<pad>"))}  # fmt: skip
        config = LlamaConfig(
            vocab_size=432, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=tied, **ids, **more
        )  # fmt: skip
        torch.manual_seed(0)
        LlamaForCausalLM(config).save_pretrained(tmp_path / "whole")
        cuts.save(str(tmp_path / "whole" / "tokenizer.json"))
        named = {str(n): {"content": t, "special": True} for n, t in enumerate(SPECIAL)}
        said = {"added_tokens_decoder": named, "eos_token": "</s>"}
        (tmp_path / "whole" / "tokenizer_config.json").write_text(json.dumps(said))
        (tmp_path / "words.txt").write_text(TEXT)
        data = f"text:{tmp_path / 'words.txt'}?length=16"
        return Plan(model=f"hf:{tmp_path / 'whole'}", data=data)

    return write


@pytest.mark.parametrize("tied", [True, False])
def test_the_smaller_network_opens_and_says_the_same_of_what_stays(written, tmp_path, tied):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = tmp_path / "fewer"
    found = cut_vocabulary(written(tied), out)
    assert found.tokens[0] == 432
    assert found.error <= 1e-5
    one, other = (AutoModelForCausalLM.from_pretrained(tmp_path / n) for n in ("whole", "fewer"))
    cuts = AutoTokenizer.from_pretrained(out)
    assert other.config.vocab_size == found.tokens[1] == len(cuts)
    assert other.config.eos_token_id == cuts.convert_tokens_to_ids("</s>")
    assert other.get_input_embeddings().weight.shape[0] == found.tokens[1]
    before = Tokenizer.from_file(str(tmp_path / "whole" / "tokenizer.json"))
    words = TEXT[:100]
    ids, fewer = before.encode(words).ids, cuts(words)["input_ids"]
    assert len(ids) == len(fewer) > 10
    with torch.no_grad():
        wanted, got = (m(torch.tensor([i])).logits for m, i in ((one, ids), (other, fewer)))
    shared = {n: before.token_to_id(t) for t, n in cuts.get_vocab().items()}
    new, old = torch.tensor([*shared]), torch.tensor([*shared.values()])
    torch.testing.assert_close(got[..., new], wanted[..., old], rtol=1e-5, atol=1e-6)
    rows = 432 - found.tokens[1]
    assert found.parameters[0] - found.parameters[1] == rows * 16 * (1 if tied else 2)


def test_both_are_judged_on_the_very_same_words(written, tmp_path):
    plan, words = written(), TEXT * 3 + OTHER * 3  # the last quarter is cut in more tokens than one
    (tmp_path / "words.txt").write_text(words)
    found = cut_vocabulary(plan, tmp_path / "fewer")
    border = len(words) - len(words) // 4
    for at, folder in enumerate(("whole", "fewer")):
        subject = load_subject(Plan(model=f"hf:{tmp_path / folder}"))
        cuts = Tokenizer.from_file(str(tmp_path / folder / "tokenizer.json"))
        before, judged = (
            cuts.encode(part, add_special_tokens=False).ids
            for part in (words[:border], words[border:])
        )
        bits = 0.0
        tokens = torch.tensor([before[-1], *judged])
        for start in range(0, len(judged), 16):
            window = tokens[start : start + 17]
            with torch.no_grad():
                logits = subject.model(window[None, :-1]).logits[0].double()
            bits += float(cross_entropy(logits, window[1:], reduction="sum")) / math.log(2)
        assert found.judged_tokens[at] == len(judged)
        assert found.bits_per_byte[at] == pytest.approx(bits / len(words[border:].encode()))


def test_numbers_that_only_other_files_name_stay_and_move_along(written, tmp_path):
    plan, source, out = written(tied=False), tmp_path / "whole", tmp_path / "fewer"
    settings = json.loads((source / "tokenizer.json").read_text())
    count = len(settings["model"]["vocab"])
    rare = [n for n in range(count) if n not in kept_tokens(settings, _used(settings), ())][-3:]
    pads = {"strategy": "BatchLongest", "direction": "Right", "pad_id": rare[0], "pad_type_id": 0}
    settings["padding"] = {**pads, "pad_to_multiple_of": None, "pad_token": "x"}
    (source / "tokenizer.json").write_text(json.dumps(settings))
    said = {"eos_token_id": [2, rare[1], 431], "suppress_tokens": [rare[2], 0], "top_k": 3}
    (source / "generation_config.json").write_text(json.dumps(said))
    named = {"added_tokens_decoder": {"0": {"content": "<unk>"}, "999": {"content": "gone"}}}
    (source / "tokenizer_config.json").write_text(json.dumps(named))
    assert count <= 431  # a row of the network that its tokenizer has no token for
    found = cut_vocabulary(plan, out)
    again = json.loads((out / "tokenizer.json").read_text())
    by_number = {n: token for token, n in settings["model"]["vocab"].items()}
    now = again["model"]["vocab"]
    assert again["padding"]["pad_id"] == now[by_number[rare[0]]]
    generation = json.loads((out / "generation_config.json").read_text())
    ends = [2, now[by_number[rare[1]]], found.tokens[1] - 1]
    assert generation == {"eos_token_id": ends, "suppress_tokens": [0], "top_k": 3}
    whole, fewer = (load_file(f / "model.safetensors")["lm_head.weight"] for f in (source, out))
    assert torch.equal(fewer[ends], whole[[2, rare[1], 431]])
    kept = json.loads((out / "tokenizer_config.json").read_text())["added_tokens_decoder"]
    assert [*kept] == ["0"]


def _used(settings: dict) -> list[int]:
    words = TEXT[: len(TEXT) - len(TEXT) // 4]
    return Tokenizer.from_str(json.dumps(settings)).encode(words, add_special_tokens=False).ids


def test_half_precision_stays(written, tmp_path):
    plan, file = written(), tmp_path / "whole" / "model.safetensors"
    half = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(file).items()}
    save_file(half, file, metadata={"format": "pt"})
    config = json.loads((tmp_path / "whole" / "config.json").read_text())
    for stored, said in ((torch.float32, "float16"), (torch.bfloat16, "bfloat16")):
        config["dtype"] = said  # the first of which would change numbers
        (tmp_path / "whole" / "config.json").write_text(json.dumps(config))
        cut_vocabulary(plan, tmp_path / said)
        written_ones = load_file(tmp_path / said / "model.safetensors").values()
        assert {tensor.dtype for tensor in written_ones} == {stored}


def test_folders_in_use_and_other_models_are_refused(written, tmp_path):
    plan = written()
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine.txt").touch()
    for more, out, words in (
        ({}, "used", r"mine\.txt"),
        ({"model": "sample:stdlib-lm"}, "new", "no language model in a folder"),
        ({"data": None}, "new", "name one with --data"),
        ({}, "words.txt", "there already"),
        ({}, "words.txt/new", "cannot be made"),
    ):
        with pytest.raises(RefusedError, match=words):
            cut_vocabulary(plan.changed(**more), tmp_path / out)
    (tmp_path / "whole" / "tokenizer.json").unlink()
    with pytest.raises(RefusedError, match=r"no tokenizer\.json"):
        cut_vocabulary(plan, tmp_path / "new")
    assert not (tmp_path / "new").exists()
