"""What must go together when a unit is removed."""

from pruneviz.coupling.groups import Coupling, Group, Member
from pruneviz.coupling.left_out import layer_of
from pruneviz.coupling.tracer import trace

__all__ = ["Coupling", "Group", "Member", "layer_of", "trace"]
