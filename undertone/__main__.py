"""`python -m undertone STAGE…`: run stages of the project in the current folder; the command of stages in dvc.yaml."""

from __future__ import annotations

import sys

from tasks.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
