"""A part of a package without the rest that the package's own `__init__` imports.

`import nltk` brings scipy.stats along, and `import textblob` brings nltk: two seconds in every worker process, for a
tokenizer of regular expressions and a lexicon.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from types import ModuleType

_ONE_AT_A_TIME = threading.RLock()


def module(name: str) -> ModuleType:
    """Import a module, but run no `__init__` of the packages it stands in.

    What was imported on the way is forgotten again: whoever imports the package later gets all of it.

    Args:
        name: the module's, with those of its packages: `package.module`
    """
    packages = name.split(".")[:-1]
    with _ONE_AT_A_TIME:
        if packages[0] in sys.modules:
            return importlib.import_module(name)
        before = frozenset(sys.modules)
        try:
            for depth in range(1, len(packages) + 1):
                _announce(".".join(packages[:depth]))
            return importlib.import_module(name)
        finally:
            for one in sys.modules.keys() - before:
                if one.partition(".")[0] == packages[0]:
                    del sys.modules[one]


def _announce(package: str) -> None:
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    sys.modules[package] = importlib.util.module_from_spec(spec)
