"""The pruned network: cut smaller, masked, bypassed, and what is left of it, counted."""
