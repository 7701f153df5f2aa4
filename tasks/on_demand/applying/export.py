"""Export a trained model as a folder that can be applied on another machine, without the data and the project."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tasks.core import artifacts, tables
from tasks.core.config import INTERVIEWS, Config
from tasks.core.errors import InputError
from tasks.experiments import kept_model
from tasks.experiments.kept_model import CARD, KeptModel
from tasks.labelling.votes import eligibility
from tasks.stages import speakers

SETTINGS = "settings.json"
_SECTIONS = ("captions", "eligibility", "predict", "transcribe")
_CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Exported:
    """An exported folder, its size in bytes, and the pretrained models that it needs and does not hold.

    `needs_captions`: the model reads text, and speech is not recognised for it.
    """

    folder: Path
    n_bytes: int
    needed: tuple[str, ...]
    needs_captions: bool = False


def export(experiment: str, folder: Path, config: Config, *, with_checkpoints: bool = True) -> Exported:
    """Copy a kept model, the settings that cut media into utterances, and the pretrained models that it reads.

    Args:
        experiment: its name, or a folder that was exported before
        folder: to make; it must not exist, or be empty
        config: of the project
        with_checkpoints: copy pretrained models; those that come with a package are never copied

    Raises:
        InputError: if the folder holds something, or a pretrained model is missing
        TableError: if the model is damaged
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not empty; name a new folder")
    model = open_model(kept_model.folder_of(experiment), config).model
    folder.mkdir(parents=True, exist_ok=True)
    checkpoints = dict(_checkpoints(model, folder, copy=with_checkpoints))
    sections = {name: getattr(config, name).model_dump(mode="json") for name in _SECTIONS}
    reads_text = any(part.extractor.reads == "text" for part in model.parts)
    needs_captions = reads_text and not config.transcribe.is_on
    settings = {"sections": sections, "checkpoints": checkpoints, "needs_captions": needs_captions}
    tables.write_text(folder / SETTINGS, artifacts.card_text(settings))
    for name, content in model.files.items():
        tables.write_bytes(folder / name, content)
    # written last: without its card, the folder holds no model
    tables.write_bytes(folder / CARD, (model.folder / CARD).read_bytes())
    needed = [name for name, entry in checkpoints.items() if entry["folder"] is None]
    needed += [config.transcribe.model] if reads_text and config.transcribe.is_on else []
    chooses = model.card.reader == INTERVIEWS and config.eligibility.speakers != eligibility.ALL
    needed += [speakers.DETECTOR, speakers.ENCODER] if chooses else []
    n_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Exported(folder, n_bytes, tuple(dict.fromkeys(needed)), needs_captions)


@dataclass(frozen=True)
class Opened:
    """A model, and the settings by which media are cut into utterances for it."""

    model: KeptModel
    config: Config


def open_model(folder: Path, config: Config) -> Opened:
    """Load a kept or exported model; an exported one brings its own settings and pretrained models.

    Args:
        folder: of the model
        config: of this project, or the shipped one

    Raises:
        InputError: if a pretrained model is not the one that it was trained with
        TableError: if a file is missing or damaged
    """
    path = folder / SETTINGS
    if not path.is_file():
        return Opened(kept_model.load(folder), config)
    fields = artifacts.read_json(path)
    sections, checkpoints = fields.get("sections"), fields.get("checkpoints")
    if not isinstance(sections, dict) or not isinstance(checkpoints, dict):
        raise artifacts.damaged(path, "it has no sections and checkpoints")
    try:
        # exports of earlier versions have no section `transcribe`
        given = [name for name in _SECTIONS if name in sections or name != "transcribe"]
        own = {name: type(getattr(config, name)).model_validate(sections.get(name)) for name in given}
    except ValidationError as error:
        raise artifacts.damaged(path, str(error)) from None
    places = {name: _verified(name, entry, folder) for name, entry in checkpoints.items()}
    return Opened(kept_model.load(folder, places), config.model_copy(update=own))


def _checkpoints(model: KeptModel, folder: Path, *, copy: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the pretrained models of a model's extractors: name → digest, and the folder inside the export."""
    for part, entry in zip(model.parts, model.card.feature_sets, strict=True):
        if not (name := entry.settings.get("checkpoint")):
            continue
        # deferred: most models read no pretrained one
        from tasks.features.base import checkpoints

        source = part.settings.checkpoint
        inside = None
        # weights of packages and of the cache have the same name, and the same digest, on every machine
        if copy and source not in checkpoints.PACKAGED and not checkpoints.is_fetched(source):
            inside = f"{_CHECKPOINTS}/{hashlib.sha256(str(name).encode()).hexdigest()[:12]}"
            shutil.copytree(checkpoints.folder_of(source), folder / inside, dirs_exist_ok=True)
        yield name, {"sha256": checkpoints.fingerprint(source), "folder": inside}


def _verified(name: str, entry: Mapping[str, Any], folder: Path) -> str:
    """Return where a pretrained model is; raise InputError if it is missing or another one."""
    from tasks.features.base import checkpoints

    inside = entry.get("folder")
    place = str(folder.resolve() / inside) if isinstance(inside, str) else name
    if (digest := checkpoints.fingerprint(place)) != entry.get("sha256"):
        raise InputError(
            f"checkpoint {place} is not the one that the model was trained with (SHA-256 {digest[:12]}…, expected "
            f"{str(entry.get('sha256'))[:12]}…); put the original one there"
        )
    return place
