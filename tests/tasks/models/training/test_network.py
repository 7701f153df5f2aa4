"""Training of networks: the seed decides all of it, a kill decides nothing, and nothing is left lying about."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import threading
import zlib
from collections import namedtuple
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from tasks.core.errors import ConfigError, InputError, NotEnoughData
from tasks.features.base.sequences import Sequences
from tasks.features.base.settings import settings_of
from tasks.models.base import registry
from tasks.models.base.estimator import Development, Inputs
from tasks.models.bilstm import BiLstm, BiLstmSettings
from tasks.models.feed_forward import FeedForward, FeedForwardSettings
from tasks.models.training import batch_size, batches, checkpoint, loggers, loop, rate_finder
from tasks.models.training.network import Target
from tasks.models.training.run import EncodedRows, TrainingRun
from tasks.models.training.run import untrained as drawn_network
from tasks.models.training.settings import TrainingSettings

CLASSES = np.array(["anger", "joy", "sadness"])


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder of one's own, to see what is left in it."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("UNDERTONE_DEVICE", "cpu")
    return place


def drawn(n: int = 120, seed: int = 5) -> tuple[Inputs, np.ndarray]:
    """Three classes, apart in six features."""
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(3), rng.integers(0, 3, n - 3)])
    features = rng.standard_normal((n, 6)) + 2.5 * np.eye(3, 6)[codes]
    return Inputs(np.full(n, "u"), {"voice": features}), CLASSES[codes]


def small(**settings: Any) -> FeedForwardSettings:
    return FeedForwardSettings(**{"hidden": (8,), "epochs": 4, "batch_size": 16, "learning_rate": 0.01, **settings})


def fitted(seed: int = 1, folder: Path | None = None, development: bool = True, **settings: Any) -> FeedForward:
    inputs, target = drawn()
    held_out = Development(*drawn(60, seed=9)) if development else None
    return FeedForward(small(**settings), seed).fit(inputs, target, development=held_out, folder=folder)


def accuracy(model: Any) -> float:
    unseen, truth = drawn(seed=6)
    return float((np.array(model.outputs_)[model.scores(unseen).argmax(axis=1)] == truth).mean())


def in_a_process_that_dies(work: Callable[[], object]) -> int:
    """Run something in a fork of this process; return the signal that ended it."""
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_the_seed_decides_every_byte() -> None:
    assert fitted(1).files() == fitted(1).files()
    assert fitted(1).files() != fitted(2).files()


def test_the_callers_random_state_and_threads_stay_as_they_are() -> None:
    import torch

    torch.manual_seed(4)
    expected, threads = torch.random.get_rng_state(), torch.get_num_threads()
    fitted(threads=2)
    assert torch.equal(torch.random.get_rng_state(), expected)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_other_threads_take_no_random_numbers_out_of_a_training() -> None:
    """As when a flow's stages share a process: one trains while others load what they have trained, or train too."""
    alone = {seed: fitted(seed, dropout=0.5, threads=seed).files() for seed in (1, 2)}
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            FeedForward(small(dropout=0.5), 1).read(alone[1])

    with ThreadPoolExecutor(3) as pool:
        loading = pool.submit(load)
        together = {seed: pool.submit(fitted, seed, dropout=0.5, threads=seed) for seed in (1, 2)}
        result = {seed: value.result().files() for seed, value in together.items()}
        done.set()
        loading.result()
    assert result == alone


@pytest.mark.parametrize("settings", [{}, {"schedule": "one-cycle", "optimiser": "adamw", "patience": 2}])
def test_a_run_that_is_killed_goes_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    whole = fitted(**settings)
    folder, write, started = tmp_path / "run", checkpoint.write, []

    def dying(state: checkpoint.TrainingState, *where: Any) -> None:
        write(state, *where)
        if state.epochs == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "write", dying)
        assert in_a_process_that_dies(lambda: fitted(folder=folder, **settings)) == -signal.SIGKILL
    assert [path.name for path in folder.rglob("*.*")] == ["checkpoint.safetensors"]
    fit = loop._fit
    monkeypatch.setattr(loop, "_fit", lambda run, *rest: (started.append(run.state.epochs), fit(run, *rest))[1])
    again = fitted(folder=folder, **settings)
    assert started == [2]
    assert again.files() == whole.files()
    assert again.curves_ == whole.curves_
    assert not any(folder.rglob("*.*"))


