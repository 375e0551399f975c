"""Development dependencies: every pin has its hashes, and what is known to be vulnerable is noticed."""

import re
from pathlib import Path

from tests.audit import findings

ROOT = Path(__file__).parents[2]


def pins(name: str) -> dict[str, str]:
    """Package → version, as a file of requirements pins them."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    matches = [re.match(r"([A-Za-z0-9._-]+)==([^\s\\]+)", line) for line in lines]
    return {re.sub("[._]", "-", match[1].lower()): match[2] for match in matches if match}


def test_every_pin_has_hashes() -> None:
    assert pins("hashes.txt") == pins("constraints.txt")
    text = (ROOT / "hashes.txt").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pins("hashes.txt"))
    assert [block.split()[0] for block in blocks if not re.search(r"--hash=sha256:[0-9a-f]{64}", block)] == []


def test_a_known_vulnerability_is_named() -> None:
    vulnerable = {"name": "pillow", "version": "9.0.0"}
    vulnerable["vulns"] = [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["9.0.1"]}]  # type: ignore[assignment]
    sound = {"name": "numpy", "version": "2.0.0", "vulns": []}
    unknown = {"name": "torch", "skip_reason": "it cannot be looked up"}
    result = {"dependencies": [vulnerable, sound, unknown]}
    assert findings(result, {}) == (["pillow 9.0.0: PYSEC-1; repaired in 9.0.1"], 2)
    assert findings(result, {"CVE-1": "it is only about files that we do not read"}) == ([], 2)
    assert findings({"dependencies": [unknown]}, {}) == ([], 0)
