from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import espeakng_loader
import numpy as np
import pytest

from tasks.core.errors import AudioError
from tasks.simulate.voices import ACCENTS, RATE_HZ, TIMBRES, Delivery, SpokenText, speaker

SENTENCE = "At the time, I remember the kitchen of my grandmother."


def say(delivery: Delivery) -> SpokenText:
    with speaker() as voice:
        return voice.say(SENTENCE, delivery)


def test_a_speaker_starts_afresh_whatever_was_said_before_by_others() -> None:
    first = say(Delivery("en-us+m3"))
    with speaker() as other:
        other.say("Something else.", Delivery("en-us+f2", pitch=70))
    again = say(Delivery("en-us+m3"))
    assert np.array_equal(first.samples, again.samples)
    assert first.starts_s == again.starts_s


@pytest.mark.parametrize("first", range(4))
def test_every_timbre_gives_the_same_samples_wherever_memory_lies(first: int) -> None:
    for timbre in TIMBRES[first::4]:
        before = say(Delivery(f"en-us+{timbre}", pitch=70, range=80))
        rubbish = [bytes([i]) * (1 << i) for i in range(20)]
        after = say(Delivery(f"en-us+{timbre}", pitch=70, range=80))
        assert rubbish and np.array_equal(before.samples, after.samples), timbre


def test_threads_do_not_disturb_each_other() -> None:
    voices = [f"en-us+{timbre}" for timbre in ("f2", "m3", "Andrea", "klatt3")] * 3
    with ThreadPoolExecutor(4) as pool:
        spoken = list(pool.map(lambda voice: say(Delivery(voice)).samples.tobytes(), voices))
    assert len(set(spoken)) == 4
    assert spoken[:4] == spoken[4:8] == spoken[8:]


def test_every_word_has_its_time_within_the_speech() -> None:
    spoken = say(Delivery("en-us+f2"))
    assert len(spoken.starts_s) == len(SENTENCE.split())
    assert list(spoken.starts_s) == sorted(spoken.starts_s)
    assert 0 <= spoken.starts_s[0] < 0.3
    assert spoken.starts_s[-1] < spoken.samples.size / RATE_HZ


def test_rate_pitch_and_volume_do_what_they_say(f0_hz: Callable[[np.ndarray], float]) -> None:
    plain, fast = say(Delivery("en-us+m3")), say(Delivery("en-us+m3", rate=220))
    assert fast.samples.size < 0.9 * plain.samples.size
    high, low = say(Delivery("en-us+m3", pitch=80)), say(Delivery("en-us+m3", pitch=25))
    assert f0_hz(high.samples) > 1.2 * f0_hz(low.samples)
    loud = say(Delivery("en-us+m3", volume=90))
    assert np.std(loud.samples.astype(float)) > 1.3 * np.std(plain.samples.astype(float))


def test_all_voices_exist() -> None:
    # espeak silently uses its default voice for an unknown timbre
    installed = {path.name for path in Path(espeakng_loader.get_data_path(), "voices", "!v").iterdir()}
    assert set(TIMBRES) <= installed
    with speaker() as voice:
        for i, timbre in enumerate(TIMBRES):
            voice.say("Yes.", Delivery(f"{ACCENTS[i % len(ACCENTS)]}+{timbre}"))


def test_an_unknown_voice_and_an_empty_text_are_errors() -> None:
    with speaker() as voice:
        with pytest.raises(AudioError, match="no voice 'xx-nowhere\\+f2'"):
            voice.say(SENTENCE, Delivery("xx-nowhere+f2"))
        with pytest.raises(AudioError, match="gives no sound"):
            voice.say("", Delivery("en-us+m3"))
