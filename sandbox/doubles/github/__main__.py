"""`python -m sandbox.doubles.github --state DIR --port P --seed FILE [--tls-cert F --tls-key F]`."""

import sys
from pathlib import Path

import click


@click.command()
@click.option(
    "--state", required=True, type=click.Path(path_type=Path, file_okay=False), help="Directory of the state (0700)."
)
@click.option("--port", required=True, type=int, help="Loopback port.")
@click.option(
    "--seed", required=True, type=click.Path(path_type=Path, exists=True), help="First state; ignored when one exists."
)
@click.option("--tls-cert", type=click.Path(path_type=Path, exists=True))
@click.option("--tls-key", type=click.Path(path_type=Path, exists=True))
def main(state: Path, port: int, seed: Path, tls_cert: Path | None, tls_key: Path | None) -> None:
    """Serve the GitHub double on 127.0.0.1."""
    import uvicorn

    from .app import Double
    from .seed import SeedError, apply
    from .store import Store

    store = Store(state)
    if store.fresh:
        try:
            apply(store, seed)
        except (SeedError, KeyError, OSError, ValueError) as error:
            click.echo(f"seed {seed}: {type(error).__name__}: {error}", err=True)
            sys.exit(2)
    uvicorn.run(
        Double(store).app(),
        host="127.0.0.1",
        port=port,
        log_level="error",
        timeout_graceful_shutdown=1,  # a client that keeps its connection open is not waited for
        access_log=False,
        ssl_certfile=tls_cert,
        ssl_keyfile=tls_key,
    )


if __name__ == "__main__":
    main()
