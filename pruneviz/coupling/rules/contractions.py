"""Operators with weights: they start new units, consume what comes in, or normalise it."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from pruneviz.coupling.call import Call, Tags, mark_fixed
from pruneviz.coupling.ids import Ids, line, small, varying
from pruneviz.coupling.interpretations import remember
from pruneviz.wording import Fact, stays


def convolve(call: Call) -> Any:
    """Start new ids at a convolution's outputs and unite its inputs with the ids that come in."""
    source, weight, bias = call.args[:3]
    transposed, groups = bool(call.args[6]), int(call.args[8])
    weight_tags = call.tags(weight)
    outputs = axis_ids(weight_tags, weight, 1 if transposed else 0)
    inputs = axis_ids(weight_tags, weight, 0 if transposed else 1)
    incoming = _incoming(call.ids, call.tags(source), 1, stays.unusual_layout("a convolution"))
    if groups > 1:
        outputs = _grouped(call, incoming, inputs, outputs)
    elif incoming is not None:
        _meet(call.ids, incoming, inputs)
    if outputs is None:
        return ()
    _meet_bias(call, bias, outputs)
    call.ids.produced_by(outputs)
    shape = [1] * call.out.ndim
    shape[1] = outputs.numel()
    return (outputs.view(shape).expand(call.out.shape),)


def _grouped(
    call: Call, incoming: Tensor | None, inputs: Tensor | None, outputs: Tensor | None
) -> Tensor | None:
    """Couple a grouped convolution: whole groups if each has one input, else equally from each."""
    source, transposed, groups = call.args[0], bool(call.args[6]), int(call.args[8])
    if transposed:
        return _grouped_transposed(call, incoming, inputs, outputs)
    if outputs is None:
        for tag in (incoming, inputs):
            if tag is not None:
                call.ids.fix(tag, stays.consumer_is_no_parameter())
        return None
    if source.shape[1] == groups:
        _depthwise(call, incoming, outputs)
        return outputs
    for each in (incoming, outputs):
        if each is not None:
            by_group = each.view(groups, -1)
            for group in by_group[1:]:
                call.ids.unite(by_group[0], group)
    if incoming is not None:
        _meet(call.ids, incoming.view(groups, -1)[0], inputs)
    return outputs


