"""Networks that transformers saved: opened as it opens them, cut exactly, with their tokenizer."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn

from pruneviz import run as engine
from pruneviz.measure.cost import macs_by_parameter
from pruneviz.network.inputs import call
from pruneviz.network.masks import masked
from pruneviz.plan import Plan
from pruneviz.subjects import load_subject, needs_operator, own_paths
from pruneviz.subjects.models.hugging_face import folder as folders
from pruneviz.subjects.models.hugging_face import load_hugging_face
from pruneviz.tasks import CLASSIFICATION
from pruneviz.tasks.language_modelling import LanguageModelling
from pruneviz.tasks.multi_label import MultiLabel
from pruneviz.tasks.regression import Regression
from pruneviz.tasks.token_classification import TokenClassification
from pruneviz.wording import RefusedError, opened
from pruneviz.wording.refusals.subjects import hub_folders, opening, weight_files

TEXT = "the cat and the hat sat, naïve – 猫 and the cat\n" * 5
WORDS = {"vocab_size": 300, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 4, "max_position_embeddings": 32}  # fmt: skip
PIXELS = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
          "num_attention_heads": 4, "image_size": 16, "patch_size": 8}  # fmt: skip
GPT2 = {"vocab_size": 300, "n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 32,
        "bos_token_id": 0, "eos_token_id": 0}  # fmt: skip
NAMED = {"num_labels": 3, "id2label": {0: "good", 1: "bad", 2: "odd"}}
KINDS = {
    "LlamaForCausalLM": {**WORDS, "num_key_value_heads": 2},
    "GPT2LMHeadModel": GPT2,
    "BertForSequenceClassification": {**WORDS, **NAMED},
    "BertForTokenClassification": {**WORDS, **NAMED},
    "ViTForImageClassification": {**PIXELS, **NAMED},
}


def made(kind: str, **sizes: object) -> nn.Module:
    torch.manual_seed(0)
    cls = getattr(transformers, kind)
    return cls(cls.config_class(**{**KINDS[kind], **sizes})).eval()


def saved(path: Path, kind: str, **sizes: object) -> tuple[str, nn.Module]:
    model = made(kind, **sizes)
    model.save_pretrained(path)
    return f"hf:{path}", model


def cutter() -> Tokenizer:
    cuts = Tokenizer(models.BPE())
    cuts.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    cuts.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=290, special_tokens=["<end>"], initial_alphabet=alphabet, show_progress=False
    )
    cuts.train_from_iterator([TEXT], trainer)
    return cuts


def refused(name: object, weights: Path | None = None) -> object:
    with pytest.raises(RefusedError) as caught:
        load_hugging_face(str(name), weights, pretrained=False)
    return caught.value.fact


def answered(output: object) -> Tensor:
    return output if isinstance(output, Tensor) else output["logits"]


@pytest.mark.parametrize("kind", KINDS)
def test_it_answers_as_transformers_does_and_is_cut_counted_and_timed(tmp_path, kind):
    reference, model = saved(tmp_path, kind)
    plan = Plan(model=reference, criterion="magnitude_l2", sparsity=0.5, scope="layer")
    subject = load_subject(plan)
    x = subject.example
    with torch.no_grad():
        found = answered(call(subject.model, x))
        assert torch.equal(found, model(x).logits)
    prepared = engine.prepare(subject, plan)
    pruned = engine.prune(prepared, plan)
    assert pruned.is_cut
    assert pruned.error < 1e-5
    with torch.no_grad():
        assert not torch.allclose(answered(call(pruned.model, x)), found, atol=1e-4)
    report = engine.report(prepared, pruned, engine.time_models(prepared, pruned, 3).summary())
    assert report.macs.pruned == sum(macs_by_parameter(pruned.model, x).values())
    assert report.latency_ms.batch_size == 1


def test_the_arithmetic_of_a_gated_layer_is_counted_by_its_sizes(tmp_path):
    reference, _ = saved(tmp_path, "LlamaForCausalLM")
    plan = Plan(model=reference, sparsity=0.5)
    subject = load_subject(plan)
    macs = engine.prepare(subject, plan).baseline.macs
    places = subject.example.shape[1]
    assert places == 16  # half of what the network takes
    assert macs["model.layers.1.mlp.gate_proj.weight"] == places * 16 * 24
    assert macs["lm_head.weight"] == places * 16 * 300


def test_masked_and_cut_answer_alike_to_the_last_digits_where_no_norm_is_cut(tmp_path):
    """A norm over cut channels is another norm, so whole channels of the stream stay here."""
    reference, _ = saved(tmp_path, "LlamaForCausalLM")
    inner = {f"model.layers.{number}.mlp.gate_proj": 0.5 for number in range(2)}
    plan = Plan(model=reference, layers=inner, sparsity=0.0)
    subject = load_subject(plan)
    pruned = engine.prune(engine.prepare(subject, plan), plan)
    with torch.no_grad():
        cut = answered(call(pruned.model, subject.example))
        preview = answered(call(masked(subject.model, pruned.masks), subject.example))
    assert torch.allclose(cut, preview, atol=1e-6)
    assert not torch.allclose(cut, answered(call(subject.model, subject.example)), atol=1e-4)


def test_a_network_that_labels_tokens_is_judged_by_them(tmp_path):
    reference, _ = saved(tmp_path, "BertForTokenClassification")
    subject = load_subject(Plan(model=reference))
    assert isinstance(subject.task, TokenClassification)
    assert answered(call(subject.model, subject.example)).shape == (2, 16, 3)


def test_a_language_model_has_its_task_and_its_tokenizer(tmp_path):
    reference, _ = saved(tmp_path, "LlamaForCausalLM", tie_word_embeddings=True)
    assert "lm_head.weight" not in load_file(tmp_path / "model.safetensors")
    cutter().save(str(tmp_path / "tokenizer.json"))
    subject = load_subject(Plan(model=reference))
    assert isinstance(subject.task, LanguageModelling)
    assert subject.task.reported == ("perplexity", "bits_per_byte")
    assert subject.notes == ()
    tokenizer = load_hugging_face(str(tmp_path), None, pretrained=False).tokenizer
    assert tokenizer is not None
    tokens = tokenizer.encode(TEXT)
    assert len(tokens) < len(TEXT)
    assert tokenizer.decode(tokens) == TEXT
    assert tokenizer.token_bytes.shape == (300,)  # the network has ten more than the tokenizer
    assert tokenizer.token_bytes[290:].sum() == 0
    assert tokenizer.token_bytes[cutter().token_to_id("<end>")] == 0
    assert int(tokenizer.token_bytes[tokens].sum()) == len(TEXT.encode())


@pytest.mark.parametrize("kind", ["bytes for what is not known", "pieces of words"])
def test_tokens_of_other_tokenizers_stand_for_bytes_as_well(tmp_path, kind):
    if kind == "pieces of words":
        cuts = Tokenizer(
            models.WordPiece({"[UNK]": 0, "cat": 1, "##s": 2, "é": 3}, unk_token="[UNK]")
        )
        cuts.decoder = decoders.WordPiece()
        expected, text = [5, 3, 1, 2], "cats"
    else:
        vocabulary = {"<unk>": 0, "\u2581cat": 1, "<0xC3>": 2, "<0xA9>": 3}
        cuts = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True))
        steps = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
        cuts.decoder = decoders.Sequence(steps)
        expected, text = [5, 4, 1, 1], "é"
    reference, _ = saved(tmp_path, "GPT2LMHeadModel", vocab_size=4)
    cuts.save(str(tmp_path / "tokenizer.json"))
    tokenizer = load_hugging_face(reference[3:], None, pretrained=False).tokenizer
    assert tokenizer.token_bytes.tolist() == expected
    assert int(tokenizer.token_bytes[tokenizer.encode(text)].sum()) == len(text.encode())


def test_without_a_tokenizer_a_note_says_so(tmp_path):
    reference, _ = saved(tmp_path, "GPT2LMHeadModel")
    (tmp_path / "tokenizer.json").write_text("{")
    subject = load_subject(Plan(model=reference))
    assert subject.notes[0] in opened.no_tokenizer
    assert subject.task.reported == ("perplexity",)


def test_classifiers_name_their_classes_and_their_problem(tmp_path):
    kind = "BertForSequenceClassification"
    reference, _ = saved(tmp_path / "three", kind)
    source = load_hugging_face(reference[3:], None, pretrained=False)
    assert load_subject(Plan(model=reference)).task is CLASSIFICATION
    assert source.expects.classes == ("good", "bad", "odd")
    tasks = {"regression": Regression, "multi_label_classification": MultiLabel}
    for problem, task in tasks.items():
        reference, _ = saved(tmp_path / problem, kind, problem_type=problem)
        assert isinstance(load_subject(Plan(model=reference)).task, task)


def test_images_are_expected_as_they_were_prepared(tmp_path):
    reference, _ = saved(tmp_path, "ViTForImageClassification")
    prepared = {"do_normalize": True, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6],
                "size": {"shortest_edge": 20}, "do_center_crop": True, "resample": 3,
                "crop_size": {"height": 16, "width": 16}}  # fmt: skip
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(prepared))
    x = np.random.RandomState(0).randint(0, 256, (60, 3, 16, 16), dtype=np.uint8)
    np.savez(tmp_path / "d.npz", x=x, y=np.arange(60) % 3)
    subject = load_subject(Plan(model=reference, data=f"npz:{tmp_path / 'd.npz'}"))
    assert subject.data.mean == (0.1, 0.2, 0.3)
    assert subject.data.std == (0.4, 0.5, 0.6)
    expects = load_hugging_face(reference[3:], None, pretrained=False).expects
    assert (expects.shape, expects.resize) == ((3, 16, 16), 20)
    assert expects.interpolation == "bicubic"


def test_weights_of_ones_own_and_in_parts(tmp_path):
    reference, model = saved(tmp_path, "LlamaForCausalLM")
    other = {name: 2 * t for name, t in model.state_dict().items()}
    file = tmp_path / "w.safetensors"
    save_file(other, file)
    subject = load_subject(Plan(model=reference, weights=str(file)))
    assert subject.weights_label == "your weights"
    assert all(torch.equal(t, other[k]) for k, t in subject.model.state_dict().items())
    del other["model.norm.weight"]
    save_file({**other, "more": torch.zeros(2)}, file)
    assert refused(tmp_path, file) in weight_files.not_fitting
    other["model.norm.weight"] = torch.zeros(17)
    save_file(other, file)
    assert "model.norm.weight has shape [17], the model needs [16]" in str(refused(tmp_path, file))
    save_file({**model.state_dict(), "more": torch.zeros(2)}, file)
    notes = load_hugging_face(str(tmp_path), file, pretrained=False).notes
    assert opened.tensors_not_used(1, "more") in notes
    model.save_pretrained(tmp_path / "parts", max_shard_size="10KB")
    assert len(list((tmp_path / "parts").glob("*.safetensors"))) > 1
    assert (
        load_subject(Plan(model=f"hf:{tmp_path / 'parts'}")).sha256
        == load_subject(Plan(model=reference)).sha256
    )


def test_what_is_not_whole_or_not_known_is_refused(tmp_path, monkeypatch):
    assert refused(tmp_path / "none") in hub_folders.no_folder
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty") in hub_folders.no_network
    saved(tmp_path, "GPT2LMHeadModel")
    whole = json.loads((tmp_path / "config.json").read_text())
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../model.safetensors"}}))
    assert refused(tmp_path) in hub_folders.no_json
    index.unlink()
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    assert refused(tmp_path) in weight_files.pickled
    (tmp_path / "pytorch_model.bin").unlink()
    assert refused(tmp_path) in hub_folders.no_weights
    changes = {
        hub_folders.quantised: {"quantization_config": {"quant_method": "bitsandbytes"}},
        hub_folders.other_architecture: {"architectures": ["GPT2Model"]},
    }
    for kind, change in changes.items():
        (tmp_path / "config.json").write_text(json.dumps({**whole, **change}))
        assert refused(tmp_path) in kind
    (tmp_path / "config.json").write_text("[1]")
    assert refused(tmp_path) in hub_folders.no_json
    (tmp_path / "config.json").write_text(json.dumps({**whole, "n_head": "many"}))
    assert refused(tmp_path) in hub_folders.not_opened
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert refused(tmp_path) == opening.needs_library("transformers", "language")


def test_no_code_of_a_folder_runs(tmp_path):
    saved(tmp_path, "GPT2LMHeadModel")
    config = json.loads((tmp_path / "config.json").read_text())
    ran = tmp_path / "ran"
    code = f"open({str(ran)!r}, 'w')\nclass Mine: pass\n"
    (tmp_path / "mine.py").write_text(code)
    asks = dict.fromkeys(("AutoConfig", "AutoModelForCausalLM", "AutoTokenizer"), "mine.Mine")
    for change in ({}, {"model_type": "mine", "architectures": ["Mine"]}):
        made = {**config, "auto_map": asks, **change}
        (tmp_path / "config.json").write_text(json.dumps(made))
        if change:
            assert refused(tmp_path) in hub_folders.other_architecture
        else:
            assert load_hugging_face(str(tmp_path), None, pretrained=False).weights_label
    assert not ran.exists()


def test_the_hub_is_asked_where_it_answers_and_its_cache_is_read(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(folders, "reachable", lambda url: False)
    fact = refused("someone/tiny")
    assert fact == hub_folders.not_from_the_hub("someone/tiny", "their server does not answer")
    cached = tmp_path / "models--someone--tiny"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("0" * 40)
    saved(cached / "snapshots" / ("0" * 40), "GPT2LMHeadModel")
    assert load_hugging_face("someone/tiny", None, pretrained=True).weights_label == "pretrained"


def test_it_is_for_the_operator_and_names_its_folder(tmp_path):
    assert needs_operator("hf:someone/tiny")
    assert own_paths(Plan(model=f"hf:{tmp_path}")) == [tmp_path]
    assert own_paths(Plan(model="hf:someone/tiny")) == []


def interleaved(weight: Tensor, heads: int) -> Tensor:
    """Return queries or keys in the order of llama.cpp, which turns neighbours, not halves."""
    size = weight.shape[0] // heads
    return weight.view(heads, 2, size // 2, -1).transpose(1, 2).reshape(weight.shape)


def write_gguf(path: Path, model: nn.Module) -> None:
    import gguf

    config, cuts = model.config, cutter()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    parts = json.loads(cuts.to_str())["model"]
    writer.add_tokenizer_model("gpt2")
    ordered = sorted(parts["vocab"], key=parts["vocab"].__getitem__)
    more = [f"[more {number}]" for number in range(config.vocab_size - len(ordered))]
    writer.add_token_list(ordered + more)
    writer.add_token_merges([" ".join(pair) for pair in parts["merges"]])
    writer.add_eos_token_id(cuts.token_to_id("<end>"))
    names = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    inner = {f"self_attn.{part}_proj": f"attn_{part}" for part in "qkv"}
    inner |= {f"mlp.{part}_proj": f"ffn_{part}" for part in ("gate", "up", "down")}
    inner |= {"self_attn.o_proj": "attn_output", "input_layernorm": "attn_norm"}
    inner["post_attention_layernorm"] = "ffn_norm"
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    state = {name.removesuffix(".weight"): t for name, t in model.state_dict().items()}
    for name, tensor in state.items():
        _, _, layer = name.partition("model.layers.")
        number, _, part = layer.partition(".")
        short = inner.get(part, "")
        tensor = interleaved(tensor, heads[short]) if short in heads else tensor
        full = f"blk.{number}.{short}" if layer else names[name]
        writer.add_tensor(f"{full}.weight", tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_a_gguf_file_is_the_network_that_it_was_written_of(tmp_path):
    model = made("LlamaForCausalLM")
    write_gguf(tmp_path / "tiny.gguf", model)
    subject = load_subject(Plan(model=f"hf:{tmp_path}"))
    with torch.no_grad():
        found = call(subject.model, subject.example)["logits"]
        assert torch.allclose(found, model(subject.example).logits, atol=1e-6)
    assert subject.task.reported == ("perplexity", "bits_per_byte")
    tokenizer = load_hugging_face(str(tmp_path), None, pretrained=False).tokenizer
    assert tokenizer.encode(TEXT) == cutter().encode(TEXT).ids
    whole = (tmp_path / "tiny.gguf").read_bytes()
    (tmp_path / "tiny.gguf").write_bytes(whole[: len(whole) // 2])
    assert refused(tmp_path) in hub_folders.not_opened
    (tmp_path / "tiny.gguf").write_bytes(b"no such file")
    assert refused(tmp_path) in hub_folders.no_gguf
    (tmp_path / "other.gguf").write_bytes(whole)
    assert refused(tmp_path) in hub_folders.no_network
