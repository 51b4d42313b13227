"""`python -m stream.cli`: the same as `idweave`, where only the source is at hand. Must not know: any command."""

from stream.cli.main import main

main()
