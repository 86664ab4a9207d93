"""What lies in a submitter's folder beside its results: names and sizes a repository takes, documents, code, strays.

The checker of rounds up to v5.1 looked at all of this; the one in force since 2026 looks at none of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from checker.findings import Problem
from checker.inference.cases import ResultCase, SubmitterCase
from checker.inference.power import has_power
from checker.judges.registry import judge
from checker.links import dead, followed

CALIBRATION = ("calibration",)  # how the document's name begins, at the top or in documentation/
TOP = {"systems", "results", "documentation", "code"}  # in every round; in v6 the layout document still says code
MAPPING = "model_mapping.json"
TOP_FILES = (
    "readme",
    "license",
    "calibration",
    "notice",
    MAPPING,
)  # how names of files at the top begin, in small letters
POWER_DOCUMENTS = ("analyzer_table", "power_settings")
CACHE = "__pycache__"
RUN_FILES = {
    "mlperf_log_detail.txt",
    "mlperf_log_summary.txt",
    "mlperf_log_accuracy.json",
    "mlperf_log_trace.json",
    "results.json",
    "spl.txt",  # of a power meter
    ".gitkeep",
    "result_summary.json",  # these two of an endpoint
    "accuracy_results.json",
}


@judge("inference-names-fit-git", "inference-submitter")
def names_fit_git(case: SubmitterCase) -> Iterator[Problem]:
    """Judge that no name has a blank or begins with a dot."""
    for entry in case.submitter.tree.entries.values():
        name = entry.path.rpartition("/")[2]
        if name.startswith(".") or " " in name:
            yield Problem("the name is not fit for the repository", "no blank, no leading dot", name, entry.path)


@judge("inference-files-fit-git", "inference-submitter")
def files_fit_git(case: SubmitterCase) -> Iterator[Problem]:
    """Judge that no file is larger than the repository takes."""
    most = case.reviewed.file_bytes
    for entry in case.submitter.tree.entries.values():
        if entry.kind == "file" and entry.size > most:
            yield Problem("the file is too large", f"at most {most:,} bytes", f"{entry.size:,}", entry.path)


@judge("inference-links-followed", "inference-submitter")
def links_followed(case: SubmitterCase) -> Iterator[Problem]:
    """Note links to what lies in the submission."""
    for entry, lead in case.submitter.tree.links():
        if lead.real is not None:
            yield Problem(followed(lead), "a plain file or folder", "a link", entry.path)


@judge("inference-links-dead", "inference-submitter")
def links_dead(case: SubmitterCase) -> Iterator[Problem]:
    """Judge that no link in code or documents leads out of the submission, or nowhere."""
    yield from (problem for problem, is_judged in _dead_links(case) if not is_judged)


def _dead_links(case: SubmitterCase) -> Iterator[tuple[Problem, bool]]:
    """Yield each link that leads to nothing of the submission, and whether it lies where official checkers read."""
    layout = case.fixed.package.layout
    paths = ("results", "systems", layout.measurements, *layout.compliance.values(), MAPPING)
    read = {path.partition("/")[0] for path in paths}
    for entry, lead in case.submitter.tree.links():
        if lead.real is None:
            is_read = entry.path.partition("/")[0] in read
            yield Problem(dead(lead), "a plain file or folder", "a link", entry.path), is_read


@judge("inference-no-links", "inference-submitter")
def plain_files(case: SubmitterCase) -> Iterator[Problem]:
    """Judge that what the official checkers read is plain files and folders, or links to such."""
    for entry in case.submitter.tree.entries.values():
        if entry.kind in ("special", "unreadable"):
            yield Problem("is not read, and nothing in it is judged", "a plain file or folder", entry.kind, entry.path)
    yield from (problem for problem, is_judged in _dead_links(case) if is_judged)
    if case.submitter.tree.truncated is not None:
        what = "the submission cannot be listed whole; what is beyond was not judged"
        yield Problem(what, "fewer files and folders", case.submitter.tree.truncated, ".")


@judge("inference-no-caches", "inference-submitter")
def no_caches(case: SubmitterCase) -> Iterator[Problem]:
    """Judge that no compiled Python lies in the submission."""
    for entry in case.submitter.tree.entries.values():
        if entry.kind == "folder" and entry.path.endswith(CACHE):
            yield Problem("compiled Python lies in the submission", f"no {CACHE}", "a folder", entry.path)


@judge("inference-no-empty-folders", "inference-submitter")
def no_empty_folders(case: SubmitterCase) -> Iterator[Problem]:
    """Judge that no folder is empty."""
    listing = case.submitter.listing
    for entry in case.submitter.tree.entries.values():
        if entry.kind == "folder" and not listing.names(entry.path):
            yield Problem("the folder is empty, so the repository does not hold it", "files", "none", entry.path)


@judge("inference-calibration-described", "inference-submitter")
def calibration_described(case: SubmitterCase) -> Iterator[Problem]:
    """Judge that a submitter of the closed or network division describes calibration."""
    submitter = case.submitter
    if submitter.division == "open" or not case.results:
        return
    places = [*submitter.listing.files(""), *submitter.listing.files("documentation")]
    if not any(name.lower().startswith(CALIBRATION) for name in places):
        what = "no document describes how weights were calibrated or quantised"
        yield Problem(what, "calibration.md, here or in documentation/", "none", ".")


@judge("inference-systems-have-results", "inference-submitter")
def systems_have_results(case: SubmitterCase) -> Iterator[Problem]:
    """Judge that every system described, or with measurements, has results."""
    listing, measured = case.submitter.listing, set(case.submitter.systems)
    described = {
        name.removesuffix(".json"): f"systems/{name}" for name in listing.files("systems") if name.endswith(".json")
    }
    for system, path in described.items():
        if system not in measured:
            yield Problem("the system has no results", f"results/{system}", "none", path)
    for system in listing.folders("measurements"):
        if system not in measured:
            yield Problem("the measurements are of no results", f"results/{system}", "none", f"measurements/{system}")


@judge("inference-no-stray-files", "inference-submitter")
def no_stray_files(case: SubmitterCase) -> Iterator[Problem]:
    """Judge that at the top of a submission lies what the layout has there."""
    layout = case.fixed.package.layout
    known = TOP | {path.partition("/")[0] for path in (layout.code, layout.measurements, *layout.compliance.values())}
    for name, kind in case.submitter.listing.names("").items():
        plain = name.lower()
        if kind == "folder" and name not in known:
            yield Problem("the layout has no such folder", ", ".join(sorted(known)), name, name)
        if kind == "file" and not plain.startswith(TOP_FILES):
            yield Problem("the layout has no such file at the top", "documents and code in their folders", name, name)


@judge("inference-runs-hold-logs", "inference-submitter")
def runs_hold_logs(case: SubmitterCase) -> Iterator[Problem]:
    """Judge that the folders of a performance and an accuracy run hold the files of a run."""
    for result in case.results:
        for folder in ("performance/run_1", "accuracy"):
            for name in case.submitter.listing.files(f"{result.path}/{folder}"):
                if name not in RUN_FILES and name != f"{folder}.txt":
                    what = f"it is no file of {'a performance' if folder != 'accuracy' else 'an accuracy'} run"
                    yield Problem(what, "the files of LoadGen", name, f"{result.path}/{folder}/{name}")


@judge("inference-code-of-benchmark", "inference-submitter")
def code_of_benchmark(case: SubmitterCase) -> Iterator[Problem]:
    """Judge that there is code for every benchmark with results."""
    folder, listing = case.fixed.package.layout.code, case.submitter.listing
    if not listing.names(folder):
        return  # that no code is there at all is said by another rule
    written = {name.lower(): name for name in listing.folders(folder)}
    by_benchmark = sorted(case.results, key=lambda result: result.facts.place.benchmark)
    for benchmark, results in groupby(by_benchmark, key=lambda result: result.facts.place.benchmark):
        mine = list(results)
        if not any(_has_code(result, written) for result in mine):
            what = f"there is no code of {benchmark}"
            yield Problem(what, f"{folder}/{benchmark}", ", ".join(sorted(written.values())[:8]), mine[0].path)


def _has_code(result: ResultCase, written: dict[str, str]) -> bool:
    """Whether a folder of code is named after the benchmark, its model, or a model's name without its accuracy."""
    names = {result.facts.place.benchmark, result.model or ""} - {""}
    return any(_plain(one) == _plain(name) or _plain(name).startswith(_plain(one)) for name in names for one in written)


