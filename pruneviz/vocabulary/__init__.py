"""Language models that know fewer tokens: those that a text never uses go, from both ends."""

from pruneviz.vocabulary.cut import Fewer, cut_vocabulary

__all__ = ["Fewer", "cut_vocabulary"]
