"""Settings from `params.yaml`, frozen and typed; an unknown key or an invalid value is an error that names its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, field_validator, model_validator

from tasks.core import paths, yaml_files
from tasks.core.errors import ConfigError, guess

Positive = Annotated[float, Field(gt=0, le=1e9)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
CORPUS_NAME = r"^[a-z0-9][a-z0-9-]*$"
INTERVIEWS = "interviews"
"""Name and reader of the corpus of crawled interviews."""
Fraction = Annotated[float, Field(ge=0, le=1)]
_PLACE = re.compile(rf"{re.escape(str(paths.PARAMS))}: (?P<place>\w[\w.-]*\w)")
_UNKNOWN = re.compile(r": unknown key '(?P<key>[^']*)'")
_MOST_PROBLEMS = 20
_LONGEST_QUOTE = 100


class Section(BaseModel):
    """A section of params.yaml: frozen, strict about types, closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Crawl(Section):
    """Settings of the crawl and its limits. Sizes in bytes, times in seconds."""

    train: str
    test: str
    languages: Annotated[list[str], Field(min_length=1)]
    automatic_captions: bool
    max_duration_s: Positive
    max_bytes: Annotated[int, Field(gt=0)]
    allow_addresses: list[str]
    cookies_file: str | None
    proxy: str | None
    attempts: Annotated[int, Field(ge=1, le=20)]
    backoff_s: Positive
    max_backoff_s: Positive
    timeout_s: Positive
    yt_dlp_args: list[str]


class Transcribe(Section):
    """Speech recognition: for which videos, by which model, and which passages are dropped.

    `model`: a name in the cache of weights, or a folder with a Whisper model in CTranslate2's format; `language`: null:
    detected; `beam`: number of hypotheses; `least_speech`: probability from which on sound is speech;
    `least_log_probability`, `most_compression`: of a passage that is used.
    """

    when: Literal["never", "missing", "always"] = "never"
    model: Annotated[str, Field(min_length=1)] = "whisper-base"
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] | None = None
    beam: Annotated[int, Field(ge=1, le=20)] = 2
    least_speech: Annotated[float, Field(gt=0, lt=1)] = 0.5
    least_log_probability: Annotated[float, Field(le=0)] = -1.0
    most_compression: Positive = 2.4

    @property
    def is_on(self) -> bool:
        """Whether any speech is recognised."""
        return self.when != "never"


class Captions(Section):
    """Segmentation of captions into utterances.

    `segmentation`: an utterance is a cue (of rolling captions: a line), or a sentence; the rest is about sentences.
    """

    max_overrun_s: Annotated[float, Field(ge=0)]
    segmentation: Literal["cue", "sentence"]
    longest_s: Positive
    pause_s: Positive
    long_pause_s: Positive

    @model_validator(mode="after")
    def _long_is_longer(self) -> Captions:
        if self.long_pause_s < self.pause_s:
            raise ValueError("long_pause_s must be at least pause_s")
        return self


class SpeakerDetection(Section):
    """Whether speakers are told apart by their voices."""

    when: Literal["never", "always"] = "never"


class Eligibility(Section):
    """Minimum and maximum length of utterances that are voted on and cut, and whose they are.

    `speakers`: those of all speakers; of the one with `most` speech in the video; or of the one with this name in the
    captions.
    """

    min_duration_s: Annotated[float, Field(ge=0)]
    min_words: Annotated[int, Field(ge=0)]
    max_duration_s: Positive
    speakers: Annotated[str, Field(min_length=1, max_length=100)] = "all"


class Polarity(Section):
    """Voters, the combination of their votes, and the certainty that a label needs."""

    voters: Annotated[list[str], Field(min_length=1)]
    combine: Literal["consensus", "mean", "majority", "label-model", "mace", "stacking", "selected"]
    min_score: Fraction
    min_probability: Fraction
    mask_hedges: bool
    remove_stop_words: bool


class LabelWorth(Section):
    """Label quality against listeners' ratings."""

    least_coverage: Fraction
    disagreements: Annotated[int, Field(ge=0, le=50)]
    listeners: Literal["majority", "dawid-skene", "mace"] = "majority"


class Cutting(Section):
    """Which code cuts segments: each backend gives the same samples."""

    backend: Literal["stream", "pydub"] = "stream"


class Segments(Cutting):
    """Cutting of segments, and the number of files they are spread over."""

    shards: Annotated[int, Field(ge=1, le=4096)]


