"""The modules of the pages, as far as this computer can check them: their syntax by node, their types by tsc.

python -m tests.page_modules prints what is wrong and exits with 1 if anything is. Where node or tsc is missing, it
says so.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

WEB = ROOT / "src" / "alexnet" / "web"


def syntax_faults(paths: list[Path], node: str) -> list[str]:
    """What node says of each module that it cannot read."""
    faults = []
    for path in paths:
        # from standard input, since a file is a module to node only where a package.json says so
        command = [node, "--input-type=module", "--check"]
        done = subprocess.run(command, input=path.read_bytes(), capture_output=True, check=False)
        if done.returncode:
            faults.append(f"{path.relative_to(ROOT)}: {done.stderr.decode(errors='replace').strip()}")
    return faults


def main() -> int:
    """Check all modules; returns 1 where one has a fault."""
    node, tsc = shutil.which("node"), shutil.which("tsc")
    if node is None:
        sys.stdout.write("page modules: not checked, since node is not installed\n")
        return 0
    paths = sorted(WEB.rglob("*.js"))
    faults = syntax_faults(paths, node)
    if tsc is not None and not faults:
        done = subprocess.run([tsc, "-p", str(WEB / "jsconfig.json")], capture_output=True, text=True, check=False)
        faults = [done.stdout.strip() or done.stderr.strip()] if done.returncode else []
    types = "and types" if tsc is not None else "only: for types, install TypeScript, so that `tsc` can be called"
    text = "\n".join(faults) or f"page modules: {len(paths)} are well, syntax {types}"
    sys.stdout.write(f"{text}\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
