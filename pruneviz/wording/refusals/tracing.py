"""Why a network cannot be looked at as it is: a kind that cannot be cut or followed, no inputs."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact

DENSE = {
    "sparse": "hold it dense (.to_dense()), and let the forward pass make it sparse (.to_sparse())",
    "oneDNN": "hold it dense (.to_dense())",
    "nested": "hold it padded (torch.nested.to_padded_tensor(tensor, 0.0))",
}


@fact(field="model")
def scripted(module: str) -> str:
    return f"{module} is scripted, and a script cannot be cut: give the module it was made from"


@fact(field="model")
def exported(module: str) -> str:
    return (
        f"{module} is exported, and an exported program cannot be cut or trained: give the "
        "network that it was exported from"
    )


@fact(field="model")
def compiled(module: str) -> str:
    return (
        f"{module} is compiled: give the one from before torch.compile, and compile the "
        "pruned one again"
    )


@fact(field="model")
def quantised(module: str) -> str:
    return (
        f"{module} is quantised, and its numbers cannot be cut: prune the network from "
        "before quantisation, and quantise the pruned one"
    )


@fact(field="model")
def no_shape_yet(tensor: str) -> str:
    return f"'{tensor}' has no shape yet: run the model once on an input where it is made"


@fact(field="model")
def on_meta(tensor: str) -> str:
    return (
        f"'{tensor}' is on the device 'meta' and has no values: make the model on the CPU "
        "(model.to_empty(device='cpu')) and load its weights where it is made"
    )


@fact(field="model")
def not_dense(name: str, form: str, layout: str) -> str:
    return (
        f"'{name}' holds a {form} tensor ({layout}), and only dense ones are counted, cut and "
        f"stored: {DENSE[form]}"
    )


@fact(field="model")
def kept_with_gradients(tensor: str) -> str:
    return (
        f"'{tensor}' is a tensor computed with gradients and kept in the model, such as an "
        "activation of an earlier pass: keep it detached (.detach()) or outside the model"
    )


@fact()
def otherwise_with_plain_weights() -> str:
    return "with plain weights of the same values it answers otherwise"


@fact(field="model")
def reads_computed_weights(reason: Fact) -> str:
    return (
        "the model's code reads more of its computed weights than their values "
        f"({reason}): make them plain first (torch.nn.utils.parametrize."
        "remove_parametrizations, or torch.nn.utils.remove_weight_norm and its like)"
    )


@fact(field="input_shape")
def empty_example(shape: tuple[int, ...]) -> str:
    return (
        f"the example holds an input without a single value, of shape {shape}: "
        "give one sample or more"
    )


@fact(field="model")
def does_not_run(reason: Fact) -> str:
    return f"the model does not run on its example: {reason}"


@fact(field="model")
def no_tensor_returned(kind: str) -> str:
    return (
        f"the model returns {kind}, in which no tensor can be found: "
        "let it return tensors, in lists, tuples or dictionaries"
    )


@fact()
def no_parameter_of_mask(mask: str) -> str:
    return f"mask '{mask}' belongs to no parameter of this model"


@fact()
def mask_of_another_shape(
    mask: str, dtype: str, shape: tuple[int, ...], needed: tuple[int, ...]
) -> str:
    return (
        f"mask '{mask}' is {dtype} of shape {shape}, "
        f"the parameter needs torch.bool of shape {needed}"
    )


@fact(field="model")
def not_copied(what: str, error: str) -> str:
    return (
        f"{what} cannot be copied ({error}), and pruning works on copies: keep it "
        "outside the model, or give its class a __deepcopy__"
    )


@fact(field="model")
def weight_not_computed(parameter: str, kinds: str, error: str, line: str) -> str:
    return f"'{parameter}' cannot be computed by {kinds}: {error}: {line}"


@fact(field="model")
def weight_not_fixed(parameter: str, kinds: str) -> str:
    return (
        f"'{parameter}' is computed by {kinds}, which gives another weight each time, in eval mode "
        "too, so there is nothing to rank: let it be fixed in eval mode, or remove it first "
        "(torch.nn.utils.parametrize.remove_parametrizations)"
    )


@fact()
def no_batch() -> str:
    return (
        "a batch holds no tensor with an axis, so it has no inputs: give tensors with the inputs "
        "along the first axis"
    )


@fact(field="data")
def several_inputs() -> str:
    return (
        "each input of these data is several tensors, and this is made for one: choose data of a "
        "model that takes a single tensor"
    )


@fact()
def uneven_batch(sizes: tuple[str, ...]) -> str:
    return (
        f"the tensors of a batch differ along the first axis ({', '.join(sizes)}): give as many "
        "inputs in each"
    )


@fact()
def hidden_tensors(name: str, kind: str) -> str:
    return (
        f"{name} is a {kind}, whose tensors cannot be told apart into inputs: give them in tuples, "
        "lists or dictionaries"
    )


@fact()
def no_batch_size(size: int) -> str:
    return f"a batch has 1 input or more, got {size}: give such a size"


@fact()
def other_batches(reason: str) -> str:
    return f"these batches cannot be one: {reason}; give the same arguments in each"


@fact()
def other_values(one: str, other: str) -> str:
    return f"one has {one} where another has {other}"
