"""The price of a leak: both sides on the same utterances, an honest interval, and no price where there is no leak."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tasks.core import config, each, paths, tables
from tasks.core.config import Config
from tasks.core.errors import InputError, NotEnoughData
from tasks.on_demand import leak_price
from tasks.stages import corpus

RATE_HZ = 16_000


def clip(speaker: int, emotion: int, take: int, *, habit: float) -> np.ndarray:
    """A buzz whose pitch tells the speaker apart, and whose tremor says the emotion in the speaker's own way."""
    rng = np.random.default_rng([speaker, emotion, take])
    time_s = np.arange(RATE_HZ) / RATE_HZ
    own = (emotion + round(habit * speaker)) % 3
    pitch_hz = 110 + 37 * speaker + 4 * rng.standard_normal()
    buzz = sum(np.sin(2 * np.pi * pitch_hz * k * time_s) / k for k in range(1, 8))
    tremor = 1 + 0.8 * np.sin(2 * np.pi * (2 + 5 * own) * time_s + rng.uniform(0, 6))
    noise = (0.02 + 0.12 * own) * rng.standard_normal(time_s.size)
    return 0.1 * buzz * tremor + noise


@pytest.fixture
def priced(project: Path, settings: Config, tmp_path: Path) -> Callable[[float], leak_price.Price]:
    def run(habit: float) -> leak_price.Price:
        folder = tmp_path / f"habit-{habit}"
        (folder / "a").mkdir(parents=True)
        rows = []
        for speaker in range(6):
            for emotion, name in enumerate(("anger", "neutral", "sadness")):
                for take in range(5):
                    path = f"a/{speaker}-{name}-{take}.wav"
                    soundfile.write(folder / path, np.clip(clip(speaker, emotion, take, habit=habit), -1, 1), RATE_HZ)
                    rows.append({"audio": path, "speaker": f"s{speaker}", "emotion": name})
        tables.write_csv(folder / "utterances.csv", rows)
        runtime = settings.runtime.model_copy(update={"workers": 1, "progress": "never"})
        entry = config.Corpus(reader="plain", path=str(folder))
        evaluate = settings.evaluate.model_copy(update={"bootstrap": 200})
        train = settings.train.model_copy(update={"c_grid": [0.01]})
        chosen = settings.model_copy(
            update={"corpora": {"mine": entry}, "runtime": runtime, "evaluate": evaluate, "train": train}
        )
        corpus.run(chosen, "mine", each=each.local(runtime))
        return leak_price.price("mine", chosen, "speaker-out(3)", each=each.local(runtime))

    return run


def test_habits_of_speakers_have_a_price(priced: Callable[[float], leak_price.Price]) -> None:
    found = priced(1.0)
    assert (found.n, found.n_groups, found.classes) == (90, 6, ("anger", "neutral", "sadness"))
    assert found.honest.protocol == "speaker-out(3)"
    assert found.leaky.protocol == "random(3)"
    assert found.uar.value > 0.1
    assert found.uar.value == pytest.approx(found.leaky.uar.value - found.honest.uar.value)
    assert found.uar.low > 0
    assert found.uar.low < found.uar.value < found.uar.high
    assert found.majority_uar == pytest.approx(1 / 3)
    assert abs(found.leaky.shuffled_uar - 1 / 3) < 0.2
    assert found.to_dict()["leaky"]["words"].startswith("LEAKY")


def test_no_habits_no_price(priced: Callable[[float], leak_price.Price]) -> None:
    found = priced(0.0)
    assert found.honest.uar.value > 0.85
    assert found.uar.low <= 0.05


def test_what_cannot_be_priced(priced: Callable[[float], leak_price.Price], settings: Config) -> None:
    priced(0.0)
    entry = config.Corpus(reader="plain", path="nowhere")
    chosen = settings.model_copy(update={"corpora": {"mine": entry}})
    local = each.local(settings.runtime)
    with pytest.raises(InputError, match="expected an honest one"):
        leak_price.price("mine", chosen, "random(3)", each=local)
    with pytest.raises(InputError, match="found the label set 'seven'; expected one of all"):
        leak_price.price("mine", chosen, "speaker-out(3)", each=local, label_set="seven")
    assert paths.folder("price@mine").is_dir()


@pytest.mark.bench
def test_real_ravdess(project: Path, settings: Config, real_data: Path) -> None:
    entry = config.Corpus(reader="ravdess", path=str(real_data / "ravdess"))
    # a single C and few actors: what is looked at here is that real clips go through
    train = settings.train.model_copy(update={"c_grid": [0.01]})
    chosen = settings.model_copy(update={"corpora": {"ravdess": entry}, "train": train})
    local = each.local(settings.runtime.model_copy(update={"progress": "never"}))
    corpus.run(chosen, "ravdess", each=local)
    with pytest.raises(NotEnoughData, match="official needs the split"):
        leak_price.price("ravdess", chosen, "official", each=local)
    found = leak_price.price("ravdess", chosen, "speaker-out(6)", each=local)
    print(f"\nRAVDESS: {found.honest.uar} under speaker-out(6), {found.leaky.uar} under random(6), {found.uar} apart")
    assert found.n == 1080
    assert 0.33 < found.honest.uar.value < found.leaky.uar.value < 0.6
    assert found.uar.low > 0
