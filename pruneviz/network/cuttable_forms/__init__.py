"""Attention whose sizes are its tensors' sizes, so that it can be cut: the same answers as before.

Some modules compute the size of a head from the width of their input, and split what they have
projected into three equal parts. Cut smaller, they would split it in the wrong places. Their
explicit form is a subclass with the same parameters under the same names: it reads the parts' sizes
off its tensors, remembers one number, that of its heads, and keeps the scale of the scores.
"""

from pruneviz.network.cuttable_forms.form import STAYS, Explicit, kind_of
from pruneviz.network.cuttable_forms.forms import make_explicit
from pruneviz.network.cuttable_forms.sizes import fit_sizes

__all__ = ["STAYS", "Explicit", "fit_sizes", "kind_of", "make_explicit"]