def test_a_kill_amid_an_epoch_costs_that_epoch_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row weights, accumulation and clipping included."""
    settings = {"accumulate": 2, "gradient_clip": 0.5, "label_smoothing": 0.1, "find_learning_rate": True}
    whole, step = fitted(**settings), loop._Loop.training_step

    def dying(self: Any, *batch: Any) -> Any:
        if self.state.epochs == 1 and len(self._sums) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(self, *batch)

    with monkeypatch.context() as patched:
        patched.setattr(loop._Loop, "training_step", dying)
        assert in_a_process_that_dies(lambda: fitted(folder=tmp_path, **settings)) == -signal.SIGKILL
    assert fitted(folder=tmp_path, **settings).files() == whole.files()


@pytest.mark.parametrize("harm", ["cut off", "a bit", "nothing in it", "another run's"])
def test_a_checkpoint_that_cannot_be_used_is_as_good_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        # training is done, but nothing was taken over
        patched.setattr(loop, "forget", stopped)
        with pytest.raises(KeyboardInterrupt):
            fitted(folder=tmp_path, seed=2 if harm == "another run's" else 1)
    path = next(tmp_path.rglob("checkpoint.safetensors"))
    content = path.read_bytes()
    broken = {
        "cut off": content[: len(content) // 2],
        "a bit": content[:-9] + bytes([content[-9] ^ 64]) + content[-8:],
        "nothing in it": b"",
        "another run's": content,
    }
    path.write_bytes(broken[harm])
    assert fitted(folder=tmp_path).files() == fitted().files()


def test_what_was_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "forget", lambda _: None)
    whole = fitted(folder=tmp_path)
    monkeypatch.setattr(loop, "_fit", None)
    assert fitted(folder=tmp_path).files() == whole.files()


def test_the_best_epoch_is_kept_and_training_stops_when_it_is_past() -> None:
    """Labels of the training part are noise: the development loss soon rises."""
    inputs, target = drawn(60)
    noise = np.random.default_rng(3).permutation(target)
    held_out = Development(*drawn(60, seed=9))
    settings = {"epochs": 60, "learning_rate": 0.05, "dropout": 0.0}
    stopped = FeedForward(small(patience=3, **settings), 1).fit(inputs, noise, development=held_out)
    losses = [entry["development_loss"] for entry in stopped.curves_]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 3 < 60
    settings["epochs"] = best + 1
    until_best = FeedForward(small(**settings), 1).fit(inputs, noise, development=held_out)
    last = FeedForward(small(patience=3, restore_best=False, **settings | {"epochs": 60}), 1)
    np.testing.assert_array_equal(stopped.scores(inputs), until_best.scores(inputs))
    assert not np.allclose(last.fit(inputs, noise, development=held_out).scores(inputs), stopped.scores(inputs))


@pytest.mark.parametrize("monitor", ["accuracy", "macro_f1"])
def test_the_best_epoch_may_be_the_one_of_the_highest_score(monitor: str) -> None:
    model = fitted(monitor=monitor, learning_rate=1e-3, epochs=3)
    inputs, target = drawn(60, seed=9)
    called = np.array(model.outputs_)[model.scores(inputs).argmax(axis=1)]
    best = max(entry["development_accuracy"] for entry in model.curves_)
    if monitor == "accuracy":
        assert (called == target).mean() == pytest.approx(best)
    assert set(model.curves_[0]) == {
        "epoch",
        "train_loss",
        "train_accuracy",
        "learning_rate",
        "development_loss",
        "development_accuracy",
        "development_macro_f1",
    }


@pytest.mark.parametrize("several", [False, True])
def test_training_accuracy_is_that_of_the_training_rows(several: bool) -> None:
    """At a rate near 0, without dropout and batch normalisation, every batch sees the network that is returned."""
    inputs, classes = drawn()
    target = np.stack([classes == name for name in CLASSES], axis=1).astype(int) if several else classes
    settings = small(learning_rate=1e-9, dropout=0.0, batch_norm=False, epochs=2)
    model = FeedForward(settings, 1).fit(inputs, target, weights=np.linspace(0.5, 1.5, 120))
    scores = model.scores(inputs)
    predicted = scores > 0.5 if several else np.array(model.outputs_)[scores.argmax(axis=1)]
    expected = (predicted == target).mean()
    assert 0 < expected < 1
    assert [entry["train_accuracy"] for entry in model.curves_] == pytest.approx([expected] * 2)


def test_without_development_rows_the_last_epoch_counts() -> None:
    model = fitted(development=False, patience=1)
    assert [set(entry) for entry in model.curves_] == [{"epoch", "train_loss", "train_accuracy", "learning_rate"}] * 4
    assert [entry["epoch"] for entry in model.curves_] == [1.0, 2.0, 3.0, 4.0]
    assert accuracy(model) > 0.75


def test_classes_that_training_did_not_have_are_errors() -> None:
    inputs, target = drawn()
    odd = np.where(np.arange(60) < 30, "boredom", drawn(60, seed=9)[1])
    model = FeedForward(small(), 1).fit(inputs, target, development=Development(drawn(60, seed=9)[0], odd))
    assert model.curves_[-1]["development_accuracy"] <= 0.5
    assert np.isfinite(model.curves_[-1]["development_loss"])
    only = FeedForward(small(), 1).fit(inputs, target, development=Development(inputs, np.full(120, "boredom")))
    assert "development_loss" not in only.curves_[-1]


def test_the_learning_rate_goes_as_scheduled() -> None:
    def rates(kind: Any, n: int = 100) -> np.ndarray:
        return np.array([loop.multiplier(TrainingSettings(schedule=kind), step, n) for step in range(n)])

    assert (rates("constant") == 1).all()
    linear, cycle = rates("linear"), rates("one-cycle")
    assert linear.argmax() == cycle.argmax() == 10
    assert linear.max() == cycle.max() == 1
    assert 0 < linear[-1] < 0.02
    assert (np.diff(cycle[:11]) > 0).all()
    assert (np.diff(cycle[10:]) < 0).all()
    assert cycle[0] < 0.1
    assert cycle[-1] < 1e-3
    assert [entry["learning_rate"] for entry in fitted(schedule="one-cycle").curves_][-1] < 1e-4


def test_the_learning_rate_can_be_looked_for() -> None:
    model = fitted(find_learning_rate=True, development=False)
    assert len(model.search_) > 50
    assert set(model.search_[0]) == {"learning_rate", "loss"}
    rate = model.curves_[0]["learning_rate"]
    assert 1e-4 < rate < 0.5
    assert rate == rate_finder.proposed(model.search_)
    assert model.files() == fitted(find_learning_rate=True, development=False).files()
    assert rate_finder.proposed([{"learning_rate": 10.0**k, "loss": 1.0} for k in range(-8, 9)]) is None


def with_memory(monkeypatch: pytest.MonkeyPatch, n_bytes: float) -> None:
    """Let so many bytes of memory be available."""
    memory = namedtuple("memory", "available")(int(n_bytes))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)


def sized(**settings: Any) -> FeedForward:
    return fitted(development=False, find_batch_size=True, epochs=1, **settings)


def sizes(model: FeedForward) -> list[float]:
    return [entry["batch_size"] for entry in model.search_ if "batch_size" in entry]


def test_the_batch_size_can_be_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The training part has 120 rows."""
    with_memory(monkeypatch, 1e12)
    model = sized(batch_size=12)
    assert sizes(model) == [16, 32, 64]
    assert model.notes_ == [
        "the batch-size finder chose 64 rows (120 are the most that were asked for on cpu); batch_size was 12"
    ]
    np.testing.assert_array_equal(
        model.scores(drawn(seed=6)[0]),
        fitted(development=False, batch_size=64, epochs=1).scores(drawn(seed=6)[0]),
    )
    read = FeedForward(small()).read(model.files())
    assert (read.search_, read.notes_) == (model.search_, model.notes_)


