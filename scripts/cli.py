"""`python -m scripts.cli`: the runbook's own words, by the commands of `portcullis`."""

from __future__ import annotations

from rotation.cli import cli, main

__all__ = ["cli", "main"]

if __name__ == "__main__":
    main()
