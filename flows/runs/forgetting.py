"""Remove a video's, a speaker's or a listener's data from a project, its caches, its remotes and Prefect's records.

The ledger is written first, so that nothing is fetched again meanwhile; what is to be removed is kept in
`.undertone/forgetting.json` until the end, so that a killed run can be continued.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flows.project import dvc_objects, git_history, shipped
from flows.runs import prefect_records
from tasks.core import forgotten, locks, memo, paths, pipeline_file, tables
from tasks.core.config import Config
from tasks.core.errors import InputError
from tasks.core.pipeline_file import PipelineStage
from tasks.on_demand.forgetting import affected as affected_stages
from tasks.on_demand.forgetting import rewriting
from tasks.on_demand.forgetting.subject import Subject, resolve

PENDING = paths.STATE / "forgetting.json"
_SKIPPED = {".git", ".venv", "node_modules", "__pycache__"}
_KEPT_SUFFIXES = {".py", ".md", ".yaml", ".yml", ".toml", ".lock"}
_LOGS = (paths.CRAWL_LOG,)
_REWRITTEN_TABLES = (paths.LISTENERS, paths.VOTERS)
"""Folders whose CSV files lose their rows about the subject."""
_MAX_SHOWN = 8


@dataclass(frozen=True)
class RemovalLine:
    """Removed data of a kind: where it was, how many pieces, and which."""

    where: str
    n: int
    detail: str = ""


@dataclass
class Removal:
    """A removal: what is or would be removed, and what remains for the user to do.

    Args:
        subject: whose data
        dry_run: whether nothing is changed
        lines: what is removed
        left: what remains, and how to remove it
        experiments: names of experiments whose models are blocked until they are trained again
    """

    subject: Subject
    dry_run: bool
    lines: list[RemovalLine] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    experiments: tuple[str, ...] = ()

    def add(self, where: str, n: int, detail: str = "") -> None:
        """Add a line, unless nothing was there."""
        if n:
            self.lines.append(RemovalLine(where, n, detail))


def pending() -> Subject | None:
    """Return the subject of a removal that was killed, or None."""
    if not PENDING.is_file():
        return None
    try:
        return Subject.from_json(PENDING.read_text(encoding="utf-8"))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{PENDING} is damaged ({error}); remove it and run the command again") from None


def forget(
    kind: str, name: str, config: Config, *, dry_run: bool, with_sources: bool = False, say: Callable[[str], None]
) -> Removal:
    """Remove all data of a video, a speaker or a listener.

    Args:
        kind: `forgotten.VIDEO`, `SPEAKER` or `LISTENER`
        name: id, address or file of a video; name of a person
        config: all settings
        dry_run: only list what would be removed
        with_sources: also delete files outside the project that the data was read from
        say: receives a message if another process has to be waited for

    Raises:
        InputError: if the project has no such data
        Busy: if a run is in progress
    """
    return remove(resolve(kind, name, config), config, dry_run=dry_run, with_sources=with_sources, say=say)


def remove(
    subject: Subject, config: Config, *, dry_run: bool, with_sources: bool = False, say: Callable[[str], None]
) -> Removal:
    """Remove all data of a subject.

    Args:
        subject: whose data
        config: all settings
        dry_run: only list what would be removed
        with_sources: also delete files outside the project that the data was read from
        say: receives a message if another process has to be waited for
    """
    stages = pipeline_file.stages()
    affected = affected_stages.downstream(stages, affected_stages.starts(subject, stages))
    removal = Removal(subject, dry_run, experiments=affected_stages.experiments(affected))
    # a run holds this lock: runs of all stages are kept out
    with locks.alone(memo.LOCK, "undertone forget", wait_s=0, waiting=say):
        if not dry_run:
            tables.write_text(PENDING, subject.to_json())
            _record(subject, removal.experiments)
        _remove_inputs(removal, config)
        _remove_sources(removal, with_sources=with_sources)
        _remove_outputs(removal, affected, stages)
        _remove_memo(removal, affected, stages)
        _remove_other_files(removal, config, affected, stages)
        _remove_objects(removal, affected)
        _remove_from_prefect(removal)
        removal.left += _in_git(subject)
        if not dry_run:
            PENDING.unlink(missing_ok=True)
    return removal


def _record(subject: Subject, experiments: tuple[str, ...]) -> None:
    cards = [paths.experiment(name) / "model" / "card.json" for name in experiments]
    models = [hashlib.sha256(path.read_bytes()).hexdigest() for path in cards if path.is_file()]
    trained = [name for name, path in zip(experiments, cards, strict=True) if path.is_file()]
    ledger = forgotten.read()
    for kind, values in ((forgotten.VIDEO, subject.identities), (subject.kind, subject.names)):
        ledger = ledger.with_removed(kind, values, media=subject.media, experiments=trained, models=models)
    forgotten.write(ledger)


def _remove_inputs(removal: Removal, config: Config) -> None:
    """Remove the data from the lists, the ratings and the tables of the crawl."""
    subject, dry = removal.subject, removal.dry_run
    if subject.videos:
        for path in rewriting.lists_of(config):
            removal.add(str(path), rewriting.list_without(path, subject, dry_run=dry), "rows")
        n_crawled = rewriting.crawl_without(subject, dry_run=dry)
        removal.add("data/crawl", n_crawled, "rows, sound and captions")
    n_ratings = rewriting.all_ratings_without(subject, dry_run=dry)
    removal.add("ratings", n_ratings, f"{paths.LISTENERS}, {paths.RATING_STORE}")
    removal.add("votes from files", rewriting.votes_without(subject, dry_run=dry), str(paths.VOTERS))


def _remove_sources(removal: Removal, *, with_sources: bool) -> None:
    """Delete the files that the data was read from, inside the project; outside only if that was asked for."""
    root = Path().resolve()
    files = [Path(name) for name in removal.subject.sources]
    # captions lie beside a recording under its name
    every = [other for path in files if path.exists() for other in _with_captions(path)]
    inside = [path for path in every if path.resolve().is_relative_to(root)]
    outside = [path for path in every if path not in inside]
    chosen = every if with_sources else inside
    removal.add("source files", len(chosen), _few(chosen))
    if not removal.dry_run:
        for path in chosen:
            path.unlink(missing_ok=True)
    if outside and not with_sources:
        removal.left.append(f"{len(outside)} files outside the project: {_few(outside)}. Delete them, too: --sources")


def _remove_outputs(removal: Removal, affected: tuple[str, ...], stages: dict[str, PipelineStage]) -> None:
    chosen = affected_stages.outputs(affected, stages)
    n_files = sum(1 for path in chosen for _ in _files(path))
    removal.add("outputs of stages", n_files, f"stages {_few(affected)}")
    if not removal.dry_run:
        for path in chosen:
            _delete(path)
        paths.KEPT_SHARDS.unlink(missing_ok=True)


def _remove_memo(removal: Removal, affected: tuple[str, ...], stages: dict[str, PipelineStage]) -> None:
    traces, doomed = removal.subject.traces, list[Path]()
    for entry in memo.entries():
        of_model = affected_stages.is_of_removed_model(entry, affected, stages)
        if of_model or traces.in_file(entry.path, Path(entry.path.name)):
            doomed.append(entry.path)
    removal.add("cached results (the memo)", len(doomed))
    if not removal.dry_run:
        for path in doomed:
            path.unlink(missing_ok=True)
        for part in paths.MEMO.rglob(".*.part"):
            part.unlink(missing_ok=True)


def _remove_other_files(
    removal: Removal, config: Config, affected: tuple[str, ...], stages: dict[str, PipelineStage]
) -> None:
    """Search every other file of the project; delete those that commands wrote, name those that people wrote."""
    subject, tracked = removal.subject, git_history.tracked(Path())
    removed_anyway = affected_stages.outputs(affected, stages) if removal.dry_run else []
    handled = {*rewriting.lists_of(config), forgotten.LEDGER, PENDING, paths.RATING_STORE}
    deleted, by_hand, n_lines = list[Path](), list[Path](), 0
    for path in _other_files():
        if path in handled or any(path.is_relative_to(out) for out in removed_anyway):
            continue
        if path.is_relative_to(paths.CRAWL) or (path.parent in _REWRITTEN_TABLES and path.suffix == ".csv"):
            # rewritten above
            continue
        if not subject.traces.in_file(path, path):
            continue
        if path in _LOGS:
            n_lines += 1 if removal.dry_run else rewriting.lines_without(path, subject.traces)
        elif path in tracked or path.name in shipped.COPIED or path.suffix in _KEPT_SUFFIXES:
            by_hand.append(path)
        else:
            deleted.append(path)
    removal.add("logs of the crawl", n_lines, "lines")
    removal.add("other files", len(deleted), _few(deleted))
    if by_hand:
        removal.left.append(f"written by people, and named here: {_few(by_hand)}. Edit them")
    if not removal.dry_run:
        if any(path.is_relative_to(paths.SITE) for path in deleted):
            shutil.rmtree(paths.SITE, ignore_errors=True)
        for path in deleted:
            path.unlink(missing_ok=True)


def _remove_objects(removal: Removal, affected: tuple[str, ...]) -> None:
    """Remove objects of DVC's cache and remotes, records of the affected stages, and DVC's lists of file names."""
    root, subject = Path(), removal.subject
    usable, problems = dvc_objects.stores(root)
    versions = list(git_history.lock_versions(root))

    def of_version(version: dvc_objects.StageRecords) -> set[str]:
        first = affected_stages.starts(subject, list(version))
        return dvc_objects.downstream(version, lambda name: name in first)

    doomed = dvc_objects.doomed(usable, versions, of_version, affected_stages.REWRITTEN, subject.traces)
    for store in usable:
        title = "DVC's cache" if store.name == "cache" else f"DVC's remote {store.name}"
        removal.add(title, len(doomed.by_store[store.name]), store.place)
        if not store.is_local:
            removal.left.append(
                f"{store.name} ({store.place}): objects that no revision of this project names were not searched. "
                f"{_gc(store.name)}"
            )
    removal.left += [f"DVC's remote {problem}. Once it can be: {_gc(problem.split()[0])}" for problem in problems]
    if not removal.dry_run:
        doomed.remove()
        dvc_objects.drop_records(root, affected)
        dvc_objects.clear_indexes(root)


def _remove_from_prefect(removal: Removal) -> None:
    counts = prefect_records.remove(removal.subject.traces, dry_run=removal.dry_run)
    removal.add("Prefect: artifacts, logs, events", counts.removed)
    removal.add("Prefect: names replaced", counts.replaced, "in runs and their parameters")
    if (line := prefect_records.elsewhere()) is not None:
        removal.left.append(line)


def _in_git(subject: Subject) -> list[str]:
    """Return what git's history holds, and how to remove it."""
    files = git_history.mentions(Path(), subject.traces.phrases)
    if not files:
        return []
    n_commits = len({commit for commits in files.values() for commit in commits})
    plural = "" if n_commits == 1 else "s"
    return [
        f"git's history still names the data, in {n_commits} commit{plural} of {_few(sorted(files))}. Commit "
        "this removal; to remove it from the history, too, which changes all later commit ids: write the names, one a "
        "line, into NAMES, then: git filter-repo --replace-text NAMES (https://github.com/newren/git-filter-repo), and "
        "push with --force; clones keep the old history"
    ]


