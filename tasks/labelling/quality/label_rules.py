"""Rules in use that were chosen or trained on rated rows, and which of the scored rows are among these.

A score on rows that a rule was chosen on is too good. Each rule keeps digests of its rows: the combination in
`data/polarity/combination.json`, the threshold in `data/rated/threshold.json`, a learned voter in its folder, and the
removal of hedges in `tasks/labelling/votes/hedges_rows.txt`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasks.core import artifacts, paths
from tasks.core.config import Polarity
from tasks.core.errors import InputError, TableError
from tasks.labelling.base import project_voters
from tasks.labelling.quality import row_digests
from tasks.labelling.quality.combination_file import CombinationFile
from tasks.labelling.votes import combine

COMBINATION, THRESHOLD, VOTER, HEDGES = "combination", "threshold", "learned voter", "removal of hedges"
_HEDGE_ROWS = Path(combine.__file__).with_name("hedges_rows.txt")
_VOTER_ROWS = "rows.txt"
_SAME_VALUE = 0.0006
"""Thresholds are printed with three decimals; a value copied from there is the proposed one."""


@dataclass(frozen=True)
class LabelRule:
    """A rule that was chosen or trained on rated rows.

    Args:
        kind: one of `COMBINATION`, `THRESHOLD`, `VOTER`, `HEDGES`
        name: the combination, the setting, or the voter
        rows: description of the rows
        digests: of their texts; None: they were not recorded
    """

    kind: str
    name: str
    rows: str
    digests: Sequence[str] | None


@dataclass(frozen=True)
class RuleCheck:
    """A rule, and the scored rows that it was chosen on.

    Args:
        kind: of the rule
        name: of the rule
        rows: description of the rule's rows
        n_scored: number of scored rows
        same: names of the scored rows that are among the rule's
        recorded: whether the rule's rows are recorded
    """

    kind: str
    name: str
    rows: str
    n_scored: int
    same: Sequence[str]
    recorded: bool

    @property
    def in_words(self) -> str:
        """One sentence."""
        verb = "trained" if self.kind == VOTER else "chosen"
        if not self.recorded:
            return f"{self.kind} ({self.name}): the rows it was {verb} on are not recorded ({self.rows})"
        seen = f"{len(self.same):,} of the {self.n_scored:,} scored rows are among them"
        if self.same:
            seen += ", so that scores that depend on it are too good"
        return f"{self.kind} ({self.name}): {verb} on {self.rows}; {seen}"


def in_use(settings: Polarity, combination: CombinationFile) -> list[LabelRule]:
    """Return the rules that the project's labels depend on.

    Args:
        settings: section `polarity` of params.yaml
        combination: the combination in use

    Raises:
        InputError: if a file of digests is damaged
    """
    rules = of_voters(settings.voters)
    if combination.rows is not None:
        rows = combination.rows
        name = combination.chosen if combination.combine != combination.chosen else combination.combine
        described = f"{rows['n']:,} rated rows of {rows['n_groups']:,} videos or articles"
        rules.append(LabelRule(COMBINATION, name, described, rows["digests"]))
    if (tuned := _tuned(settings, combination)) is not None:
        rules.append(tuned)
    if settings.mask_hedges:
        rules.append(hedges())
    return rules


def hedges() -> LabelRule:
    """Return the rule that removes hedges; it was derived from the errors on the source's 100 training captions."""
    return LabelRule(
        HEDGES, "polarity.mask_hedges", "the 100 training captions of the source", row_digests.read(_HEDGE_ROWS)
    )


def of_voters(names: Iterable[str], folder: Path = paths.VOTERS) -> list[LabelRule]:
    """Return the rules of the learned voters among some voters.

    Args:
        names: of voters
        folder: the project's voters

    Raises:
        InputError: if a file of digests is damaged
    """
    learned = set(project_voters.learned(folder))
    return [_of_voter(name, folder / name) for name in names if name in learned]


