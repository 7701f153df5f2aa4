"""Exported models: complete, verified, and the same scores elsewhere without the project."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tasks.core.config import Config
from tasks.core.errors import InputError, TableError
from tasks.experiments import kept_model
from tasks.features.base.tiny_checkpoints import tiny_text_encoder
from tasks.on_demand.applying import export, run
from tasks.on_demand.applying.run import Choices


def scores(folder: Path, media: Path, out: Path, config: Config) -> list[dict[str, float]]:
    opened = export.open_model(folder, config)
    choices = Choices(out, ("csv",))
    applied = run.apply_one(opened.model, str(media), choices, opened.config, lambda _: None)
    return [dict(row.scores) for row in applied.rows]


@pytest.mark.parametrize("experiment", ["voice", "both"])
def test_it_scores_the_same_in_an_empty_folder(
    experiment: str, trained: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Config
) -> None:
    sentences = trained.captions.model_copy(update={"segmentation": "sentence"})
    config = trained.model_copy(update={"captions": sentences})
    written = export.export(experiment, tmp_path / "model", config)
    assert written.n_bytes > 1000
    assert written.needed == ()
    for name in ("talk.flac", "talk.vtt"):
        shutil.copy(Path("media", name), tmp_path)
    here = scores(kept_model.folder_of(experiment), tmp_path / "talk.flac", tmp_path / "a", config)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    # the shipped settings cut captions by cue: those of the export count
    assert scores(kept_model.folder_of("../model"), tmp_path / "talk.flac", tmp_path / "b", settings) == here
    assert export.open_model(Path("../model"), settings).config.captions.segmentation == "sentence"


def test_nothing_is_overwritten(trained: Config, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/mine").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        export.export("voice", tmp_path / "model", trained)
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["mine"]


def test_damaged_settings_are_refused(trained: Config, tmp_path: Path) -> None:
    export.export("voice", tmp_path / "model", trained)
    path = tmp_path / "model" / export.SETTINGS
    content = path.read_bytes()
    for damaged in (content[:40], content.replace(b"cue", b"cut"), b"[]"):
        path.write_bytes(damaged)
        with pytest.raises(TableError, match=r"settings\.json"):
            export.open_model(tmp_path / "model", trained)


def with_checkpoint(folder: Path, checkpoint: Path) -> None:
    """Give a kept model a feature set that reads a pretrained model."""
    from tasks.core import artifacts

    fields = {k: v for k, v in artifacts.read_json(folder / "card.json").items() if k != artifacts.OWN_DIGEST}
    fields["feature_sets"].append(
        {"name": "extra", "extractor": "text-embedding", "settings": {"checkpoint": str(checkpoint)}, "reads": "text"}
    )
    (folder / "card.json").write_text(artifacts.card_text(fields))


def test_pretrained_models_go_with_it_and_are_verified(trained: Config, tmp_path: Path) -> None:
    checkpoint = tiny_text_encoder(tmp_path / "bert")
    model = tmp_path / "kept"
    shutil.copytree(kept_model.folder_of("words"), model)
    with_checkpoint(model, checkpoint)
    alone = export.export(str(model), tmp_path / "without", trained, with_checkpoints=False)
    assert alone.needed == (str(checkpoint),)
    export.open_model(tmp_path / "without", trained)
    whole = export.export(str(model), tmp_path / "with", trained)
    assert whole.needed == ()
    again = export.export(str(tmp_path / "with"), tmp_path / "again", trained)
    assert again.needed == ()
    shutil.rmtree(checkpoint)
    for folder in ("with", "again"):
        part = export.open_model(tmp_path / folder, trained).model.parts[-1]
        assert Path(part.settings.checkpoint).is_relative_to(tmp_path / folder)
    with pytest.raises(InputError, match="bert"):
        export.open_model(tmp_path / "without", trained)
    tiny_text_encoder(checkpoint, seed=8)
    with pytest.raises(InputError, match="not the one that the model was trained with"):
        export.open_model(tmp_path / "without", trained)
    settings = json.loads((tmp_path / "with" / export.SETTINGS).read_text())
    assert list(settings["checkpoints"]) == [str(checkpoint)]


def test_what_else_it_needs_is_stated(trained: Config, tmp_path: Path) -> None:
    assert not export.export("voice", tmp_path / "voice", trained).needs_captions
    assert export.export("both", tmp_path / "both", trained).needs_captions
    recognised = trained.transcribe.model_copy(update={"when": "missing", "beam": 3})
    written = export.export("both", tmp_path / "heard", trained.model_copy(update={"transcribe": recognised}))
    assert (written.needs_captions, written.needed) == (False, ("whisper-base",))
    assert export.open_model(tmp_path / "heard", trained).config.transcribe == recognised
    fields = json.loads((tmp_path / "both" / export.SETTINGS).read_text())
    assert fields["needs_captions"] is True
    # an export of an earlier version
    from tasks.core import artifacts

    del fields["sections"]["transcribe"], fields[artifacts.OWN_DIGEST]
    (tmp_path / "both" / export.SETTINGS).write_text(artifacts.card_text(fields))
    assert export.open_model(tmp_path / "both", trained).config.transcribe == trained.transcribe
