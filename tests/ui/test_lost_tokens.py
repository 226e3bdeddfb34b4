"""Compare shows what was lost on the tokens of a text, where the model has a tokenizer."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest


def shown(tokenizer: bool) -> None:
    import torch

    from pruneviz.subjects.subject import Data
    from pruneviz.subjects.texts.data import data_of
    from pruneviz.subjects.texts.windows import Windows
    from pruneviz.tasks import TASKS
    from pruneviz.ui.compare import tokens
    from pruneviz.ui.engine.results import Judged

    class Letters:
        token_bytes = torch.ones(128, dtype=torch.int64)

        def encode(self, text: str) -> list[int]:
            return list(text.encode())

        def decode(self, tokens: list[int]) -> str:
            return bytes(tokens).decode()

    y = torch.tensor([[97, 98, -100], [99, 100, 101]])
    cut = Windows(x=y.clamp_min(0), y=y, train_x=y, train_y=y, note="", names=("one", "two"))
    data: Data = data_of("text:words.txt", cut)
    likely = torch.tensor([[-1.0, -2.0, 0.0], [-1.0, -1.0, -1.0]])
    lost = torch.tensor([[0.0, 0.5, 0.0], [0.0, 2.0, 0.0]])
    before, after = ({"log_likelihood": each, "right": y > 0} for each in (likely, likely - lost))
    task = TASKS.get("language_modelling").implementation()
    judged = Judged(data, before, after, task, (), Letters() if tokenizer else None)
    tokens.draw(judged, [1, 0])


SHOWN = {
    "two": ("“d”: 2.0 nats", ["c<br>+0.0", "<u>d</u><br>−2.0", "e<br>+0.0"]),
    "one": ("“b”: 0.5 nats", ["a<br>+0.0", "b<br>−0.5", ""]),
}


@pytest.mark.parametrize(("place", "name"), enumerate(SHOWN))
def test_the_tokens_of_a_text_are_drawn_the_worst_first(place, name):
    at = AppTest.from_function(shown, args=(True,)).run()
    assert not at.exception
    assert at.selectbox(key="compare-text").options == list(SHOWN)
    at = at.selectbox(key="compare-text").select_index(place).run()
    spec = json.loads(at.get("plotly_chart")[0].proto.spec)
    most, texts = SHOWN[name]
    assert most in spec["layout"]["title"]["text"]
    assert spec["data"][0]["text"][0][:3] == texts


def test_without_a_tokenizer_nothing_is_drawn():
    at = AppTest.from_function(shown, args=(False,)).run()
    assert not at.exception
    assert not at.get("plotly_chart")
    assert not at.selectbox


def test_labels_of_tokens_are_no_likelihoods():
    def labelled() -> None:
        import torch

        from pruneviz.tasks import TASKS
        from pruneviz.ui.compare import tokens
        from pruneviz.ui.engine.results import Judged

        task = TASKS.get("token_classification").implementation()
        answers = task.answers(torch.zeros(2, 3, 4), torch.zeros(2, 3, dtype=torch.long))
        tokens.draw(Judged(None, answers, answers, task, (), object()), [0])

    at = AppTest.from_function(labelled).run()
    assert not at.exception
    assert not at.selectbox
