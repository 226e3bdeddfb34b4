"""Why a model does not answer: what failed in its forward pass, and the remedy."""

from __future__ import annotations

from pruneviz.wording.fact import Fact, fact


@fact(field="model")
def fails(cause: Fact, remedy: Fact) -> str:
    return f"{cause}; {remedy}"


@fact()
def says(what: Fact, where: Fact, said: str, given: str) -> str:
    return f"{what}: {where} says: {said}; it was given {given}"


@fact()
def some_inputs(why: Fact) -> str:
    return f"some of the data cannot be answered: {why}"


@fact()
def in_module(module: str) -> str:
    return module


@fact()
def in_its_forward(file: str, line: int) -> str:
    return f"its forward ({file}, line {line})" if file else "its forward"


@fact()
def by_name_alone(name: str) -> str:
    takes = f"takes its input by name alone ({name})" if name else "takes its inputs by name alone"
    return f"the model {takes}"


@fact()
def no_input() -> str:
    return "the model takes no input"


@fact()
def more_inputs(names: tuple[str, ...]) -> str:
    return f"the model asks for more than one input ({', '.join(names)})"


@fact()
def these_inputs(names: tuple[str, ...]) -> str:
    return f"the model asks for {', '.join(names)}"


@fact()
def dictionary(names: tuple[str, ...]) -> str:
    return f"the model takes a dictionary (it reads {', '.join(names)})"


@fact()
def attributes() -> str:
    return "the model takes an object with attributes, not a tensor"


@fact()
def array() -> str:
    return "the model takes a NumPy array"


@fact()
def list_of_tensors() -> str:
    return "the model takes a list of tensors, not a batch"


@fact()
def other_rows(last: int, asked: str) -> str:
    rows = f"the model looks up rows 0 to {last} of a table"
    return f"{rows}, and is asked for others ({asked})"


@fact()
def tokens() -> str:
    return "the model looks up whole numbers, such as tokens"


@fact()
def precision(kinds: tuple[str, ...]) -> str:
    return f"the model computes in {' and '.join(kinds)}"


@fact()
def gradients() -> str:
    return "the model computes gradients as it runs, and is run without any"


@fact()
def reads_a_file() -> str:
    return "the model reads a file as it runs, and that fails"


@fact()
def memory() -> str:
    return "memory does not suffice for the model"


@fact()
def devices() -> str:
    return "the model mixes devices, and is run on the CPU"


@fact()
def not_so_many(inputs: int) -> str:
    return f"the model does not take {inputs} inputs at once"


@fact()
def one_at_a_time() -> str:
    return "the model takes one input at a time"


@fact()
def two_or_more() -> str:
    return "the model takes two inputs or more at once, not one alone"


@fact()
def not_run() -> str:
    return "the model cannot be run"


@fact()
def own_refusal() -> str:
    return "the model's own code refuses"


@fact()
def own_mistake() -> str:
    return "the model's own code fails"


@fact()
def these_shapes() -> str:
    return "the model does not take inputs of these shapes"


@fact()
def this_shape(shape: tuple[int, ...]) -> str:
    return f"the model does not take inputs of shape {list(shape)}"


@fact()
def wrap(arguments: str) -> str:
    return f"wrap it: def forward(self, x): return self.net({arguments})"


@fact()
def wrap_others() -> str:
    return (
        "models of several inputs are not opened yet: wrap it in one that takes a tensor and fixes "
        "the others"
    )


@fact()
def take_one_tensor() -> str:
    return "let its forward take one tensor"


@fact()
def take_the_tensor() -> str:
    return "let its forward take the tensor itself"


@fact()
def take_a_tensor() -> str:
    return "let its forward take a tensor"


@fact()
def give_each() -> str:
    return "give an example of each, as a tuple"


@fact()
def give_such_numbers() -> str:
    return "give data whose values are such numbers"


@fact()
def make_whole_numbers() -> str:
    return (
        "models of tokens are not opened yet: let its forward turn what it is given into whole "
        "numbers (x.long())"
    )


@fact()
def make_complex() -> str:
    return "let its forward make its input complex (torch.complex(x, torch.zeros_like(x)))"


@fact()
def single_precision() -> str:
    return "return it in single precision, model.float(), from its factory"


@fact()
def enable_gradients() -> str:
    return "let its forward compute them within torch.enable_grad()"


@fact()
def put_the_file() -> str:
    return "put the file there"


@fact()
def smaller_inputs() -> str:
    return "give smaller inputs"


@fact()
def one_device() -> str:
    return "let its forward make tensors where its input is (x.device), and its factory none"


@fact()
def any_number() -> str:
    return "let its forward take any number, along the first axis of its input"


@fact()
def keep_the_first_axis() -> str:
    return (
        "let its forward keep the first axis of its input, such as x.flatten(1) in place of "
        "x.view(1, -1)"
    )


@fact()
def one_alone_too() -> str:
    return "let its forward take one alone too"


@fact()
def running_statistics() -> str:
    return "let its BatchNorm use its running statistics in eval mode"


@fact()
def give_its_class_a_forward() -> str:
    return "give its class a forward"


@fact()
def as_it_asks() -> str:
    return "give inputs as it asks for"


@fact()
def give_those() -> str:
    return "give those it was made for"


@fact()
def other_shape(shape: tuple[int, ...], code: str) -> str:
    return (
        f"it runs on inputs of shape {list(shape)}: give such, or let its forward begin with "
        f"x = {code}"
    )


@fact()
def channels_last() -> str:
    return "it takes channels last, and gets them first: begin it with x = x.movedim(1, -1)"


@fact()
def along_a_first_axis() -> str:
    return "it runs on one input alone: let its forward take several, along a first axis"


@fact()
def shape_or_data() -> str:
    return "give the shape or the data that it was made for"


@fact()
def mend(data: bool) -> str:
    return "mend it there" + (", or give the data that it was made for" if data else "")
