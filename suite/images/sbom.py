"""What is in an image, as a CycloneDX 1.6 bill of materials: wheels with hash and licence, Debian packages.

(OWASP CycloneDX specification 1.6, JSON.) Equal images have equal bills: the serial number follows from the image.
"""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import quote

from rules.documents import ImageIdentity
from suite.images.archive import timestamp
from suite.images.debian import Package
from suite.images.matrix import Cell
from suite.images.wheelhouse import WheelFile
from suite.images.wheels import Metadata


def document(
    identity: ImageIdentity, cell: Cell, wheels: list[WheelFile], about: list[Metadata], packages: list[Package]
) -> bytes:
    """Return the bill of the image `identity` as JSON, equal bytes for equal arguments."""
    components = [_wheel(file, said) for file, said in zip(wheels, about, strict=True)]
    components += [_package(package) for package in packages]
    version = f"sha256:{identity.config_digest}"
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, identity.config_digest)}",
        "version": 1,
        "metadata": {
            "timestamp": timestamp(cell.epoch),
            "component": {"bom-ref": "image", "type": "container", "name": f"assay/{cell.name}", "version": version},
        },
        "components": sorted(components, key=lambda component: str(component["bom-ref"])),
    }
    return (json.dumps(bill, indent=1, sort_keys=True) + "\n").encode()


def _wheel(file: WheelFile, said: Metadata) -> dict[str, Any]:
    purl = f"pkg:pypi/{file.name}@{quote(file.version, safe='.')}"
    licensed = {"licenses": [{"license": {"name": said.licence}}]} if said.licence else {}
    return _library(said.name or file.name, file.version, purl, file.sha256) | licensed


def _package(package: Package) -> dict[str, Any]:
    purl = f"pkg:deb/debian/{quote(package.name)}@{quote(package.version, safe='.')}?arch={package.architecture}"
    return _library(package.name, package.version, purl, package.sha256)


def _library(name: str, version: str, purl: str, sha256: str) -> dict[str, Any]:
    hashed = {"hashes": [{"alg": "SHA-256", "content": sha256}]} if sha256 else {}
    return {"bom-ref": purl, "type": "library", "name": name, "version": version, "purl": purl, **hashed}
