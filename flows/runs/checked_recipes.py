"""Check recipes against their corpora, which have been read, before features are extracted and models are fitted."""

from __future__ import annotations

from collections.abc import Collection

from flows.project.dag import Dag
from tasks.core.config import Config
from tasks.experiments import plan, plan_checks


def demand(dag: Dag, stage: str, wanted: Collection[str], config: Config) -> None:
    """Check the recipes that a stage is about to work for; a recipe whose results are current is not checked.

    Args:
        dag: the project's DAG
        stage: about to run: before `extract@NAME`, the wanted recipes of its corpus; before `experiment@NAME`, this one
        wanted: names of the stages of this run
        config: all settings

    Raises:
        ConfigError: one line a mistake: its place in params.yaml, what was found, what is expected, what to do
    """
    word, _, name = stage.partition("@")
    names = [name] if word == "experiment" else []
    if word == "extract" and name in config.features:
        of_corpus = (key for key, entry in config.experiments.items() if entry.corpus == config.features[name].corpus)
        names = [
            key
            for key in of_corpus
            if not {f"inputs@{key}", f"experiment@{key}"}.isdisjoint(wanted) and not dag.is_current(f"experiment@{key}")
        ]
    plan_checks.demand_corpus(plan.plan(key, config) for key in names)
