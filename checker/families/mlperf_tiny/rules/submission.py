"""What the rules ask of files, runners, descriptions and code; and that no two results are of one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from checker.core.files import look
from checker.core.findings import Violation, brief
from checker.core.links import dead, followed
from checker.families.mlperf_tiny.cases import LogTrace, TinyResultCase, TinySubmitterCase
from checker.families.mlperf_tiny.checks import check

KNOWN = ("log.txt", "results.txt", "results.json", "script.async", "trace1-timestamps.json", "EEMBC_RUNNER")


# Files and runners


@check("tiny-files", "result")
def files_complete(case: TinyResultCase) -> Iterator[Violation]:
    """Object to a test that lacks a file its runner writes."""
    wanted = case.fixed.runners[case.facts.runner].files
    for facts in case.facts.tests.values():
        missing = [name for name in wanted if name not in facts.files]
        if facts.test == "energy":
            missing = [name for name in missing if name != "results.json"]
        if missing:
            misnamed = [name for name in facts.files if name in ("result.txt", "result.json", "log")]
            found = f"{', '.join(misnamed)} instead" if misnamed else "no such file"
            yield Violation("files of this test are missing", ", ".join(missing), found, facts.path)


@check("tiny-energy-details", "result")
def energy_details(case: TinyResultCase) -> Iterator[Violation]:
    """Note an energy test without the samples it was computed from."""
    energy = case.facts.tests.get("energy")
    if energy is not None and case.facts.runner == "mlc" and "results.json" not in energy.files:
        yield Violation("the power samples are missing", "results.json", "no such file", energy.path)


@check("tiny-files-readable", "result")
def files_readable(case: TinyResultCase) -> Iterator[Violation]:
    """Object to a file that cannot be read, or is not what its name says."""
    for facts in case.facts.tests.values():
        yield from facts.unread


@check("tiny-system-readable", "submitter")
def system_readable(case: TinySubmitterCase) -> Iterator[Violation]:
    """Object to a system's description that is no JSON."""
    for system in case.review.systems.values():
        path = f"systems/{system.name}.json"
        state = look(case.review.submitter.tree, path, "json") if not system.document else None
        if state is not None:
            yield state.problem(path, "a JSON document")


@check("tiny-unknown-files", "result")
def unknown_files(case: TinyResultCase) -> Iterator[Violation]:
    """Note what the layout has no place for."""
    for facts in case.facts.tests.values():
        for name in facts.files:
            if name not in KNOWN and not name.endswith(".png"):
                yield Violation("this does not belong in the layout", ", ".join(KNOWN[:4]), name, facts.of(name))


@check("tiny-runner-errors", "result")
def runner_errors(case: TinyResultCase) -> Iterator[Violation]:
    """Object to what the runner itself calls an error."""
    for facts in case.facts.tests.values():
        for log in filter(None, (facts.summary, facts.log)):
            yield from (
                log.problem("the runner reports an error", "none", brief(said), line) for said, line in log.errors
            )


@check("tiny-runner", "result")
def runner_allowed(case: TinyResultCase) -> Iterator[Violation]:
    """Object to a host runner that the round, or the benchmark, does not allow."""
    facts = case.facts
    by_eembc = any("script.async" in test.files for test in facts.tests.values())
    runner = "eembc" if by_eembc else facts.runner
    marker = f"{facts.result.path}/{case.fixed.marker}"
    where = marker if facts.submitter.has(marker) else facts.result.path
    if runner not in case.fixed.allowed_runners:
        allowed = "MLCommons' runner"
        yield Violation("EEMBC's runner is not allowed in this round", allowed, "EEMBC's", where)
    elif facts.result.benchmark in case.fixed.runners[runner].not_for:
        yield Violation("EEMBC's runner cannot run this benchmark", "MLCommons' runner", "EEMBC's", where)
    elif by_eembc and facts.runner == "mlc":
        yield Violation("results of EEMBC's runner are not marked", f"a file {case.fixed.marker}", "none", where)


@check("tiny-model", "result")
def device_model(case: TinyResultCase) -> Iterator[Violation]:
    """Object to a log of a device that held another benchmark's model."""
    if (benchmark := case.facts.benchmark) is None:
        return
    for _, log in case.facts.with_log():
        for model, line in [one for one in log.models if one[0] not in benchmark.models][:1]:
            what = "the log is of another benchmark: the device held another model"
            yield log.problem(what, " or ".join(benchmark.models), model, line)


# A submitter


@check("tiny-size", "submitter")
def size_limit(case: TinySubmitterCase) -> Iterator[Violation]:
    """Object to files above the limit that the rules have; the official checker's is ten times that."""
    for entry in case.review.submitter.tree.entries.values():
        if case.fixed.file_bytes < entry.size <= case.fixed.tool.file_bytes:
            most = f"at most {case.fixed.file_bytes:,} bytes"
            yield Violation("the file is too large", most, f"{entry.size:,}", entry.path)
    if case.review.submitter.tree.truncated is not None:
        what = "the submission cannot be listed whole; what is beyond was not judged"
        yield Violation(what, "fewer files and folders", case.review.submitter.tree.truncated, ".")


