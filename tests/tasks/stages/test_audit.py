"""Stage audit: a violation stops the run before training unless it is declared."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from tasks.core import config, each, paths, tables
from tasks.core.config import Config
from tasks.core.errors import LeakError, NotEnoughData
from tasks.evaluation import protocols
from tasks.on_demand import simulated_corpora as simulated
from tasks.stages import audit, corpus, segments


def run(settings: Config, **more: object) -> None:
    chosen = settings.model_copy(update=more)
    local = each.local(settings.runtime.model_copy(update={"workers": 1}))
    segments.run(chosen, each=local)
    audit.run(chosen, each=local)


def findings() -> dict[str, tuple[str, int]]:
    report = json.loads(paths.AUDIT.read_text())
    return {finding["check"]: (finding["severity"], finding["n"]) for finding in report["findings"]}


@pytest.fixture
def with_sound(captioned: Callable[..., None]) -> Callable[[], None]:
    """A project in which every video has different noise as sound."""

    def write() -> None:
        import numpy as np

        captioned(n_train=3, n_test=2, per_video=4)
        for number, path in enumerate(sorted(paths.MEDIA.iterdir())):
            signal, rate_hz = soundfile.read(path)
            noise = np.random.default_rng(number).standard_normal(signal.size)
            soundfile.write(path, 0.1 * noise, rate_hz, subtype="PCM_16")

    return write


def test_clean_lists_pass(with_sound: Callable[[], None], settings: Config) -> None:
    with_sound()
    run(settings)
    report = findings()
    assert report["seen groups"] == ("violation", 0)
    assert report["similar sound"] == ("violation", 0)
    assert report["same text"][0] == "warning"


def test_a_test_video_that_was_trained_on_under_another_name(with_sound: Callable[[], None], settings: Config) -> None:
    with_sound()
    (paths.MEDIA / "test-1.flac").write_bytes((paths.MEDIA / "train-0.flac").read_bytes())
    with pytest.raises(LeakError, match=r"(?s)protocol official stops the run.*same sound: .*test-1/0000"):
        run(settings)
    assert findings()["same sound"] == ("violation", 4)
    run(settings, audit=config.Audit(declared=["same-sound", "similar-sound"]))
    assert findings()["same sound"] == ("declared", 4)


def test_a_corpus_under_a_protocol(project: Path, settings: Config, tmp_path: Path) -> None:
    simulated.make("tess", tmp_path / "tess")
    entry = config.Corpus(reader="tess", path=str(tmp_path / "tess"))
    chosen = settings.model_copy(update={"corpora": {"tess": entry}})
    corpus.run(chosen, "tess", each=each.local(settings.runtime))
    clean = audit.of_corpus("tess", protocols.parse("leave-one-speaker-out"), declared=[], seed=7)
    assert clean.passed
    assert {item.check for item in clean.findings if item.n} == {
        "seen scripts",
        "same text",
        "similar text",
    } - {item.check for item in clean.findings if not item.n}
    random = audit.of_corpus("tess", protocols.parse("random(5)"), declared=[], seed=7)
    assert {finding.check: finding.n for finding in random.findings}["seen speakers"] == 84
    assert not random.passed
    assert audit.of_corpus("tess", protocols.parse("random(5)"), declared=["random-folds"], seed=7).passed
    with pytest.raises(NotEnoughData, match="needs the split of every utterance"):
        audit.of_corpus("tess", protocols.parse("official"), declared=[], seed=7)


def test_real_melds_official_split(project: Path, settings: Config, real_data: Path) -> None:
    entry = config.Corpus(reader="meld", path=str(real_data / "meld"))
    corpus.run(settings.model_copy(update={"corpora": {"meld": entry}}), "meld", each=each.local(settings.runtime))
    assert tables.read(paths.sounds("meld"), tables.SOUNDS).num_rows == 0
    report = audit.of_corpus("meld", protocols.parse("official"), declared=[], seed=7)
    by_check = {finding.check: finding for finding in report.findings}
    assert by_check["seen speakers"].n / 2610 == pytest.approx(0.958, abs=0.0005)
    assert by_check["same text"].n / 2610 == pytest.approx(0.153, abs=0.001)
    assert by_check["overlapping spans"].n == 35
    assert by_check["overlong spans"].examples[0] == "meld/test-dia38-utt4: 305 s"
    assert by_check["seen groups"].n == 0
    assert not report.passed
