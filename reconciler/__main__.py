"""`python -m reconciler`: the same as the command."""

from reconciler.cli.main import main

main()
