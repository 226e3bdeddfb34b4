"""What a model is tried on before it is taken: inputs of its own data, or an example."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from pruneviz.network.causes import WrongInputError
from pruneviz.network.inputs import Batch, Given, Inputs
from pruneviz.plan import Plan
from pruneviz.subjects.models.expectation import (
    Expectation,
    Source,
    first_layer,
    image_channels,
    parameters_of,
    usual_shape,
)
from pruneviz.subjects.models.first_pass import forward, input_dtype
from pruneviz.subjects.models.found_task import (
    tokens,
)
from pruneviz.subjects.models.outputs import class_count
from pruneviz.subjects.references import parse_data
from pruneviz.subjects.sample_data import load_sample_data
from pruneviz.subjects.subject import shape_of
from pruneviz.wording import Fact, RefusedError, opened
from pruneviz.wording.refusals.subjects import finding, opening

EXAMPLE_SEED = 0


def example_of(model: nn.Module, x: Batch) -> Batch:
    """Return a copy of two of the inputs (N, …) in the model's precision, tokens as they are."""
    if isinstance(x, Tensor):
        return x[:2].clone() if tokens(x) else x[:2].to(input_dtype(model), copy=True)
    return x.take(torch.arange(min(2, len(x)))).to(input_dtype(model))


def random_example(model: nn.Module, expects: Expectation) -> Given:
    """Return two random inputs as they are expected; ValueError where the model takes none such."""
    assert expects.shape is not None
    generator, shape = torch.Generator().manual_seed(EXAMPLE_SEED), (2, *expects.shape)
    if expects.tokens is not None:
        example: Given = torch.randint(expects.tokens, shape, generator=generator)
    else:
        made = [torch.randn(shape, generator=generator) for _ in range(expects.beside)]
        every = tuple(each.to(input_dtype(model)) for each in made)
        example = every[0] if len(every) == 1 else Inputs(every)
    forward(model, example)
    return example


def guessed_example(model: nn.Module) -> tuple[Given, tuple[Fact, ...]]:
    """Return an example of the shape that the first layer suggests, and a note that says so."""
    shape, first = usual_shape(model), first_layer(model)
    if shape is None and isinstance(first, nn.Embedding | nn.EmbeddingBag):
        raise RefusedError(opening.takes_tokens())
    if shape is None:
        raise RefusedError(opening.shape_not_known())
    text = ",".join(map(str, shape))
    note = opened.shape_assumed(text)
    try:
        return random_example(model, Expectation(shape=shape)), (note,)
    except WrongInputError as error:
        raise RefusedError(opening.shape_does_not_suit(text, error.cause)) from error


def expectation_of(plan: Plan, source: Source) -> Expectation:
    """Return what the model expects; the plan's input shape wins over the model's own."""
    expects = replace(
        source.expects,
        channels=image_channels(source.model),
        first=first_layer(source.model),
        takes=parameters_of(source.model),
        tokenizer=source.tokenizer,
    )
    if source.own_data and plan.data and plan.data != source.own_data:
        # Other data for a sample is normalised as the sample's own was.
        own = load_sample_data(parse_data(source.own_data).name)
        expects = replace(
            expects, mean=own.mean, std=own.std, classes=own.classes, features=own.features
        )
    if expects.shape is None and isinstance(source.example, Tensor):
        expects = replace(expects, shape=tuple(source.example.shape[1:]))
    if plan.input_shape is None or plan.input_shape == expects.shape:
        return expects
    # Scaling to the pretrained size and cutting a smaller centre out would lose most of an image.
    return replace(expects, shape=plan.input_shape, resize=None)


def outputs_of(model: nn.Module, x: Batch, plan: Plan) -> int:
    """Return how many classes the model tells apart; ValueError when it is no classifier."""
    return class_count(forward_of(model, x, plan), min(2, len(x)))


def forward_of(model: nn.Module, x: Batch, plan: Plan) -> Any:
    """Return the model's output for two of the inputs (N, …); ValueError where it takes none."""
    shape = shape_of(x)
    if plan.input_shape is not None and shape != plan.input_shape:
        raise RefusedError(finding.inputs_of_another_shape(shape, plan.input_shape))
    try:
        return forward(model, example_of(model, x))
    except WrongInputError as error:
        if not isinstance(first_layer(model), nn.Conv3d):
            raise
        raise RefusedError(opening.takes_films(error.cause)) from error
