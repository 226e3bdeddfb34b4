"""How a network is looked at without changing it: its answers, copies, plain weights, one pass."""
