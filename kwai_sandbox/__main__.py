"""`python -m kwai_sandbox`: the emulator as a process."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from kwai_sandbox.dialect import dialect_read
from kwai_sandbox.gateway import CALLS
from kwai_sandbox.recordings import recording_read
from kwai_sandbox.sandbox import Sandbox
from kwai_sandbox.server import ADDRESS, build_server
from kwai_sandbox.state import INITIALISED, OtherEdition

UNREADABLE, OTHER_EDITION = 2, 3


def main() -> int:
    """Serve until SIGTERM or SIGINT.

    Exit code 1 when the port is taken, 2 when options, a dialect or a recording cannot be read, 3 for a state
    of another edition.
    """
    options = options_parse()
    try:
        sandbox = _sandbox(options)
    except OtherEdition as error:
        print(error, file=sys.stderr)
        return OTHER_EDITION
    except ValueError as error:
        print(error, file=sys.stderr)
        return UNREADABLE
    try:
        server = build_server(sandbox, options.port, options.host)
    except (OSError, SystemExit):
        print(f"A porta {options.port} já está em uso: escolha outra com --port.", file=sys.stderr)
        return 1

    def stop(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    _announce(sandbox, server.server_port)
    sandbox.start()
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    sandbox.close()
    return 0


def options_parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Of the command line unless `arguments` are given; a wrong one ends the process with code 2."""
    parser = argparse.ArgumentParser(
        prog="kwai_sandbox", description="Emulador da Kwai Shop para desenvolvimento."
    )
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument(
        "--host", default=ADDRESS, help="onde escutar: 0.0.0.0 para contêineres; /_sandbox/ só atende daqui"
    )
    parser.add_argument("--state", type=Path, help="arquivo que guarda tudo; sem ele, só na memória")
    parser.add_argument("--seed", type=int, default=1, help="variante dos dados iniciais; 0 começa vazio")
    parser.add_argument("--reset", action="store_true", help="esquece o estado guardado antes de começar")
    parser.add_argument("--push-url", default="", help="endereço do ERP que recebe as notificações")
    parser.add_argument("--fixtures", type=Path, help="gravação em JSON com pedidos e anúncios a servir")
    parser.add_argument("--dialect", type=Path, help="arquivo JSON com outros caminhos, campos e códigos")
    return parser.parse_args(arguments)


def _sandbox(options: argparse.Namespace) -> Sandbox:
    """Raises `OtherEdition`, or `ValueError` for a dialect or a recording."""
    dialect = dialect_read(options.dialect, CALLS) if options.dialect else None
    sandbox = Sandbox(options.state, renew=options.reset, dialect=dialect)
    _prepare(sandbox, reset=options.reset, seed=options.seed)
    if options.push_url:
        sandbox.pushes.address_set(options.push_url)
    if options.fixtures:
        recording_read(sandbox, options.fixtures)
    return sandbox


def _prepare(sandbox: Sandbox, *, reset: bool, seed: int) -> None:
    """A new state is seeded once; one that was emptied on purpose stays empty."""
    if reset:
        sandbox.reset()
        sandbox.state.meta_set(INITIALISED, False)
    if not sandbox.state.meta(INITIALISED, False):
        with sandbox.state.transaction():
            if seed:
                sandbox.seed(seed)
            sandbox.state.meta_set(INITIALISED, True)


def _announce(sandbox: Sandbox, port: int) -> None:
    print(f"Kwai Shop simulado em http://{ADDRESS}:{port}")
    print(f"Central do vendedor:   http://{ADDRESS}:{port}/_sandbox/")
    for variable, value in sandbox.credentials.as_environment().items():
        print(f"{variable}={value}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
