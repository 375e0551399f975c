"""Known vulnerabilities of the pinned packages, by pip-audit, at most once a day.

python -m tests.audit prints one line for each vulnerability and exits with 1 if there are any. Where the data cannot
be reached, it says that nothing was audited.
"""

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

DAY = 24 * 3600.0

ACCEPTED: dict[str, str] = {}
"""Identifiers of vulnerabilities that do not concern this program, each with the reason."""


def findings(result: dict[str, Any], accepted: dict[str, str] = ACCEPTED) -> tuple[list[str], int]:
    """A line for each vulnerability in pip-audit's JSON that is not accepted, and the number of audited packages."""
    audited = [package for package in result["dependencies"] if "skip_reason" not in package]
    lines = []
    for package in audited:
        for each in package["vulns"]:
            if not {each["id"], *each.get("aliases", [])} & set(accepted):
                repaired = ", ".join(each["fix_versions"]) or "no version yet"
                lines.append(f"{package['name']} {package['version']}: {each['id']}; repaired in {repaired}")
    return lines, len(audited)


def audit() -> dict[str, Any] | None:
    """What pip-audit says of constraints.txt; None where it cannot say anything."""
    words = ["-r", str(ROOT / "constraints.txt"), "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    words += ["--timeout", "5", "--format", "json"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip_audit", *words], capture_output=True, text=True, timeout=120, check=False
        )
        return dict(json.loads(done.stdout))
    except (subprocess.TimeoutExpired, ValueError):
        return None


def main() -> int:
    """Audit unless that was done today; the exit code."""
    stamp = Path(sys.prefix) / ".audited"
    if stamp.is_file() and time.time() - stamp.stat().st_mtime < DAY:
        return 0
    if importlib.util.find_spec("pip_audit") is None:
        sys.stdout.write("not audited: pip-audit is not installed (make install)\n")
        return 0
    lines, count = findings(audit() or {"dependencies": []})
    if not count:
        sys.stdout.write("not audited: the data on vulnerabilities cannot be reached\n")
    for line in lines:
        sys.stdout.write(f"{line}\n")
    if not lines:
        stamp.touch()
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
