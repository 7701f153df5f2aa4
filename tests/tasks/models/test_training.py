"""Training of networks: the seed decides all of it, a kill decides nothing, and nothing is left lying about."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from tasks.errors import ConfigError, InputError, NotEnoughData
from tasks.models import batches, registry
from tasks.models.estimator import Development, Inputs
from tasks.models.feed_forward import FeedForward, FeedForwardSettings
from tasks.models.networks import checkpoint, loop
from tasks.models.settings import settings_of
from tasks.models.training import Target, Training

CLASSES = np.array(["anger", "joy", "sadness"])


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder of one's own, to see what is left in it."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("UNDERTONE_DEVICE", "cpu")
    return here


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


@pytest.mark.parametrize("settings", [{}, {"schedule": "one-cycle", "optimiser": "adamw", "patience": 2}])
def test_a_run_that_is_killed_goes_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    whole = fitted(**settings)
    folder, write, started = tmp_path / "run", checkpoint.write, []

    def dying(state: checkpoint.State, *where: Any) -> None:
        write(state, *where)
        if state.epochs == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "write", dying)
        assert in_a_process_that_dies(lambda: fitted(folder=folder, **settings)) == -signal.SIGKILL
    assert [path.name for path in folder.rglob("*.*")] == ["checkpoint.safetensors"]
    fit = loop._fit
    monkeypatch.setattr(loop, "_fit", lambda one, *rest: (started.append(one.state.epochs), fit(one, *rest))[1])
    again = fitted(folder=folder, **settings)
    assert started == [2]
    assert again.files() == whole.files()
    assert again.curves_ == whole.curves_
    assert not any(folder.rglob("*.*"))


def test_a_kill_amid_an_epoch_costs_that_epoch_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row weights, accumulation and clipping included."""
    settings = {"accumulate": 2, "gradient_clip": 0.5, "label_smoothing": 0.1, "find_learning_rate": True}
    whole, step = fitted(**settings), loop.Loop.training_step

    def dying(self: Any, *batch: Any) -> Any:
        if self.state.epochs == 1 and len(self._seen) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(self, *batch)

    with monkeypatch.context() as patched:
        patched.setattr(loop.Loop, "training_step", dying)
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
    found = [one["development_loss"] for one in stopped.curves_]
    best = int(np.argmin(found))
    assert len(found) == best + 1 + 3 < 60
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
    best = max(one["development_accuracy"] for one in model.curves_)
    if monitor == "accuracy":
        assert (called == target).mean() == pytest.approx(best)
    assert set(model.curves_[0]) == {
        "epoch",
        "train_loss",
        "learning_rate",
        "development_loss",
        "development_accuracy",
        "development_macro_f1",
    }


def test_without_development_rows_the_last_epoch_counts() -> None:
    model = fitted(development=False, patience=1)
    assert [set(one) for one in model.curves_] == [{"epoch", "train_loss", "learning_rate"}] * 4
    assert [one["epoch"] for one in model.curves_] == [1.0, 2.0, 3.0, 4.0]
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
        return np.array([loop.multiplier(Training(schedule=kind), step, n) for step in range(n)])

    assert (rates("constant") == 1).all()
    linear, cycle = rates("linear"), rates("one-cycle")
    assert linear.argmax() == cycle.argmax() == 10
    assert linear.max() == cycle.max() == 1
    assert 0 < linear[-1] < 0.02
    assert (np.diff(cycle[:11]) > 0).all()
    assert (np.diff(cycle[10:]) < 0).all()
    assert cycle[0] < 0.1
    assert cycle[-1] < 1e-3
    assert [one["learning_rate"] for one in fitted(schedule="one-cycle").curves_][-1] < 1e-4


def test_the_learning_rate_can_be_looked_for() -> None:
    model = fitted(find_learning_rate=True, development=False)
    assert len(model.search_) > 50
    assert set(model.search_[0]) == {"learning_rate", "loss"}
    rate = model.curves_[0]["learning_rate"]
    assert 1e-4 < rate < 0.5
    assert rate == loop.proposed(model.search_)
    assert model.files() == fitted(find_learning_rate=True, development=False).files()
    assert loop.proposed([{"learning_rate": 10.0**k, "loss": 1.0} for k in range(-8, 9)]) is None


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
    assert "development_accuracy" not in model.curves_[-1]
    with pytest.raises(ConfigError, match="for values use loss"):
        FeedForward(small(monitor="accuracy"), 1).fit(inputs, values)


def test_weights_say_which_rows_count() -> None:
    inputs, target = drawn(240)
    lies = np.arange(240) % 3 > 0
    told = np.where(lies, np.roll(CLASSES, 1)[np.searchsorted(CLASSES, target)], target)
    weights = np.where(lies, 1e-3, 1.0)
    weighted = FeedForward(small(), 1).fit(inputs, told, weights=weights / weights.mean())
    assert accuracy(weighted) > 0.7
    assert accuracy(FeedForward(small(), 1).fit(inputs, told)) < 0.4


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
    assert [float(row["train_loss"]) for row in rows] == [one["train_loss"] for one in model.curves_]
    assert [row["step"] for row in rows] == ["1", "2", "3", "4"]
    assert list(empty_folder.iterdir()) == []


@pytest.mark.parametrize("logger", ["tensorboard", "wandb", "mlflow"])
def test_a_logger_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, logger: str) -> None:
    monkeypatch.setattr(loop, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'undertone\[tracking\]'"):
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


def test_without_the_libraries_it_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tasks.models.networks.loop", None)
    monkeypatch.delattr("tasks.models.networks.loop")
    with pytest.raises(InputError, match=r"pip install 'undertone\[deep\]'"):
        fitted()


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", 0), ("batch_size", 0), ("learning_rate", 0.0), ("patience", -1), ("warmup_share", 1.0), ("threads", 0)],
)
def test_impossible_settings_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be"):
        Training(**{name: value})


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
    found = batches.shuffled(1001, 8, lengths, 3, 0)
    np.testing.assert_array_equal(np.sort(np.concatenate(found)), np.arange(1001))
    assert sorted({one.size for one in found}) == [8, 9]
    again, other = batches.shuffled(1001, 8, lengths, 3, 0), batches.shuffled(1001, 8, lengths, 3, 1)
    assert all((one == same).all() for one, same in zip(found, again, strict=True))
    assert any(one.size != same.size or (one != same).any() for one, same in zip(found, other, strict=True))


def test_rows_of_similar_length_stand_together() -> None:
    lengths = np.random.default_rng(2).integers(1, 90, 1000)

    def padding(rows: list[np.ndarray]) -> int:
        return sum(int((lengths[one].max() - lengths[one]).sum()) for one in rows)

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