class Audit(Section):
    """Leaks between training and test videos that are known and accepted."""

    declared: list[str]


class Evaluate(Section):
    """The intervals of every score: a bootstrap over videos, speakers or what else a protocol keeps together."""

    bootstrap: Annotated[int, Field(ge=100)]
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    seed: Seed


class Report(Section):
    """Title and audio examples of the report, and the experiment whose scores it shows."""

    experiment: Annotated[str, Field(pattern=CORPUS_NAME)] = "interviews-source"
    title: str
    segments_per_class: Annotated[int, Field(ge=0, le=50)]


class Predict(Section):
    """Windows that new media without captions are cut into, in seconds."""

    window_s: Positive
    hop_s: Positive


class Simulate(Section):
    """The embedded interview site."""

    train: Annotated[int, Field(ge=1)]
    test: Annotated[int, Field(ge=1)]
    prosody: Annotated[float, Field(ge=0)]
    noise_db: Annotated[float, Field(le=0)]
    seed: Seed
    port: Annotated[int, Field(ge=1, le=65535)]


class Corpus(Section):
    """A corpus on disk: its reader and its path (absolute, or relative to the project folder)."""

    reader: str
    path: Annotated[str, Field(min_length=1)]

    @property
    def is_interviews(self) -> bool:
        """Whether these are the crawled interviews, whose sound undertone decoded itself."""
        return self.reader == INTERVIEWS

    @property
    def media(self) -> Path:
        """The folder that the paths of its sound and video start from."""
        return paths.MEDIA if self.is_interviews else Path(self.path)


class Extraction(Section):
    """A feature set: its corpus, its extractor and the extractor's settings."""

    corpus: str
    extractor: str
    settings: dict[str, Any] = {}


class Tuning(Section):
    """Settings of a model that are chosen inside the training part.

    `grid` names settings of the model and the values to try; `folds` are cut by the protocol's own rule, and 0 means
    the protocol's development part; `by` is the score that decides.
    """

    grid: Annotated[dict[str, Annotated[list[Any], Field(min_length=1)]], Field(min_length=1)]
    folds: Annotated[int, Field(ge=0)] = 5
    by: Literal["uar", "macro_f1", "weighted_f1", "accuracy", "mse", "mae"] = "uar"


class Windows(Section):
    """Windows that sequences are cut into: each is learned and scored by itself, with its utterance's label."""

    length_s: Positive
    hop_s: Positive


class Clips(Section):
    """From the scores of windows to those of their utterance.

    `by`: the mean of scores, the share of windows that vote for a class, or the highest score; `floor`: a class that
    scores less is not called, and the utterance is `none`; `smooth`: how many neighbouring windows are averaged first.
    """

    by: Literal["mean", "vote", "max"] = "mean"
    floor: Annotated[float, Field(ge=0, lt=1)] = 0.0
    smooth: Annotated[int, Field(ge=1)] = 1

    @field_validator("smooth")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("must be odd: as many windows before as after")
        return value


class Adapt(Section):
    """Adaptation to a test speaker by clips without labels, scored beside the plain recipe.

    `clips`: how many clips of the speaker are used, or `all` of the test part; `by`: subtract their mean, or also
    divide by their deviation; `prior_clips`: as how many clips the training speakers count in these statistics, or
    `estimated` from how much these differ; `draws`: how many times the clips are drawn, whose scores are averaged.
    """

    clips: Annotated[int, Field(ge=1)] | Literal["all"] = 10
    by: Literal["shift", "standardise"] = "shift"
    prior_clips: Annotated[float, Field(ge=0)] | Literal["estimated"] = "estimated"
    draws: Annotated[int, Field(ge=1, le=100)] = 5


def _labels(value: Any) -> Any:
    # a union of types would report one problem for each of them
    texts = value if isinstance(value, list) else [*value, *value.values()] if isinstance(value, dict) else [value]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError("expected a set of classes such as all or ekman, a list of labels, or label: class pairs")
    return value