def _grouped_transposed(
    call: Call, incoming: Tensor | None, inputs: Tensor | None, outputs: Tensor | None
) -> Tensor | None:
    """Couple a grouped transposed convolution, whose weight has the inputs along its first axis.

    What it has along the second is the same for each group.
    """
    source, groups = call.args[0], int(call.args[8])
    _meet(call.ids, incoming, inputs)
    if source.shape[1] > groups:
        for each in (incoming, inputs):
            by_group = () if each is None else each.view(groups, -1).unbind()
            for group in by_group[1:]:
                call.ids.unite(by_group[0], group)
        return None if outputs is None else outputs.repeat(groups)
    if inputs is None:
        return None
    if outputs is not None:
        call.ids.fix(outputs, stays.depthwise_multiplies())
    if incoming is None:
        call.ids.fix(inputs, stays.depthwise_ties())
    else:
        remember(call, incoming)
    return inputs.repeat_interleave(call.out.shape[1] // groups)


def _depthwise(call: Call, incoming: Tensor | None, outputs: Tensor) -> None:
    """Unite each input with its own outputs."""
    if incoming is not None:
        remember(call, incoming)
    if incoming is None:
        call.ids.fix(outputs, stays.depthwise_ties())
    else:
        call.ids.unite(incoming.repeat_interleave(call.out.shape[1] // len(incoming)), outputs)


def multiply(call: Call) -> Any:
    """Contract two matrices: unite the ids along the inner dimension, pass on those outside."""
    bias, left, right = call.args[:3] if "addmm" in call.name else (None, *call.args[:2])
    reason = stays.unusual_layout("a matrix product")
    inner_left = _incoming(call.ids, _varying_along(call.tags(left), 1), 1, reason)
    inner_right = _incoming(call.ids, _varying_along(call.tags(right), 0), 0, reason)
    if inner_left is not None:
        _meet(call.ids, inner_left, inner_right)
    tags = [
        tag.narrow(1, 0, 1).expand(call.out.shape) for tag in _varying_along(call.tags(left), 0)
    ]
    for tag in _varying_along(call.tags(right), 1):
        outputs = tag[0]
        _meet_bias(call, bias, outputs)
        call.ids.produced_by(outputs)
        tags.append(outputs.view(1, -1).expand(call.out.shape))
    return tuple(tags)


def times_vector(call: Call) -> Any:
    """Contract a matrix, or a vector, with a vector: unite the ids along what is summed over."""
    left, right = call.args[:2]
    inner = left.ndim - 1
    reason = stays.unusual_layout("a product with a vector")
    incoming = _incoming(call.ids, _varying_along(call.tags(left), inner), inner, reason)
    taken = _incoming(call.ids, call.tags(right), 0, reason)
    if incoming is not None:
        _meet(call.ids, incoming, taken)
    elif taken is not None:
        call.ids.fix(taken, stays.consumer_is_no_parameter())
    return tuple(tag[:, 0] for tag in _varying_along(call.tags(left), 0) if inner)


def grouped_product(call: Call) -> Any:
    """Multiply rows with the matrix that is theirs, as experts do: (t, k) with (e, k, n)."""
    left, right, *_ = call.args
    if left.ndim != 2 or right.ndim != 3:
        return mark_fixed(call)
    unusual = stays.unusual("a product of grouped rows")
    for tag in (*call.tags(left), *call.tags(right)):
        if len(varying(tag)) != 1:
            call.ids.fix(small(tag), unusual)
    for tag in (*_varying_along(call.tags(left), 0), *_varying_along(call.tags(right), 0)):
        call.ids.fix(small(tag), stays.rows_by_number())
    incoming = next((t for t in call.tags(left) if varying(t) == (1,)), None)
    for axis in (1, 2):
        _in_steps(call, axis_ids(call.tags(right), right, axis))
    if incoming is not None:
        _meet(call.ids, line(incoming, 1), axis_ids(call.tags(right), right, 1))
    outputs = axis_ids(call.tags(right), right, 2)
    if outputs is None:
        return ()
    call.ids.produced_by(outputs)
    return (outputs.view(1, -1).expand(call.out.shape),)


def embed_bag(call: Call) -> Any:
    """Start units at the columns of a table whose rows are summed by bag: (bags, columns)."""
    columns = axis_ids(call.tags(call.args[0]), call.args[0], 1)
    for tensor in (*call.args[1:], *call.kwargs.values()):
        for tag in call.tags(tensor):
            call.ids.fix(small(tag), stays.rows_looked_up())
    nothing: list[Tags] = [() for _ in call.out]
    if columns is None:
        return nothing
    call.ids.produced_by(columns)
    return [(columns.view(1, -1).expand(call.out[0].shape),), *nothing[1:]]


def _in_steps(call: Call, ids: Tensor | None) -> None:
    """Let as many neighbours go together as fill 16 bytes, the steps in which a kernel works."""
    step = max(1, 16 // call.out.element_size())
    if ids is None:
        return
    if len(ids) % step:
        call.ids.fix(ids, stays.steps_of_16_bytes())
        return
    for each in ids.view(-1, step).unbind(1):
        call.ids.unite(ids[::step], each)


def _meet_bias(call: Call, bias: Tensor | None, outputs: Tensor) -> None:
    """Unite outputs with what is added to them; a bias that is no parameter has a fixed size.

    A product with a sparse matrix is added to zeros made for it; zeros made as a bias is lose what
    it loses.
    """
    if bias is None or (call.blank(bias) and not call.tags(bias)):
        return
    own = axis_ids(call.tags(bias), bias, bias.ndim - 1)
    if own is None and bias.shape[-1] > 1:
        call.ids.fix(outputs, stays.combined())
    _meet(call.ids, own, outputs)


def _varying_along(tags: Tags, dim: int) -> Tags:
    return tuple(tag for tag in tags if dim in varying(tag))


def axis_ids(tags: Tags, tensor: Tensor | None, axis: int) -> Tensor | None:
    """Return a parameter's ids along one axis, or None where that axis has no ids of its own."""
    if tensor is None:
        return None
    for tag in tags:
        if varying(tag) == (axis,):
            return line(tag, axis)
    return None


def _incoming(ids: Ids, tags: Tags, dim: int, reason: Fact) -> Tensor | None:
    """Return the ids along `dim` of an activation, pinning those that vary along others too.

    Beside others, ids that stay anyway are passed over.
    """
    if len(tags) > 1:
        tags = tuple(tag for tag in tags if not ids.are_held(tag))
    if len(tags) == 1 and varying(tags[0]) == (dim,):
        return line(tags[0], dim)
    for tag in tags:
        ids.fix(small(tag), reason)
    return None


def _meet(ids: Ids, incoming: Tensor | None, own: Tensor | None) -> None:
    """Unite incoming ids with a parameter's; what comes in without an id is never removed."""
    if incoming is None:
        return
    if own is None or incoming.numel() != own.numel():
        ids.fix(incoming, stays.consumer_is_no_parameter())
        return
    known = incoming >= 0
    ids.unite(incoming[known], own[known])
    ids.fix(own[~known], stays.inputs_stay())
