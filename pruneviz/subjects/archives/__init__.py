"""Zip files of images: with classes, with masks, or with boxes."""
