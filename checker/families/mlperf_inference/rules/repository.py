"""What lies in a submitter's folder beside its results: names and sizes a repository takes, documents, code, strays.

The checker of rounds up to v5.1 looked at all of this; the one in force since 2026 looks at none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from checker.core.findings import Violation
from checker.core.links import dead, followed
from checker.families.mlperf_inference.cases import ResultCase, SubmitterCase
from checker.families.mlperf_inference.checks import check
from checker.families.mlperf_inference.power.check import has_power
from checker.families.mlperf_inference.walk import MAPPING

CALIBRATION = ("calibration",)  # how the document's name begins: at the top, in documentation/ or beside the result
POWER_DOCUMENTS = ("analyzer_table", "power_settings")
CACHE = "__pycache__"
LOG = "mlperf_log_"  # in every name of LoadGen's files
NAMED = 6  # of many files or folders, in a finding
SHORTEST = 3  # letters of a folder of code that names more than one benchmark


def _all(what: str, expected: str, names: Sequence[str], path: str | None = None) -> Iterator[Violation]:
    """Yield one problem of all that `names` lists, if any: at `path`, or else at the first of them."""
    if names:
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        yield Violation(what, expected, ", ".join(names[:NAMED]) + more, path or names[0])


@check("inference-names-fit-git", "submitter")
def names_fit_git(case: SubmitterCase) -> Iterator[Violation]:
    """Judge that no name has a blank or begins with a dot."""
    paths = [entry.path for entry in case.submitter.tree.entries.values()]
    odd = [path for path in paths if (name := path.rpartition("/")[2]).startswith(".") or " " in name]
    yield from _all("a name holds a blank or begins with a dot", "no blank, no leading dot", odd)


@check("inference-files-fit-git", "submitter")
def files_fit_git(case: SubmitterCase) -> Iterator[Violation]:
    """Judge that no file is larger than the repository takes."""
    most = case.reviewed.file_bytes
    for entry in case.submitter.tree.entries.values():
        if entry.kind == "file" and entry.size > most:
            yield Violation("the file is too large", f"at most {most:,} bytes", f"{entry.size:,}", entry.path)


@check("inference-links-followed", "submitter")
def links_followed(case: SubmitterCase) -> Iterator[Violation]:
    """Note links to what lies in the submission."""
    for entry, lead in case.submitter.tree.links():
        if lead.real is not None:
            yield Violation(followed(lead), "a plain file or folder", "a link", entry.path)


@check("inference-links-dead", "submitter")
def links_dead(case: SubmitterCase) -> Iterator[Violation]:
    """Judge that no link in code or documents leads out of the submission, or nowhere."""
    yield from (problem for problem, is_judged in _dead_links(case) if not is_judged)


def _dead_links(case: SubmitterCase) -> Iterator[tuple[Violation, bool]]:
    """Yield each link that leads to nothing of the submission, and whether it lies where official checkers read."""
    layout = case.fixed.package.layout
    paths = ("results", "systems", layout.measurements, *layout.compliance.values(), MAPPING)
    read = {path.partition("/")[0] for path in paths}
    for entry, lead in case.submitter.tree.links():
        if lead.real is None:
            is_read = entry.path.partition("/")[0] in read
            yield Violation(dead(lead), "a plain file or folder", "a link", entry.path), is_read


@check("inference-no-links", "submitter")
def plain_files(case: SubmitterCase) -> Iterator[Violation]:
    """Judge that what the official checkers read is plain files and folders, or links to such."""
    for entry in case.submitter.tree.entries.values():
        if entry.kind in ("special", "unreadable"):
            yield Violation(
                "is not read, and nothing in it is judged", "a plain file or folder", entry.kind, entry.path
            )
    yield from (problem for problem, is_judged in _dead_links(case) if is_judged)
    if case.submitter.tree.truncated is not None:
        what = "the submission cannot be listed whole; what is beyond was not judged"
        yield Violation(what, "fewer files and folders", case.submitter.tree.truncated, ".")


@check("inference-no-caches", "submitter")
def no_caches(case: SubmitterCase) -> Iterator[Violation]:
    """Judge that no compiled Python lies in the submission."""
    entries = case.submitter.tree.entries.values()
    caches = [entry.path for entry in entries if entry.kind == "folder" and entry.path.endswith(CACHE)]
    yield from _all("compiled Python lies in the submission", f"no {CACHE}", caches)


@check("inference-no-empty-folders", "submitter")
def no_empty_folders(case: SubmitterCase) -> Iterator[Violation]:
    """Judge that no folder is empty."""
    entries = case.submitter.tree.entries.values()
    filled = {entry.path.rpartition("/")[0] for entry in entries}
    empty = [entry.path for entry in entries if entry.kind == "folder" and entry.path not in filled]
    what = "the folder is empty, so the repository will not hold it"
    yield from _all(what, "files", empty)


@check("inference-calibration-described", "submitter")
def calibration_described(case: SubmitterCase) -> Iterator[Violation]:
    """Judge that a submitter of the closed or network division who transformed weights describes how."""
    submitter, listing = case.submitter, case.submitter.listing
    if submitter.division == "open" or not any(_transformed(result) for result in case.results):
        return
    beside = {result.facts.paths.measurements_folder for result in case.results}
    places = [name for folder in ("", "documentation", *beside) for name in listing.files(folder)]
    if not any(name.lower().startswith(CALIBRATION) for name in places):
        what = "no document describes how weights were calibrated or quantised"
        yield Violation(what, "calibration.md, here or in documentation/", "none", ".")


def _transformed(result: ResultCase) -> bool:
    """Whether a result's weights are not the reference's as they are, unless its description says that they are."""
    document = result.facts.measurements
    said = document.value.get("weight_transformations") if document and isinstance(document.value, dict) else None
    return not isinstance(said, str) or said.strip().lower() not in result.reviewed.untransformed


@check("inference-systems-have-results", "submitter")
def systems_have_results(case: SubmitterCase) -> Iterator[Violation]:
    """Judge that every system described, or with measurements, has results."""
    listing, measured = case.submitter.listing, set(case.submitter.systems)
    described = [name.removesuffix(".json") for name in listing.files("systems") if name.endswith(".json")]
    left = [f"systems/{system}.json" for system in described if system not in measured]
    left += [f"measurements/{system}" for system in listing.folders("measurements") if system not in measured]
    yield from _all("systems are described and have no results", "results/<system>", left)


@check("inference-no-stray-files", "submitter")
def no_stray_files(case: SubmitterCase) -> Iterator[Violation]:
    """Judge that at the top of a submission lies what the layout has there."""
    layout, reviewed = case.fixed.package.layout, case.reviewed
    placed = (layout.code, layout.measurements, *layout.compliance.values())
    known = {*reviewed.top_folders, *(path.partition("/")[0] for path in placed)}
    names = case.submitter.listing.names("").items()
    stray = [name for name, kind in names if kind == "folder" and name not in known]
    documents = tuple(reviewed.top_files)
    stray += [name for name, kind in names if kind == "file" and not name.lower().startswith(documents)]
    what = "these do not belong at the top of the layout"
    yield from _all(what, f"documents, and {', '.join(sorted(known))}", stray)


@check("inference-runs-hold-logs", "submitter")
def runs_hold_logs(case: SubmitterCase) -> Iterator[Violation]:
    """Judge that the folders of a performance and an accuracy run hold the files of a run."""
    other = [path for path in _beside_logs(case) if LOG not in path.rpartition("/")[2]]
    what = f"the folders of runs hold {len(other)} files that are not of a run"
    yield from _all(what, "the files of LoadGen", other)


@check("inference-one-log-of-a-run", "submitter")
def one_log_of_a_run(case: SubmitterCase) -> Iterator[Violation]:
    """Judge that no second log lies beside the log of a run."""
    for path in _beside_logs(case):
        if LOG in (name := path.rpartition("/")[2]):
            yield Violation("a second log lies beside the log of the run", "one log of each kind", name, path)


def _beside_logs(case: SubmitterCase) -> Iterator[str]:
    for result in case.results:
        for folder in (f"{result.path}/performance/run_1", f"{result.path}/accuracy"):
            names = case.submitter.listing.files(folder)
            yield from (f"{folder}/{name}" for name in names if name not in case.reviewed.run_files)


@check("inference-code-of-benchmark", "submitter")
def code_of_benchmark(case: SubmitterCase) -> Iterator[Violation]:
    """Judge that there is code for every benchmark with results."""
    folder, listing = case.fixed.package.layout.code, case.submitter.listing
    if not listing.names(folder):
        return  # that no code is there at all is said by another rule
    written, names = listing.folders(folder), dict[str, set[str]]()
    for result in case.results:
        names.setdefault(result.facts.place.benchmark, {result.facts.place.benchmark}).add(result.model or "")
    lacking = [benchmark for benchmark, known in names.items() if not _has_code(known, written, case.reviewed.targets)]
    there = ", ".join(sorted(written)[:8])
    what = f"no folder of {folder}/ is named after these benchmarks; it has {there or 'no folder'}"
    yield from _all(what, f"{folder}/<benchmark>", sorted(lacking), folder)


def _has_code(names: Iterable[str], written: Iterable[str], ends: list[str]) -> bool:
    """Whether a folder of code is named after a benchmark, one of its models, or the first part of either's name."""
    plain = {_plain(name, ends) for name in names if name}
    return any(_akin(_plain(one, ends), name) for name in plain for one in written)


