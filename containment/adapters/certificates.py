"""Whom a connection of ours trusts, but for the vault's, which has a variable of its own."""

from __future__ import annotations

import ssl

from policies.errors import InputError


def trusting(ca: str | None) -> ssl.SSLContext:
    """`ca` is what SSL_CERT_FILE names, None for the system's own."""
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        why = "holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise InputError(f"SSL_CERT_FILE {ca}: {why}") from error
