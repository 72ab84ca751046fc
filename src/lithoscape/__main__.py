"""``python -m lithoscape``."""

from .cli import main

main()
