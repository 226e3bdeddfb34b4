"""Why a layer has no units of a granularity: no tile, no head, no block of its own."""

from __future__ import annotations

from pruneviz.wording.fact import fact


@fact()
def no_layer(kind: str) -> str:
    return f"{kind} is no convolution or linear layer"


@fact()
def no_parameter() -> str:
    return "its weight is no parameter: it is fixed, or computed from other tensors"


@fact()
def one_unit() -> str:
    return "all of it is one unit, and one unit of each layer stays"


@fact()
def no_kernels() -> str:
    return "a linear layer has no kernels: prune it by single weights, N:M or blocks"


@fact(field="granularity_parameters")
def kernels_too_small(size: int, entries: int) -> str:
    return (
        f"its kernels have {size} {'weight' if size == 1 else 'weights'}, and a pattern keeps "
        f"{entries}: ask for fewer entries, or prune it by single weights"
    )


@fact(field="granularity_parameters")
def not_divided(inputs: int, m: int) -> str:
    return (
        f"each output reads {inputs:,} input{'' if inputs == 1 else 's'}, which {m} does not "
        "divide: choose another M, or prune it by single weights"
    )


@fact(field="granularity_parameters")
def one_block(rows: int, columns: int, height: int, width: int) -> str:
    return (
        f"one block of {rows} × {columns} covers its matrix of {height} × {width}: ask for smaller "
        "blocks"
    )


@fact()
def no_heads() -> str:
    return "its outputs are not split into several heads of attention"


@fact()
def reads_heads() -> str:
    return (
        "it reads the heads, so its inputs go with them; its own outputs are not split into heads"
    )


@fact()
def no_experts() -> str:
    return "it is no part of a mixture of experts"


@fact()
def all_experts_serve(count: int) -> str:
    return f"each of its {count} experts serves every token, so none can go"


@fact()
def router_is_no_softmax() -> str:
    return "its router does not choose by one softmax of its scores, which is the only way known"


@fact()
def not_called() -> str:
    return "it is in no module that is called on its own"


@fact()
def called_often(times: int) -> str:
    return f"it is called {times} times in a forward pass"


@fact()
def shares(parameter: str) -> str:
    return f"it shares '{parameter}' with another part of the network"


@fact()
def no_single_tensor(kind: str) -> str:
    return f"it returns a {kind}, and no single tensor"


@fact()
def turns(given: str, returned: str) -> str:
    return f"it turns {given} into {returned}, so what comes after cannot do without it"


@fact()
def nothing_proved() -> str:
    return "what it is given is 0 everywhere, or not finite, which proves nothing"


@fact()
def fails_on_zeros(error: str) -> str:
    return f"it does not run when its parameters are 0 ({error})"


@fact()
def changes_its_input() -> str:
    return "without its weights it does not return what it is given"
