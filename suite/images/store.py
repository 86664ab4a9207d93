"""What building an image needs of whatever keeps images: an engine's store, behind one interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from suite.host.progress import Progress
from suite.images.archive import ImageConfig
from suite.images.files import Layer


class ImageStore(ABC):
    """An engine's images. Its own errors become sentences in `at_work`, which covers a whole build."""

    @property
    @abstractmethod
    def architecture(self) -> str:
        """The architecture of the machine that runs the images, as images name it, e.g. `amd64`."""

    @abstractmethod
    def at_work(self, doing: str) -> AbstractContextManager[None]:
        """Be patient with the store, and turn its errors while `doing` something into MachineError and EngineLostError.

        It is silent for long while it unpacks a layer, and while others make it busy.
        """

    @abstractmethod
    def find(self, tag: str, diff_ids: Sequence[str]) -> str | None:
        """Return the image `tag` where it has exactly the layers `diff_ids`, else None."""

    @abstractmethod
    def layers(self, image: str) -> list[str] | None:
        """Return the diff_ids (hex) of an image's layers as the store reports them, None where it has no such image."""

    @abstractmethod
    def load(self, made: ImageConfig, layers: list[Layer], tag: str, progress: Progress) -> str:
        """Take an image in under `tag` and return it; raise MachineError in the store's words where it refuses."""

    @abstractmethod
    def named(self, reference: str) -> str | None:
        """Return the image `repository@sha256:digest` where the store has it, else None."""

    @abstractmethod
    def pull(self, reference: str, platform: str) -> str:
        """Return the image `repository@sha256:digest`, pulled where the store lacks it.

        Raises MachineError for one that cannot be pulled or is not for `platform`.
        """

    @abstractmethod
    def save(self, image: str) -> Iterator[bytes]:
        """Yield the image as `docker save` writes it."""

    @abstractmethod
    def compute(
        self,
        image: str,
        command: list[str],
        environment: Mapping[str, str],
        given: Path,
        taken: str,
        out: Path,
        owner: str,
    ) -> None:
        """Run `command` in a container of `image` without a network, with the tar `given` unpacked below /io.

        The folder /io/`taken` is written to `out` as a tar. `owner` names this work and no other that may run now; what
        an earlier one of this name left behind is removed. Raises MachineError where the image cannot run it.
        """
