"""Figures of inputs and of what networks see in them."""
