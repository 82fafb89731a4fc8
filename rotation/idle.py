"""Which requests of a batch token read, issue and change nothing: nobody can revoke one, so until it expires the server
answers what the `default` policy, or no policy at all, lets it ask about itself.

An allow-list of exact paths and operations, in mounts that nobody can move (OpenBao's `default` policy and system
backend). Whatever else is answered is a use. So is each answer that is wrapped, and `sys/wrapping/wrap`: a wrapping
token is a credential of its own, which outlives the batch token and hands over what it holds; the next lock-down
revokes it. That an answer is an error makes nothing harmless by itself: of KV version 1, a secret whose one field is
called `error` is answered, and logged, as a request error is. A batch token has no cubbyhole to leave anything in: the
server refuses whatever it asks of one, and logs that path without the mount's name.
"""

from __future__ import annotations

from typing import Any

_SELF = {
    "auth/token/lookup-self": "read",
    "sys/capabilities-self": "update",
    "sys/internal/specs/openapi": "read",
    "sys/internal/ui/mounts": "read",
    "sys/internal/ui/namespaces": "read",
    "sys/internal/ui/resultant-acl": "read",
    "sys/leases/lookup": "update",
    "sys/tools/hash": "update",
}
"""By path: the operation. Lease properties are times, and asked for by the lease's id."""
_BELOW = {"sys/internal/ui/mounts/": "read", "sys/tools/hash/": "update"}
"""The same of every path below: a mount's type, which a client asks for before it reads, and an algorithm's name."""
_REFUSED = ("auth/token/renew-self", "auth/token/revoke-self")
"""A batch token can be neither renewed nor revoked."""
_PLAIN = ("data", "warnings")
"""Parts of an answer with neither a token (`auth`, `wrap_info`) nor a lease (`secret`) in it."""


def label(entry: dict[str, Any]) -> str:
    """What was asked for, in words that no caller chose, when a response in the audit log is such a one; else ""."""
    request, auth, response = entry["request"], entry.get("auth") or {}, entry.get("response") or {}
    if auth.get("token_type") != "batch" or not all(k in _PLAIN or k.startswith("mount_") for k in response):
        return ""
    path, operation = str(request["path"]), request.get("operation")
    if list(response.get("data") or ()) == ["error"]:
        if response.get("mount_type") == "cubbyhole":
            return "cubbyhole"
        if path in _REFUSED:
            return path
    if auth.get("entity_id") and (path, operation) == (f"identity/entity/id/{auth['entity_id']}", "read"):
        return "identity/entity/id of its own"
    if path in _SELF and operation == _SELF[path]:
        return path
    return next((under for under, asked in _BELOW.items() if path.startswith(under) and operation == asked), "")
