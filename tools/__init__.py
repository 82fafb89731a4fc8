"""The programs that no Python package carries: found on PATH where they fit, else built from the Go module proxy."""
