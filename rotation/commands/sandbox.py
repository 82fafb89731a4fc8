"""`portcullis sandbox`: the embedded environment."""

from __future__ import annotations

from dataclasses import asdict

import click

from rotation.terminal import JSON, emit, exports, progress, say


@click.group("sandbox")
def command() -> None:
    """Real servers and doubles on loopback, under .sandbox/.

    \b
    Examples:
      portcullis sandbox up
      eval "$(portcullis sandbox env)"
      portcullis sandbox down
    """


@command.command()
@JSON
def up(as_json: bool) -> None:
    """Start what does not run. Example: portcullis sandbox up"""
    from sandbox.environment import here

    here().up(progress)
    _status(as_json)


@command.command()
@JSON
def status(as_json: bool) -> None:
    """What runs, on which port; exit 1 when anything is down. Example: portcullis sandbox status --json"""
    _status(as_json)


@command.command()
@JSON
def env(as_json: bool) -> None:
    """Variables for a shell; exit 3 names on stderr what is down. Example: eval "$(portcullis sandbox env)" """
    from sandbox.environment import DEFAULT, here

    box = here()
    (emit if as_json else exports)(box.variables())
    if box.root.resolve() != DEFAULT.resolve():
        progress(f"the sandbox that PORTCULLIS_SANDBOX names, not this checkout's: {box.root}")
    stopped = box.stopped()
    if stopped:
        progress(f"portcullis: down: {', '.join(stopped)}; start it with `portcullis sandbox up`")
        raise SystemExit(3)


@command.command()
@JSON
def seed(as_json: bool) -> None:
    """After the first `pulumi up`: values for the declared secrets, a secret_id for each workload; what is there stays.

    \b
    Example:
      portcullis sandbox seed
    """
    from sandbox.environment import here
    from sandbox.estate import deliver, seed

    sandbox = here()
    sandbox.environ()
    seed(sandbox, progress)
    deliver(sandbox)
    _tell(as_json)


@command.command()
@JSON
def down(as_json: bool) -> None:
    """Stop every service by its id; state is kept. Example: portcullis sandbox down"""
    from sandbox.environment import here

    here().down(progress)
    _tell(as_json)


@command.command()
@JSON
def reset(as_json: bool) -> None:
    """Stop every service and remove all state. Example: portcullis sandbox reset"""
    from sandbox.environment import here

    here().reset(progress)
    _tell(as_json)


def _tell(as_json: bool) -> None:
    """What runs now."""
    from sandbox.environment import here

    if as_json:
        emit({"services": [asdict(s) for s in here().status()]})


def _status(as_json: bool) -> None:
    from sandbox.environment import here

    found = here().status()
    _tell(as_json)
    if not as_json:
        for s in found:
            say(f"{s.name:10} {'up' if s.healthy else 'DOWN':5} pid {s.pid or '-':>8} port {s.port}")
    if not all(s.healthy for s in found):
        raise SystemExit(1)
