"""Attributions from the gradient of a class's logit by the input."""

from __future__ import annotations

from pruneviz.explain.method import METHODS, Answer, Question
from pruneviz.registry import Parameter

MOST_NODES = 400


@METHODS.register(
    name="saliency",
    title="Saliency",
    family="gradient",
    sentence="How strongly the answer reacts when one input value changes a little, up or down.",
    formula="|∂f/∂x|",
    source="https://arxiv.org/abs/1312.6034",
    needs=("gradients",),
)
def saliency(question: Question) -> Answer:
    """Return the absolute gradient."""
    from captum.attr import Saliency

    values = Saliency(question.answer).attribute(question.x, abs=True)
    return Answer(values=values)


@METHODS.register(
    name="input_x_gradient",
    title="Input × Gradient",
    family="gradient",
    sentence="What each input value adds to the average input's answer, were the network linear.",
    formula="(x − x₀) · ∂f/∂x",
    source="https://arxiv.org/abs/1605.01713",
    needs=("gradients",),
)
def input_x_gradient(question: Question) -> Answer:
    """Return the gradient times what the input has over the average one."""
    from captum.attr import Saliency

    gradient = Saliency(question.answer).attribute(question.x, abs=False)
    return Answer(values=(question.x - question.average) * gradient)


@METHODS.register(
    name="integrated_gradients",
    title="Integrated Gradients",
    family="gradient",
    sentence="Shares the answer's rise from the average input to this one among the input values.",
    formula="(x − x₀) · ∫₀¹ ∂f(x₀ + α(x − x₀))/∂x dα",
    source="https://arxiv.org/abs/1703.01365",
    parameters=(
        Parameter(
            name="steps",
            default=50,
            minimum=10,
            maximum=12_800,
            help="Points on the way from the average input to this one; more is more exact.",
        ),
    ),
    needs=("gradients",),
)
def integrated_gradients(question: Question) -> Answer:
    """Return the path integral, and by how much its sum misses f(x) − f(x₀)."""
    from captum.attr import IntegratedGradients

    steps = int(question.settings["steps"])
    values, delta = IntegratedGradients(question.answer).attribute(
        question.x,
        baselines=question.average,
        n_steps=steps,
        # the nodes of Gauss's rule take time with the cube of their number
        method="gausslegendre" if steps <= MOST_NODES else "riemann_middle",
        internal_batch_size=question.batch,
        return_convergence_delta=True,
    )
    return Answer(values=values, delta=float(delta))
