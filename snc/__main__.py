"""`python -m snc`."""

from snc.cli import main

main(prog_name="snc")
