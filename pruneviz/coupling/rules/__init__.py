"""What each operator does to ids: one file for each family of operators."""
