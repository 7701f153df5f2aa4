"""Import a single module without running its package's `__init__`.

`import nltk` imports scipy.stats, and `import textblob` imports nltk: two seconds in every worker process, for a
tokenizer of regular expressions and a lexicon.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from types import ModuleType

_LOCK = threading.RLock()


def module(name: str) -> ModuleType:
    """Import a module without running the `__init__` of its packages.

    The packages are then removed from `sys.modules`: a later import of a package gets all of it.

    Args:
        name: full name, `package.module`

    Raises:
        ModuleNotFoundError: if the package is not installed
    """
    packages = name.split(".")[:-1]
    with _LOCK:
        if packages[0] in sys.modules:
            return importlib.import_module(name)
        before = frozenset(sys.modules)
        try:
            for depth in range(1, len(packages) + 1):
                _register(".".join(packages[:depth]))
            return importlib.import_module(name)
        finally:
            for imported in sys.modules.keys() - before:
                if imported.partition(".")[0] == packages[0]:
                    del sys.modules[imported]


def _register(package: str) -> None:
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    sys.modules[package] = importlib.util.module_from_spec(spec)
