"""What a source of samples is: some channels, and a way to read them all at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class MeterChannel:
    """See `rules.observation.Channel`, which this becomes on the host."""

    name: str
    quantity: str
    source: str
    kind: str
    wraps_at: float | None = None
    uncertainty: float | None = None
    whole: bool = True

    @property
    def device(self) -> str:
        """What has it, e.g. `nvml/0` of `nvml/0/power`; a name of two parts is a device's own."""
        device, _, _ = self.name.rpartition("/")
        return device if "/" in device else self.name


class Source(Protocol):
    """A meter. It is made once, by a function that finds it or says why there is none."""

    @property
    def channels(self) -> Sequence[MeterChannel]:
        """What it samples, in the order of `read`."""

    @property
    def silent(self) -> Mapping[str, str]:
        """Devices that are there and show neither power nor energy, each with the reason."""

    def read(self) -> list[float | None]:
        """Return one value per channel, None for one that cannot be read now."""


class MissingError(Exception):
    """A meter this machine does not offer: why, for a person. `silent`: its devices that are there all the same."""

    def __init__(self, reason: str, silent: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.silent = silent or {}


class File:
    """A kernel file that is read again and again through one descriptor."""

    def __init__(self, path: Path) -> None:
        """Open `path`; raise MissingError where it cannot be read."""
        self._path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            os.pread(self._descriptor, 1, 0)
        except OSError as error:
            raise MissingError(f"{path}: {error.strerror}") from None

    def text(self, most: int = 1 << 16) -> str:
        """Return the file's content as it is now; raise OSError where the kernel refuses."""
        return os.pread(self._descriptor, most, 0).decode("ascii", "replace")

    def number(self, scale: float = 1.0) -> float | None:
        """Return the file's number times `scale`, None where it cannot be read or is none."""
        try:
            return float(self.text(64)) * scale
        except (OSError, ValueError):
            return None
