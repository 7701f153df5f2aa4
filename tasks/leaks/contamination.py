"""Corpora that pretrained models were trained on, by the table of known checkpoints and the recipe's own statement.

A model that was trained on the test utterances has seen them, with labels (fine-tuning) or without (pretraining): both
are violations, and the finding says which. A model of which nobody states the training data cannot be cleared: it gets
a finding of its own, neither a violation nor a pass.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from tasks.leaks.finding import MOST_EXAMPLES, Finding
from tasks.weights.known.lookup import RANDOM, Recognised, recognise

CHECK = "pretraining"
UNKNOWN_CHECK = "unknown pretraining"


@dataclass(frozen=True)
class _Contact:
    """A checkpoint's training on a corpus."""

    corpus: str
    labels: bool
    words: str


def check(corpora: Collection[str], checkpoints: Collection[str], declared: Collection[str]) -> tuple[Finding, ...]:
    """Check whether a pretrained model was trained on a corpus that it is tested on.

    Args:
        corpora: reader names of the corpora in the table
        checkpoints: names or paths of the recipe's pretrained models
        declared: corpora that its models were trained on, according to the recipe

    Returns:
        the finding of known training data; a second one if some checkpoints cannot be cleared. The first is left out
        if it would say that there is none while some cannot be cleared.
    """
    contacts = [_Contact(corpus, False, f"the recipe says {corpus}") for corpus in declared if corpus in corpora]
    doubts = []
    for checkpoint in checkpoints:
        if checkpoint.startswith(RANDOM):
            continue
        entries = _decisive(recognise(checkpoint))
        contacts += [contact for entry in entries for contact in _contacts(checkpoint, entry, corpora)]
        if doubt := _doubt(checkpoint, entries, corpora):
            doubts.append(doubt)
    contact = _known(corpora, contacts)
    if not doubts:
        return (contact,)
    what = (
        f"{len(doubts)} of {len(checkpoints)} pretrained models cannot be cleared: it is unknown whether they were "
        "trained on these corpora"
    )
    unknown = Finding(UNKNOWN_CHECK, "unknown", len(doubts), len(checkpoints), what, tuple(doubts[:MOST_EXAMPLES]))
    return (contact, unknown) if contact.n else (unknown,)


def _decisive(entries: Sequence[Recognised]) -> Sequence[Recognised]:
    """Return the entries that count: if the weights themselves were recognised, their name does not matter."""
    return [entry for entry in entries if entry.exact] or entries


def _contacts(checkpoint: str, entry: Recognised, corpora: Collection[str]) -> Iterator[_Contact]:
    name = checkpoint if entry.exact and not entry.how.endswith("digest") else f"{checkpoint} ({entry.how})"
    for item in entry.weights.trained_on:
        if item.corpus in corpora:
            manner = ("fine-tuned on", "with labels") if item.labels else ("pretrained on", "without labels")
            training = f"was {manner[0]} {item.corpus} {manner[1]}"
            if item.through:
                training = f"comes from {item.through}, which {training}"
            yield _Contact(item.corpus, item.labels, f"{name} {training} ({item.source})")


def _known(corpora: Collection[str], contacts: Sequence[_Contact]) -> Finding:
    # with labels first: of several contacts with a corpus, the worst is shown
    by_corpus = {contact.corpus: contact for contact in sorted(contacts, key=lambda contact: contact.labels)}
    worst = sorted(by_corpus.values(), key=lambda contact: (not contact.labels, contact.corpus))
    n_labelled = sum(contact.labels for contact in worst)
    what = f"{len(worst)} of {len(corpora)} corpora may be known to a pretrained model already"
    if n_labelled:
        what += f", {n_labelled} of them with labels"
    return Finding(CHECK, "violation", len(worst), len(corpora), what, tuple(contact.words for contact in worst))


def _doubt(checkpoint: str, entries: Sequence[Recognised], corpora: Collection[str]) -> str:
    """Return why a checkpoint cannot be cleared; "" if its training data is known."""
    if not entries:
        named = [corpus for corpus in corpora if _bare(corpus) in _bare(checkpoint)]
        hint = f"; its name mentions {', '.join(named)}" if named else ""
        return f"{checkpoint}: unknown: not in the table of checkpoints (undertone weights list){hint}"
    if not entries[0].exact:
        entry = entries[0]
        return f"{checkpoint}: unknown: {entry.how}, but its weights may have been trained further"
    reasons = "; ".join(dict.fromkeys(entry.weights.unknown for entry in entries if entry.weights.unknown))
    return f"{checkpoint}: unknown: {reasons}" if reasons else ""


def _bare(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())
