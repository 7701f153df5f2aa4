"""Feature extractors as functions of a signal, without a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tasks.core.errors import AudioError, InputError

if TYPE_CHECKING:
    from tasks.features.base.extractor import Sound, Transcript

Signal = NDArray[np.floating] | NDArray[np.integer]
Features = pd.Series | pd.DataFrame | NDArray[np.float32] | str
_FULL_SCALE = 32_768.0


class FeatureExtractor:
    """A kind of features, ready to use; models that it needs are loaded at the first call.

    Args:
        name: of the features, one of `extractors()`
        settings: that differ from their defaults, see `settings`

    Attributes:
        name: of the features
        reads: `sound` or `text`: what it is called with
        gives: `vector`, `sequence` or `text`: what a call returns
        settings: all settings, by name
        title: a description in one line

    Raises:
        ConfigError: if there are no such features or settings
        InputError: if the features are of video, which need a file: see `files`
    """

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        from tasks.on_demand.without_project import file_features

        self._part = file_features.feature_set(name, settings)
        self.name = name
        self.reads = self._part.extractor.reads
        self.gives = self._part.extractor.gives
        self.title = self._part.extractor.title
        self.settings: dict[str, Any] = asdict(self._part.settings)
        self._function: Any = None

    def __repr__(self) -> str:
        given = "".join(f", {name}={value!r}" for name, value in self.settings.items())
        return f"extractor({self.name!r}{given})"

    def __call__(self, signal: Signal | str, sampling_rate: int | None = None) -> Features:
        """Return the features of one utterance.

        Args:
            signal: mono samples, shape (n_samples,): floating point with full scale 1, or int16; of text features, the
                text
            sampling_rate: in Hz; needed for sound

        Returns:
            of vectors: a series with the features' names, or an array of shape (n_features,) if they have none; of
            sequences: a data frame with the features' names, or an array, of shape (n_steps, n_features); of texts: the
            text

        Raises:
            AudioError: if the signal cannot be used: several channels, too short, silent
            InputError: if the features are of video, or the sampling rate is missing

        Example:
            >>> from tasks.api.feature_extractors import extractor
            >>> signal = np.sin(2 * np.pi * 220 * np.arange(16_000) / 16_000)
            >>> extractor("mfcc", n_mfcc=13)(signal, 16_000).shape
            (101, 13)
        """
        content = self._input(signal, sampling_rate)
        if self._function is None:
            self._function = self._part.extractor.start(self._part.settings)
        (value,) = self._function([content])
        if isinstance(value, str):
            return value
        values = np.asarray(value, dtype=np.float32)
        if self._part.extractor.names is None:
            return values
        names = list(self._part.extractor.names(self._part.settings))
        return pd.Series(values, index=names) if values.ndim == 1 else pd.DataFrame(values, columns=names)

    def files(
        self, sources: str | Path | Sequence[str | Path], by: Literal["file", "captions", "windows"] = "file"
    ) -> pd.DataFrame:
        """Return the features of media files.

        Args:
            sources: a file, a folder, or several
            by: what a row is about: a file, a caption of the captions beside it, or a window of 4 s

        Returns:
            one row for each, for sequences one for each step: `file`, `start_s`, `end_s`, for sequences `step` and
            `time_s`, then a column for each feature. `attrs["unusable"]` lists (file, reason) of what is left out

        Raises:
            NotEnoughData: if no file can be used
        """
        from tasks.api.shipped import shipped_settings
        from tasks.core.errors import NotEnoughData
        from tasks.on_demand.applying import intake
        from tasks.on_demand.without_project import file_features

        given = [sources] if isinstance(sources, (str, Path)) else list(sources)
        listed = [source for source in intake.sources(map(str, given), ()) if not source.is_skipped]
        frames, unusable = list[pd.DataFrame](), list[tuple[str, str]]()
        for file in file_features.extract(listed, self._part, by=by, config=shipped_settings()):
            unusable += [(f"{file.source} at {reject.id}", str(reject.reason)) for reject in file.rejects]
            if file.rows is None:
                unusable.append((file.source, file.problem))
            else:
                frames.append(file.rows.to_pandas())
        if not frames:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in unusable[:3])
            raise NotEnoughData(f"no features: {reasons or 'there are no media files'}")
        table = pd.concat(frames, ignore_index=True)
        table.attrs["unusable"] = unusable
        return table

    def _input(self, signal: Signal | str, sampling_rate: int | None) -> Sound | Transcript:
        from tasks.features.base.extractor import Sound, Transcript

        if self.reads == "video":
            raise InputError(f"{self.name} reads video; use extractor({self.name!r}).files(FILE)")
        if isinstance(signal, str) != (self.reads == "text"):
            expected = "a text" if self.reads == "text" else "a signal: an array of samples, and its sampling rate"
            raise InputError(f"{self.name} reads {self.reads}; expected {expected}")
        if isinstance(signal, str):
            return Transcript(signal)
        if sampling_rate is None:
            raise InputError(f"{self.name}: expected the sampling rate of the signal in Hz as second argument")
        samples = np.asarray(signal)
        if samples.ndim != 1:
            raise AudioError(f"expected one channel, shape (n_samples,); found shape {samples.shape}")
        scale = _FULL_SCALE if np.issubdtype(samples.dtype, np.integer) else 1.0
        return Sound((samples / scale).astype(np.float32), int(sampling_rate))


def extractor(name: str, **settings: Any) -> FeatureExtractor:
    """Return a feature extractor.

    Args:
        name: one of `extractors()`, such as `functionals`
        settings: that differ from their defaults

    Raises:
        ConfigError: if there are no such features or settings; the message lists them

    Example:
        >>> import numpy as np
        >>> signal = 0.1 * np.sin(2 * np.pi * 220 * np.arange(16_000) / 16_000)
        >>> values = extractor("functionals")(signal, 16_000)
        >>> values.size, round(float(values["voiced_share"]), 1)
        (2593, 1.0)
    """
    return FeatureExtractor(name, settings)


def extractors() -> pd.DataFrame:
    """Return the features that there are: `reads`, `gives` and `title`, by name.

    Example:
        >>> extractors().loc["functionals", "reads"]
        'sound'
    """
    from tasks.features.base import registry

    rows = {name: registry.extractor(name) for name in registry.names()}
    columns = {key: [getattr(entry, key) for entry in rows.values()] for key in ("reads", "gives", "title")}
    return pd.DataFrame(columns, index=pd.Index(list(rows), name="extractor"))


def read_sound(
    path: str | Path, start_s: float | None = None, end_s: float | None = None
) -> tuple[NDArray[np.float32], int]:
    """Return the sound of a media file as the pipeline decodes it: mono, 16 kHz.

    Args:
        path: a media file in any common container
        start_s: start of the part to return, in seconds; None: of the file
        end_s: end of the part; None: of the file

    Returns:
        samples with full scale 1, float32, shape (n_samples,), and the sampling rate, 16,000 Hz

    Raises:
        AudioError: if the file cannot be decoded, or has no sound
        InputError: if there is no such file
    """
    from tasks.media import decode

    if not Path(path).is_file():
        raise InputError(f"{path}: there is no such file; expected a media file")
    samples = decode.samples(Path(path))
    first = round(_or(start_s, 0.0) * decode.RATE_HZ)
    last = round(_or(end_s, samples.size / decode.RATE_HZ) * decode.RATE_HZ)
    return (samples[first:last] / np.float32(_FULL_SCALE)).astype(np.float32), decode.RATE_HZ


def _or(value: float | None, default: float) -> float:
    # data frames hold missing times as NaN
    return default if value is None or np.isnan(value) else value
