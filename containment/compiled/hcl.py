"""Policies in the server's own language: its JSON reader refuses a list within a list, which allowed values can be."""

from __future__ import annotations

import json
from typing import Any


def hcl(paths: dict[str, dict[str, Any]]) -> str:
    """HCL, each string by `json.dumps`: the server's JSON reader refuses a list within a list, which the allowed
    `token_policies` are. Names of parameters are ours and stand bare: the server counts the escapes towards a policy's
    size."""
    lines: list[str] = []
    for path, rule in sorted(paths.items()):
        lines.append(f"path {_literal(path)} {{")
        for key, value in rule.items():
            if isinstance(value, dict):
                inner = "\n".join(f"    {k} = {_literal(v)}" for k, v in value.items())
                lines.append(f"  {key} = {{\n{inner}\n  }}")
            else:
                lines.append(f"  {key} = {_literal(value)}")
        lines.append("}")
    return "\n".join(lines) + "\n"


def _literal(value: Any) -> str:
    """HCL, in which an object's fields are assigned and `${` would begin an interpolation."""
    match value:
        case dict():
            return "{" + ", ".join(f"{_literal(k)} = {_literal(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_literal, value)) + "]"
        case _:
            return json.dumps(value).replace("${", "\\u0024{")
