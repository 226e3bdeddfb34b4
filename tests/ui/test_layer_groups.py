"""Groups of layers: whole, in order, and small enough for a page."""

from __future__ import annotations

import pytest
import torchvision
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.ui.tune.layer_groups import RUN, UNGROUPED, group_of, layer_groups, matching

paths = st.lists(st.sampled_from(["a", "b", "0", "1", "conv", "layer1"]), min_size=1, max_size=4)
networks = st.lists(paths.map(".".join), unique=True, max_size=120)


@given(networks)
def test_every_layer_is_in_one_group_that_fits_a_page(names):
    groups = layer_groups(names)
    assert sorted(name for group in groups for name in group.layers) == sorted(names)
    assert all(len(group.layers) <= UNGROUPED for group in groups)
    assert len({group.name for group in groups}) == len(groups)


def test_few_layers_are_one_group():
    assert len(layer_groups([f"layer{i % 3}.{i}" for i in range(UNGROUPED)])) == 1


@pytest.mark.parametrize("prefix", ["", "net."])
def test_without_structure_a_group_is_a_run(prefix):
    names = [f"{prefix}conv{i}" for i in range(40)]
    groups = layer_groups(names)
    assert [len(group.layers) for group in groups] == [RUN, RUN, RUN, 4]
    assert [name for group in groups for name in group.layers] == names
    assert groups[0].name == f"{prefix}conv0 to conv11"


def test_stages_of_a_residual_network_are_its_own():
    model = torchvision.models.resnet50(weights=None)
    names = [n.rpartition(".")[0] for n, p in model.named_parameters() if p.ndim > 1]
    groups = {group.name: group.layers for group in layer_groups(names)}
    for stage in ("layer1", "layer2", "layer4"):
        assert set(groups[stage]) == {name for name in names if name.startswith(f"{stage}.")}
    parts = [layers for name, layers in groups.items() if name.startswith("layer3")]
    assert len(parts) > 1  # it has 19 layers
    blocks = [{name.split(".")[1] for name in layers} for layers in parts]
    assert not blocks[0] & blocks[1]  # no block lies in two groups


def test_a_layer_opens_its_group_and_an_unknown_one_the_first():
    groups = layer_groups([f"conv{i}" for i in range(40)])
    assert group_of(groups, "conv30") == groups[2]
    assert group_of(groups, "") == groups[0]


def test_a_search_takes_every_word_in_any_case_and_layers_that_go_along():
    along = {"layer1.conv1": ["layer1.conv1", "stem"]}
    names = ["layer1.conv1", "layer1.conv2", "layer2.conv1"]
    assert matching(names, "CONV1 layer2", lambda n: along.get(n, ())) == ["layer2.conv1"]
    assert matching(names, "stem", lambda n: along.get(n, ())) == ["layer1.conv1"]
    assert matching(names, "zzz", lambda n: ()) == []
