"""Folders that transformers opens by itself: a configuration, weights, and the tokenizer."""

from pruneviz.export.hugging_face.folder import write_hugging_face

__all__ = ["write_hugging_face"]
