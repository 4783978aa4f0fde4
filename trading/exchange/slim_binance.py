"""Loads python-binance's synchronous half alone, until somebody asks for the rest.

`import binance.client` runs the package's own first lines, which load its asynchronous client and sockets,
and with them aiohttp: 7 MiB of a process, for what this product does not use (decision 14). Here the package
stands in `sys.modules` before it has run; the first name that it lacks, as in `from binance import
AsyncClient`, runs it.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

PACKAGE = "binance"


class _Slim(ModuleType):
    """The package before its first lines have run."""

    def __getattr__(self, name: str) -> Any:
        """Run them, and give what was asked for. AttributeError: there is no such name."""
        self.__class__ = ModuleType  # type: ignore[assignment]  # the ordinary kind from now on
        self.__loader__.exec_module(self)  # type: ignore[union-attr]  # as module_from_spec set it
        return getattr(self, name)


def install() -> None:
    """Put the package in place, unless it has run already."""
    if PACKAGE in sys.modules:
        return
    spec = find_spec(PACKAGE)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {PACKAGE!r}", name=PACKAGE)
    module = module_from_spec(spec)
    module.__class__ = _Slim
    sys.modules[PACKAGE] = module
