"""A real HTTP server that speaks Azure's fine-tuning APIs. It stands alone: nothing else of the package, and no SDK."""

from reconciler.emulator.catalog import DEFAULT_MODELS, BaseModel
from reconciler.emulator.config import Config, Fault
from reconciler.emulator.server import Server
from reconciler.emulator.service import Emulator
from reconciler.emulator.store import StateLockedError
from reconciler.emulator.wire import Request, Response

__all__ = [
    "DEFAULT_MODELS",
    "BaseModel",
    "Config",
    "Emulator",
    "Fault",
    "Request",
    "Response",
    "Server",
    "StateLockedError",
]
