"""params.yaml: what is wrong in it is named with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.core import config
from tasks.core.errors import ConfigError


def edited(project: Path, old: str, new: str) -> Path:
    path = project / "params.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_shipped_parameters_load_and_are_frozen(settings: config.Config) -> None:
    assert settings.eligibility.min_duration_s == 2.0
    with pytest.raises(ValueError, match="frozen"):
        settings.evaluate.seed = 1  # type: ignore[misc]


def test_unknown_key_names_line_and_what_is_allowed(project: Path) -> None:
    path = edited(project, "  min_words: 4", "  min_word: 4")
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "min_word:" in text)
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert f"{path}:{line}: unknown key 'eligibility.min_word'" in str(caught.value)
    assert "allowed here: min_duration_s, min_words" in str(caught.value)
    assert "'eligibility.min_words' is missing" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  min_words: 4", "  min_words: four", "'eligibility.min_words' is 'four'"),
        ("  min_words: 4", "  min_words: -1", "greater than or equal to 0"),
        ("  min_score: 0.25", "  min_score: 1.5", "less than or equal to 1"),
        ("    shuffles: 20", "    shuffles: 0", "'experiments.interviews-source.shuffles' is 0"),
        ("  segmentation: cue ", "  segmentation: line ", "'captions.segmentation' is 'line'"),
        ("  long_pause_s: 2.0", "  long_pause_s: 0.1", "long_pause_s must be at least pause_s"),
        ("  confidence: 0.95", "  confidence: 95", "less than 1"),
    ],
)
def test_impossible_values_say_what_was_found_and_what_is_allowed(
    project: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(edited(project, old, new))
    assert message in str(caught.value)
    assert "params.yaml:" in str(caught.value)


def test_broken_yaml_and_missing_file(project: Path) -> None:
    with pytest.raises(ConfigError, match="not valid YAML"):
        config.load(edited(project, "crawl:", "crawl: ["))
    with pytest.raises(ConfigError, match="no such file"):
        config.load(project / "nothing.yaml")
    (project / "params.yaml").write_text("- 1\n")
    with pytest.raises(ConfigError, match="expected sections"):
        config.load(project / "params.yaml")


@pytest.mark.parametrize("labels", [3, [], ["anger", 1], {}, {"anger": 1}])
def test_labels_of_a_wrong_type_are_one_problem(project: Path, labels: object) -> None:
    recipe = {"corpus": "x", "target": "emotion", "labels": labels, "features": ["f"], "model": {}, "protocol": "x"}
    path = edited(project, "  interviews-source:", f"  trial: {json.dumps(recipe)}\n  interviews-source:")
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert len(str(caught.value).splitlines()) == 1
    assert "expected a set of classes such as all or ekman" in str(caught.value)


RECIPE = """\
  x:
    corpus: tess
    target: emotion
    features: [a]
    model: {name: svm}
    protocol: speaker-out(6)
"""


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "clips: {by: mean, smooh: 3}",
            "unknown key 'experiments.x.clips.smooh'; did you mean smooth? allowed here: by,",
        ),
        (
            "tune: {grid: {c: [1.0]}, fold: 3}",
            "unknown key 'experiments.x.tune.fold'; did you mean folds? allowed here:",
        ),
        (
            "windows: {length_s: 1, hop: 3}",
            "unknown key 'experiments.x.windows.hop'; did you mean hop_s? allowed here:",
        ),
        ("noted: x", "unknown key 'experiments.x.noted'; did you mean note? allowed here: corpus, target"),
        ("tune: 5", "'experiments.x.tune' is 5; input should be"),
        ("seeds: [4294967296]", "'experiments.x.seeds.0' is 4294967296; input should be less than 4294967296"),
        ("threshold: some", "'experiments.x.threshold' is 'some'; input should be 'tuned'"),
        ("clips: {smooth: 2}", "'experiments.x.clips.smooth' is 2; must be odd"),
        ("tune: {grid: {c: [1.0]}, folds: .inf}", ".inf is too large a number"),
    ],
)
def test_nested_settings_of_a_recipe_are_named_with_their_line(project: Path, setting: str, message: str) -> None:
    path = edited(project, "  interviews-source:", f"{RECIPE}    {setting}\n  interviews-source:")
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if text == f"    {setting}")
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert f"{path}:{line}: {message}" in str(caught.value)


def test_unknown_keys_of_other_entries(project: Path) -> None:
    path = edited(
        project, "corpora:", "corpora:\n  tess: {reader: tess, path: x, pth: y}\n  Tess: {reader: x, path: y}\n#"
    )
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert "unknown key 'corpora.tess.pth'; did you mean path? allowed here: reader, path" in str(caught.value)
    assert "'corpora.Tess' is 'Tess'; string should match pattern" in str(caught.value)


def test_long_values_and_many_mistakes_are_cut_short(project: Path) -> None:
    path = edited(project, "audit:", "\n".join(f"key{n}: 1" for n in range(40)) + f"\naudit: {{x: {'y' * 9999}}}\nold:")
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 21 and all(len(line) < 400 for line in lines)
    assert lines[-1].endswith("more such problems")
