"""`emulator`: serve the emulator. `demo`: see the whole thing work without Azure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.exits import OK
from reconciler.cli.state import GLOBALS


def emulator(
    port: Annotated[
        int, typer.Option("--port", metavar="N", help="Port of 127.0.0.1; 0 takes a free one.", min=0, max=65535)
    ] = 8585,
    state: Annotated[
        Path | None,
        typer.Option("--state", metavar="DIR", help="Where its state is kept.", envvar="RECONCILER_EMULATOR_STATE"),
    ] = Path(".reconciler/emulator"),
    in_memory: Annotated[bool, typer.Option("--in-memory", help="Keep nothing on disk.")] = False,
) -> int:
    """Serve an Azure OpenAI that costs nothing, on this machine, until Ctrl-C."""
    import time

    from reconciler.cli.emulated import opened
    from reconciler.core.fault import Fault, ReconcilerError
    from reconciler.emulator import Server

    served = opened(None if in_memory else state)
    server = Server(served, port=port)
    try:
        server.start()
    except OSError as error:
        served.close()
        raise ReconcilerError(
            Fault(
                "port-taken",
                "The emulator cannot listen on this port",
                f"Port {port}: {error.strerror}.",
                "Take a free one:\n  reconciler emulator --port 0",
            )
        ) from error
    print(f"EMULATOR at {server.url}  (nothing here is Azure)")
    print("In an Account:")
    print(f"  endpoint: {server.url}/ACCOUNT")
    print(f"  management_endpoint: {server.url}", flush=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print("\nStopped.")
    finally:
        server.stop()
        served.close()
    return OK


def demo(
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="Where to work; a temporary folder if absent.")
    ] = None,
) -> int:
    """Run the whole story on the emulator: validate, plan, apply, retrain, revert, drift. No Azure, no cost."""
    from reconciler.cli.demo import run_demo

    return run_demo(folder, color=GLOBALS.color())
