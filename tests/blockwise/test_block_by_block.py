"""Block by block: the numbers of a pruning in one piece, in the memory of a block."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy

from pruneviz.blockwise import BlockByBlock, Choices
from pruneviz.blockwise.streams import Stream
from pruneviz.plan import Plan
from pruneviz.run import prepare, prune
from pruneviz.stepwise import complete
from pruneviz.subjects import load_subject
from pruneviz.tasks import IGNORED
from pruneviz.wording import RefusedError
from tests.families import add_tokenizer, made_of

WORDS = "A block is read, looked at, pruned and written; then it makes room for the next one. " * 30
SIZES = {"vocab_size": 256, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3,
         "num_attention_heads": 4, "max_position_embeddings": 64, "pad_token_id": 0}  # fmt: skip
GROUPED = {**SIZES, "num_key_value_heads": 2, "head_dim": 4}
FAMILIES = {
    "Llama": GROUPED,
    "Qwen3": {**GROUPED, "tie_word_embeddings": True},
    "Mistral": {**GROUPED, "sliding_window": 16},
    "Gemma3": {**GROUPED, "sliding_window": 8, "layer_types": [
        "sliding_attention", "full_attention", "sliding_attention"]},
    "GPTNeoX": SIZES,
    "OPT": {**{k: v for k, v in SIZES.items() if k != "intermediate_size"}, "ffn_dim": 24,
            "word_embed_proj_dim": 16},
    "Bloom": {**SIZES, "n_head": 4, "n_layer": 3},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    def write(kind: str = "Llama", **how):
        path = tmp_path / kind
        made_of(kind, FAMILIES[kind]).save_pretrained(path, **how)
        add_tokenizer(path)
        (tmp_path / "words.txt").write_text(WORDS)
        return path

    return write


def planned(path, **more) -> Plan:
    data = f"text:{path.parent / 'words.txt'}?length=24"
    fields = {"criterion": "wanda", "granularity": "weight", "sparsity": 0.5, **more}
    return Plan(model=f"hf:{path}", data=data, **fields)


def opened(path):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(path).eval()


@pytest.mark.parametrize("kind", FAMILIES)
def test_the_perplexity_and_the_folder_are_those_of_the_whole_network(folder, tmp_path, kind):
    path, out = folder(kind), tmp_path / "out"
    work = complete(BlockByBlock(planned(path), Choices(windows=12, judged=5), out))
    subject, found = load_subject(planned(path)), work.progress.judged
    assert (found.windows, found.length) == (5, 24)
    assert work.progress.windows == 12
    networks = {"original": subject.model, "pruned": opened(out)}
    x, y = subject.data.x[:5], subject.data.y[:5]
    for name, network in networks.items():
        with torch.no_grad():
            logits = network(x, use_cache=False).logits.double()
        nats = cross_entropy(logits.flatten(0, 1), y.flatten(), ignore_index=IGNORED)
        assert getattr(found, name) == pytest.approx(float(nats.exp()), rel=1e-5)
    assert found.pruned != pytest.approx(found.original, rel=1e-3)
    assert work.progress.stay / work.progress.weights == pytest.approx(0.5, abs=0.01)
    assert sorted(p.name for p in out.glob("*.part")) == []
    assert not (out / "work").exists()


@pytest.mark.parametrize(
    ("criterion", "more"),
    [
        ("wanda", {}),
        ("magnitude_l1", {}),
        ("sparsegpt", {}),
        ("wanda", {"granularity": "n_m", "sparsity": 0.5}),
        ("random", {"layers": {"model.layers.1.mlp.up_proj": 0.25}}),
    ],
)
def test_on_original_inputs_it_prunes_as_in_one_piece(folder, tmp_path, criterion, more):
    path, out = folder(), tmp_path / "out"
    plan = planned(path, criterion=criterion, **more)
    choices = Choices(windows=10**6, judged=0, inputs="original")
    whole = plan.changed(layers={"lm_head": 0.0, **plan.layers})
    work = BlockByBlock(plan, choices, out)
    subject = load_subject(whole)
    assert work.progress.windows < choices.windows  # the text has no more
    # the whole network is calibrated on the same windows
    object.__setattr__(subject.data, "calibration_x", work._opened.calibration)
    object.__setattr__(subject.data, "calibration_y", work._opened.calibration)
    complete(work)
    expected = prune(prepare(subject, whole), whole).model.state_dict()
    written = opened(out).state_dict()
    for name, tensor in expected.items():
        assert torch.equal(written[name] == 0, tensor == 0), name
        torch.testing.assert_close(written[name], tensor, rtol=1e-4, atol=1e-5)


def test_stopped_work_goes_on_to_the_same_files(folder, tmp_path):
    path = folder()
    plan, choices = planned(path, criterion="sparsegpt"), Choices(windows=8, judged=4)
    straight = complete(BlockByBlock(plan, choices, tmp_path / "straight"))
    for _ in range(2):  # in two goes, the second of which begins with a block half passed on
        work = BlockByBlock(plan, choices, tmp_path / "stopped")
        work.step()
        work.step()
    number = work.done - 1
    stream = work._streams()["calibrated"]
    stream.states(number + 1).fill_(7.0)  # as if killed while the next states were written
    again = BlockByBlock(plan, choices, tmp_path / "stopped")
    assert again.done == 4
    again.restore(work.state())
    complete(again)
    assert again.progress == straight.progress
    for file in sorted((tmp_path / "straight").glob("*.safetensors")):
        one, other = load_file(file), load_file(tmp_path / "stopped" / file.name)
        assert all(torch.equal(one[name], other[name]) for name in one), file.name


def test_shards_and_half_precision_stay_what_they_were(folder, tmp_path):
    path, out = folder(max_shard_size="8KB"), tmp_path / "out"
    assert len(list(path.glob("*.safetensors"))) > 2
    network = opened(path).to(torch.bfloat16)
    shutil.rmtree(path)
    network.save_pretrained(path, max_shard_size="8KB")
    add_tokenizer(path)
    complete(BlockByBlock(planned(path), Choices(windows=4, judged=0), out))
    index = json.loads((out / "model.safetensors.index.json").read_text())
    files = set(index["weight_map"].values())
    tensors = {n: t for file in files for n, t in load_file(out / file).items()}
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}
    kept = network.state_dict()["model.layers.0.input_layernorm.weight"]
    assert torch.equal(tensors["model.layers.0.input_layernorm.weight"], kept)


def test_states_are_read_from_one_file_and_written_to_another(tmp_path):
    stream = Stream(tmp_path, "a", (3, 2, 4))
    stream.states(0).copy_(torch.arange(24.0).view(3, 2, 4))
    stream.pass_on(torch.nn.Identity(), 0)
    stream.pass_on(torch.nn.Identity(), 1)
    assert torch.equal(stream.states(2), torch.arange(24.0).view(3, 2, 4))


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"granularity": "channel"}, "granularity"),
        ({"criterion": "taylor"}, "criterion"),
        ({"criterion": "snip"}, "criterion"),
        ({"scope": "global"}, "scope"),
        ({"recovery": [{"method": "finetune"}]}, "recovery"),
        ({"schedule": "linear"}, "recovery"),
        ({"criterion": "block_influence"}, "criterion"),
        ({"weights": "other.safetensors"}, "weights"),
        ({"layers": {"lm_head": 0.5}}, "layers"),
        ({"layers": {"model.layers.9.mlp.up_proj": 0.5}}, "layers"),
        ({"locks": {"model.layers.0.mlp.up_pro": "all"}}, "layers"),
        ({"model": "sample:stdlib-lm"}, "model"),
        ({"data": "sample:digits"}, "data"),
    ],
)
def test_what_needs_the_whole_network_is_refused(folder, tmp_path, more, field):
    plan = planned(folder()).changed(**more)
    with pytest.raises(RefusedError) as caught:
        BlockByBlock(plan, Choices(), tmp_path / "out")
    assert caught.value.fact.field == field


def test_what_stays_anyway_may_be_said_to(folder, tmp_path):
    plan = planned(folder(), layers={"lm_head": 0.0}, locks={"model.embed_tokens": "all"})
    assert BlockByBlock(plan, Choices(windows=2, judged=0), tmp_path / "out").done == 0


def test_it_is_judged_as_it_is_written_in_half_precision(folder, tmp_path):
    path, out = folder(), tmp_path / "out"
    network = opened(path).to(torch.bfloat16)
    shutil.rmtree(path)
    network.save_pretrained(path)
    add_tokenizer(path)
    plan = planned(path, criterion="sparsegpt")
    work = complete(BlockByBlock(plan, Choices(windows=6, judged=3), out))
    subject = load_subject(plan.changed(model=f"hf:{out}"))
    x, y = subject.data.x[:3], subject.data.y[:3]
    with torch.no_grad():
        logits = subject.model(x).logits.double()
    nats = cross_entropy(logits.flatten(0, 1), y.flatten(), ignore_index=IGNORED)
    assert work.progress.judged.pruned == pytest.approx(float(nats.exp()), rel=1e-6)


def test_work_killed_at_any_point_goes_on_and_leaves_nothing(folder, tmp_path, monkeypatch):
    path, out = folder("Bloom"), tmp_path / "out"
    (path / "chat_template.jinja").write_text("{{ messages }}")

    def go():
        return BlockByBlock(planned(path), Choices(windows=2, judged=1), out)

    work = go()
    monkeypatch.setattr(work, "_streams", lambda: 1 / 0)  # killed as what is outside is written
    with pytest.raises(ZeroDivisionError):
        work.step()
    assert [file.name for file in out.glob("*.safetensors")] == ["model-outside.safetensors"]
    work = go()
    while work.done < work.total - 1:
        work.step()
    work = go()  # which is left to judge alone
    monkeypatch.setattr(work, "_tidy", lambda: None)  # killed before the states are removed
    assert complete(work).sentence == "judging"
    assert (out / "work").exists()
    assert go().finished
    assert not (out / "work").exists()
    assert (out / "chat_template.jinja").is_file()
    with pytest.raises(RefusedError, match="already"):
        go()


def test_a_text_that_changed_is_other_work(folder, tmp_path):
    path = folder()
    BlockByBlock(planned(path), Choices(windows=2, judged=1), tmp_path / "out").step()
    (tmp_path / "words.txt").write_text(WORDS.replace("block", "stone"))
    with pytest.raises(RefusedError, match="another text"):
        BlockByBlock(planned(path), Choices(windows=2, judged=1), tmp_path / "out")


def test_a_folder_that_is_refused_stays_as_it_was(folder, tmp_path):
    path, mine = folder(), tmp_path / "mine"
    (mine / "work").mkdir(parents=True)
    (mine / "work" / "letter.txt").touch()
    before = sorted(path.iterdir())
    for given in (mine, path):
        with pytest.raises(RefusedError, match="already"):
            BlockByBlock(planned(path), Choices(), given)
    assert sorted(path.iterdir()) == before
    with pytest.raises(RefusedError, match=r"words\.txt"):
        BlockByBlock(planned(path), Choices(), tmp_path / "words.txt")


def test_bad_folders_are_named(folder, tmp_path):
    path = folder(max_shard_size="8KB")
    work = BlockByBlock(planned(path), Choices(windows=4, judged=0), tmp_path / "out")
    work.step()
    with pytest.raises(RefusedError, match="another plan"):
        BlockByBlock(planned(path, sparsity=0.4), Choices(windows=4, judged=0), tmp_path / "out")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine.txt").touch()
    with pytest.raises(RefusedError, match=r"holds 'mine\.txt'"):
        BlockByBlock(planned(path), Choices(), tmp_path / "used")
    (path / "tokenizer.json").rename(tmp_path / "aside")
    with pytest.raises(RefusedError, match="put the model's tokenizer"):
        BlockByBlock(planned(path), Choices(), tmp_path / "new")
    (tmp_path / "aside").rename(path / "tokenizer.json")
    gone = sorted(path.glob("*.safetensors"))[0]
    gone.unlink()
    with pytest.raises(RefusedError, match=gone.name):
        BlockByBlock(planned(path), Choices(), tmp_path / "new")
