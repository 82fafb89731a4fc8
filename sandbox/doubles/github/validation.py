"""Both directions of every REST call, held to the committed part of GitHub's OpenAPI description; of a path and a query
each value too.

The description leaves most objects open; here an object that lists its properties is closed, so that a misspelt or
invented field fails the run. A response is first filled: fields that the double does not model get the
emptiest value that the description allows.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

Schema = Mapping[str, Any]
DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parent / "description" / "rest.json").read_text())
COMPONENTS: dict[str, Any] = DOCUMENT["components"]["schemas"]
_EPOCH = "2026-01-01T00:00:00Z"
_ROOT = "https://github.invalid/"  # RFC 2606: an address that nobody can call


def _close(node: Any, under_all_of: bool = False) -> Any:
    """Objects that name their properties take no others. Parts of an allOf stay open."""
    if isinstance(node, list):
        return [_close(item, under_all_of) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {key: _close(value, key == "allOf") for key, value in node.items()}
    open_ended = under_all_of or "additionalProperties" in node or "allOf" in node
    if isinstance(node.get("properties"), dict) and not open_ended and isinstance(node.get("type"), str | list):
        closed["additionalProperties"] = False
    return closed


def _all_of_names(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(_all_of_names, node)) if node else set()
    if not isinstance(node, dict):
        return set()
    own = {part["$ref"].rsplit("/", 1)[1] for part in node.get("allOf", []) if "$ref" in part}
    return own.union(*map(_all_of_names, node.values())) if node else own


_SHARED = _all_of_names(DOCUMENT)
_CLOSED = {name: schema if name in _SHARED else _close(schema) for name, schema in COMPONENTS.items()}


@dataclass(frozen=True)
class Operation:
    method: str
    template: str
    pattern: re.Pattern[str]
    path: Mapping[str, Schema]
    query: Mapping[str, Schema]
    request: Schema | None
    body_required: bool
    responses: Mapping[str, Schema | None]

    @property
    def name(self) -> str:
        return f"{self.method} {self.template}"


def _pattern(template: str) -> re.Pattern[str]:
    """A path or ref may hold slashes, and so may a branch in a look-up of refs; everything else is one segment."""
    parts = re.split(r"\{(\w+)\}", template)
    greedy = {"path", "ref"}
    text = "".join(
        re.escape(part) if index % 2 == 0 else f"(?P<{part}>{'.+' if part in greedy else '[^/]+'})"
        for index, part in enumerate(parts)
    )
    return re.compile(text)


def _operations() -> tuple[Operation, ...]:
    found = []
    for name, item in DOCUMENT["operations"].items():
        method, template = name.split(" ", 1)
        path, query, body = item["path"], item["query"], item["request"]
        found.append(
            Operation(method, template, _pattern(template), path, query, body, item["required"], item["responses"])
        )
    return tuple(sorted(found, key=lambda operation: operation.template.count("{")))


OPERATIONS = _operations()


@cache
def _validator(key: str) -> Draft202012Validator:
    schema = _close(json.loads(key))
    return Draft202012Validator({**schema, "components": {"schemas": _CLOSED}})


def problems(schema: Schema, body: Any) -> list[str]:
    """Where and by which rule the body breaks the schema. Values are left out: they may be secret."""
    found = []
    for error in _validator(json.dumps(schema, sort_keys=True)).iter_errors(body):
        where = "/".join(str(part) for part in error.absolute_path) or "(body)"
        detail = ""
        if error.validator == "additionalProperties" and isinstance(error.instance, dict):
            known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
            detail = f" {sorted(set(error.instance) - set(known))}"
        if error.validator == "required" and isinstance(error.instance, dict):
            detail = f" {sorted(set(error.validator_value) - set(error.instance))}"
        found.append(f"{where}: {error.validator}{detail}")
    return found


def accepted(operation: Operation, body: Any) -> Any:
    """The body less the few departures that GitHub is known to take although its description does not list them.

    go-github, and with it the Terraform provider, names a ruleset's source when it writes one, and gives `checks`
    without the `contexts` that they replaced.
    """
    if not isinstance(body, dict):
        return body
    if operation.method in ("POST", "PUT") and "/rulesets" in operation.template:
        return {name: value for name, value in body.items() if name not in ("source", "source_type")}
    checks = body.get("required_status_checks")
    if operation.template.endswith("/protection") and isinstance(checks, dict) and "checks" in checks:
        return body | {"required_status_checks": {"contexts": [], **checks}}
    return body


def _text_problems(place: str, described: Mapping[str, Schema], values: Mapping[str, str]) -> list[str]:
    """A path and a query are text: each value is read as what its schema asks for, if it can be."""
    found = []
    for name, text in values.items():
        if name not in described:
            found.append(f"{place} {name}: not described")
            continue
        number = [int(text)] if re.fullmatch(r"-?[0-9]{1,19}", text) else []
        readings = [text, *number, *({"true": [True], "false": [False]}.get(text, []))]
        if all(problems(described[name], reading) for reading in readings):
            found.append(f"{place} {name}: not as described")
    return found


def request_problems(operation: Operation, path: Mapping[str, str], query: Mapping[str, str], body: Any) -> list[str]:
    found = _text_problems("path", operation.path, path) + _text_problems("query", operation.query, query)
    if operation.request is not None and (body is not None or operation.body_required):
        found += problems(operation.request, body)
    if operation.request is None and body not in (None, {}):
        found.append("(body): none is described")
    return found


def response_problems(operation: Operation, status: int, body: Any) -> list[str]:
    """A refusal that the description does not list by number must still be GitHub's basic error."""
    if str(status) in operation.responses:
        schema = operation.responses[str(status)]
        if schema is None and status < 400:
            return [] if body is None else [f"{status}: a body, and none is described"]
        if schema is not None and status >= 400 and "oneOf" in schema:  # GitHub's choices of error bodies overlap
            return problems({"anyOf": schema["oneOf"]}, body)
        if schema is not None:
            return problems(schema, body)
    if status >= 400:
        return problems({"$ref": "#/components/schemas/basic-error"}, body)
    return [f"{status}: not described"]


