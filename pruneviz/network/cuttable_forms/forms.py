"""Which module takes which explicit form."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from torch import nn

from pruneviz.network.cuttable_forms.form import Explicit
from pruneviz.network.cuttable_forms.multihead import FORMS as MULTIHEAD
from pruneviz.network.cuttable_forms.recurrent import FORMS as RECURRENT

Forms = Mapping[type[nn.Module], type[Explicit]]


def forms() -> Forms:
    """Return the explicit form of each type that has one.

    A subclass is not its parent here: it may do something else. Those of torchvision's and
    transformers' modules are looked up only where something of them is loaded, since that takes
    seconds.
    """
    found = {**MULTIHEAD, **RECURRENT}
    if "torchvision.models" in sys.modules:
        from pruneviz.network.cuttable_forms.torchvision_forms import FORMS

        found.update(FORMS)
    if "transformers.models.phi3.modeling_phi3" in sys.modules:
        from pruneviz.network.cuttable_forms.phi3 import FORMS as PHI3

        found.update(PHI3)
    if "transformers.models.bloom.modeling_bloom" in sys.modules:
        from pruneviz.network.cuttable_forms.bloom import FORMS as BLOOM

        found.update(BLOOM)
    return found


def make_explicit(
    copy: nn.Module, original: nn.Module, wanted: Callable[[str], bool] = lambda path: True
) -> None:
    """Give the modules of `copy` at the wanted paths their explicit form, in place.

    `original` is the network that it is a copy of, at its full size.
    """
    known = forms()
    for path, module in copy.named_modules():
        form = known.get(type(module))
        if form is not None and wanted(path):
            module.__class__ = form
            assert isinstance(module, Explicit)  # it has just become one
            module.take_form(original.get_submodule(path))
    for module in copy.modules():
        if isinstance(module, nn.TransformerEncoder):
            _slowly(module)


def _slowly(encoder: nn.TransformerEncoder) -> None:
    """Keep an encoder from packing its sequences, which explicit layers do not read."""
    if any(isinstance(module, Explicit) for module in encoder.modules()):
        encoder.enable_nested_tensor = encoder.use_nested_tensor = False