def test_no_larger_batch_is_taken_than_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fits grows with the memory there is, and a batch size that is set is kept where nothing larger fits."""
    largest = []
    for n_bytes in (0, 6e3, 1e4, 2e4, 1e12):
        with_memory(monkeypatch, n_bytes)
        largest.append(max(sizes(sized(batch_size=2)), default=0))
    assert largest[0] == 0
    assert largest == sorted(largest)
    assert len(set(largest)) >= 4
    assert largest[-1] == 64
    with_memory(monkeypatch, 0)
    assert sized().notes_ == ["the batch-size finder kept batch_size 16: 16 rows do not fit into memory"]
    assert "no power of two up to 120 rows" in sized(batch_size=128).notes_[0]


def test_what_a_step_holds_grows_along_a_line() -> None:
    """Near enough: within a tenth, from 4 rows to 32. The longest row is taken, and it holds what its states hold."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 30, 40)
    steps = rng.standard_normal((int(lengths.sum()), 5)).astype(np.float32)
    inputs = Inputs(np.full(40, "u"), {}, {"said": Sequences(steps, np.cumsum(lengths) - lengths, lengths)})
    model = BiLstm(BiLstmSettings(hidden=(4,)))
    model.shape, model.target = model._measure(inputs), Target("classes", tuple(CLASSES))
    run = TrainingRun(model.settings, 1, "classes", lambda: model._build(model.shape, 3, fitting=True), {})
    part = EncodedRows(model.examples(inputs), np.zeros(40, dtype=np.int64), np.ones(40, dtype=np.float32))
    order = batch_size.longest(part)
    assert (np.diff(lengths[order]) <= 0).all()
    network = drawn_network(run).train()
    held = {n: batch_size.held(network, run, part, np.repeat(order[:1], n)) for n in (2, 4, 8, 32)}
    assert held[32] == pytest.approx(held[2] + 15 * (held[4] - held[2]), rel=0.1)
    assert held[8] == batch_size.held(network, run, part, np.repeat(order[:1], 8))
    assert held[8] > batch_size.held(network, run, part, np.repeat(order[-1:], 8))
    assert held[32] > 2 * 32 * int(lengths.max()) * 2 * 4 * 4