@check("tiny-links", "submitter")
def links_out(case: TinySubmitterCase) -> Iterator[Violation]:
    """Object to links to folders elsewhere, which the official checker follows wherever they lead."""
    submitter = case.review.submitter
    for entry, lead in submitter.tree.links():
        if lead.real is None and (submitter.root / entry.path).is_dir():
            yield Violation(dead(lead), "a folder", "a link", entry.path)


@check("tiny-links-followed", "submitter")
def links_followed(case: TinySubmitterCase) -> Iterator[Violation]:
    """Note links to folders of the submission."""
    for entry, lead in case.review.submitter.tree.links():
        if lead.real is not None and case.review.submitter.is_folder(entry.path):
            yield Violation(followed(lead), "a folder", "a link", entry.path)


@check("tiny-code", "submitter")
def code_present(case: TinySubmitterCase) -> Iterator[Violation]:
    """Object to results without the code they were made with."""
    submitter = case.review.submitter
    if submitter.results and not case.has_code:
        yield Violation("there is no code", "code/<benchmark>/", "nothing", "code" if submitter.has("code") else ".")


@check("tiny-code-of-benchmarks", "submitter")
def code_of_benchmarks(case: TinySubmitterCase) -> Iterator[Violation]:
    """Note benchmarks that have no folder in code/."""
    there = set(case.review.submitter.folders("code"))
    lacking = sorted({result.benchmark for result in case.review.submitter.results} - there)
    if lacking and case.has_code:
        found = ", ".join(sorted(there)[:10]) or "no folder"
        yield Violation("no code of these benchmarks", ", ".join(f"code/{name}" for name in lacking), found, "code")


@check("tiny-system-members", "submitter")
def system_members(case: TinySubmitterCase) -> Iterator[Violation]:
    """Object to a system's description that lacks members of the template."""
    for system in case.review.systems.values():
        lacking = [name for name in case.fixed.system_members if name not in system.document]
        if lacking and system.document:
            what = "the description lacks members of the template"
            yield Violation(what, ", ".join(lacking), "no such members", f"systems/{system.name}.json")


@check("tiny-system-owner", "submitter")
def system_owner(case: TinySubmitterCase) -> Iterator[Violation]:
    """Note a description that names another division or submitter than the folders it lies in."""
    submitter = case.review.submitter
    for system in case.review.systems.values():
        for member, folder in (("Division", submitter.division), ("Submitter", submitter.name)):
            said = system.document.get(member)
            if said is not None and _folded(said) != _folded(folder):
                what = f"{member} does not match the folder"
                yield Violation(what, folder, brief(said), f"systems/{system.name}.json")


def _folded(value: Any) -> str:
    return "".join(c for c in str(value).casefold() if c.isalnum())


@check("tiny-system-unused", "submitter")
def system_unused(case: TinySubmitterCase) -> Iterator[Violation]:
    """Note descriptions of systems without results."""
    submitter = case.review.submitter
    for name in submitter.files("systems"):
        if name.endswith(".json") and name.removesuffix(".json") not in submitter.systems:
            yield Violation("a system without results", "results/<system>/", "none", f"systems/{name}")


# A round


@check("tiny-original", "round")
def logs_original(traces: Sequence[LogTrace]) -> Iterator[Violation]:
    """Object to a log whose measurements, and the times they were made at, are those of another result's."""
    for first, other in _copies(traces):
        if not _with_energy(first, other):
            what = f"the same measurements as in {first.path}"
            yield Violation(what, "measurements of its own", "a copy", other.path)


@check("tiny-energy-twin", "round")
def energy_twin(traces: Sequence[LogTrace]) -> Iterator[Violation]:
    """Ask about measurements that a submitter's result with energy shares with one without."""
    for first, other in _copies(traces):
        if _with_energy(first, other):
            what = f"the same measurements, at equal times, as in {first.path}; one board may be published twice, "
            yield Violation(f"{what}once with its energy measured", "measurements of its own", "a copy", other.path)


def _copies(traces: Sequence[LogTrace]) -> Iterator[tuple[LogTrace, LogTrace]]:
    """Yield each log of another result that has the measurements of an earlier one, after the first that has them."""
    first: dict[str, LogTrace] = {}
    for trace in traces:
        other = first.setdefault(trace.digest, trace)
        if other.result != trace.result:
            yield other, trace


def _with_energy(first: LogTrace, other: LogTrace) -> bool:
    """Whether both can be results of one board that was published twice, once with its energy measured."""
    return (first.owner, first.board) == (other.owner, other.board) and first.energy != other.energy
