"""`python -m rotation` is `portcullis`."""

from rotation.cli import main

main()