def test_the_rate_is_looked_for_at_the_batch_size_that_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with_memory(monkeypatch, 1e12)
    seen, find = [], loop._find_rate
    monkeypatch.setattr(
        loop, "_find_rate", lambda run, part: (seen.append(run.settings.batch_size), find(run, part))[1]
    )
    model = sized(find_learning_rate=True)
    assert seen == [64]
    assert sizes(model) == [16, 32, 64]
    curve = [entry for entry in model.search_ if "learning_rate" in entry]
    assert model.curves_[0]["learning_rate"] == rate_finder.proposed(curve)


def test_a_run_that_was_killed_keeps_the_batch_size_it_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine it goes on on may have less memory."""
    with_memory(monkeypatch, 1e12)
    settings = {"find_batch_size": True, "batch_size": 8, "epochs": 3}
    whole, write = fitted(**settings), checkpoint.write

    def dying(state: checkpoint.TrainingState, *where: Any) -> None:
        write(state, *where)
        if state.epochs == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "write", dying)
        assert in_a_process_that_dies(lambda: fitted(folder=tmp_path, **settings)) == -signal.SIGKILL
    with_memory(monkeypatch, 0)
    again = fitted(folder=tmp_path, **settings)
    assert sizes(again) == [8, 16, 32, 64]
    assert again.files() == whole.files()


def test_a_step_that_does_not_fit_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU, where steps are tried."""
    tried: list[int] = []
    monkeypatch.setattr(batch_size, "device", lambda: "cuda")
    monkeypatch.setattr(batch_size, "_fits_gpu", lambda run, part: lambda size: (tried.append(size), size <= 32)[1])
    inputs, _ = drawn()
    model = FeedForward(small(batch_size=8))
    model.shape, model.target = model._measure(inputs), Target("classes", tuple(CLASSES))
    run = TrainingRun(model.settings, 1, "classes", lambda: model._build(model.shape, 3, fitting=True), {})
    part = EncodedRows(model.examples(inputs), np.zeros(120, dtype=np.int64), np.ones(120, dtype=np.float32))
    curve, notes = batch_size.sizes(run, part)
    assert curve == [{"batch_size": 8.0}, {"batch_size": 16.0}, {"batch_size": 32.0}]
    assert "chose 32 rows (64 do not fit into memory on cuda)" in notes[0]
    assert tried == [8, 16, 32, 64]


