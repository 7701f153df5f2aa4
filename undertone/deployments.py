"""The flows under names that do not depend on the installation; prefect.yaml names them as entry points."""

from __future__ import annotations

from flows.corpus_benchmark import corpus_benchmark
from flows.weak_supervision import weak_supervision

__all__ = ["corpus_benchmark", "weak_supervision"]
