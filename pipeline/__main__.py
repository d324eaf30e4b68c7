"""`python -m pipeline` is `unlearn`."""

from pipeline.cli import main

main()