def test_embeddings_go_into_the_last_layer() -> None:
    model, unseen = fitted(), drawn(seed=6)[0]
    last = model.networks_[0].layers[-1]
    embedded = model.embeddings(unseen)
    assert embedded.shape == (120, 8)
    assert embedded.dtype == np.float64
    logits = embedded @ last.weight.detach().numpy().T + last.bias.detach().numpy()
    np.testing.assert_allclose(model.target.scores(logits), model.scores(unseen), atol=1e-6)
    np.testing.assert_array_equal(model.embeddings(unseen), embedded)
    assert not last._forward_pre_hooks
    assert model.embeddings(unseen.rows(np.arange(0))).shape == (0, 8)
    np.testing.assert_array_equal(FeedForward(small()).read(model.files()).embeddings(unseen), embedded)


def test_embeddings_of_an_ensemble_lie_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FeedForward, "seeds", (1, 2))
    model, unseen = fitted(epochs=1), drawn(seed=6)[0]
    embedded = model.embeddings(unseen)
    assert embedded.shape == (120, 16)
    monkeypatch.setattr(FeedForward, "seeds", (1,))
    np.testing.assert_array_equal(embedded[:, :8], fitted(epochs=1).embeddings(unseen))


def test_embeddings_of_sequences_are_pooled_and_neighbours_change_nothing() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 30, 40)
    steps = rng.standard_normal((int(lengths.sum()), 5)).astype(np.float32)
    inputs = Inputs(np.full(40, "u"), {}, {"said": Sequences(steps, np.cumsum(lengths) - lengths, lengths)})
    settings = BiLstmSettings(hidden=(4,), epochs=1, pooling="attention")
    model = BiLstm(settings, 1).fit(inputs, CLASSES[np.arange(40) % 3])
    embedded = model.embeddings(inputs)
    assert embedded.shape == (40, 8)
    alone = np.concatenate([model.embeddings(inputs.rows(np.array([row]))) for row in range(40)])
    np.testing.assert_allclose(alone, embedded, atol=1e-6)


def test_labels_are_learned_one_by_one() -> None:
    inputs, target = drawn(200)
    labels = np.stack([target == "anger", target != "joy"], axis=1).astype(int)
    held_out = Development(inputs.rows(np.arange(50)), labels[:50])
    model = FeedForward(small(epochs=8), 1).fit(inputs, labels, development=held_out)
    assert model.outputs_ == ("0", "1")
    assert ((model.scores(inputs) > 0.5) == labels).mean() > 0.85
    assert model.curves_[-1]["development_macro_f1"] > 0.8


def test_values_are_learned_on_their_own_scale() -> None:
    inputs, _ = drawn(200)
    values = 1000 + 50 * inputs.vectors["voice"][:, 0]
    held_out = Development(inputs.rows(np.arange(50)), values[:50])
    model = FeedForward(small(epochs=15), 1).fit(inputs, values, development=held_out)
    assert model.outputs_ == ("value",)
    assert np.corrcoef(model.scores(inputs)[:, 0], values)[0, 1] > 0.85
    assert model.scores(inputs).mean() == pytest.approx(values.mean(), rel=0.05)
    assert not {"train_accuracy", "development_accuracy"} & set(model.curves_[-1])
    with pytest.raises(ConfigError, match="for values use loss"):
        FeedForward(small(monitor="accuracy"), 1).fit(inputs, values)


def test_weights_say_which_rows_count() -> None:
    inputs, target = drawn(240)
    lies = np.arange(240) % 3 > 0
    labels = np.where(lies, np.roll(CLASSES, 1)[np.searchsorted(CLASSES, target)], target)
    weights = np.where(lies, 1e-3, 1.0)
    weighted = FeedForward(small(), 1).fit(inputs, labels, weights=weights / weights.mean())
    assert accuracy(weighted) > 0.7
    assert accuracy(FeedForward(small(), 1).fit(inputs, labels)) < 0.4


