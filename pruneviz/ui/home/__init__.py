"""The page Home: what is opened, how it is read, which output each class is."""