def _gc(remote: str) -> str:
    return f"After the next run: dvc push --remote {remote} && dvc gc --workspace --cloud --remote {remote}"


def _other_files() -> Iterator[Path]:
    """Yield all files of the project that are not cached objects or results, relative to its folder."""
    database = prefect_records.DATABASE
    for top in sorted(Path().iterdir()):
        if top.name in _SKIPPED or top.is_symlink():
            continue
        for path in _files(top):
            elsewhere = (Path(".dvc", "cache"), paths.MEMO, shipped.RECORDS)
            of_prefect = path.parent == database.parent and path.name.startswith(database.name)
            if not of_prefect and not any(path.is_relative_to(folder) for folder in elsewhere):
                yield path


def _files(top: Path) -> Iterator[Path]:
    if top.is_file():
        yield top
    elif top.is_dir() and not top.is_symlink():
        for path in sorted(top.rglob("*")):
            if path.is_file() and not path.is_symlink() and not _SKIPPED.intersection(path.parts):
                yield path


def _with_captions(path: Path) -> list[Path]:
    beside = (other for other in sorted(path.parent.iterdir()) if other.name.startswith(f"{path.stem}."))
    return [path, *(other for other in beside if other != path and other.is_file())]


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _few(items: Sequence[object]) -> str:
    more = f" and {len(items) - _MAX_SHOWN} more" if len(items) > _MAX_SHOWN else ""
    return ", ".join(map(str, items[:_MAX_SHOWN])) + more
