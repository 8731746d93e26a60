"""`python -m cluster install | up | down | status | build [PROGRAM…]`."""

import sys

import typer

from cluster.build import build
from cluster.down import down
from cluster.install import install
from cluster.process import processes
from cluster.site import Site
from cluster.up import up


def status() -> None:
    """Print each process and whether it runs."""
    for name, process in processes().items():
        typer.echo(f"{'runs' if process.alive() else 'ended':6} {name:24} {process.log}")


def main(words: list[str]) -> int:
    """Do what the first word says."""
    match words:
        case ["up"]:
            site = up()
            typer.echo(f"export KUBECONFIG={site.kubeconfig}")
        case ["down"]:
            left = down()
            for trace in left:
                typer.echo(f"error: left on this machine: {trace}", err=True)
            return int(bool(left))
        case ["status"]:
            Site.load()
            status()
        case ["install"]:
            install()
        case ["build", *names]:
            build(names)
        case _:
            typer.echo(__doc__, err=True)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except RuntimeError as err:
        typer.echo(f"error: {err}", err=True)
        sys.exit(1)
