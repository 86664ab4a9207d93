"""What a path is, for all families: a submission of Assay's own layout, of MLPerf, or neither.

What is Assay's own shows in its layout or in what its logs say, however spoilt it is; nothing else is judged as that.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from checker.core.likeness import Likeness
from checker.core.marks import marked, sampled
from checker.families.assay.discovery import Found, discover, is_loadgens, owned, placed, stated_benchmark
from checker.families.mlperf_inference.detect import likeness as inference_likeness
from checker.families.mlperf_tiny.detect import likeness as tiny_likeness
from checker.families.mlperf_training.detect import likeness as training_likeness
from rules.errors import AssayError, NothingToCheckError, UsageError
from rules.known_rounds import named
from rules.text import printable


def recognised(path: Path, logs_only: bool = False, judged_as_own: bool = False) -> Likeness | None:
    """Return which rounds of MLPerf `path` may be of; None where it is of Assay's own layout or cannot be read.

    `judged_as_own`: somebody says that it is Assay's own. Raises UsageError for a log of no known benchmark,
    NothingToCheckError for what is neither.
    """
    try:
        found = discover(path)
    except (AssayError, OSError):
        found = None  # whatever is wrong with the path, its judge says it
    own = found is not None and owned(found)
    seen = None if own and not logs_only else _marked(path, found, logs_only)
    if seen is None and not logs_only:
        seen = inference_likeness(path) or tiny_likeness(path)  # the first lists far less of a tree
    seen = seen or training_likeness(path, logs_only)
    if seen is None and not own and (said := named(path)) is not None:
        seen = Likeness(path, "is named as a round of MLPerf is", (said[0],))
    if seen is None and not own and found is not None and not judged_as_own and not placed(found):
        _neither(path, found)
    return seen


def _marked(path: Path, found: Found | None, logs_only: bool) -> Likeness | None:
    if logs_only:
        files = sampled([path])
    elif found is None:
        return None
    else:
        files = [found.log.as_posix()] if found.log is not None else sampled(_asked(found))
    rounds = marked(files)
    return Likeness(path, "has marks of it", rounds, "several rounds have them") if rounds else None


def _asked(found: Found) -> Iterator[Path]:
    for root in found.submitters:
        yield root / found.scope if found.scope else root / "results"


def _neither(path: Path, found: Found) -> None:
    """Say of what is neither Assay's own nor MLPerf's that nothing here can be judged."""
    if found.log is not None:
        benchmark = stated_benchmark(found.log)
        if benchmark is not None:
            what = f"{path}: a log of '{printable(benchmark, 80)}', which is a benchmark of no round that Assay knows"
            raise UsageError(what, fix="name its round, if Assay has rules of it: --round ROUND")
        if is_loadgens(found.log):
            what = f"{path}: a log of LoadGen, which says little by itself"
            raise UsageError(what, fix="give the folder of its result, in closed/<submitter>/results")
        raise NothingToCheckError(f"{path}: holds no log of a run", fix="give a submission, a result or a log")
    if found.submitters and all(one.judge == "layout" for one in found.passed):
        what = f"{path}: results of no layout that Assay knows, neither its own nor of a round of MLPerf"
        raise NothingToCheckError(what, fix="give the folder of one round, or name the round: --round ROUND")