class Experiment(Section):
    """A recipe: target, features, model, protocol and everything else that decides an experiment.

    Args:
        corpus: a name under `corpora`
        target: `emotion`, `sentiment`, `native_label` (the corpus's own codes), `emotions` (several at once),
            `intensities` (those of all emotions, as numbers), or a number such as `sentiment_intensity`
        labels: which classes of an emotion, one of `labels.LABEL_SETS`, or `shared`: those that every corpus has; of an
            emotion or native label also a list of those to use, or a map from each to the name of its class
        features: names under `features`, all of this corpus
        model: its `name`, and its settings
        protocol: who is kept apart from whom, such as speaker-out(6)
        scale: whether vectors are standardised, by the training part
        balance: what is done about rare classes in the training part: none, class-weights, smote, first-n(N) …
        tune: settings to choose inside the training part
        seeds: of folds, chance and initial weights; scores are averaged over them
        windows: what sequences are cut into
        clips: how an utterance's windows are scored together
        threshold: from which score on a label is said to be there; `tuned`: for each label the one with the best F1 on
            development rows
        only_in_training: corpora of a pool that are never tested on, with those of their classes that are learned from;
            none named: all
        only: columns of the utterance table → values: the recipe is about the rows that have one of them in each, such
            as `{kind: [improvised]}` of IEMOCAP
        exclude: ids of utterances to leave out; `*` and `?` are wildcards
        missing: utterances that lack some of the features: `left-out`, or `kept`, for models that can do without, as
            long as they have one
        branches_see: what a fusion's branches, or the network before an SVM, learn from: the `training` part, or
            `everything`, the test part included, as those of `iemocap-fusion` did: a leak, there only to show what it
            does
        first_per_class: use only the corpus's first so many of each class, before any split
        shuffles: how many times the labels are shuffled for the baseline
        calibration_folds: where the protocol has a single fold, folds of its training part whose held-out scores
            calibrate the probabilities and cross-validate the recipe
        subsets: whether every proper subset of modalities is trained on, and not only each of them alone; a modality
            that no utterance has is none
        adapt: adaptation to each test speaker by a few clips without labels, scored beside the plain recipe
        declare: kinds of leaks that are known and accepted
        pretrained_on: corpora that a pretrained model has seen, beyond those that are known
        note: a sentence for the reports
    """

    corpus: str
    target: str
    labels: Annotated[str | list[str] | dict[str, str], PlainValidator(_labels)] = "all"
    features: Annotated[list[str], Field(min_length=1)]
    model: dict[str, Any]
    protocol: str
    scale: Literal["standard", "none"] = "standard"
    balance: str = "none"
    tune: Tuning | None = None
    seeds: Annotated[list[Seed], Field(min_length=1)] = [7]
    windows: Windows | None = None
    clips: Clips | None = None
    threshold: Annotated[float, Field(gt=0, lt=1)] | Literal["tuned"] = 0.5
    only_in_training: dict[str, list[str]] = {}
    only: dict[str, Annotated[list[str], Field(min_length=1)]] = {}
    exclude: list[str] = []
    missing: Literal["left-out", "kept"] = "left-out"
    branches_see: Literal["training", "everything"] = "training"
    first_per_class: Annotated[int, Field(ge=1)] | None = None
    shuffles: Annotated[int, Field(ge=1)] = 1
    calibration_folds: Annotated[int, Field(ge=2)] = 5
    subsets: bool = False
    adapt: Adapt | None = None
    declare: list[str] = []
    pretrained_on: list[str] = []
    note: str = ""


class Runtime(Section):
    """The machine: nothing here changes a byte of any result. `workers: 0` means one per core."""

    workers: Annotated[int, Field(ge=0)]
    shards: Annotated[int, Field(ge=1, le=200)]
    per_host: Annotated[int, Field(ge=1, le=64)]
    fetches: Annotated[int, Field(ge=1, le=256)] = 12
    retry_delays_s: list[Positive]
    shard_timeout_s: Positive
    lock_wait_s: Annotated[float, Field(ge=0)]
    memo_max_bytes: Annotated[int, Field(ge=0)]
    store: str = ""
    worker_max_bytes: Annotated[int, Field(gt=0)] = 20_000_000_000
    progress: Literal["auto", "never"]

    @property
    def n_fetching(self) -> int:
        """Number of processes that fetch; with `workers: 1`, all work is done in a single process."""
        return 1 if self.workers == 1 else self.fetches


class Config(Section):
    """All of params.yaml, one section per stage, and `runtime` for the machine."""

    crawl: Crawl
    transcribe: Transcribe = Transcribe()
    captions: Captions
    speakers: SpeakerDetection = SpeakerDetection()
    eligibility: Eligibility
    polarity: Polarity
    segments: Segments
    audit: Audit = Audit(declared=[])
    evaluate: Evaluate
    labels: LabelWorth
    report: Report
    predict: Predict
    simulate: Simulate
    corpora: dict[Annotated[str, Field(pattern=CORPUS_NAME)], Corpus] = {}
    checkpoints: dict[Annotated[str, Field(pattern=CORPUS_NAME)], str] = {}
    features: dict[Annotated[str, Field(pattern=CORPUS_NAME)], Extraction] = {}
    experiments: dict[Annotated[str, Field(pattern=CORPUS_NAME)], Experiment] = {}
    runtime: Runtime


