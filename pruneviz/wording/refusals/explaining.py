"""Why an attribution, or the channels of a layer, cannot be shown."""

from __future__ import annotations

from pruneviz.wording.fact import fact


@fact()
def several_inputs(inputs: int) -> str:
    return f"attributions are for one input at a time, got a batch of {inputs}"


@fact()
def no_such_class(number: int, outputs: int) -> str:
    return f"class {number} is not one of the network's {outputs} outputs"


@fact()
def no_places(within: tuple[tuple[int, int], ...], sizes: tuple[int, ...]) -> str:
    asked = " × ".join(f"{first} to {end}" for first, end in within)
    return f"places {asked} are none of the answer's {' × '.join(map(str, sizes))}; choose others"


@fact()
def no_such_thing(name: str) -> str:
    return f"there is no '{name}' in the original's answer to this input; choose what there is"


@fact()
def no_embedding() -> str:
    return (
        "tokens are whole numbers, which have no gradient, and this network reads them without an "
        "embedding layer (torch.nn.Embedding) whose values could be explained; Compare shows where "
        "its answers changed"
    )


@fact()
def several_embeddings(count: int) -> str:
    return (
        f"{count} embedding layers of this network read the same tokens, so that none alone holds "
        "what a token does; Compare shows where its answers changed"
    )


@fact()
def method_fails(method: str, why: str) -> str:
    return f"{method} cannot explain this network: {why}"


@fact()
def no_convolution() -> str:
    return (
        "Grad-CAM needs a convolution that keeps places apart, and this network has none; choose "
        "a gradient method, such as Integrated Gradients"
    )


@fact()
def no_such_layer(layer: str) -> str:
    return f"the network has no layer '{layer}'"


@fact()
def no_channels(layer: str) -> str:
    return f"the channels of layer '{layer}' cannot be shown"


@fact()
def other_channels(layer: str, channels: int, stay: int) -> str:
    return f"layer '{layer}' has {channels} channels, {stay} should stay"


@fact()
def two_shapes(first: tuple[int, ...], second: tuple[int, ...]) -> str:
    return f"only attributions of one shape can be compared, got {first} and {second}"


@fact()
def no_attention(path: str) -> str:
    return f"'{path}' computes no attention over this text whose weights can be seen"


@fact()
def heads_unknown(path: str, before: int, after: int) -> str:
    return (
        f"'{path}' has {after} heads of {before} left, and nothing says which: prune whole heads "
        "to see them beside the original's"
    )