def test_shuffled_labels_teach_nothing() -> None:
    inputs, target = drawn()
    assert accuracy(fitted()) > 0.85
    assert accuracy(FeedForward(small(), 1).fit(inputs, np.random.default_rng(1).permutation(target))) < 0.55


def test_bfloat16_learns_too() -> None:
    assert accuracy(fitted(precision="bf16")) > 0.8


def test_two_processes_share_the_batches() -> None:
    # they are forked, which is safe in a process without threads: workers are such when they begin, and pytest is not
    done = subprocess.run(
        [sys.executable, "-c", _IN_A_PROCESS_OF_ITS_OWN, __file__], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


_IN_A_PROCESS_OF_ITS_OWN = """
import runpy, sys
test = runpy.run_path(sys.argv[1])
fitted, accuracy = test["fitted"], test["accuracy"]
assert fitted(devices=2, epochs=3).files() == fitted(devices=2, epochs=3).files()
assert accuracy(fitted(devices=2)) > 0.75
"""


def test_nothing_is_written_or_said(
    empty_folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    fitted(find_learning_rate=True, folder=tmp_path / "run")
    assert list(empty_folder.iterdir()) == []
    assert not (tmp_path / "run").exists() or not any((tmp_path / "run").iterdir())
    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""


def test_curves_can_be_logged_as_csv(tmp_path: Path, empty_folder: Path) -> None:
    model = fitted(logger="csv", folder=tmp_path / "run")
    (path,) = (tmp_path / "run").rglob("*.csv")
    assert path.relative_to(tmp_path / "run").as_posix() == "network-1/logs/from-epoch-1/metrics.csv"
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["train_loss"]) for row in rows] == [entry["train_loss"] for entry in model.curves_]
    assert [row["step"] for row in rows] == ["1", "2", "3", "4"]
    assert list(empty_folder.iterdir()) == []


def test_loggers_are_told_what_a_run_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lightning.pytorch.loggers import CSVLogger

    logged: list[dict[str, Any]] = []
    monkeypatch.setattr(CSVLogger, "log_hyperparams", lambda self, params: logged.append(params))
    monkeypatch.setattr(loop.lineage, "revision", lambda folder: "0" * 40)
    Path("dvc.lock").write_text("stages:\n  extract@voice:\n    outs:\n    - {path: data/extract/c/voice, md5: 12ab}\n")
    inputs, _ = drawn()
    fitted(logger="csv", folder=tmp_path / "run", find_learning_rate=True)
    (parameters,) = logged
    assert (parameters["seed"], parameters["task"], parameters["outputs"]) == (1, "classes", "anger, joy, sadness")
    assert (parameters["epochs"], parameters["hidden"], parameters["optimiser"]) == (4, "(8,)", "adam")
    assert parameters["inputs.voice"] == str(zlib.crc32(inputs.vectors["voice"].tobytes()))
    assert parameters["git_revision"] == "0" * 40
    assert parameters["dvc.data/extract/c/voice"] == "12ab"


