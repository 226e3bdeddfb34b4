"""A pruned network of transformers goes home: a folder that its own classes open, with no code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from pruneviz import run as engine
from pruneviz.apply import Applied, apply
from pruneviz.export.hugging_face import write_hugging_face
from pruneviz.network.inputs import call
from pruneviz.plan import Plan
from pruneviz.proof import find_units
from pruneviz.subjects import load_subject
from pruneviz.subjects.models.hugging_face.folder import Folder
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import exporting
from tests.families import made_of

SIZES = {"vocab_size": 97, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
         "num_attention_heads": 4, "max_position_embeddings": 64,
         "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}  # fmt: skip
GROUPED = {**SIZES, "num_key_value_heads": 2}
FAMILIES = {
    "Llama": GROUPED,
    "Qwen2": {**GROUPED, "tie_word_embeddings": True},
    "Qwen3": {**GROUPED, "head_dim": 8},
    "Mistral": GROUPED,
    "Gemma": {**GROUPED, "head_dim": 8, "tie_word_embeddings": True},
    "Gemma2": {**GROUPED, "head_dim": 8, "tie_word_embeddings": True},
    "Gemma3": {**GROUPED, "head_dim": 8, "sliding_window": 4},
    "Phi3": GROUPED,
    "GPT2": {**SIZES, "n_positions": 64, "n_inner": None},
    "GPTNeoX": SIZES,
    "Bloom": {**SIZES, "n_head": 4},
    "OPT": {**SIZES, "ffn_dim": 48, "word_embed_proj_dim": 32},
    "Mixtral": {**GROUPED, "num_local_experts": 4},
    "Qwen3Moe": {**GROUPED, "head_dim": 8, "num_experts": 4, "num_experts_per_tok": 2,
                 "moe_intermediate_size": 24},
    "Mamba": {**SIZES, "state_size": 8},
}  # fmt: skip
TOKENS = torch.randint(3, 97, (2, 10), generator=torch.Generator().manual_seed(1))
OPENS = """
import sys, torch, transformers
model = transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
tokens, scores = torch.load(sys.argv[2], weights_only=True)
tokenizer = transformers.AutoTokenizer.from_pretrained(sys.argv[1])
assert tokenizer("the cat").input_ids == torch.load(sys.argv[3], weights_only=True)
with torch.inference_mode():
    found = model(tokens).logits
print(float((found - scores).abs().max() / scores.abs().max()), "pruneviz" in sys.modules)
"""


def made(family: str, **changes: object) -> nn.Module:
    return made_of(family, {**FAMILIES[family], **changes})


def cut(model: nn.Module, granularity: str, **shares: float) -> Applied:
    """Return a network without half of each layer's units, or the share given, drawn at random."""
    units, _ = find_units(model, TOKENS, granularity)
    generator = torch.Generator().manual_seed(3)
    keep = {}
    for layer in units:
        keep[layer.name] = torch.zeros(layer.count, dtype=torch.bool)
        left = round(layer.count * (1 - shares.get(layer.name.replace(".", "_"), 0.5)))
        keep[layer.name][torch.randperm(layer.count, generator=generator)[:left]] = True
    return apply(model, units, keep)


def written(path: Path, model: nn.Module, applied: Applied) -> nn.Module:
    """Return what transformers opens, after it answered as the cut network does."""
    path.mkdir()
    write_hugging_face(path, model, applied.model, applied.bypassed, TOKENS, Folder(path.parent))
    again = type(model).from_pretrained(path, dtype=torch.float32).eval()
    with torch.inference_mode():
        expected, found = applied.model(TOKENS).logits, again(TOKENS).logits
    assert not torch.allclose(expected, model(TOKENS).logits, atol=1e-3)
    assert float((expected - found).abs().max()) <= 1e-5 * float(expected.abs().max())
    sizes = [sum(p.numel() for p in each.parameters()) for each in (again, applied.model)]
    assert sizes[0] == sizes[1]
    return again


@pytest.mark.parametrize("family", FAMILIES)
def test_channels_that_go_are_sizes_of_a_configuration(tmp_path, family):
    model = made(family)
    again = written(tmp_path / "cut", model, cut(model, "channel"))
    assert again.config.hidden_size == 16
    assert again.config.use_cache
    assert again.config.num_hidden_layers == 3


