"""What a path holds: a whole round, one organisation, some of its results, a system description, or logs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from checker.core.links import within
from rules.errors import NothingToCheckError, UsageError


@dataclass
class TrainingScope:
    """What is to be judged. `base` is what paths are shown relative to."""

    base: Path
    organisations: list[Path] = field(default_factory=list)
    only: str = ""  # within the one organisation: a folder below results/, or one file of systems/
    logs: list[Path] = field(default_factory=list)  # loose ones
    elsewhere: list[Path] = field(default_factory=list)  # links beside organisations to what is no folder of the round

    @property
    def whole(self) -> bool:
        """Whether whole organisations are judged, not parts of one."""
        return not self.only


def find(path: Path, logs_only: bool) -> TrainingScope:
    """Return what `path` holds; UsageError where it does not exist, NothingToCheckError where it holds nothing."""
    if not path.exists():
        raise UsageError(f"{path} does not exist", fix="give a round, an organisation, a results folder or a log")
    if path.is_file():
        return _file(path)
    if logs_only:
        logs = sorted(p for p in path.rglob("*") if p.is_file() and not p.is_symlink() and p.suffix != ".json")
        if not logs:
            raise NothingToCheckError(f"{path} holds no files", fix="give a folder of logs")
        return TrainingScope(path, logs=logs)
    if is_organisation(path):
        return TrainingScope(path, [path])
    inside = _inside(path)
    if inside is not None:
        return inside
    children = sorted(path.iterdir())
    organisations = [child for child in children if is_organisation(child) and within(child, path) is not None]
    if not organisations:
        fix = "give a folder of organisations (each with systems/ and results/), or --logs-only for loose logs"
        raise NothingToCheckError(f"{path}: no organisation and no result here", fix=fix)
    elsewhere = [child for child in children if child.is_symlink() and within(child, path) is None]
    return TrainingScope(path, organisations, elsewhere=elsewhere)


def is_organisation(path: Path) -> bool:
    """Whether a folder is laid out as one organisation's submission."""
    return (path / "results").is_dir() or (path / "systems").is_dir()


def _file(path: Path) -> TrainingScope:
    if path.suffix == ".json" and path.parent.name == "systems":
        return TrainingScope(path.parent, [path.parent.parent], f"systems/{path.name}")
    return TrainingScope(path.parent, logs=[path])


def _inside(path: Path) -> TrainingScope | None:
    """Return the scope of a folder below an organisation's results/ or of its systems/."""
    resolved = path.resolve()
    for up in (1, 2, 3, 4):
        if len(resolved.parents) < up:
            return None
        root = resolved.parents[up - 1]
        relative = resolved.relative_to(root).as_posix()
        if relative.split("/")[0] in ("results", "systems") and is_organisation(root):
            return TrainingScope(path, [root], relative)
    return None