# what its own libraries warn each other of is nothing of ours
@pytest.mark.filterwarnings("ignore")
def test_weights_and_biases_takes_a_run_offline(
    tmp_path: Path, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    for seed in (1, 2):
        fitted(seed, logger="wandb", folder=tmp_path / str(seed), epochs=2)
        (run,) = (tmp_path / str(seed)).rglob("*.wandb")
        content = run.read_bytes()
        assert b"inputs.voice" in content
        assert b"train_loss" in content
    assert list(empty_folder.iterdir()) == []


# what its own libraries warn each other of is nothing of ours
@pytest.mark.filterwarnings("ignore")
def test_mlflow_takes_a_run_into_a_database(
    tmp_path: Path, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    address = f"sqlite:///{tmp_path / 'runs.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    fitted(logger="mlflow", folder=tmp_path / "run", epochs=2)
    (run,) = mlflow.MlflowClient(address).search_runs(["1"])
    assert run.data.params["inputs.voice"]
    assert run.data.params["batch_size"] == "16"
    assert run.data.metrics["train_loss"] > 0
    assert run.info.status == "FINISHED"
    assert list(empty_folder.iterdir()) == []


@pytest.mark.parametrize("logger", ["tensorboard", "wandb", "mlflow"])
def test_a_logger_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, logger: str) -> None:
    monkeypatch.setattr(loggers, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"make env EXTRAS=tracking,dev"):
        fitted(logger=logger, folder=tmp_path)


def test_divergence_is_told(tmp_path: Path) -> None:
    inputs, target = drawn()
    broken = inputs.vectors["voice"].copy()
    broken[3] = np.nan
    with pytest.raises(ConfigError, match=r"diverged: the loss became nan in epoch 1.*lower learning_rate"):
        FeedForward(small(), 1).fit(Inputs(inputs.units, {"voice": broken}), target, folder=tmp_path)


def test_too_little_is_told() -> None:
    inputs, _ = drawn()
    with pytest.raises(NotEnoughData, match="two classes"):
        FeedForward(small(), 1).fit(inputs, np.full(120, "joy"))
    with pytest.raises(NotEnoughData, match="two rows"):
        FeedForward(small(), 1).fit(inputs.rows(np.arange(1)), np.array([0.5]))


def test_the_device_is_asked_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERTONE_DEVICE", "tpu")
    with pytest.raises(ConfigError, match="may be cpu or cuda"):
        fitted()


def cuda() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.mark.skipif(not cuda(), reason="PyTorch finds no CUDA device here")
@pytest.mark.parametrize("network", ["feed-forward", "bilstm"])
def test_a_gpu_says_what_the_cpu_says(monkeypatch: pytest.MonkeyPatch, network: str) -> None:
    """Within 0.01 of a probability: sums come out differently in their last bits, and training carries that on."""
    rng = np.random.default_rng(0)
    (inputs, target), (held, truth) = drawn(), drawn(60, seed=9)
    lengths = rng.integers(2, 9, 180)
    steps = np.repeat(np.concatenate([inputs.vectors["voice"], held.vectors["voice"]]), lengths, axis=0)
    sequences = Sequences(steps.astype(np.float32), np.cumsum(lengths) - lengths, lengths)
    if network == "bilstm":
        inputs = Inputs(inputs.units, {}, {"said": sequences.rows(np.arange(120))})
        held = Inputs(held.units, {}, {"said": sequences.rows(np.arange(120, 180))})
    actual = {}
    for device in ("cpu", "cuda"):
        monkeypatch.setenv("UNDERTONE_DEVICE", device)
        # a GPU draws other numbers for dropout
        model: Any = FeedForward(small(dropout=0.0), 1)
        if network == "bilstm":
            settings = BiLstmSettings(hidden=(8, 4), dropout=0.0, epochs=4, batch_size=16, learning_rate=0.01)
            model = BiLstm(settings, 1)
        model.fit(inputs, target, development=Development(held, truth))
        actual[device] = model.scores(held), model.embeddings(held)
    np.testing.assert_allclose(actual["cuda"][0], actual["cpu"][0], atol=0.01)
    np.testing.assert_allclose(actual["cuda"][1], actual["cpu"][1], atol=0.05)


@pytest.mark.skipif(not cuda(), reason="PyTorch finds no CUDA device here")
def test_a_gpu_is_filled_by_trying(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setenv("UNDERTONE_DEVICE", "cuda")
    assert sizes(sized()) == [16, 32, 64]
    # room for a network of 6 × 2,000,000 weights and Adam's moments, and not for 64 rows of it
    monkeypatch.setattr(batch_size, "_GPU_SHARE", 1.2e9 / torch.cuda.get_device_properties(0).total_memory)
    model = sized(batch_size=2, hidden=(2_000_000,), batch_norm=False)
    assert max(sizes(model)) < 64
    assert "do not fit into memory on cuda" in model.notes_[0]


def test_without_the_libraries_it_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tasks.models.training.loop", None)
    monkeypatch.delattr("tasks.models.training.loop")
    with pytest.raises(InputError, match=r"make env EXTRAS=deep,dev"):
        fitted()


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", 0), ("batch_size", 0), ("learning_rate", 0.0), ("patience", -1), ("warmup_share", 1.0), ("threads", 0)],
)
def test_impossible_settings_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be"):
        TrainingSettings(**{name: value})


def test_a_batch_size_is_looked_for_on_one_device() -> None:
    with pytest.raises(ValueError, match="find_batch_size is for one device, found devices 2"):
        TrainingSettings(find_batch_size=True, devices=2)


@pytest.mark.parametrize("name", ["feed-forward", "bilstm", "fine-tuned"])
def test_settings_of_training_stand_beside_the_networks(name: str) -> None:
    model = registry.model(name)
    read = settings_of(model.settings, {"epochs": 5, "learning_rate": 1, "dropout": 0.5, "schedule": "linear"}, "here")
    assert (read.epochs, read.learning_rate, read.dropout, read.schedule) == (5, 1.0, 0.5, "linear")
    assert model.in_epochs
    assert model.tasks == {"classes", "labels", "values"}
    with pytest.raises(ConfigError, match="did you mean 'patience'"):
        settings_of(model.settings, {"patiense": 5}, "here")


@pytest.mark.parametrize("lengths", [None, np.random.default_rng(2).integers(1, 90, 1001)])
def test_an_epoch_sees_every_row_once(lengths: np.ndarray | None) -> None:
    cut = batches.shuffled(1001, 8, lengths, 3, 0)
    np.testing.assert_array_equal(np.sort(np.concatenate(cut)), np.arange(1001))
    assert sorted({case.size for case in cut}) == [8, 9]
    again, other = batches.shuffled(1001, 8, lengths, 3, 0), batches.shuffled(1001, 8, lengths, 3, 1)
    assert all((case == same).all() for case, same in zip(cut, again, strict=True))
    assert any(case.size != same.size or (case != same).any() for case, same in zip(cut, other, strict=True))


def test_rows_of_similar_length_stand_together() -> None:
    lengths = np.random.default_rng(2).integers(1, 90, 1000)

    def padding(rows: list[np.ndarray]) -> int:
        return sum(int((lengths[row].max() - lengths[row]).sum()) for row in rows)

    assert padding(batches.shuffled(1000, 8, lengths, 3, 0)) < 0.1 * padding(batches.shuffled(1000, 8, None, 3, 0))


def test_processes_get_as_many_batches_each() -> None:
    rows = batches.shuffled(50, 10, None, 3, 0)
    first, second = batches.share(rows, 0, 2), batches.share(rows, 1, 2)
    assert len(first) == len(second) == 3
    assert set(np.concatenate([*first, *second]).tolist()) == set(range(50))


def test_targets_are_what_the_loss_takes() -> None:
    values = np.array([1.0, 3.0, 5.0])
    target = Target.of(values)
    np.testing.assert_allclose(target.scores(target.encoded(values).astype(float))[:, 0], values, rtol=1e-6)
    assert Target.of(np.array(["b", "a"])).encoded(np.array(["a", "c"], dtype=object)).tolist() == [0, -1]


def test_several_values_are_standardised_each_by_itself() -> None:
    values = np.array([[0.0, 10.0, 1.0], [1.0, 30.0, 1.0]])
    target = Target.of(values, "values")
    assert target.outputs == ("0", "1", "2")
    assert (target.mean, target.scale) == ((0.5, 20.0, 1.0), (0.5, 10.0, 1.0))
    np.testing.assert_array_equal(target.encoded(values), [[-1, -1, 0], [1, 1, 0]])
    np.testing.assert_allclose(target.scores(target.encoded(values).astype(float)), values)
    assert Target.of(np.array([[0.0, 1.0], [1.0, 1.0]])).task == "labels"


def test_a_network_learns_several_values_at_once() -> None:
    rng = np.random.default_rng(3)
    features = rng.standard_normal((200, 4))
    values = features[:, :3] * [1.0, 5.0, 0.2] + [0.0, 7.0, 2.0]
    inputs = Inputs(np.full(200, "u"), {"voice": features})
    model = FeedForward(small(epochs=40, hidden=(32,), dropout=0.0), 1).fit(inputs, values, task="values")
    scores = model.scores(inputs)
    assert scores.shape == values.shape
    for column in range(3):
        assert np.corrcoef(scores[:, column], values[:, column])[0, 1] > 0.9
        assert abs(scores[:, column].mean() - values[:, column].mean()) < 0.3 * values[:, column].std()
    loaded = registry.model("feed-forward").load(model.settings, model.files())
    np.testing.assert_array_equal(loaded.scores(inputs), scores)
