"""Pretrained weights, downloaded once into the user's cache when the user asks for them."""

from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from alexnet.downloads import download_rest, file_sha256
from alexnet.errors import DownloadError
from alexnet.files import disk_errors, user_cache_dir
from alexnet.progress_callback import Progress

__all__ = ["IMAGENET", "RemoteWeights", "fetch_weights"]


@dataclass(frozen=True)
class RemoteWeights:
    """A weight file on the network. sha256_prefix: the first hexadecimal digits of its SHA-256."""

    url: str
    sha256_prefix: str

    @property
    def file_name(self) -> str:
        """The last part of the URL."""
        return self.url.rpartition("/")[2]


IMAGENET = RemoteWeights(
    # torchvision.models.AlexNet_Weights.IMAGENET1K_V1: the file name contains the first eight digits of the SHA-256
    "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    "7be5be79",
)
"""torchvision's AlexNet, trained on ImageNet: 233 MB, top-1 error 43.5 %."""


def fetch_weights(remote: RemoteWeights = IMAGENET, *, on_progress: Progress | None = None) -> Path:
    """The local copy of a remote file, downloaded if there is none yet or if it is damaged.

    An interrupted download continues where it stopped. Of several processes that want the file, one downloads it.

    Args:
        on_progress: called with (bytes so far, bytes in total or 0 if unknown).

    Raises:
        DownloadError: the server cannot be reached, the download is incomplete, or its SHA-256 is wrong.
    """
    folder = user_cache_dir() / "weights"
    target, part = folder / remote.file_name, folder / (remote.file_name + ".part")
    with disk_errors(folder, DownloadError, "free some space, or set ALEXNET_CACHE to another folder"):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{remote.file_name}.lock"):
            if target.is_file():
                if file_sha256(target).startswith(remote.sha256_prefix):
                    return target
                target.unlink()  # damaged since it was downloaded
            download_rest(remote.url, part, on_progress=on_progress)
            digest = file_sha256(part)
            if not digest.startswith(remote.sha256_prefix):
                part.unlink()
                raise DownloadError(
                    f"{remote.url}: the file's SHA-256 begins with {digest[:8]}, not {remote.sha256_prefix}; "
                    "try again later"
                )
            part.replace(target)
    return target
