"""Take secret values out of text before it is kept.

Known values first, then shapes. A shape may take too much (a long random name); it must not take too little.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

GONE = "[redacted]"

_NAMES = r"(?:[a-z0-9]+[-_])*(?:password|passwd|token|secret|secret[-_]id|api[-_]?key|private[-_]key|unseal[-_]key)"
_FLAG = re.compile(rf"^--?{_NAMES}$", re.IGNORECASE)
_NAMED = re.compile(
    rf"(?P<name>(?<![A-Za-z0-9]){_NAMES}[\"']?(?:\s*[:=]\s*|\s{{2,}}))"
    r"(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s\"',;&}]+)",
    re.IGNORECASE,
)
_BEGIN, _END = (rf"-----{word} [A-Z0-9 ]*PRIVATE KEY-----" for word in ("BEGIN", "END"))
_BODY = r"(?:(?:Proc-Type|DEK-Info):\s*[A-Za-z0-9,-]+|[A-Za-z0-9+/=\s]|\\+[nrt/])*+"
_WHOLE = re.compile(_BEGIN + _BODY + _END)
_PREFIXED = re.compile(rf"{_BEGIN}(.{{0,16384}}?)(?={_END})", re.DOTALL)
_LINE = re.compile(r"[A-Za-z0-9+/=]{40,}")
"""Of a key whose lines have something before each, as `git diff` and loggers put it there."""
_CERTAIN = (
    # Torn: up to what no key's block holds, even in JSON: whoever names a field so hides nothing that is said after it.
    re.compile(_BEGIN + _BODY),
    re.compile(r"(?<![A-Za-z0-9_])(?:hv[sbr]|[sbr])\.[A-Za-z0-9_-]{20,}(?:\.[A-Za-z0-9_-]+)*"),
    re.compile(r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"),
    re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"),
    re.compile(r"(?<=://)[^\s:/@]*:[^\s/@]+(?=@)"),
    re.compile(r"(?<![A-Za-z])(?:Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE),
)
_LIKELY = (
    # 64 or more hexadecimal digits; the audit device's own hashes and declared digests are no secrets.
    re.compile(r"(?<!sha256:)(?<![0-9A-Fa-f])[0-9A-Fa-f]{64,}(?![0-9A-Fa-f])"),
    # Base64 of 32 or 33 bytes: an unseal key or its share.
    re.compile(
        r"(?<![A-Za-z0-9+/_-])(?=[A-Za-z0-9+/]*[A-Z])(?=[A-Za-z0-9+/]*[a-z])[A-Za-z0-9+/]{43}[A-Za-z0-9+/=](?![A-Za-z0-9+/_-])"
    ),
    # API keys and HMAC secrets: long, of upper case, lower case and digits.
    re.compile(
        r"(?<![A-Za-z0-9+_-])(?=[A-Za-z0-9+_-]*[A-Z])(?=[A-Za-z0-9+_-]*[a-z])(?=[A-Za-z0-9+_-]*[0-9])[A-Za-z0-9+_-]{40,}={0,2}"
    ),
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without the given values (as they are, JSON-escaped, URL-quoted, base64) and without what looks secret."""
    return _shapes(_NAMED.sub(rf"\g<name>{GONE}", redact_certain(text, secrets)), _LIKELY)


def redact_certain(text: str, secrets: Iterable[str] = ()) -> str:
    """Only given values and unmistakable shapes: for structured evidence, whose digests must stay readable."""
    for value in sorted(_forms(secrets), key=len, reverse=True):
        text = text.replace(value, GONE)
    text = _PREFIXED.sub(lambda block: GONE + _LINE.sub(GONE, block[1]), _WHOLE.sub(GONE, text))
    return _shapes(text, _CERTAIN)


def redact_argv(argv: Sequence[str], secrets: Iterable[str] = ()) -> list[str]:
    """As `redact`, and the item that follows `--password`, `--token` and the like is gone whatever it looks like."""
    known = tuple(secrets)
    return [
        GONE if before and _FLAG.match(before) and not item.startswith("--") else redact(item, known)
        for before, item in zip(("", *argv), argv, strict=False)
    ]


def _shapes(text: str, shapes: Iterable[re.Pattern[str]]) -> str:
    for shape in shapes:
        text = shape.sub(GONE, text)
    return text


def _forms(secrets: Iterable[str]) -> set[str]:
    forms: set[str] = set()
    for value in secrets:
        if value:
            raw = base64.b64encode(value.encode()).decode()
            forms |= {value, json.dumps(value)[1:-1], quote(value, safe=""), raw, raw.rstrip("=")}
    return forms
