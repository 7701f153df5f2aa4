"""One clip under each variation that a recipe asks for: what its training rows may look like."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.features.base import torch_state
from tasks.features.sound import spectra
from tasks.features.sound.spectra import MelSettings
from tasks.models.training.augmentation import Augmentation

AS_IT_IS = "as it is"
_NAMES = {
    "frequency_masks": "frequency masks",
    "time_masks": "time masks",
    "time_warp": "time warp",
    "shift": "shift",
    "gain_db": "gain",
    "noise_db": "noise",
    "speed": "speed",
    "pitch_semitones": "pitch",
}


def variants(
    steps: NDArray[np.float32], augment: Augmentation, mel: MelSettings | None, seed: int
) -> dict[str, NDArray[np.float32]]:
    """Return a clip as it is, then under each variation alone, as a network that is trained may see it.

    Masks show the clip's own mean: that of the training part is the network's.

    Args:
        steps: a spectrogram in dB, shape (n_frames, n_bands); or raw sound, shape (n_samples, 1), if there is `mel`
        augment: what is done; each to this clip, whatever its probability
        mel: the spectrogram that is made of raw sound; None: there is one
        seed: of what is drawn

    Returns:
        name → dB, shape (n_frames, n_bands)

    Raises:
        ValueError: if the steps are of another shape, or a spectrogram is to have what only raw sound can have
    """
    if steps.ndim != 2 or not len(steps) or (mel is not None and steps.shape[1] != 1):
        expected = "(n_samples, 1) of raw sound" if mel else "(n_frames, n_bands) of a spectrogram"
        raise ValueError(f"expected steps of shape {expected}, one or more, found {steps.shape}")
    if mel is None and augment.of_sound:
        raise ValueError(f"{', '.join(augment.of_sound)} needs raw sound and its mel settings, found a spectrogram")
    nothing = replace(augment, **dict.fromkeys(_NAMES, 0), probability=1.0)
    found = {AS_IT_IS: _seen(steps, nothing, mel, seed)}
    for field, name in _NAMES.items():
        if asked := getattr(augment, field):
            found[name] = _seen(steps, replace(nothing, **{field: asked}), mel, seed)
    return found


def _seen(steps: NDArray[np.float32], alone: Augmentation, mel: MelSettings | None, seed: int) -> NDArray[Any]:
    import torch

    from tasks.models.networks.augmentation_layers import SoundAugmentation, SpecAugmentMasks, SpectrogramAugmentation

    with torch_state.own_random_state(), torch.no_grad():
        torch.manual_seed(seed)
        frames = torch.from_numpy(np.array(steps, dtype=np.float32))[None]
        if mel is not None:
            sound = SoundAugmentation(alone, mel.rate_hz, mel.hop)(frames[..., 0])
            frames = spectra.spectrogram(sound, mel)
        frames = SpectrogramAugmentation(alone, after_sound=mel is not None)(frames)
        mean = frames.mean(1, keepdim=True)
        varied: NDArray[Any] = (SpecAugmentMasks(alone)(frames - mean) + mean)[0].numpy()
        return varied
