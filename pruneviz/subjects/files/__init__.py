"""Data in files, one file a format: arrays, tables, images, and how their values are read."""
