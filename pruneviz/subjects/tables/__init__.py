"""Tables as people have them: which columns they have, what these hold, what a network gets."""
