"""The stage `page@NAME`: the page is drawn from what the experiment left behind, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tasks.core import each, paths
from tasks.core.config import Config
from tasks.experiments import plot_data
from tasks.stages import page
from tests.tasks.experiment_runs import run


def test_the_same_results_give_the_same_page(toy: Callable[..., Config]) -> None:
    config = toy()
    run(config)
    first = paths.page("trial").read_bytes()
    page.run(config, "trial", each=each.local(config.runtime))
    assert paths.page("trial").read_bytes() == first


def test_plot_data_come_back_as_they_were() -> None:
    spectrogram = np.linspace(-80, 0, 12, dtype=np.float32).reshape(3, 4)
    drawn = plot_data.PlotData(
        counts={"all": {"anger": 2}},
        maps=[plot_data.Map("voice", 2.0, 7, 0.1, 2, 2, np.array([[0.1, 1 / 3], [2, 3]]), np.array(["anger", "joy"]))],
        words={"anger": [("no", 2.5)]},
        roc=[{"class": "anger", "false_positive_rate": 0.0}],
        curves=[],
        varied=plot_data.Varied({"as it is": spectrogram}, 0.01),
        frames=[plot_data.Frames("faces", [{"jpeg": b"\xff\xd8", "width": 2}])],
    )
    again = plot_data.loads(plot_data.dumps(drawn))
    assert plot_data.dumps(again) == plot_data.dumps(drawn)
    assert again.varied is not None
    np.testing.assert_array_equal(again.varied.spectrograms["as it is"], spectrogram)
    assert again.varied.spectrograms["as it is"].dtype == np.float32
    assert again.maps[0].points[0, 1] == 1 / 3
    assert again.frames[0].rows[0]["jpeg"] == b"\xff\xd8"
    assert again.words == {"anger": [["no", 2.5]]}
