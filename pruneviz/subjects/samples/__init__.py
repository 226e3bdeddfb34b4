"""Sample networks for other tasks than classification, one file each with its data."""
