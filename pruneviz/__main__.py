"""`python -m pruneviz` is the command line."""

from pruneviz.cli import main

main()