@pytest.mark.parametrize("family", ["Llama", "Gemma3", "GPT2", "OPT", "Mixtral", "Bloom"])
def test_blocks_that_go_are_left_out_and_the_others_numbered_anew(tmp_path, family):
    model = made(family)
    applied = cut(model, "depth")
    again = written(tmp_path / "cut", model, applied)
    left = 3 - len(applied.bypassed)
    assert 0 < left < 3
    assert again.config.num_hidden_layers == left
    names = load_file(tmp_path / "cut" / "model.safetensors")
    numbers = {part for name in names for part in name.split(".") if part.isdigit()}
    assert numbers == set(map(str, range(left)))
    how = {"max_new_tokens": 5, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    expected = applied.model.generate(TOKENS, use_cache=False, **how)
    assert torch.equal(again.generate(TOKENS, use_cache=True, **how), expected)


@pytest.mark.parametrize("family", ["Llama", "Qwen2", "Gemma", "Phi3"])
def test_heads_that_go_are_fewer_heads(tmp_path, family):
    model = made(family)
    again = written(tmp_path / "cut", model, cut(model, "head"))
    assert (again.config.num_attention_heads, again.config.num_key_value_heads) == (2, 1)
    assert again.config.head_dim == 8


def test_experts_that_go_are_fewer_experts(tmp_path):
    model = made("Mixtral")
    again = written(tmp_path / "cut", model, cut(model, "expert"))
    assert again.config.num_local_experts == 2
    assert again.config.num_experts_per_tok == 2


def test_the_places_that_a_head_still_turns_by_are_written_down_to_the_bit(tmp_path):
    model = made("Llama")
    applied = cut(model, "channel")
    again = written(tmp_path / "cut", model, applied)
    wanted = applied.model.model.rotary_emb.inv_freq
    assert len(wanted) == 2
    assert torch.equal(again.model.rotary_emb.inv_freq, wanted)
    assert again.config.rope_parameters["rope_type"] == "longrope"
    long = torch.arange(3, 63).repeat(1, 1)  # as many as it takes
    with torch.inference_mode():
        expected, found = applied.model(long).logits, again(long).logits
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_what_is_cut_unevenly_is_named_with_its_entry(tmp_path):
    model = made("Llama")
    applied = cut(model, "channel", model_layers_1_mlp_gate_proj=0.25)
    with pytest.raises(RefusedError) as caught:
        written(tmp_path / "cut", model, applied)
    fact = caught.value.fact
    assert fact in exporting.not_uniform
    assert fact.values["entry"] == "intermediate_size"
    assert (fact.values["size"], fact.values["other_size"]) == (24, 36)
    assert "model.layers.1.mlp" in fact.values["other"]
    assert "config.json" in str(fact)


def test_a_width_that_no_entry_sizes_is_named(tmp_path):
    model = made("GPTNeoX")
    whole = {"gpt_neox_embed_in": 0.0} | {f"gpt_neox_layers_{n}_mlp_dense_h_to_4h": 0.0
                                          for n in range(3)}  # fmt: skip
    with pytest.raises(RefusedError) as caught:
        written(tmp_path / "cut", model, cut(model, "channel", **whole))
    assert caught.value.fact in exporting.not_uniform
    assert caught.value.fact.values["entry"] == "hidden_size"


def test_only_a_network_of_transformers_goes_there(tmp_path):
    model = nn.Linear(2, 2)
    with pytest.raises(RefusedError) as caught:
        write_hugging_face(tmp_path, model, model, (), torch.zeros(2, 2), Folder(tmp_path))
    assert caught.value.fact == exporting.not_of_transformers()


def test_a_fresh_process_opens_it_without_this_program(tmp_path):
    from tests.subjects.test_hugging_face import cutter

    home, cut_folder = tmp_path / "home", tmp_path / "cut"
    made("Llama", vocab_size=300).save_pretrained(home)
    cutter().save(str(home / "tokenizer.json"))
    (home / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<end>"})
    )
    (home / "code.py").write_text("")
    plan = Plan(model=f"hf:{home}", criterion="magnitude_l2", sparsity=0.5, scope="layer")
    subject = load_subject(plan)
    pruned = engine.prune(engine.prepare(subject, plan), plan)
    cut_folder.mkdir()
    files = write_hugging_face(
        cut_folder, subject.model, pruned.model, pruned.bypassed, subject.example, Folder(home)
    )
    names = {file.name for file in files}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert "code.py" not in names
    with torch.inference_mode():
        scores = call(pruned.model, subject.example)["logits"]
    torch.save((subject.example, scores), tmp_path / "asked")
    torch.save(cutter().encode("the cat").ids, tmp_path / "tokens")
    found = subprocess.run(
        [sys.executable, "-c", OPENS, cut_folder, tmp_path / "asked", tmp_path / "tokens"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    error, here = found.stdout.split()
    assert float(error) <= 1e-5
    assert here == "False"


@pytest.mark.parametrize("kind", ["BertForSequenceClassification", "ViTForImageClassification"])
def test_classifiers_go_there_too(tmp_path, kind):
    from tests.subjects.test_hugging_face import saved

    reference, _ = saved(tmp_path / "home", kind)
    plan = Plan(model=reference, criterion="magnitude_l2", sparsity=0.5, scope="layer")
    subject = load_subject(plan)
    pruned = engine.prune(engine.prepare(subject, plan), plan)
    (tmp_path / "cut").mkdir()
    write_hugging_face(
        tmp_path / "cut", subject.model, pruned.model, pruned.bypassed, subject.example,
        Folder(tmp_path / "home"),
    )  # fmt: skip
    again = load_subject(Plan(model=f"hf:{tmp_path / 'cut'}"))
    with torch.inference_mode():
        expected, found = (call(each.model, subject.example) for each in (pruned, again))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert again.model.network.config.id2label == {0: "good", 1: "bad", 2: "odd"}


def test_what_was_measured_is_said_also_where_no_folder_can_be_had(pruneviz, tmp_path):
    made("Llama").save_pretrained(tmp_path / "home")
    uneven = ("--scope", "global", "--criterion", "random", "--sparsity", "0.4")
    for chosen, failed in (((), 0), (uneven, 1)):
        new = tmp_path / f"new-{failed}"
        code, out, err = pruneviz(
            "run", "--model", f"hf:{tmp_path / 'home'}", *chosen, "--latency-runs", "3", "--json",
            "--hugging-face", new,
        )  # fmt: skip
        assert code == failed
        assert json.loads(out)["parameters"]
        assert new.exists() == (not failed)
    assert "intermediate_size" in err
