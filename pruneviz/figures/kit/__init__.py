"""What figures share: the look, how numbers are written, rows of layers, pooled cells."""
