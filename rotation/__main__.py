"""`python -m rotation` is `portcullis`."""

import sys

try:
    from rotation.cli import main
except KeyboardInterrupt:
    print("portcullis: interrupted: nothing was done", file=sys.stderr)  # noqa: T201 - what prints is not loaded yet
    sys.exit(130)

main()
