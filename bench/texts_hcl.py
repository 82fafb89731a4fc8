"""Random policies in HCL 1: what people, templates and editors leave behind."""

from __future__ import annotations

import json

from bench.texts import ARGUMENTS, EXPIRY, PATHS, SHORTHAND, SPACE, TIMES, WORDS, Texts


class HclTexts(Texts):
    def _whole(self) -> str:
        items = [self._stanza() for _ in range(self._dice.randint(0 if self._odd() else 1, 4))]
        if self._odd():
            items.append(f"name = {self._value()}")
        if self._odd(0.5):
            items.append(self._dice.choice(['paths "a" {}', "x = 1", 'path = "a"', "path {}", "path = []", "Path {}"]))
        self._dice.shuffle(items)
        return self._space() + self._between(items) + self._space()

    def _space(self) -> str:
        return self._dice.choice(SPACE) if self._odd(4) else self._dice.choice(["", " "])

    def _between(self, items: list[str]) -> str:
        """Newlines are what people write, commas and nothing what HCL 1 takes too."""
        return "".join(i + (self._dice.choice([",", " ", "", ",,", ";"]) if self._odd(2) else "\n") for i in items)

    def _name(self, name: str) -> str:
        return self._string(name) if self._odd(2) else name.upper() if self._odd(0.3) else name

    def _stanza(self) -> str:
        keys = [self._name("path"), self._string(self._dice.choice(PATHS[:6] if not self._odd(3) else PATHS))]
        if self._odd(0.5):
            keys.insert(self._dice.randint(0, 2), self._string("b"))
        if self._odd(0.3):
            keys.pop()
        equals = "=" if self._odd() else ""
        return self._space().join([" ".join(keys), equals, self._body()])

    def _body(self) -> str:
        if self._odd(0.3):
            return self._value()
        items = [self._argument() for _ in range(self._dice.choice([0, 1, 1, 1, 2, 3]))]
        return "{" + self._space() + self._between(items) + self._space() + "}"

    def _argument(self) -> str:
        name, value = self._pair()
        equals = self._dice.choice(["", ":", "=="]) if self._odd(0.3) else "="
        return self._name(name) + self._space() + equals + self._space() + value

    def _pair(self) -> tuple[str, str]:
        dice = self._dice
        name = dice.choice(["capabilities"] * 8 + list(ARGUMENTS))
        if self._odd():
            return name, self._value()
        match name:
            case "capabilities" | "required_parameters" | "mfa_methods":
                words = dice.sample(WORDS, dice.randint(0, 3)) if name == "capabilities" else ["a", "B"]
                return name, self._list([self._string(w) for w in words])
            case "policy":
                return name, self._string(dice.choice([*SHORTHAND, "x"] if self._odd() else SHORTHAND))
            case "min_wrapping_ttl" | "max_wrapping_ttl":
                return name, self._string(dice.choice(TIMES)) if dice.random() < 0.7 else self._number()
            case "expiration":
                return name, self._string(dice.choice(EXPIRY))
            case "pagination_limit":
                return name, self._number() if dice.random() < 0.7 else f'"{self._number()}"'
            case "comment":
                return name, self._string("why")
            case _:
                inner = [f"{self._string(k)} = {self._list([self._value()])}" for k in dice.sample(["a", "B", "*"], 2)]
                return name, "{" + self._between(inner) + "}"

    def _value(self) -> str:
        match self._dice.randrange(7):
            case 0:
                return self._number()
            case 1:
                return self._dice.choice(["true", "false", "null", "True", "read"])
            case 2:
                return self._heredoc("read")
            case 3:
                return self._list([self._value() for _ in range(self._dice.randint(0, 2))])
            case 4:
                return "{" + self._between([f"a = {self._string('x')}" for _ in range(self._dice.randint(0, 2))]) + "}"
            case _:
                return self._string(self._dice.choice(["", "read", "deny", "5s", "12"]))

    def _list(self, items: list[str]) -> str:
        comma = self._dice.choice([",,", " ", "\n", ";"]) if self._odd(0.6) else ", "
        end = self._dice.choice([",", "\n", ",,"]) if self._odd(2) else ""
        start = "," if self._odd(0.3) else self._space()
        return "[" + start + comma.join(items) + end + "]"

    def _string(self, text: str) -> str:
        if self._odd():
            text += self._dice.choice(
                ["${x}", "$x", "${", "é", "{{identity.entity.id}}", "\n", "\t", "\\", '"', "}}", " "]
            )
        if self._odd():
            return self._heredoc(text)
        if self._odd(0.3):
            return self._dice.choice([f"'{text}'", text, f'"{text}"', f"`{text}`", f'"{text}" "'])
        if self._odd(2) and text:
            at = self._dice.randrange(len(text))
            return '"' + text[:at] + self._escaped(text[at]) + text[at + 1 :] + '"'
        return json.dumps(text, ensure_ascii=False)

    def _heredoc(self, text: str) -> str:
        end = self._dice.choice(["EOT", "X1", "a_b"])
        dash = self._dice.choice(["", "-"])
        indent = self._dice.choice(["", "  "])
        last = self._dice.choice(["", " "]) + end if self._odd() else end
        return f"<<{dash}{end}\n{indent}{text}\n{indent if dash else ''}{last}" + ("" if self._odd() else "\n")
