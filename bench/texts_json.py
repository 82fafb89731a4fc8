"""Random policies in JSON: objects, lists of them, names that come twice, and what is not quite JSON."""

from __future__ import annotations

import json

from bench.texts import ARGUMENTS, EXPIRY, PATHS, SHORTHAND, TIMES, WORDS, Texts


class JsonTexts(Texts):
    def _whole(self) -> str:
        fields = [self._paths() for _ in range(1 if not self._odd() else 2)]
        if self._odd():
            fields.append(f'"name": {self._any()}')
        if self._odd(0.5):
            fields.append(self._dice.choice(['"x": 1', '"path": []', '"path": null', '"path": "a"', '"path": {}']))
        return self._space_only() + "{" + self._joined(fields) + "}" + self._space_only()

    def _space_only(self) -> str:
        return self._dice.choice(["\n", " ", "\t", "\r\n"]) if self._odd(3) else ""

    def _joined(self, items: list[str]) -> str:
        comma = self._dice.choice([" ", ",,", ",\n"]) if self._odd(0.3) else ", "
        return comma.join(items) + ("," if self._odd(0.5) else "")

    def _paths(self) -> str:
        named = [
            f"{self._quoted(self._dice.choice(PATHS[:6] if not self._odd(3) else PATHS))}: {self._rule()}"
            for _ in range(self._dice.randint(0 if self._odd() else 1, 3))
        ]
        if self._odd(3):
            return '"path": [' + self._joined(["{" + n + "}" for n in named]) + "]"
        return '"path": {' + self._joined(named) + "}"

    def _rule(self) -> str:
        if self._odd(0.5):
            return self._any()
        count = self._dice.choice([0, 1, 1, 1, 2, 3])
        body = "{" + self._joined([self._field() for _ in range(count)]) + "}"
        return f"[{body}]" if self._odd(2) else f"[{body}, {body}]" if self._odd(0.5) else body

    def _field(self) -> str:
        dice = self._dice
        name = dice.choice(["capabilities"] * 8 + list(ARGUMENTS))
        if self._odd():
            return f"{self._quoted(name)}: {self._any()}"
        match name:
            case "capabilities" | "required_parameters" | "mfa_methods":
                words = dice.sample(WORDS, dice.randint(0, 3)) if name == "capabilities" else ["a", "B"]
                value = "[" + self._joined([self._quoted(w) for w in words]) + "]"
            case "policy":
                value = self._quoted(dice.choice(SHORTHAND))
            case "min_wrapping_ttl" | "max_wrapping_ttl":
                value = self._quoted(dice.choice(TIMES)) if dice.random() < 0.7 else self._number()
            case "expiration":
                value = self._quoted(dice.choice(EXPIRY))
            case "pagination_limit":
                value = self._number()
            case "comment":
                value = self._quoted("why")
            case _:
                value = "{" + self._joined([f'"{k}": [{self._any()}]' for k in dice.sample(["a", "B", "*"], 2)]) + "}"
        return f"{self._quoted(name)}: {value}"

    def _quoted(self, text: str) -> str:
        if self._odd(0.5) and text:
            at = self._dice.randrange(len(text))
            return '"' + text[:at] + self._escaped(text[at]) + text[at + 1 :] + '"'
        return json.dumps(text, ensure_ascii=self._dice.random() < 0.5)

    def _any(self) -> str:
        match self._dice.randrange(6):
            case 0:
                return self._number()
            case 1:
                return self._dice.choice(["true", "false", "null", "nul"])
            case 2:
                return "[" + self._joined([self._any() for _ in range(self._dice.randint(0, 2))]) + "]"
            case 3:
                return "{" + self._joined([f'"a": {self._any()}' for _ in range(self._dice.randint(0, 2))]) + "}"
            case _:
                return self._quoted(self._dice.choice(["", "read", "deny", "5s", "12"]))