def checks(rules: Iterable[LabelRule], texts: Sequence[str], names: Sequence[str]) -> list[RuleCheck]:
    """Return for every rule which scored rows it was chosen on.

    Args:
        rules: in use
        texts: texts of the scored rows, shape (n_rows,)
        names: their names: ids of utterances, or lines of a file, shape (n_rows,)
    """
    return [
        RuleCheck(
            rule.kind,
            rule.name,
            rule.rows,
            len(texts),
            [names[k] for k in row_digests.overlap(texts, rule.digests or ())],
            rule.digests is not None,
        )
        for rule in rules
    ]


def mark(report: dict[str, Any], rule_checks: Sequence[RuleCheck]) -> None:
    """Write the rules into a report, and mark the scores that depend on a rule that was chosen on the scored rows.

    All combinations depend on the voters and on the text they are given, the one in use also on its own choice.

    Args:
        report: from `label_quality.measured`; `rules` is set, and `too_good` of voters and combinations
        rule_checks: checks of the rules in use
    """
    report["rules"] = [to_dict(check) for check in rule_checks]
    violated = [check for check in rule_checks if check.same]
    of_all = any(check.kind in (VOTER, HEDGES) for check in violated)
    for voter in report["voters"]:
        own = any(check.kind == VOTER and check.name == voter["name"] for check in violated)
        voter["too_good"] = own or any(check.kind == HEDGES for check in violated)
    for row in report["combinations"]:
        row["too_good"] = of_all or bool(row["used"] and violated)


def to_dict(check: RuleCheck) -> dict[str, Any]:
    """Return a check as a dictionary for JSON, with its sentence.

    Args:
        check: from `checks`
    """
    return {**asdict(check), "in_words": check.in_words}


def record_threshold(proposed: Mapping[str, Any], combine: str, texts: Iterable[str]) -> None:
    """Write the threshold that was proposed, with digests of the rated texts it was chosen on.

    Args:
        proposed: with `parameter` and `value`
        combine: the combination it was chosen for
        texts: the rated texts
    """
    fields = {
        "parameter": proposed["parameter"],
        "value": round(float(proposed["value"]), 3),
        "combine": combine,
        "digests": row_digests.digests(texts),
    }
    paths.RATED.mkdir(parents=True, exist_ok=True)
    paths.TUNED.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")


def _tuned(settings: Polarity, combination: CombinationFile) -> LabelRule | None:
    """Return the recorded threshold if it is the one in use."""
    if not paths.TUNED.is_file():
        return None
    try:
        fields = artifacts.read_json(paths.TUNED)
        parameter, value, digests = str(fields["parameter"]), float(fields["value"]), list(map(str, fields["digests"]))
    except (TableError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{paths.TUNED}: cannot be read ({error}); write it again: undertone labels tune") from error
    scored = combine.SCORED[combine.combination_of(combination.chosen)]
    if parameter != ("min_score" if scored else "min_probability"):
        return None
    if abs(float(getattr(settings, parameter)) - value) > _SAME_VALUE:
        return None
    return LabelRule(THRESHOLD, f"polarity.{parameter}", f"{len(digests):,} different rated texts", digests)


def _of_voter(name: str, folder: Path) -> LabelRule:
    path = folder / _VOTER_ROWS
    if not path.is_file():
        return LabelRule(VOTER, name, "train it again: undertone labels learn", None)
    digests = row_digests.read(path)
    return LabelRule(VOTER, name, f"{len(digests):,} texts", digests)


def chosen_in_words(combination: CombinationFile) -> str:
    """Return one or two sentences on how the combination in use was chosen.

    Args:
        combination: the combination in use
    """
    name = combination.chosen
    if combination.rows is None:
        return f"Combination {name}: {combination.why}."
    rows = combination.rows
    sources = ", ".join(f"{source}: {n:,}" for source, n in rows["sources"].items())
    if rows.get("left_out"):
        sources += f"; {rows['left_out']:,} further rows, which a learned voter was trained on, are left out"
    return (
        f"Combination {name}: {combination.why}; {rows['n']:,} rated rows of {rows['n_groups']:,} videos or articles "
        f"({sources}). None of these rows counts in the scores, unless there are no others."
    )
