"""Why a layer, or some of its units, cannot be pruned."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact

ELSE = "values that cannot be cut with them"


@fact()
def answers() -> str:
    return "its outputs are the network's answers"


@fact()
def factors() -> str:
    return "its outputs are factors of the network's answers"


@fact()
def unused() -> str:
    return "the forward pass does not use it"


@fact()
def all_together() -> str:
    return "all its channels go together, so none of them can go"


@fact()
def single() -> str:
    return "it has a single unit"


@fact()
def alone() -> str:
    return "nothing else goes along with what it goes with, and one of each kind stays"


@fact()
def no_units() -> str:
    return "it produces no units"


@fact()
def some_units(count: int, units: int, why: Fact) -> str:
    return f"{count} of {units} units: {why}"


@fact()
def used_once_more(why: Fact) -> str:
    return f"where its weights are used once more, {why}"


@fact()
def goes_with(layer: str, why: Fact) -> str:
    return f"'{layer}' goes together with it and stays: {why}"


@fact()
def part_of(owner: str, why: Fact) -> str:
    return f"{owner}: {why}"


@fact()
def cut_fails(fault: str) -> str:
    return fault


@fact()
def combined() -> str:
    return f"its outputs are combined with {ELSE}"


@fact()
def multiplied() -> str:
    return f"its outputs are multiplied with {ELSE}"


@fact()
def product_with_others() -> str:
    return f"a product meets them with {ELSE}"


@fact()
def chosen_by_value() -> str:
    return "the model chooses by their values what it answers"


@fact()
def not_followed(call: str) -> str:
    return f"their channels cannot be followed through `{call}`"


@fact()
def taken_apart(call: str) -> str:
    return f"`{call}` takes them apart, one by one"


@fact()
def taken_by_number(call: str) -> str:
    return f"`{call}` takes some of them by numbers in the code"


@fact()
def chosen_by_number(call: str) -> str:
    return f"`{call}` chooses some of them by number"


@fact()
def written_by_number(call: str) -> str:
    return f"`{call}` writes some of them by number"


@fact()
def looked_up_by_number() -> str:
    return "its outputs are looked up by number"


@fact()
def rows_by_number() -> str:
    return "rows are given to them by number"


@fact()
def rows_looked_up() -> str:
    return "rows of a table are looked up or weighted by them"


@fact()
def every_trial_fails(call: str) -> str:
    return (
        f"every trial cut through `{call}` fails: the cut network does not run, or does not answer "
        "as the masked one"
    )


@fact()
def two_sizes(name: str) -> str:
    return f"`{name}` holds two sizes"


@fact()
def unusual_layout(what: str) -> str:
    return f"{what} meets them in an unusual layout"


@fact()
def unusual(what: str) -> str:
    return f"{what} meets them unusually"


@fact()
def weights_over_all() -> str:
    return "weights are computed over all of them, so without some the others would be different"


@fact()
def runs_over(call: str) -> str:
    return f"`{call}` runs over them"


@fact()
def runs_over_others_too(call: str) -> str:
    return f"`{call}` runs over them and over {ELSE}"


@fact()
def chooses_among(call: str) -> str:
    return f"`{call}` chooses among them"


@fact()
def mixed(call: str) -> str:
    return f"`{call}` mixes them"


@fact()
def shifted(call: str) -> str:
    return f"`{call}` shifts them by a fixed number"


@fact()
def scaled_inputs_stay() -> str:
    return "the inputs that they scale cannot be cut with them"


@fact()
def inputs_stay() -> str:
    return "the inputs that they take cannot be cut with them"


@fact()
def consumer_is_no_parameter() -> str:
    return "the tensor that consumes them is no parameter"


@fact()
def depthwise_multiplies() -> str:
    return "a depthwise convolution has as many for each of its inputs"


@fact()
def depthwise_ties() -> str:
    return "a depthwise convolution ties them to inputs that stay"


@fact()
def steps_of_16_bytes() -> str:
    return "a product of grouped rows takes them in steps of 16 bytes"


@fact()
def shared_out() -> str:
    return "attention shares some of them out to several"


@fact()
def places_of_pixels() -> str:
    return "its outputs are the places that pixels are read at"


@fact()
def complex_parts() -> str:
    return "its outputs are the two parts of complex numbers"


@fact()
def places_of_regions() -> str:
    return "its outputs are the places of regions"


@fact()
def no_region() -> str:
    return "no region of the example is theirs"
