"""Loggers of training: CSV and TensorBoard in the training folder, W&B and MLflow where they are installed."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger

from tasks.core import distribution
from tasks.core.errors import InputError
from tasks.models.training.settings import TrainingSettings


class _SeparateRun(WandbLogger):
    """A W&B run that ends with its training; the next network of this process would otherwise be written into it."""

    def finalize(self, status: str) -> None:
        super().finalize(status)
        import_module("wandb").finish(exit_code=0 if status == "success" else 1)


def logger(settings: TrainingSettings, folder: Path | None, epochs: int) -> Any:
    """Return Lightning's logger; each start of a run writes its own version, named by its first epoch.

    Args:
        settings: which logger
        folder: of the training; None: nothing is logged
        epochs: completed before this start

    Raises:
        InputError: if the logger's library is not installed
    """
    if settings.logger == "none":
        return False
    from lightning.pytorch import loggers

    needs = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow"}.get(settings.logger)
    if needs and find_spec(needs) is None:
        raise InputError(f"logger: {settings.logger} is not installed: {distribution.how_to_install('tracking')}")
    if folder is None:
        return False
    version = f"from-epoch-{epochs + 1}"
    if settings.logger == "csv":
        return loggers.CSVLogger(folder, name="logs", version=version)
    if settings.logger == "tensorboard":
        return loggers.TensorBoardLogger(folder, name="logs", version=version)
    folder.mkdir(parents=True, exist_ok=True)
    if settings.logger == "wandb":
        return _SeparateRun(project="undertone", save_dir=folder, group=folder.parent.name)
    address = os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{folder.resolve() / 'mlflow.db'}")
    return loggers.MLFlowLogger("undertone", tracking_uri=address, artifact_location=str(folder / "logs"))
