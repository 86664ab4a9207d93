"""A Docker engine's images, as the builder sees them (`suite.images.store`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import docker
import docker.errors
from docker.models.images import Image

from rules.errors import MachineError
from rules.text import printable
from suite.engines.docker import connection
from suite.engines.docker.connection import CLOSED, patience, sentences
from suite.host.progress import Progress
from suite.images.archive import ImageConfig, docker_archive
from suite.images.files import Layer
from suite.images.layer import USER
from suite.images.store import ImageStore

PATIENCE_S = 1800
OWNER = "assay.bytecode"  # label of a container that compiles


class DockerImages(ImageStore):
    """The images of the engine that `client` leads to."""

    def __init__(self, client: docker.DockerClient) -> None:
        self._client = client

    @property
    def architecture(self) -> str:
        return connection.architecture(self._client)

    @contextmanager
    def at_work(self, doing: str) -> Iterator[None]:
        with patience(self._client, PATIENCE_S), sentences(doing):
            yield

    def find(self, tag: str, diff_ids: Sequence[str]) -> str | None:
        image = self._found(tag)
        return str(image.id) if image and _layers(image) == list(diff_ids) else None

    def layers(self, image: str) -> list[str] | None:
        found = self._found(image)
        return _layers(found) if found else None

    def load(self, made: ImageConfig, layers: list[Layer], tag: str, progress: Progress) -> str:
        with patience(self._client, PATIENCE_S):
            stream = docker_archive(made, layers, tag, progress)
            for event in self._client.api.load_image(stream, quiet=False):  # type: ignore[no-untyped-call]
                if isinstance(event, dict) and (error := event.get("error")):
                    raise MachineError(f"the engine refused the image {tag}: {printable(str(error), 400)}")
            return str(self._client.images.get(tag).id)

    def named(self, reference: str) -> str | None:
        image = self._found(reference)
        return str(image.id) if image else None

    def pull(self, reference: str, platform: str) -> str:
        repository, _, digest = reference.partition("@")
        try:
            image = self._get(reference) or self._client.images.pull(repository, tag=digest, platform=platform)
        except docker.errors.DockerException as error:
            raise MachineError(
                f"the engine could not pull the base {reference}: {printable(str(error), 400)}",
                fix="check the name, and that the engine may reach and log in to that registry: docker pull "
                + reference,
            ) from None
        found = f"{image.attrs.get('Os')}/{image.attrs.get('Architecture')}"
        if found != platform:
            raise MachineError(
                f"the base {reference} is for {found}, not {platform}", fix="pin an image for this platform"
            )
        return str(image.id)

    def save(self, image: str) -> Iterator[bytes]:
        yield from self._client.api.get_image(image)

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
        for left in self._client.containers.list(all=True, filters={"label": f"{OWNER}={owner}"}):
            left.remove(v=True, force=True)
        container = self._client.containers.create(
            image,
            entrypoint=command,
            environment=dict(environment),
            user=f"{USER}:{USER}",
            pids_limit=64,
            mem_limit="2g",
            volumes=["/io"],
            labels={OWNER: owner},
            **CLOSED,
        )
        try:
            with given.open("rb") as data:
                container.put_archive("/io", data)
            container.start()
            status = int(container.wait(timeout=PATIENCE_S)["StatusCode"])
            if status:
                said = printable(container.logs(tail=5).decode("utf-8", "replace"), 600)
                raise MachineError(f"compiling bytecode in the base image ended with status {status}: {said}")
            stream, _ = container.get_archive(f"/io/{taken}")
            with out.open("wb") as file:
                for chunk in stream:
                    file.write(chunk)
        except docker.errors.APIError as error:
            raise MachineError(
                f"the base image cannot compile bytecode: {printable(str(error.explanation or error), 400)}",
                fix=f"the base must have {command[0]}",
            ) from None
        finally:
            container.remove(v=True, force=True)

    def _found(self, name: str) -> Image | None:
        with sentences("looking for an image"):
            return self._get(name)

    def _get(self, name: str) -> Image | None:
        try:
            return self._client.images.get(name)
        except docker.errors.ImageNotFound:
            return None


def _layers(image: Image) -> list[str]:
    return [str(layer).removeprefix("sha256:") for layer in image.attrs.get("RootFS", {}).get("Layers") or []]
