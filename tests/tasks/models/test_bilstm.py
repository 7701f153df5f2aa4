"""The BiLSTM: the notebook's layers, and filling a batch up changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from tasks.core.errors import InputError
from tasks.features.base.sequences import Sequences
from tasks.models.base import registry
from tasks.models.base.estimator import Development, Inputs
from tasks.models.bilstm import BiLstm, BiLstmSettings

CLASSES = np.array(["anger", "joy"])


def drawn(n: int = 120, seed: int = 5) -> tuple[Inputs, np.ndarray]:
    """Two classes that are apart in how a feature goes, up or down, over 3 to 9 steps."""
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(2), rng.integers(0, 2, n - 2)])
    rows = []
    for code in codes:
        slope = np.linspace(-2, 2, rng.integers(3, 10)) * (1 if code else -1)
        rows.append(slope[:, None] * [1, 0, 0] + 0.3 * rng.standard_normal((slope.size, 3)))
    lengths = np.array([len(row) for row in rows])
    starts = np.cumsum(lengths) - lengths
    steps = np.concatenate(rows).astype(np.float32)
    return Inputs(np.full(n, "u"), sequences={"tokens": Sequences(steps, starts, lengths)}), CLASSES[codes]


def small(**settings: Any) -> BiLstmSettings:
    return BiLstmSettings(**{"hidden": (6, 5), "epochs": 6, "batch_size": 16, "learning_rate": 0.02, **settings})


@pytest.fixture(params=["last", "mean", "attention"])
def pooling(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_it_has_the_notebooks_layers() -> None:
    import torch

    with torch.device("meta"):
        network = BiLstm(BiLstmSettings())._build({"n_features": 768}, 7, fitting=True)
    first, second = network.layers
    assert (first.hidden_size, first.bidirectional, second.hidden_size, second.bidirectional) == (256, True, 128, False)
    assert second.input_size == network.norms[0].num_features == 512
    assert (network.norms[1].num_features, network.out.out_features, network.dropout.p) == (128, 7, 0.2)
    assert BiLstmSettings().learning_rate == 1e-4
    with torch.device("meta"):
        both = BiLstm(BiLstmSettings(bidirectional=True))._build({"n_features": 768}, 7, fitting=True)
    assert both.layers[1].bidirectional
    assert both.out.in_features == 256


def test_it_learns_what_is_there_and_only_that(pooling: Any) -> None:
    inputs, target = drawn()
    unseen, truth = drawn(seed=6)
    held_out = Development(*drawn(40, seed=7))
    fitted = BiLstm(small(pooling=pooling), 1).fit(inputs, target, development=held_out)
    assert (CLASSES[fitted.scores(unseen).argmax(axis=1)] == truth).mean() > 0.8
    noise = np.random.default_rng(1).permutation(target)
    shuffled = BiLstm(small(pooling=pooling), 1).fit(inputs, noise)
    # the data has one direction: what is left of it in shuffled labels shows in the calls, but not in how sure they are
    sure = [case.scores(unseen)[np.arange(120), np.searchsorted(CLASSES, truth)].mean() for case in (fitted, shuffled)]
    assert sure[0] > 0.7
    assert 0.35 < sure[1] < 0.65


def test_a_rows_scores_do_not_depend_on_what_stands_beside_it(pooling: Any) -> None:
    inputs, target = drawn()
    fitted = BiLstm(small(pooling=pooling, epochs=1, bidirectional=True), 1).fit(inputs, target)
    together = fitted.scores(inputs)
    alone = np.concatenate([fitted.scores(inputs.rows(np.array([row]))) for row in range(20)])
    np.testing.assert_allclose(alone, together[:20], atol=1e-6)
    order = np.random.default_rng(2).permutation(120)
    np.testing.assert_allclose(fitted.scores(inputs.rows(order)), together[order], atol=1e-6)


def test_batch_normalisation_sees_real_steps_alone() -> None:
    """Filling up a batch with three long rows must not move the averages."""
    import torch

    from tasks.models.networks.lstm import LstmModule

    torch.manual_seed(1)
    network = LstmModule(3, (4, 4), 2, both_ways=False, pooling="last", dropout=0.0).train()
    steps, lengths = torch.randn(3, 5, 3), torch.tensor([5, 2, 1])
    state = {name: value.clone() for name, value in network.state_dict().items()}
    network(steps, lengths)
    expected = network.norms[0].running_mean.clone()
    network.load_state_dict(state)
    network(torch.cat([steps, torch.full((3, 4, 3), 1e3)], dim=1), lengths)
    torch.testing.assert_close(network.norms[0].running_mean, expected)


def test_a_model_comes_back_from_its_files_and_the_seed_decides_them(pooling: Any) -> None:
    inputs, target = drawn()
    settings = small(pooling=pooling, epochs=2)
    fitted = BiLstm(settings, 1).fit(inputs, target)
    files = fitted.files()
    loaded = registry.model("bilstm").load(settings, files)
    np.testing.assert_array_equal(loaded.scores(inputs), fitted.scores(inputs))
    assert loaded.files() == files == BiLstm(settings, 1).fit(inputs, target).files()
    assert files != BiLstm(settings, 2).fit(inputs, target).files()


def test_labels_and_values_are_learned_too() -> None:
    inputs, target = drawn()
    joy = (target == "joy").astype(float)
    labels = BiLstm(small(), 1).fit(inputs, np.stack([joy, 1 - joy], axis=1))
    assert ((labels.scores(inputs) > 0.5)[:, 0] == (joy > 0)).mean() > 0.8
    values = BiLstm(small(), 1).fit(inputs, 10 * joy)
    assert np.corrcoef(values.scores(inputs)[:, 0], joy)[0, 1] > 0.7


def test_what_it_cannot_take_is_told() -> None:
    inputs, target = drawn()
    with pytest.raises(InputError, match="takes one block of sequences, found voice"):
        BiLstm(small()).fit(Inputs(inputs.units, {"voice": np.ones((120, 2))}), target)
    fitted = BiLstm(small(epochs=1), 1).fit(inputs, target)
    block = inputs.sequences["tokens"]
    narrow = Inputs(inputs.units, sequences={"t": Sequences(block.steps[:, :2], block.starts, block.lengths)})
    with pytest.raises(ValueError, match="expected steps of 3 features, found 2"):
        fitted.scores(narrow)


@pytest.mark.parametrize("settings", [{"hidden": ()}, {"hidden": (3, 0)}, {"dropout": -0.1}, {"batch_size": 1}])
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must"):
        BiLstmSettings(**settings)