def _akin(one: str, name: str) -> bool:
    """Whether one name begins with the other, or with all but its plural's last letter."""
    begins = len(one) >= SHORTEST and name.startswith((one, one.removesuffix("s")))
    return begins or one.startswith(name)


def _plain(name: str, ends: Iterable[str]) -> str:
    plain = name.lower()
    plain = next((plain.removesuffix(end) for end in ends if plain.endswith(end)), plain)
    return plain.replace("_", "-").replace(".", "-")


@check("inference-power-documented", "submitter")
def power_documented(case: SubmitterCase) -> Iterator[Violation]:
    """Judge that every power result has its analyzer and power settings on record, there or at a level above."""
    listing = case.submitter.listing
    for result in case.results:
        place = result.facts.place
        if not has_power(case.submitter.tree, place.path):
            continue
        lacking: list[list[str]] = []
        for top in ("measurements", "results"):
            parts = (top, place.system, place.benchmark, place.scenario)
            names = [name for depth in range(1, 5) for name in listing.files("/".join(parts[:depth]))]
            lacking.append([kind for kind in POWER_DOCUMENTS if not any(name.startswith(f"{kind}.") for name in names)])
        for kind in lacking[-1] if all(lacking) else ():
            what, expected = (
                f"the power measurement lacks its {kind.replace('_', ' ')}",
                f"{kind}.md at the result or a level above",
            )
            yield Violation(what, expected, "none", f"{place.path}/performance/power")


@check("inference-descriptions-meant", "submitter")
def descriptions_meant(case: SubmitterCase) -> Iterator[Violation]:
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
                    yield Violation(f"'{member}' is still to be written", "what it is", value, path)
