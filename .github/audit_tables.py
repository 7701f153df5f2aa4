"""The script of action.yml: `undertone audit TRAIN TEST --json`, a job summary, and the exit status.

Exit status: 0 if nothing was found, 1 at a violation, 2 if the tables cannot be audited. Inputs are the environment
variables `AUDIT_TRAIN`, `AUDIT_TEST`, `AUDIT_APART`, `AUDIT_COLUMNS`, `AUDIT_DECLARE` and `AUDIT_MEDIA`. It needs the
standard library only.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PASSED, VIOLATION, UNUSABLE = 0, 1, 2
_MAX_EXAMPLES = 3
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+.!|~^$=:@-])")


def arguments(env: Mapping[str, str]) -> list[str]:
    """Return the arguments of `undertone audit`.

    Args:
        env: environment with the inputs
    """
    options: list[str] = []
    for option, name in (("--apart", "AUDIT_APART"), ("--media", "AUDIT_MEDIA")):
        if value := env.get(name, "").strip():
            options.append(f"{option}={value}")
    for option, name in (("--column", "AUDIT_COLUMNS"), ("--declare", "AUDIT_DECLARE")):
        options += [f"{option}={line.strip()}" for line in env.get(name, "").splitlines() if line.strip()]
    # behind --, a name such as --help.csv is a file
    return ["audit", "--json", *options, "--", env.get("AUDIT_TRAIN", ""), env.get("AUDIT_TEST", "")]


def escaped(text: object) -> str:
    """Return text from the tables as Markdown that shows it unchanged, on one line."""
    printable = "".join(char if char.isprintable() else " " for char in str(text))
    return _SPECIAL.sub(r"\\\1", printable.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def violations(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the findings that are violations."""
    return [finding for finding in result["findings"] if finding["severity"] == "violation" and finding["n"]]


def summary(result: Mapping[str, Any]) -> str:
    """Return the job summary, in Markdown."""
    train, test = result["train"], result["test"]
    verdict = "no violation" if result["passed"] else f"{len(violations(result))} violation(s)"
    lines = [
        f"### Audit of the split: {verdict}",
        "",
        f"Training: {escaped(train['table'])}, {train['n_rows']} rows. Test: {escaped(test['table'])}, "
        f"{test['n_rows']} rows. May not be in both: {escaped(', '.join(result['apart']))}.",
        "",
        "| severity | check | test rows | what | for example |",
        "| --- | --- | ---: | --- | --- |",
    ]
    for finding in result["findings"]:
        # of a violation's check, the severity is the possible one
        severity = finding["severity"] if finding["n"] else "passed"
        examples = "; ".join(escaped(example) for example in finding["examples"][:_MAX_EXAMPLES])
        cells = (
            severity,
            escaped(finding["check"]),
            f"{finding['n']} of {finding['of']}",
            escaped(finding["what"]),
            examples,
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *(f"- Not checked: {escaped(reason)}" for reason in result["not_checked"])]
    lines += [f"- Unreadable: {escaped(path)}" for path in result["unreadable"]]
    return "\n".join(lines) + "\n"


def annotation(finding: Mapping[str, Any]) -> str:
    """Return a workflow command that shows a violation at the top of the run; its text cannot hold another command."""
    text = f"{finding['check']}: {finding['what']}"
    for char, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        text = text.replace(char, code)
    return f"::error title=undertone audit::{text}"


def _append(variable: str, text: str) -> None:
    if path := os.environ.get(variable):
        with Path(path).open("a", encoding="utf-8") as sink:
            sink.write(text)


def main(command: Sequence[str]) -> int:
    """Run the audit, write summary and outputs, and return the exit status.

    Args:
        command: the program `undertone`, with its first arguments
    """
    done = subprocess.run(  # noqa: S603
        [*command, *arguments(os.environ)], stdout=subprocess.PIPE, text=True, check=False
    )
    try:
        result = json.loads(done.stdout)
    except ValueError:
        # the reason is on standard error, which is in the log
        print("The tables could not be audited; the reason is above.", flush=True)
        _append("GITHUB_STEP_SUMMARY", "### The tables could not be audited\n\nThe log has the reason.\n")
        return UNUSABLE
    target = Path(os.environ.get("RUNNER_TEMP", "."), "undertone-audit.json")
    target.write_text(done.stdout, encoding="utf-8")
    failed = violations(result)
    _append("GITHUB_STEP_SUMMARY", summary(result))
    passed = str(bool(result["passed"])).lower()
    _append("GITHUB_OUTPUT", f"passed={passed}\nviolations={len(failed)}\nresult={target}\n")
    for finding in failed:
        print(annotation(finding))
    print(f"{len(failed)} violation(s); the result: {target}")
    return PASSED if result["passed"] else VIOLATION


if __name__ == "__main__":
    sys.exit(main([str(Path(sys.executable).with_name("undertone"))]))
