"""A link is read, never edited by drawing a page: four tabs at once, after a server starts."""

from __future__ import annotations

import pytest

from pruneviz.plan import Plan
from pruneviz.recovery.recipes import RECIPES
from pruneviz.subjects.uploads import accept
from tests.browser import steps
from tests.browser.server import ROOT, serve
from tests.ui.finished import finish

TABS = 4  # all at once; more would only wait for each other
CUT = Plan(model="sample:tumour-mlp", sparsity=0.6)
DIGITS = Plan(model="sample:digits-cnn", sparsity=0.6)
FINISHED = {
    "finetune": RECIPES.get("finetune").implementation(CUT, {"epochs": 1}),
    "recalibrate": RECIPES.get("recalibrate").implementation(DIGITS, {}),
    "iterative": RECIPES.get("iterative").implementation(CUT, {"epochs": 2}),
}
PLANS = {
    **FINISHED,
    "not carried out": RECIPES.get("distill").implementation(CUT, {}),
    "n_m": CUT.changed(granularity="n_m", granularity_parameters={"n": 1, "m": 4}),
    "locks": CUT.changed(layers={"fc2": 0.2}, locks={"fc1": (0, 3)}),
    "budget": CUT.changed(scope="budget", scope_parameters={"of": "macs", "left": 0.6}),
    "depth": Plan(model="sample:digits-resnet", granularity="depth", sparsity=0.4),
}
UPLOADED = ROOT / "sample_models" / "tumour-mlp" / "weights.safetensors"
NAMES = [*PLANS, "uploaded"]
# Recover was seen to change a plan: it is opened with each of them, every other page with some.
PAIRS = [("recover", name) for name in NAMES] + [
    (page, NAMES[place % len(NAMES)])
    for place, page in enumerate([*steps.TITLES, "attributions", "tune"])
]


@pytest.fixture(scope="module")
def restarted(tmp_path_factory):
    """Return a server that has just started, its home with the plans' runs, and the plans."""
    folder = tmp_path_factory.mktemp("restarted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRUNEVIZ_HOME", str(folder / "home"))
        for plan in FINISHED.values():
            finish(plan)
    weights = accept(UPLOADED.name, UPLOADED.read_bytes(), folder / "home")
    with serve(folder) as server:
        yield server, {**PLANS, "uploaded": CUT.changed(weights=weights)}
        assert server.complaints() == []


@pytest.mark.parametrize("pairs", [PAIRS[i : i + TABS] for i in range(0, len(PAIRS), TABS)])
def test_drawing_a_page_leaves_the_plan_in_its_link_as_it_is(tabs, restarted, pairs):
    server, plans = restarted
    opened = []
    for page, name in pairs:
        tab = tabs(url=server.url)
        query = f"?plan={steps.link.encode(plans[name])}"
        tab.goto(("/" if page == "home" else f"/{page}") + query, wait_until="commit")
        opened.append((tab, page, name))
    for tab, page, _ in opened:
        steps.arrived(tab, page)
    opened[-1][0].wait_for_timeout(300)  # whatever a browser had to say has been said
    for tab, page, name in opened:
        steps.settle(tab)
        assert steps.plan_of(tab.url) == plans[name], (page, name)
        steps.no_exception(tab)
        tab.context.close()
