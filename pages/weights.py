"""Weights: what do the weights look like, and which of them go?"""

import streamlit as st

from pruneviz.explain import convolutions_and_linears
from pruneviz.figures import weights
from pruneviz.granularity.tiles import TiledUnits
from pruneviz.ui.engine import cache
from pruneviz.ui.frame import frame
from pruneviz.ui.kit import widgets
from pruneviz.ui.session import selection, state

with frame.page("Weights", "What do the weights look like, and which of them go?") as view:
    model = view.subject.model
    names = convolutions_and_linears(model)
    if not names:
        widgets.empty("This network has no convolution and no linear layer to look at.")
        st.stop()
    layer = selection.layer(names, state.layer(), view.layers)
    widgets.choose_layer(
        "weights-layer", names, layer, "The layer chosen here is chosen on every page."
    )
    weight = cache.weight(view.plan, layer)
    mask = view.pruned.masks.get(f"{layer}.weight")
    units = next((u for u in view.prepared.units if u.name == layer), None)
    grouped = units.view if isinstance(units, TiledUnits) else None
    chart = weights.heatmap(layer, weight, mask, grouped)
    widgets.figure(chart, key="weights-heatmap")
    if mask is None or bool(mask.all()):
        widgets.empty("Nothing of this layer is removed. Tune decides how much goes, and where.")
    elif view.pruned.bypassed:
        st.caption("This whole layer goes with its residual block, so all its weights are pale.")
    elif view.pruned.is_cut:
        st.caption(
            "A grey row is a channel that this layer loses; a grey column is a channel that "
            "a layer before it loses, so its weights here have nothing left to multiply."
        )
    else:
        near = None
        if grouped and any(grouped.parting) and not weights.is_parted(chart):
            near = weights.closeup(layer, weight, mask, grouped)
            widgets.figure(near, key="weights-closeup")
        parts = " Lines part what goes together." if weights.is_parted(near or chart) else ""
        st.caption(f"A grey cell is a weight that is set to 0.{parts}")
    if cache.is_recovered(view.plan):
        st.caption("What stays is shown as the recovery left it, what goes as it was before.")
    widgets.figure(weights.distribution(layer, weight, mask), key="weights-distribution")
