"""What the program says through Pulumi, which prints as it is what may be anybody's: nowhere else does it speak."""

from __future__ import annotations

import pulumi

from policies.plain import entry, plain


def info(text: str) -> None:
    """One line: of a line break in it nobody could tell whose it is."""
    pulumi.log.info(plain(text))


def warn(text: str) -> None:
    pulumi.log.warn(plain(text))


def error(text: str) -> None:
    pulumi.log.error(plain(text))


def refused(*complaints: object) -> pulumi.RunError:
    """To raise; Pulumi prints it without a traceback. An entry for each, as the command line has them."""
    return pulumi.RunError("\n".join(entry(str(one)) for one in complaints))
