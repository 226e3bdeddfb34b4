"""One registry type for all methods."""

import pytest

from pruneviz.catalogue import REGISTRIES
from pruneviz.registry import Parameter, Registry

ABOUT = {"title": "A", "family": "f", "sentence": "S.", "formula": "f", "source": "s"}


def test_a_duplicate_name_raises():
    registry = Registry("criterion")
    registry.register(name="a", **ABOUT)(lambda: None)
    with pytest.raises(ValueError, match="criterion 'a' is registered already"):
        registry.register(name="a", **ABOUT)


def test_an_unknown_name_lists_those_that_exist():
    registry = Registry("criterion")
    registry.register(name="a", **ABOUT)(lambda: None)
    with pytest.raises(ValueError, match="unknown criterion 'b'; choose from a"):
        registry.get("b")


def test_settings_are_filled_in_and_checked():
    registry = Registry("criterion")
    p = Parameter(name="batches", default=4, minimum=1, maximum=9, help="How many.")
    registry.register(name="a", parameters=(p,), **ABOUT)(lambda: None)
    entry = registry.get("a")
    assert entry.settings({}) == {"batches": 4}
    assert entry.settings({"batches": 2}) == {"batches": 2}
    for bad in (0, 10, 2.5, True):
        with pytest.raises(ValueError, match="parameter 'batches' must be"):
            entry.settings({"batches": bad})
    with pytest.raises(ValueError, match="has no parameter 'x'; it takes: batches"):
        entry.settings({"x": 1})


def test_a_parameter_is_called_by_its_label_else_by_its_name_in_words():
    assert Parameter(name="learning_rate", default=0.1, help="h").title == "Learning rate"
    assert Parameter(name="of", label="Counted in", default="macs", help="h").title == "Counted in"


def test_no_widget_is_called_by_a_word_that_says_nothing_or_like_its_neighbour():
    for registry in REGISTRIES.values():
        for entry in registry:
            titles = [parameter.title for parameter in entry.parameters]
            assert len(set(titles)) == len(titles), entry.name
            assert all(len(title) > 3 for title in titles), (entry.name, titles)


def test_a_cost_is_one_that_can_be_said_in_words():
    registry = Registry("criterion")
    with pytest.raises(ValueError, match="unknown cost 'dear'; choose from weights, forward"):
        registry.register(name="a", cost="dear", **ABOUT)
    registry.register(name="a", cost="each unit", **ABOUT)(lambda: None)
    registry.register(name="b", **ABOUT)(lambda: None)
    assert [entry.is_slow for entry in registry] == [True, False]
