import numpy as np
import plotly.graph_objects as go
import pytest

from pruneviz.figures import layers
from pruneviz.figures.inputs import pictures
from pruneviz.figures.kit.style import ORIGINAL, ORIGINAL_ON_DARK, PRUNED, SERIES, describe
from pruneviz.report import Amount, LayerReport


def layer(name: str, original: int, pruned: int) -> LayerReport:
    amount = Amount(original=original, pruned=pruned)
    return LayerReport(
        name=name,
        layers=(name,),
        units=10,
        removed=5,
        locked=0,
        sparsity=0.5,
        parameters=amount,
        macs=amount,
    )


ROWS = [layer("conv1", 100, 90), layer("conv2", 1000, 300)]
FIGURES = {
    "layers": layers.kept_and_removed(ROWS, "conv2"),
    "no layers": layers.kept_and_removed([]),
}


# Plotly's default at the moment the figures were made (Streamlit sets another when imported).
NO_TEMPLATE_OF_OURS = go.Figure().layout.template


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_every_figure_says_what_to_see_and_follows_the_theme(figure: go.Figure) -> None:
    assert figure.layout.title.text
    assert figure.layout.xaxis.title.text
    assert figure.layout.yaxis.title.text
    assert figure.layout.template == NO_TEMPLATE_OF_OURS
    assert figure.layout.paper_bgcolor.replace(" ", "") == "rgba(0,0,0,0)"
    assert figure.layout.title.text.replace("<br>", " ") in describe(figure)


def test_axes_carry_units() -> None:
    assert "(count)" in FIGURES["layers"].layout.xaxis.title.text


def test_bars_add_up_to_each_layer() -> None:
    kept, removed = FIGURES["layers"].data
    assert [a + b for a, b in zip(kept.x, removed.x, strict=True)] == [100, 1000]
    assert list(kept.customdata) == ["conv1", "conv2"]
    assert removed.marker.pattern.shape, "colour alone must not tell the parts apart"


def test_the_title_names_the_layer_that_loses_most() -> None:
    assert layers.what_to_see(ROWS) == "conv2 loses most: 700 of 1.0 k parameters (70 %)"
    whole = [layer("a", 10, 10), layer("b", 20, 20)]
    assert layers.what_to_see(whole) == "Nothing is removed yet; b is the largest layer"
    impossible = layers.kept_and_removed(whole, possible=False)
    assert impossible.layout.title.text == layers.IMPOSSIBLE


def test_no_layer_has_a_colour_of_the_two_networks() -> None:
    assert not {ORIGINAL, ORIGINAL_ON_DARK, PRUNED} & set(SERIES)
    assert len(set(SERIES)) == len(SERIES)


def test_montage_and_profiles_are_pictures() -> None:
    sheet = pictures.montage(np.ones((7, 8, 8)), columns=5)
    assert sheet.shape == (2 * 10 * 12, 5 * 10 * 12)
    assert sheet.dtype == np.uint8
    few = pictures.montage(np.ones((3, 32, 32)))
    assert few.shape == (34 * 5, 3 * 34 * 5), (
        "no place is left empty, and none is larger than needed"
    )
    cells = pictures.profiles([[-3.0, 0.0, 3.0], [0.0, 0.0, 0.0]], width=30, height=20)
    assert cells.shape == (20, 30, 3)
    assert tuple(cells[0, 0]) == pictures.LOW
    assert tuple(cells[0, -1]) == pictures.HIGH


def test_the_layer_that_loses_most_of_its_units_opens_a_page() -> None:
    together = LayerReport(**{**dict(layer("a", 10, 5)), "layers": ("a", "b"), "removed": 6})
    rows = [layer("c", 10, 5), together]
    assert layers.loses_most(rows, ["c", "b"]) == "b"
    assert layers.loses_most(rows, ["z", "c"]) == "c"
    assert layers.loses_most([], ["z", "c"]) == "z"
    assert layers.loses_most(ROWS, ["conv1", "conv2"]) == "conv2"