def load(path: Path) -> Config:
    """Read settings from a YAML file.

    Args:
        path: the file, usually `params.yaml`

    Returns:
        the settings, frozen

    Raises:
        ConfigError: if the file is missing, is not YAML within the limits of `yaml_files`, or holds an unknown key, a
            wrong type or an impossible value; the message names each key, its line, what was found and what is allowed
    """
    try:
        document = yaml_files.read(path)
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file; run undertone inside a project folder") from None
    if not isinstance(document.content, dict):
        kind = "nothing" if document.content is None else type(document.content).__name__
        raise ConfigError(f"{path}: expected sections such as 'crawl:', found {kind}")
    try:
        return Config.model_validate(document.content)
    except ValidationError as error:
        raise ConfigError(_explain(error, document, path)) from None


@contextmanager
def error_lines() -> Iterator[None]:
    """Add the line to errors of the block that name a place in params.yaml, as `params.yaml: features.NAME: …` does.

    Raises:
        ConfigError: for any ConfigError in the block
    """
    try:
        yield
    except ConfigError as error:
        raise ConfigError("\n".join(_with_line(line) for line in str(error).splitlines())) from None


def _with_line(message: str) -> str:
    place = _PLACE.match(message)
    if place is None:
        return message
    try:
        document = yaml_files.read(paths.PARAMS)
        names = [int(part) if part.isdigit() else part for part in place["place"].split(".")]
        _ = document.content[names[0]][names[1]]
    except (OSError, ConfigError, LookupError, TypeError):
        # the settings are not those of this file
        return message
    # the place of an unknown key is that of its section
    key = _UNKNOWN.match(message, place.end())
    line = document.line([*names, key["key"]] if key else names)
    return message if line is None else f"{paths.PARAMS}:{line}: {message[place.start('place') :]}"


def _explain(error: ValidationError, document: yaml_files.Document, path: Path) -> str:
    problems = list(dict.fromkeys(_explain_one(problem, document, path) for problem in error.errors(include_url=False)))
    more = len(problems) - _MOST_PROBLEMS
    return "\n".join([*problems[:_MOST_PROBLEMS], *([f"{path}: {more} more such problems"] if more > 0 else [])])


def _explain_one(problem: Any, document: yaml_files.Document, path: Path) -> str:
    location = _in_document(problem["loc"], document.content)
    where = f"{path}:{line}" if (line := document.line(location)) else str(path)
    key = ".".join(str(part) for part in location)
    if problem["type"] == "extra_forbidden":
        allowed = _siblings(location[:-1])
        question = guess(str(location[-1]), allowed)
        return f"{where}: unknown key '{_shortened(key)}'; {question}allowed here: {', '.join(allowed)}"
    if problem["type"] == "missing":
        return f"{where}: '{'.'.join(map(str, problem['loc']))}' is missing"
    message = " ".join(problem["msg"].removeprefix("Value error, ").split())
    shown = _shortened(repr(problem["input"]))
    return f"{where}: '{_shortened(key)}' is {shown}; {message[0].lower()}{message[1:]}"


def _in_document(location: tuple[str | int, ...], content: Any) -> tuple[str | int, ...]:
    """Return a place without what pydantic adds: which of several types was tried, and whether it is about a key."""
    parts: list[str | int] = []
    for part in location:
        is_key = isinstance(content, dict) and part in content
        if is_key or (isinstance(content, list) and isinstance(part, int) and part < len(content)):
            content = content[part]
            parts.append(part)
    return tuple(parts)


def _shortened(text: str) -> str:
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 2]} …"


def _siblings(location: tuple[str | int, ...]) -> list[str]:
    model: Any = Config
    for part in location:
        model = _section(get_args(model)[-1] if get_origin(model) is dict else model.model_fields[str(part)].annotation)
    return list(model.model_fields)


def _section(annotation: Any) -> Any:
    """Return the section, or the dict of sections, that an annotation such as `Clips | None` stands for."""
    options = [option for option in get_args(annotation) if isinstance(option, type) and issubclass(option, Section)]
    return annotation if get_origin(annotation) is dict or not options else options[0]
