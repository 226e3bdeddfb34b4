"""Laws of the packed weights file: exact size, round trip, never larger than dense."""

from __future__ import annotations

import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from pruneviz.measure.packing import (
    _DTYPES,
    KEPT,
    MASK,
    SHAPE,
    pack,
    stored_bytes,
    unpack,
    weights_file_bytes,
)
from pruneviz.subjects.subject import tensors_sha256
from pruneviz.wording import RefusedError
from pruneviz.wording.refusals import storing

NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12).filter(
    lambda name: name != "__metadata__" and not name.endswith((KEPT, MASK, SHAPE))
)
SHAPES = st.lists(st.integers(0, 12), max_size=4).map(tuple)
LAYOUTS = st.dictionaries(NAMES, st.tuples(st.sampled_from(list(_DTYPES)), SHAPES), max_size=12)


@given(layout=LAYOUTS)
@settings(max_examples=150, deadline=None)
def test_size_is_what_safetensors_writes(layout, tmp_path_factory):
    path = tmp_path_factory.mktemp("st") / "w.safetensors"
    save_file({n: torch.zeros(shape, dtype=dtype) for n, (dtype, shape) in layout.items()}, path)
    assert weights_file_bytes(layout) == path.stat().st_size


@st.composite
def masked_states(draw):
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    state, masks = {}, {}
    for name in names:
        shape = draw(st.lists(st.integers(1, 20), max_size=3))
        state[name] = torch.randn(shape, generator=generator).to(
            draw(st.sampled_from([torch.float32, torch.float16, torch.float64]))
        )
        if draw(st.booleans()):
            share = draw(st.floats(0, 1))
            masks[name] = torch.rand(shape, generator=generator) < share
    return state, masks


@given(masked_states())
@settings(max_examples=150, deadline=None)
def test_round_trip_size_and_never_larger(tmp_path_factory, case):
    state, masks = case
    path = tmp_path_factory.mktemp("st") / "w.safetensors"
    save_file(pack(state, masks), path)
    restored = unpack(load_file(path))
    assert restored.keys() == state.keys()
    for name, value in state.items():
        expected = value * masks[name] if name in masks else value
        assert restored[name].dtype == value.dtype
        assert torch.equal(restored[name], expected)
    assert stored_bytes(state, masks) == path.stat().st_size <= stored_bytes(state)


@pytest.mark.parametrize(
    ("dtype", "remedy"),
    [
        (torch.complex128, torch.Tensor.cfloat),
        (torch.complex32, torch.Tensor.cfloat),
        (torch.float8_e4m3fnuz, torch.Tensor.float),
        (torch.qint8, torch.Tensor.dequantize),
    ],
)
def test_what_the_format_has_no_place_for_is_named_with_what_it_has(dtype, remedy, tmp_path):
    if dtype == torch.qint8:
        tensor = torch.quantize_per_tensor(torch.ones(3), 0.1, 0, dtype)
    else:
        tensor = torch.ones(3).to(dtype)
    with pytest.raises(RefusedError, match=r"'a' has dtype .*: hold") as refusal:
        stored_bytes({"a": tensor})
    assert refusal.value.fact in storing.no_such_dtype
    save_file(pack({"a": remedy(tensor)}, {}), tmp_path / "w")
    assert stored_bytes({"a": remedy(tensor)}) == (tmp_path / "w").stat().st_size


def test_conjugated_values_are_stored_as_they_are_read(tmp_path):
    value = torch.polar(torch.ones(4), torch.arange(4.0)).conj()
    save_file(pack({"a": value, "b": value.imag}, {}), tmp_path / "w")
    stored = load_file(tmp_path / "w")
    assert torch.equal(stored["a"], value.resolve_conj())
    assert torch.equal(stored["b"], value.imag.clone())
    assert tensors_sha256({"a": value}) == tensors_sha256({"a": stored["a"]})


def test_fewer_kept_weights_make_a_smaller_file():
    state = {"w": torch.randn(64, 64)}
    order = torch.randperm(64 * 64).reshape(64, 64)
    sizes = [stored_bytes(state, {"w": order >= k}) for k in range(0, 64 * 64, 256)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < sizes[0] / 8


def test_tied_and_strided_tensors_are_stored(tmp_path):
    w = torch.randn(4, 6)
    save_file(pack({"a": w, "b": w, "c": w.T}, {}), tmp_path / "w")
    assert torch.equal(load_file(tmp_path / "w")["c"], w.T)


def test_counting_is_quick_for_25_million_weights():
    state = {f"w{i}": torch.zeros(1000, 2500) for i in range(10)}
    masks = {name: torch.ones(1000, 2500, dtype=torch.bool) for name in state}
    start = time.process_time()  # the processor's: a busy machine is not the counting's fault
    stored_bytes(state, masks)
    assert time.process_time() - start < 0.5


def test_wrong_masks_and_parts_are_refused_by_name():
    state = {"w": torch.randn(40, 40)}
    mask = torch.rand(40, 40) < 0.2
    with pytest.raises(ValueError, match="mask of 'w' must be bool"):
        stored_bytes(state, {"w": mask.float()})
    with pytest.raises(ValueError, match="'v', which is no tensor"):
        pack(state, {"v": mask})
    with pytest.raises(ValueError, match="reserved"):
        pack({"w/kept": mask}, {})
    with pytest.raises(ValueError, match="complex128"):
        stored_bytes({"w": torch.zeros(2, dtype=torch.complex128)})
    stored = pack(state, {"w": mask})
    with pytest.raises(ValueError, match="lacks its mask"):
        unpack({"w/kept": stored["w/kept"]})
    with pytest.raises(ValueError, match="values for a mask"):
        unpack({**stored, "w/kept": stored["w/kept"][1:]})
    with pytest.raises(ValueError, match="does not fit"):
        unpack({**stored, "w/shape": torch.tensor([40, 41])})
