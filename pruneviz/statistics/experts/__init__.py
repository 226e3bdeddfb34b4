"""What experts of a mixture do with the tokens that the router gives them."""

from pruneviz.statistics.experts.routed import routed_activation

__all__ = ["routed_activation"]
