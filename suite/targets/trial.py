"""Ask the engine itself whether it can run a program of an architecture with the devices a target needs.

The question is a container of some hundred bytes whose only program ends at once, so it is answered in a second, on a
remote engine too, and before anything is fetched or built.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import secrets
import struct
import tarfile

import docker
import docker.errors
import requests

from rules.text import printable
from suite.engines.docker.connection import EngineLostError, reason, sentences
from suite.engines.docker.labels import labels
from suite.images import archive, cache
from suite.images.files import Layer
from suite.targets.data import NOTHING, Access

PROGRAM = "/ends"
ANSWER_S = 30
# Machine of the ELF header (ELF specification and its processor supplements) and code that calls exit(0).
CODE = {
    "amd64": (62, bytes.fromhex("31ff b83c000000 0f05")),  # xor edi, edi; mov eax, 60; syscall
    "arm64": (183, struct.pack("<3I", 0xD2800000, 0xD2800BA8, 0xD4000001)),  # mov x0, 0; mov x8, 93; svc 0
}
_ADDRESS = 0x400000
_HEADERS = 64 + 56


def program(architecture: str) -> bytes:
    """Return an executable for `architecture` that ends with status 0."""
    machine, code = CODE[architecture]
    size = _HEADERS + len(code)
    elf = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)
    elf += struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, _ADDRESS + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return elf + struct.pack("<IIQQQQQQ", 1, 5, 0, _ADDRESS, _ADDRESS, size, size, 0x1000) + code


def refusal(client: docker.DockerClient, architecture: str, access: Access = NOTHING) -> str | None:
    """Return why the engine cannot run a program of `architecture` with `access`, in its own words; None: it can.

    Raises MachineError where the engine stops answering.
    """
    with sentences("trying a container"):
        image = _image(client, architecture)
    name = f"assay-trial-{secrets.token_hex(6)}"
    try:
        client.containers.create(
            image,
            [PROGRAM],
            name=name,
            labels=labels("trial"),
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            mem_limit="64m",
            **access.options(),
        )
        client.api.start(name)
        status = int(client.api.wait(name, timeout=ANSWER_S)["StatusCode"])
        said = printable(client.api.logs(name, tail=3).decode("utf-8", "replace"), 300).strip()
    except docker.errors.APIError as error:
        return reason(error)
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise EngineLostError(
            f"the engine stopped answering while trying a container ({reason(error)})", fix="repeat the command"
        ) from None
    finally:
        # The engine leaves the container behind where it could not be started.
        with contextlib.suppress(docker.errors.DockerException, requests.RequestException, OSError):
            client.api.remove_container(name, force=True, v=True)
    return None if status == 0 else said or f"its program ended with status {status}"


def _image(client: docker.DockerClient, architecture: str) -> str:
    """Return the engine's image that holds the program alone."""
    content = program(architecture)
    with cache.scratch() as scratch:
        place = scratch / "layer.tar"
        with tarfile.open(place, "w", format=tarfile.PAX_FORMAT) as tar:
            info = tarfile.TarInfo(PROGRAM.lstrip("/"))
            info.mode, info.size = 0o755, len(content)
            tar.addfile(info, io.BytesIO(content))
        diff_id = hashlib.sha256(place.read_bytes()).hexdigest()
        made = archive.config(
            architecture=architecture, epoch=0, layers={diff_id: "assay trial"}, environment={}, labels={}
        )
        tag = f"assay/trial-{architecture}:{diff_id[:12]}"
        image = archive.find(client, tag, [diff_id])
        image = image or archive.load(client, made, [Layer(place, diff_id)], tag, lambda *_: None)
    return str(image.id)
