"""What the pages refuse, and what the app refuses when it is started."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact


@fact(field="data")
def accuracy_without_data() -> str:
    return "accuracy needs data with labels: choose some on Home"


def asked_for(what: str, reference: str) -> str:
    """Return what a plan asks for that only the operator may name."""
    return (
        f"the plan asks for the {what} '{reference}', which reads files of the server or runs code"
    )


def by_naming(options: str) -> str:
    """Return who can allow what a plan asks for."""
    return f"only who starts the server can allow it, by naming it: pruneviz app {options}"


@fact(field="model")
def model_not_named(reference: str, options: str) -> str:
    return f"{asked_for('model', reference)}; {by_naming(options)}"


@fact(field="weights")
def weights_not_named(reference: str, options: str) -> str:
    return (
        f"{asked_for('weights', reference)}; upload weights of your own on Home instead, or let "
        f"who starts the server name them: pruneviz app {options}"
    )


@fact(field="data")
def data_not_named(reference: str, options: str) -> str:
    return f"{asked_for('data', reference)}; {by_naming(options)}"


@fact()
def recovered_unusable(why: Fact) -> str:
    return f"{why}; delete the run on Runs and start it again on Recover"


@fact()
def network_fails(kind: str, why: str) -> str:
    return (
        f"the pruned network fails on the evaluated inputs ({kind}: {why}); undo the last change, "
        "or choose data that fits the network"
    )


@fact()
def not_said() -> str:
    return "the run does not say what was asked; start it again"


@fact(field="data")
def no_input_without_data() -> str:
    return "there is no data to take an input from: choose some on Home"


@fact()
def file_unreadable(path: str, why: str) -> str:
    return f"'{path}' cannot be read: {why}"


@fact(field="reading")
def no_numbers(name: str, given: str) -> str:
    return f"{name} is one number, or numbers with commas between them, got '{given}'"


@fact(field="data")
def no_column() -> str:
    return "choose the column that holds the class of each row"


@fact(field="data")
def too_few_columns() -> str:
    return "the first row must name at least two columns"


@fact(field="data")
def scan_without_data() -> str:
    return "a scan needs data with labels: choose some on Home"


@fact()
def scan_failed(why: Fact | str) -> str:
    return f"{why}" or "the scan failed, and its log says where"


@fact()
def proposal_failed(why: Fact | str) -> str:
    return f"{why}" or "the proposal failed, and its log says where"


@fact()
def job_failed(why: Fact | str) -> str:
    return f"{why}" or "it failed, and its log says where"


@fact(field="locks")
def no_units(given: str) -> str:
    return f"units are numbers and ranges such as 0,3,8-11, got '{given}'"


@fact(field="locks")
def no_such_units(last: int, given: str) -> str:
    return f"this layer's units are 0 to {last}, got {given}"


@fact(field="locks")
def no_range(given: str) -> str:
    return f"a range goes up, such as 8-11, got '{given}'"


@fact()
def snapshots_damaged() -> str:
    return "its snapshots are damaged"


@fact()
def link_too_long(characters: int, most: int) -> str:
    return f"it has {characters:,} characters, at most {most:,} are read"


@fact()
def link_damaged() -> str:
    return "it is damaged or cut off"


@fact()
def link_no_plan() -> str:
    return "it is cut off, too long or no plan"


@fact(field="recovery")
def not_one_training(steps: int) -> str:
    return f"training can be cut short in one step, and this plan has {steps}"


@fact()
def port_in_use(port: int) -> str:
    return f"port {port} is in use: end what runs there, or choose another port"


@fact()
def no_memory(variable: str, given: str) -> str:
    return f"{variable} must be a whole number of MB, such as 256: '{given}'"


@fact()
def given_twice(what: str, name: str, reference: str) -> str:
    return (
        f"the {what} '{name}' is given twice; give each model a name of its own: --model "
        f"NAME={reference}"
    )


@fact()
def two_weights_files(model: str) -> str:
    return f"the model '{model}' has two weights files; give it one"


@fact()
def no_file(path: str) -> str:
    return f"there is no file '{path}'; give the path of one that is there"


@fact()
def weights_of_no_model(weights: str) -> str:
    return f"the weights '{weights}' belong to no model; name it with --model REFERENCE"


@fact()
def weights_of_several(weights: str, models: str) -> str:
    return (
        f"the weights '{weights}' may belong to any of several models; name them (--model "
        f"NAME=REFERENCE) and say --weights NAME={weights}; the models are {models}"
    )


@fact()
def weights_of_unnamed(weights: str, models: str) -> str:
    return f"the weights '{weights}' are for no model named; the models are {models}"


@fact()
def no_list(variable: str) -> str:
    return f"{variable} must be a JSON list of references"


@fact()
def no_list_of_references(variable: str, given: str) -> str:
    return f"{variable} must be a JSON list of references, got {given}"
