"""Language models larger than memory, pruned one block at a time from the files that hold them."""

from pruneviz.blockwise.choices import Choices
from pruneviz.blockwise.work import BlockByBlock

__all__ = ["BlockByBlock", "Choices"]
