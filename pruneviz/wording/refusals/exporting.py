"""Why a network cannot be written as a recipe, or made again from one."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact


@fact()
def layout_not_held(layout: str) -> str:
    return f"the network holds a {layout} tensor, which no recipe can hold"


@fact()
def no_dtype(dtype: str) -> str:
    return f"there is no dtype '{dtype}'"


@fact()
def constant_damaged(name: str, why: Fact) -> str:
    return f"the recipe's constant '{name}' is damaged: {why}"


@fact()
def weights_unreadable(file: str, why: str) -> str:
    return f"the weights file '{file}' cannot be read: {why}"


@fact()
def recipe_damaged(file: str, why: str) -> str:
    return f"the recipe '{file}' is damaged: {why}"


@fact()
def recipe_unreadable(file: str, why: str) -> str:
    return f"the recipe '{file}' cannot be read: {why}"


@fact()
def recipe_no_json(file: str) -> str:
    return f"the recipe '{file}' is not JSON"


@fact()
def no_recipe(file: str, wanted: str) -> str:
    return f'\'{file}\' is not a recipe: it lacks "format": "{wanted}"'


@fact()
def other_version(file: str, version: str, own: int) -> str:
    return f"'{file}' is a recipe of version {version}; this PruneViz reads version {own}"


@fact()
def unlisted_tensor(tensor: str) -> str:
    return f"the recipe uses the tensor '{tensor}', which it does not list"


@fact()
def other_input_shape(shape: tuple[int | None, ...], given: tuple[int, ...]) -> str:
    return f"the network takes inputs of shape {shape}, got {given}"


@fact()
def step_fails(step: str, why: str) -> str:
    return f"the recipe's step '{step}' fails: {why}"


@fact()
def output_no_tensor(output: str) -> str:
    return f"the recipe's output '{output}' is not a tensor"


@fact()
def used_too_early(step: str, used: str) -> str:
    return f"the recipe's step '{step}' uses '{used}' before it exists"


@fact()
def two_values(name: str) -> str:
    return f"the recipe has two values called '{name}'"


@fact()
def output_no_step(output: str) -> str:
    return f"the recipe's output '{output}' is no step of it"


@fact()
def unknown_argument(argument: str) -> str:
    return f"the recipe has the unknown argument {argument}"


@fact()
def other_tensors(tensor: str, missing: bool) -> str:
    return (
        f"the weights do not belong to the recipe: '{tensor}' is "
        f"{'missing from' if missing else 'too much in'} the weights file"
    )


@fact()
def other_tensor(tensor: str, dtype: str, shape: str, own_dtype: str, own_shape: str) -> str:
    return (
        f"the weights do not belong to the recipe: '{tensor}' is {dtype} {shape}, the recipe has "
        f"{own_dtype} {own_shape}"
    )


@fact()
def unusable_name(tensor: str) -> str:
    return f"the recipe's tensor name '{tensor}' cannot be used"


@fact()
def operation_not_held(operation: str) -> str:
    return f"the network uses '{operation}', which a recipe cannot hold"


@fact()
def operation_not_allowed(operation: str) -> str:
    return f"the recipe names the operation {operation}, which is not allowed"


@fact()
def answers_differ(error: float) -> str:
    return (
        f"the rebuilt network answers differently (relative error {error:.1e}): its graph "
        "depends on more than the input's values"
    )


@fact()
def kind_not_held(kind: str) -> str:
    return f"the network holds a {kind}, which a recipe cannot hold"


@fact()
def several_inputs() -> str:
    return "a recipe is of a network that takes one tensor, and this one takes several inputs"


@fact()
def too_few_inputs() -> str:
    return "the example must hold at least 2 inputs, so that the batch stays free"


@fact()
def in_training_mode() -> str:
    return "the network must be in eval mode to be exported"


@fact()
def not_traced(why: str) -> str:
    return f"torch.export cannot trace this network: {why}"


@fact()
def more_than_one_tensor() -> str:
    return "only a network that returns one tensor, and changes no buffer, is exported"


@fact()
def node_not_held(kind: str) -> str:
    return f"the network's graph has a '{kind}', which a recipe cannot hold"


@fact()
def argument_not_held(argument: str) -> str:
    return f"the network's graph has the argument {argument}, which a recipe cannot hold"


@fact()
def not_of_transformers() -> str:
    return (
        "only a network that came from hf: is written as a Hugging Face folder: take weights and "
        "recipe"
    )


@fact()
def block_of_no_list(block: str) -> str:
    return (
        f"no Hugging Face folder says that '{block}' is left out, which is in no list of blocks "
        "alone: take weights and recipe"
    )


@fact()
def blocks_not_counted(stage: str) -> str:
    return (
        f"no entry of config.json counts the blocks of '{stage}' alone, so that no Hugging Face "
        "folder has fewer of them: take weights and recipe"
    )


@fact()
def other_tensors_of_a_class() -> str:
    return (
        "the class of this network makes other tensors than it has, so that no Hugging Face folder "
        "describes it: take weights and recipe"
    )


@fact()
def not_uniform(
    entry: str, one: str, size: int, before: int, other: str, other_size: int, other_before: int
) -> str:
    return (
        f"one number of config.json, {entry}, sizes both '{one}' and '{other}', which were cut "
        f"differently, to {size} of {before} and {other_size} of {other_before}: cut both alike, "
        "as scope layer does, for a Hugging Face folder, or take weights and recipe"
    )


@fact()
def no_entry(tensor: str, size: int, before: int) -> str:
    return (
        f"no entry of config.json sizes '{tensor}', which was cut to {size} of {before}, as it was "
        "cut: keep that layer whole for a Hugging Face folder, or take weights and recipe"
    )


@fact()
def folder_differs(error: float) -> str:
    return (
        f"a network of these sizes that transformers builds answers differently (relative error "
        f"{error:.1e}), as its class computes more from its sizes: take weights and recipe"
    )


@fact()
def folder_exists(path: str) -> str:
    return f"'{path}' is there already: name a folder that is not"
