"""Examples of augmentation for an experiment's page: one clip under each variation of a recipe."""

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
    """Return a clip unchanged, then under each variation alone, as in training.

    Masks are filled with the clip's own mean instead of the training part's.

    Args:
        steps: a spectrogram in dB, shape (n_frames, n_bands); or raw sound, shape (n_samples, 1), with `mel`
        augment: the variations; all are applied, whatever their probability
        mel: spectrogram made of raw sound; None: `steps` is a spectrogram
        seed: of the random variations

    Returns:
        name → dB, shape (n_frames, n_bands)

    Raises:
        ValueError: if the steps have another shape, or a variation needs raw sound
    """
    if steps.ndim != 2 or not len(steps) or (mel is not None and steps.shape[1] != 1):
        expected = "(n_samples, 1) of raw sound" if mel else "(n_frames, n_bands) of a spectrogram"
        raise ValueError(f"expected steps of shape {expected}, one or more, found {steps.shape}")
    if mel is None and augment.of_sound:
        raise ValueError(f"{', '.join(augment.of_sound)} needs raw sound and its mel settings, found a spectrogram")
    nothing = replace(augment, **dict.fromkeys(_NAMES, 0), probability=1.0)
    examples = {AS_IT_IS: _varied(steps, nothing, mel, seed)}
    for field, name in _NAMES.items():
        if amount := getattr(augment, field):
            examples[name] = _varied(steps, replace(nothing, **{field: amount}), mel, seed)
    return examples


def _varied(steps: NDArray[np.float32], augment: Augmentation, mel: MelSettings | None, seed: int) -> NDArray[Any]:
    import torch

    from tasks.models.networks.augmentation_layers import SoundAugmentation, SpecAugmentMasks, SpectrogramAugmentation

    with torch_state.own_random_state(), torch.no_grad():
        torch.manual_seed(seed)
        frames = torch.from_numpy(np.array(steps, dtype=np.float32))[None]
        if mel is not None:
            sound = SoundAugmentation(augment, mel.rate_hz, mel.hop)(frames[..., 0])
            frames = spectra.spectrogram(sound, mel)
        frames = SpectrogramAugmentation(augment, after_sound=mel is not None)(frames)
        mean = frames.mean(1, keepdim=True)
        varied: NDArray[Any] = (SpecAugmentMasks(augment)(frames - mean) + mean)[0].numpy()
        return varied
