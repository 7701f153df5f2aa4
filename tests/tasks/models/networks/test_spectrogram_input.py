"""What stands in front of a network over spectrograms: three channels, along time or from band to band."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from tasks.features.sound import spectra
from tasks.models.networks.spectrogram_input import SpectrogramInput, band_differences
from tasks.models.training.augmentation import Augmentation


def test_band_differences_by_hand() -> None:
    """Each band minus the one below; the lowest has nobody below, and takes the difference above it."""
    pictures = torch.tensor([1.0, 4.0, 9.0, 16.0])[None, None, :, None].repeat(1, 1, 1, 2)
    first = band_differences(pictures)
    assert first[0, 0, :, 0].tolist() == [3, 3, 5, 7]
    assert band_differences(first)[0, 0, :, 0].tolist() == [0, 0, 2, 2]
    torch.testing.assert_close(first[..., 0], first[..., 1])
    assert not band_differences(torch.ones(2, 1, 1, 5)).any()


@pytest.mark.parametrize("differences", ["time", "bands"])
def test_three_channels_are_the_spectrogram_and_its_two_differences(differences: str) -> None:
    frames = np.random.default_rng(1).standard_normal((2, 30, 5)).astype(np.float32)
    picture = SpectrogramInput(
        nn.Identity(),
        mean=[0.0] * 5,
        scale=[1.0] * 5,
        channels=3,
        differences=differences,  # type: ignore[arg-type]
        normalise="training",
        n_frames=30,
        mel=None,
        augment=Augmentation(),
    ).eval()
    result = picture(torch.from_numpy(frames)).numpy()
    assert result.shape == (2, 3, 5, 30)
    np.testing.assert_array_equal(result[:, 0], frames.transpose(0, 2, 1))
    if differences == "time":
        expected = [spectra.deltas(frames, order).transpose(0, 2, 1) for order in (1, 2)]
    else:
        differences = np.diff(frames, axis=2, prepend=2 * frames[..., :1] - frames[..., 1:2]).transpose(0, 2, 1)
        expected = [differences, np.diff(differences, axis=1, prepend=2 * differences[:, :1] - differences[:, 1:2])]
    np.testing.assert_allclose(result[:, 1], expected[0], atol=1e-5)
    np.testing.assert_allclose(result[:, 2], expected[1], atol=1e-5)
