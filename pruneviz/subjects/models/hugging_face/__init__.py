"""Networks that transformers saved: a folder with config.json, safetensors and a tokenizer."""

from pruneviz.subjects.models.hugging_face.load import load_hugging_face

__all__ = ["load_hugging_face"]
