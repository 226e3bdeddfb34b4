"""Compare draws the images whose masks became worse, what lost most first."""

from __future__ import annotations

import json

from streamlit.testing.v1 import AppTest


def shown(worse: bool) -> None:
    import torch

    from pruneviz.subjects.split import make_data
    from pruneviz.tasks import TASKS
    from pruneviz.ui.compare import judged
    from pruneviz.ui.engine.results import Judged

    y = torch.zeros(6, 4, 4, dtype=torch.long)
    y[:, 2:] = 1
    y[5] = -100
    x = torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    data = make_data(
        "masks:somewhere", (x, y), (x, y), classes=("ground", "<tree>"), note="", mean=(0.0,),
        std=(1.0,), names=tuple(f"{letter}.png" for letter in "abcdef"),
    )  # fmt: skip
    right = torch.nn.functional.one_hot(y.clamp_min(0), 2).movedim(-1, 1).float()
    lost = right.clone()
    for image in range(5 if worse else 0):  # the first loses one pixel, the second two, and so on
        lost.view(6, 2, 16)[image, :, 8 : 9 + image] = torch.tensor([1.0, 0.0])[:, None]
    task = TASKS.get("segmentation").implementation()
    before, after = (task.answers(each, y) for each in (right, lost))
    judged.draw_worst(Judged(data, before, after, task, ()))


def specs(at: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]


def title(spec: dict) -> str:
    return spec["layout"]["title"]["text"].replace("<br>", " ").replace("\u00a0", " ")


def test_the_three_images_that_lost_most_are_drawn_and_any_other_that_is_chosen():
    at = AppTest.from_function(shown, args=(True,), default_timeout=300).run()
    assert not at.exception
    assert at.subheader[0].value == "5 masks became worse, 0 better"
    assert [title(spec) for spec in specs(at)] == [
        "e.png: 68.8 % of the pixels are right, 100.0 % before; most are lost on &lt;tree&gt;",
        "d.png: 75.0 % of the pixels are right, 100.0 % before; most are lost on &lt;tree&gt;",
        "c.png: 81.2 % of the pixels are right, 100.0 % before; most are lost on &lt;tree&gt;",
    ]
    texts = [each["text"] for each in specs(at)[1]["layout"]["annotations"]]
    assert texts[2:] == ["original<br>100.0 % right<br>mean IoU 100.0 %",
                         "pruned<br>75.0 % right<br>mean IoU 58.3 %"]  # fmt: skip
    others = at.selectbox(key="compare-mask")
    assert others.options == ["b.png", "a.png", "f.png"]
    at = others.select("f.png").run()
    assert title(specs(at)[3]) == "f.png: no right pixels are lost"
    assert specs(at)[3]["layout"]["annotations"][2]["text"] == "original<br>not judged"
    (table,) = at.dataframe
    assert list(table.value["name"]) == [f"{letter}.png" for letter in "edcbaf"]
    assert list(table.value["most_lost"]) == ["<tree>"] * 5 + [""]


def test_where_nothing_became_worse_one_image_shows_it():
    at = AppTest.from_function(shown, args=(False,), default_timeout=300).run()
    assert not at.exception
    assert at.subheader[0].value == "0 masks became worse, 0 better"
    assert [title(spec) for spec in specs(at)] == ["a.png: no right pixels are lost"]
