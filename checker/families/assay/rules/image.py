"""Rules on the image of a run: known to the round, made from its locks, and listed in the bill of materials."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from checker.core.documents import ValidDocument, read_json
from checker.core.findings import Violation, brief
from checker.core.strict_json import JsonError
from checker.core.tree import RefusedError
from checker.families.assay.checks import check
from checker.families.assay.submission import Result, Run
from rules.documents import ImageIdentity, Record
from rules.images import images

MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}  # an engine's name of an architecture, and the kernel's
WHEEL = re.compile(r"pkg:pypi/([^@?#]{1,200})@([^?#]{1,200})")


@check("image", "run")
def image(result: Result, run: Run, record: ValidDocument[Record]) -> Iterator[Violation]:
    """Judge that the image is one the round has: framework, target, architecture, layers, the framework's wheel."""
    known, model, made = images(result.ruleset), record.model, record.model.image
    if known is None or made is None:
        return
    target = known.targets.get(model.target)
    if target is None:
        yield record.problem("the round has no such target", ", ".join(known.targets), model.target, "target")
        return
    if model.framework not in target.frameworks:
        named = ", ".join(target.frameworks)
        yield record.problem("the round has no image of this framework", named, model.framework, "framework")
        return
    place = ("image", "architecture")
    yield from record.require("the image's architecture does not match", target.architecture, *place)
    found, system = made.architecture, result.system_document
    if system is not None and not model.emulated and system.model.assay.architecture not in (found, MACHINE.get(found)):
        message = "the image's architecture does not match the machine's, and nothing was emulated"
        yield record.problem(message, system.model.assay.architecture, found, *place)
    if len(made.diff_ids) < 2 or len(set(made.diff_ids)) != len(made.diff_ids):
        layers = str(len(made.diff_ids))
        yield record.problem("an image is a base and wheels", "at least 2 layers, all different", layers, "image")
    wheels = target.frameworks[model.framework].wheels
    versions = [made.versions[name] for name in wheels if name in made.versions]
    logged = run.first("framework")
    if not versions:
        wanted = " or ".join(wheels)
        yield record.problem("the image lacks the framework's wheel", wanted, "none", "image", "versions")
    elif logged is not None and not any(names_version(logged.value, model.framework, one) for one in versions):
        wanted = f"{model.framework} {versions[0]}"
        yield run.problem("the logged framework is not the image's", wanted, brief(logged.value), logged)


@check("image-wheels", "result")
def image_wheels(result: Result) -> Iterator[Violation]:
    """Judge that the wheels are those of the round's lock."""
    known = images(result.ruleset)
    for record, made in _made(result):
        fixed = known.of(record.model.framework, record.model.target) if known else None
        found = made.wheel_lock_sha256
        if fixed is not None and found != fixed.wheel_lock_sha256:
            wanted = fixed.wheel_lock_sha256
            yield record.problem("the wheels are not of the round's lock", wanted, found, "image", "wheel_lock_sha256")
            return


@check("image-base", "result")
def image_base(result: Result) -> Iterator[Violation]:
    """Point at a base that is not made from the round's lock: drifted, locked anew, or the user's own image."""
    known = images(result.ruleset)
    for record, model in _made(result):
        target = known.targets.get(model.target) if known else None
        if target is not None and model.base_lock_sha256 != target.base_lock_sha256:
            message = f"the base ({model.base}) is not of the round's lock"
            wanted, found = target.base_lock_sha256, model.base_lock_sha256
            yield record.problem(message, wanted, found, "image", "base_lock_sha256")
            return


@check("image-drift", "result")
def image_drift(result: Result) -> Iterator[Violation]:
    """Judge that the base image is the locked one; packages the archive had dropped are named once."""
    seen = set()
    for record, made in _made(result):
        for position, drift in enumerate(made.drift):
            if drift in seen:
                continue
            seen.add(drift)
            message = f"base package {drift.package} is not the locked version"
            yield record.problem(message, drift.locked, drift.used, "image", "drift", position)


@check("sbom-agrees", "result")
def sbom_agrees(result: Result) -> Iterator[Violation]:
    """Judge that the bill of materials is of the recorded image, and lists exactly its wheels."""
    path = result.sbom_path
    try:
        _, bill = read_json(result.tree, path)
    except (RefusedError, JsonError):
        return
    record, made = next(_made(result), (None, None))
    if record is None or made is None or not isinstance(bill, dict):
        return
    wanted = f"sha256:{made.config_digest}"
    found = _inside(bill, "metadata", "component", "version")
    if found != wanted:
        yield Violation("the bill of materials does not match the image", wanted, brief(found), path)
    listed = dict(_wheels(bill))
    for name in sorted({*listed, *made.versions}):
        recorded = made.versions.get(name)
        if recorded != listed.get(name):
            at = f"{recorded or 'nothing'} ({record.cited('image', 'versions')})"
            message = f"bill of materials and record differ in wheel {brief(name)}"
            yield Violation(message, at, listed.get(name, "nothing"), path)


def names_version(logged: Any, framework: str, wheel: str) -> bool:
    """Whether a log names a framework by the version of its wheel.

    A framework may name its build besides (PEP 440, local version): PyPI's torch 2.13.0 calls itself 2.13.0+cu130.
    """
    named = f"{framework} {wheel}"
    return isinstance(logged, str) and (logged == named or ("+" not in wheel and logged.startswith(f"{named}+")))


def _made(result: Result) -> Iterator[tuple[ValidDocument[Record], ImageIdentity]]:
    """Yield each record of a run that had an image, and the image."""
    for record in result.records:
        if record.model.image is not None:
            yield record, record.model.image


def _inside(value: Any, *place: str) -> Any:
    for name in place:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _wheels(bill: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield name and version of each wheel, by the package URLs of the bill's components."""
    components = bill.get("components")
    for component in components if isinstance(components, list) else ():
        purl = component.get("purl") if isinstance(component, dict) else None
        if isinstance(purl, str) and (match := WHEEL.fullmatch(purl)):
            yield unquote(match[1]), unquote(match[2])