def _plain(name: str) -> str:
    plain = name.lower().replace("_", "-").replace(".", "-")
    return plain.removesuffix("-99-9").removesuffix("-99")


@judge("inference-power-documented", "inference-submitter")
def power_documented(case: SubmitterCase) -> Iterator[Problem]:
    """Judge that every power result has its analyzer and power settings on record, there or at a level above."""
    listing = case.submitter.listing
    for result in case.results:
        place = result.facts.place
        if not has_power(case.submitter.tree, place.path):
            continue
        for top in ("measurements", "results"):
            levels = [top, f"{top}/{place.system}", f"{top}/{place.system}/{place.benchmark}",
                      f"{top}/{place.system}/{place.benchmark}/{place.scenario}"]  # fmt: skip
            names = [name for level in levels for name in listing.files(level)]
            missing = [kind for kind in POWER_DOCUMENTS if not any(name.startswith(f"{kind}.") for name in names)]
            if not missing:
                break
        else:
            for kind in missing:
                what = f"the power measurement lacks its {kind.replace('_', ' ')}"
                yield Problem(
                    what, f"{kind}.md at the result or a level above", "none", f"{place.path}/performance/power"
                )


@judge("inference-descriptions-meant", "inference-submitter")
def descriptions_meant(case: SubmitterCase) -> Iterator[Problem]:
    """Judge that no description stands for one still to be written."""
    seen: set[str] = set()
    for result in case.results:
        place = result.facts.place
        system = f"systems/{place.system}.json"
        measurements = result.facts.measurements
        documents = [(system, result.system)] if system not in seen else []
        seen.add(system)
        if measurements is not None and isinstance(measurements.value, dict):
            documents.append((measurements.path, measurements.value))
        for path, document in documents:
            for member, value in document.items():
                if isinstance(value, str) and value.strip().strip("<>[]").lower() in case.reviewed.placeholders:
                    yield Problem(f"'{member}' is still to be written", "what it is", value, path)
