"""Errors that a person can act on. Only the command line turns them into exit codes."""

from __future__ import annotations


class PortcullisError(Exception):
    """Base of every error that the product raises on purpose.

    `exit_code`: 1 a finding, 2 wrong use or bad input, 3 a system could not be reached or refused. Of several parts of
    one run 3 outranks 1: what nobody could do or see is not an answer, however many findings there are beside it.
    """

    exit_code = 3


class InputError(PortcullisError):
    """What the user gave is wrong; nothing was changed."""

    exit_code = 2


class Finding(PortcullisError):
    """The command ran and the answer is no: denied, not contained, drift."""

    exit_code = 1


class Unreachable(PortcullisError):
    """A system could not be reached, or refused."""

    exit_code = 3


class Unanswered(Unreachable):
    """It gave no answer of its own: nobody is there, it is sealed, or it has no leader. A refusal is none of these."""


class TimedOut(Unanswered):
    """It took the request and gave no answer in time: what is asked of it next would wait as long."""


class Congested(Unanswered):
    """It is up, and what needs its storage waits behind the requests of others."""