def _resolve(schema: Schema) -> Schema:
    while "$ref" in schema:
        schema = COMPONENTS[schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _object(schema: Schema) -> tuple[dict[str, Schema], set[str]]:
    properties: dict[str, Schema] = dict(schema.get("properties", {}))
    required = set(schema.get("required", []))
    for part in schema.get("allOf", []):
        inner, needed = _object(_resolve(part))
        properties |= inner
        required |= needed
    return properties, required


def _nullable(schema: Schema) -> bool:
    kind = schema.get("type")
    return kind == "null" or (isinstance(kind, list) and "null" in kind) or any(map(_nullable, schema.get("anyOf", [])))


def _emptiest(schema: Schema) -> Any:
    if _nullable(schema):
        return None
    if "enum" in schema:
        return schema["enum"][0]
    for choice in ("oneOf", "anyOf"):
        if choice in schema and "properties" not in schema:
            return _emptiest(_resolve(schema[choice][0]))
    match schema.get("type"):
        case "string":
            return {"uri": _ROOT, "date-time": _EPOCH}.get(schema.get("format", ""), "0" * schema.get("minLength", 0))
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case "array":
            return []
        case _:
            return fill(schema, {})


def fill(schema: Schema, value: Any) -> Any:
    """The value with every required field of the schema present, through nested objects and lists."""
    schema = _resolve(schema)
    for choice in ("anyOf", "oneOf"):
        options = [_resolve(option) for option in schema.get(choice, []) if option.get("type") != "null"]
        if len(options) == 1 and value is not None:
            return fill(options[0], value)
        for option in options if isinstance(value, dict) else ():
            filled = fill(option, value)
            if not problems(option, filled):
                return filled
    if isinstance(value, list):
        return [fill(schema["items"], item) for item in value] if "items" in schema else value
    if not isinstance(value, dict):
        return value
    properties, required = _object(schema)
    filled = {key: fill(properties[key], item) if key in properties else item for key, item in value.items()}
    for name in required - value.keys():
        if name in properties:
            filled[name] = _emptiest(_resolve(properties[name]))
    return filled


def fill_response(operation: Operation, status: int, body: Any) -> Any:
    """Where the description gives a choice of whole bodies, the first that the value completes."""
    schema = operation.responses.get(str(status))
    if schema is None:
        return body
    for option in schema.get("oneOf", []):
        filled = fill(option, body)
        if not problems(option, filled):
            return filled
    return fill(schema, body)
