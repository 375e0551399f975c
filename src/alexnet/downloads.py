"""Files from the network: only what is missing is fetched, so that a download continues where it stopped."""

import http.client
import time
import urllib.error
import urllib.request
from hashlib import sha256
from pathlib import Path

from alexnet.errors import DownloadError
from alexnet.files import disk_errors
from alexnet.progress_callback import Progress

__all__ = ["RefusedError", "download_patiently", "download_rest", "file_sha256"]

BLOCK = 1 << 20

TIMEOUT_SECONDS = 30.0
"""Without a byte, after which a connection counts as stalled."""

WAIT_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Before each further try of a patient download; they start anew whenever bytes have arrived."""

PASSING = (408, 429)
"""Answers of a server, besides 500 to 599, after which it may give the file the next time."""


class RefusedError(DownloadError):
    """The server does not give the file, and will not the next time."""


def download_rest(url: str, part: Path, *, on_progress: Progress | None = None) -> None:
    """Append to a file what it lacks of the file at a URL. Whether it is the right one, the caller checks.

    Args:
        part: the file; none counts as empty.
        on_progress: called with (bytes so far, bytes in total or 0 if unknown).

    Raises:
        DownloadError: the server cannot be reached, or the connection breaks; what arrived is kept.
    """
    part.touch()
    there = part.stat().st_size
    request = urllib.request.Request(url, headers={"Range": f"bytes={there}-"} if there else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            resumes = answer.status == 206
            there = there if resumes else 0
            total = there + int(answer.headers.get("Content-Length") or 0)
            with (
                disk_errors(part, DownloadError, "free some space, or set ALEXNET_CACHE to another folder"),
                part.open("ab" if resumes else "wb") as file,
            ):
                while block := answer.read1(BLOCK):  # what has arrived is kept if the rest does not
                    file.write(block)
                    there += len(block)
                    if on_progress:
                        on_progress(there, total)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is missing: `part` is the whole file
            return
        kind = DownloadError if error.code >= 500 or error.code in PASSING else RefusedError
        raise kind(f"{url}: the server answers {error.code} {error.reason}; try again later") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DownloadError(f"{url}: cannot be downloaded ({reason}); {_way_on(part)}") from error
    if total and there < total:
        raise DownloadError(f"{url}: only {there} of {total} bytes arrived; {_way_on(part)}")


def _way_on(part: Path) -> str:
    """What to do after a download that ended early."""
    if part.exists() and part.stat().st_size > 0:
        return f"check the connection and try again: the download continues where it stopped ({part})"
    return "check the address and the connection, then try again"


def download_patiently(url: str, part: Path) -> None:
    """The same with further tries, where the server is busy or the connection breaks or stalls.

    Raises:
        DownloadError: the server refuses, or not a byte has arrived in all the tries.
    """
    num_tries = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            download_rest(url, part)
            return
        except RefusedError:
            raise
        except DownloadError:
            if part.exists() and part.stat().st_size > before:
                num_tries = 0
            if num_tries == len(WAIT_SECONDS):
                raise
            time.sleep(WAIT_SECONDS[num_tries])
            num_tries += 1


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
