"""Experiments among a run's artifacts: scores with links to their pages, audits, and the leaderboard."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

from flows.runs.markdown_text import escaped, link, table
from tasks.core import paths
from tasks.experiments import recipe_book
from tasks.leaks.finding import Finding
from tasks.pages.common import audit_page, result_marks, score_text
from tasks.pages.common.score_text import Score
from tasks.pages.leaderboard.page import Board, RankedExperiment, boards, shown

REPORT_URL = "UNDERTONE_REPORT_URL"
_MAX_PUBLISHED = 20


def address(page: Path) -> str:
    """Return the address of a page of this project, on the report site if there is one.

    Args:
        page: path of the report, of an experiment's page or of the leaderboard
    """
    site = os.environ.get(REPORT_URL)
    if not site:
        return page.resolve().as_uri()
    if page == paths.REPORT:
        return site
    return urljoin(site, quote(page.parent.relative_to(paths.DATA).as_posix()) + "/")


def scores(results: Iterable[Mapping[str, Any]]) -> str:
    """Return the scores of experiments as Markdown, one row each, with links to their pages.

    Args:
        results: of the experiments
    """
    # Prefect's tables break no lines, and half of a long one is out of sight: what a score needs comes first
    heads = ("experiment", "score", "leaky", "published", "majority:", "shuffled labels:", "n:", "protocol")
    return table(heads, map(_score_row, results))


def _score_row(results: Mapping[str, Any]) -> tuple[str, ...]:
    measure, systems = score_text.headline(results), score_text.systems(results)
    score = systems["recipe"][measure]
    notes = [*(["simulated corpus"] if results.get("simulated") else []), result_marks.untrained(results)]
    note = "".join(f" ({escaped(text)})" for text in notes if text)
    baselines = (systems.get(name, {}).get(measure) for name in (score_text.majority(results), score_text.SHUFFLED))
    leak = score_text.leak(results)
    reported = recipe_book.reported(results["experiment"], results["corpus"], results["reader"])
    return (
        linked(results["experiment"]) + note,
        f"{score_text.NAMES[measure]} **{score.value:.3f}** ({escaped(score.interval)})",
        f"**LEAKY**: {escaped(leak)}" if leak else "no",
        escaped(reported.published) if reported else "–",
        *(_value(baseline) for baseline in baselines),
        f"{results['n']:,}",
        escaped(results["protocol"]),
    )


def linked(experiment: str) -> str:
    """Return the name of an experiment as Markdown, with a link to its page if there is one."""
    page = paths.page(experiment)
    return link(experiment, address(page)) if page.is_file() else escaped(experiment)


def leaderboard(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the leaderboard as Markdown: ours ranked within each protocol, then the published scores.

    Args:
        results: of all experiments
    """
    page = link("The leaderboard with charts and all scores", address(paths.LEADERBOARD))
    if not results:
        return f"{page}\n\nNo experiment has results.\n"
    return "\n".join([page, "", *map(_board, boards(results))])


def _board(board: Board) -> str:
    name = score_text.NAMES[board.measure]
    simulated = any(row.result.get("simulated") for ranking in board.rankings for row in ranking)
    title = board.title + (" (simulated: not comparable with published scores)" if simulated else "")
    heads = ("rank:", "experiment", f"{name}:", "interval", "protocol", "leaky", "majority:", "shuffled labels:", "n:")
    ours = table(heads, (_ranked_row(row) for ranking in board.rankings for row in ranking))
    lines = [f"## {escaped(title)}", "", escaped(board.detail), "", ours]
    comparable = [entry for entry in board.published if entry.metric == board.measure]
    if comparable:
        leaky = {True: "**LEAKY**", False: "no", None: "not stated"}
        rows = (
            (escaped(entry.system), shown(entry), leaky[entry.leaky], escaped(entry.source), escaped(entry.protocol))
            for entry in comparable[:_MAX_PUBLISHED]
        )
        published_heads = ("published, not ranked", f"{name}:", "leaky", "source", "protocol as stated")
        lines += [table(published_heads, rows)]
    if len(comparable) > _MAX_PUBLISHED:
        lines += [f"{len(comparable) - _MAX_PUBLISHED} more are on the page.", ""]
    return "\n".join(lines)


def _ranked_row(row: RankedExperiment) -> tuple[str, ...]:
    score = row.scores[row.measure]
    return (
        str(row.rank),
        linked(row.result["experiment"]) + (f" ({escaped(row.mark)})" if row.mark else ""),
        f"**{score.value:.3f}**",
        escaped(score.interval),
        escaped(row.result["protocol"]),
        f"**LEAKY**: {escaped(row.leak)}" if row.leak else "no",
        _value(row.majority),
        _value(row.shuffled),
        f"{row.result['n']:,}",
    )


def _value(score: Score | None) -> str:
    return "–" if score is None else f"{score.value:.3f}"


def findings(audit: Collection[Finding]) -> list[dict[str, Any]]:
    """Return an audit's checks, one row each, the most severe findings first and checks without findings last.

    Args:
        audit: its findings
    """
    order = list(audit_page.SEVERITIES)
    return [
        {
            "check": finding.check,
            "finding": finding.severity if finding.n else "not found",
            "n": finding.n,
            "of": finding.of,
            "what": finding.what,
            "examples": "; ".join(finding.examples),
        }
        for finding in sorted(audit, key=lambda finding: (not finding.n, order.index(finding.severity)))
    ]


def audits(by_experiment: Mapping[str, Collection[Finding]]) -> list[dict[str, Any]]:
    """Return the findings of experiments' audits, one row each, and one row for an experiment's checks without any.

    Args:
        by_experiment: name of the experiment → the findings of its audit
    """
    rows = list[dict[str, Any]]()
    for name, audit in by_experiment.items():
        rows += [{"experiment": name, **row} for row in findings([finding for finding in audit if finding.n])]
        if clear := [finding.check for finding in audit if not finding.n]:
            # Prefect's tables break no lines: a list in a column in front would push the others out of the window
            check = clear[0] if len(clear) == 1 else f"{len(clear)} checks"
            what = "" if len(clear) == 1 else ", ".join(clear)
            others = {"check": check, "finding": "not found", "n": 0, "of": "", "what": what, "examples": ""}
            rows.append({"experiment": name, **others})
    return rows
