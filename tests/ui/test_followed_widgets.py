"""A widget that follows the plan shows its value by itself too, so it edits nothing alone."""

import pytest
from streamlit.testing.v1 import AppTest

from pruneviz.plan import Plan
from pruneviz.recovery.recipes import RECIPES
from pruneviz.ui.session import link
from tests.ui.test_pages import PAGES, ROOT

CUT = Plan(model="sample:tumour-mlp", criterion="magnitude_l2", sparsity=0.4)
PLANS = {
    "finetune": RECIPES.get("finetune").implementation(CUT, {"epochs": 2}),
    "iterative": RECIPES.get("iterative").implementation(CUT, {}),
    "n_m": CUT.changed(granularity="n_m", granularity_parameters={"n": 1, "m": 4}),
    "locks": CUT.changed(layers={"fc2": 0.2}, locks={"fc1": (0, 3)}),
    "budget": CUT.changed(scope="budget", scope_parameters={"of": "macs", "left": 0.6}),
    "depth": Plan(model="sample:digits-resnet", granularity="depth", sparsity=0.4),
}


# The pages on which most is followed with each plan, and the others with one plan each.
MOST = ("architecture", "recover", "tune", "weights")
OTHERS = [page for page in PAGES if page not in MOST]


def drawn_alone(widget: object) -> object:
    """Return what the browser shows of a widget of which it is told nothing but how it is made."""
    proto = widget.proto  # type: ignore[attr-defined]
    kind = type(widget).__name__
    if kind in ("Selectbox", "Radio"):
        return proto.options[proto.default] if proto.HasField("default") else None
    return proto.default


def followed(at: AppTest) -> dict[str, tuple[object, object]]:
    """Return what each followed widget shows by itself and with the plan's value, by its key."""
    wanted = at.session_state["pruneviz-desk"].wanted
    found = {}
    for kind in ("selectbox", "radio", "number_input", "text_input", "toggle"):
        for widget in at.get(kind):
            if widget.key in wanted:
                shown = widget.value
                if kind in ("selectbox", "radio"):
                    shown = None if widget.index is None else widget.options[widget.index]
                found[widget.key] = (drawn_alone(widget), shown)
    return found


@pytest.mark.parametrize("name", list(PLANS))
def test_a_widget_that_is_drawn_without_news_shows_what_the_plan_says(name: str) -> None:
    seen = set()
    for page in (*MOST, *OTHERS[list(PLANS).index(name) :: len(PLANS)]):
        at = AppTest.from_file(str(ROOT / f"pages/{page}.py"), default_timeout=300)
        at.query_params.update(plan=link.encode(PLANS[name]), layer="fc2")
        at.run()
        assert not at.exception, page
        for key, (alone, shown) in followed(at).items():
            assert alone == shown, (page, key)
            seen.add(key)
    assert {"goal-kind", "weights-layer", "architecture-group"} <= seen
    assert "recover-recipe" in seen
