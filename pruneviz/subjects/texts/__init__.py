"""Texts as data: cut into windows of tokens, each token judged once."""
