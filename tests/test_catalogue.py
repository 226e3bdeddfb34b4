"""Every method is listed as its registry describes it, for people and for programs."""

from __future__ import annotations

import json

import pytest

from pruneviz.catalogue import REGISTRIES, described


@pytest.mark.parametrize("kind", REGISTRIES)
def test_every_method_stands_in_the_json_with_all_it_says(kind, pruneviz):
    code, out, _ = pruneviz("methods", kind, "--json")
    assert code == 0
    listed = {entry["name"]: entry for entry in json.loads(out)[kind]}
    assert list(listed) == REGISTRIES[kind].names()
    for entry in REGISTRIES[kind]:
        found = listed[entry.name]
        assert (found["formula"], found["source"]) == (entry.formula, entry.source)
        assert [p["name"] for p in found["parameters"]] == [p.name for p in entry.parameters]
        assert [p["default"] for p in found["parameters"]] == [p.default for p in entry.parameters]
        assert all(found[field] for field in ("title", "family", "sentence"))


def test_all_kinds_are_listed_and_the_table_names_each_method(pruneviz):
    code, out, _ = pruneviz("methods", "--json")
    assert (code, list(json.loads(out))) == (0, list(REGISTRIES))
    code, out, _ = pruneviz("methods")
    assert code == 0
    for kind in REGISTRIES:
        for entry in described(kind)[kind]:
            assert entry["name"][:8] in out


def test_an_unknown_kind_is_refused(pruneviz):
    code, _, said = pruneviz("methods", "spells")
    assert code == 1
    assert "unknown kind 'spells'; choose from criterion" in said
