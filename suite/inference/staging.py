"""The work folder of an inference result: below `tree/` files already stand where they will in the submission."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import ClassVar, TypeVar

from checker.families.assay.inference.runs import answers_path, loadgen_folder
from rules.documents import Document
from rules.scenarios import Scenario
from rules.serving_documents import OutputsCertificate, RunName, SearchRecord, ServingAttempt, ServingRecord
from suite.host.disk import disk
from suite.inference.plan import InferencePlan
from suite.result.staging import Work, document, write

KEPT_END = 4096  # bytes of the accuracy log's beginning and end that the field's layout keeps
LOGS = ("mlperf_log_detail.txt", "mlperf_log_summary.txt")
D = TypeVar("D", bound=Document)
ANSWERS = "mlperf_log_accuracy.json"


class InferenceWork(Work):
    """The work folder of one inference result: outputs, search, and one LoadGen run per scenario and kind of run."""

    RUNS: ClassVar[str] = "LoadGen runs"
    ATTEMPT: ClassVar[type[Document]] = ServingAttempt
    plan: InferencePlan

    def runs(self) -> list[tuple[Scenario, RunName]]:
        """Return the plan's runs, in their order, without those of scenarios that are left out."""
        search = self.search()
        left_out = search.left_out if search is not None else {}
        return [(scenario, run) for scenario, run in self.plan.runs() if scenario not in left_out]

    def records(self) -> list[str]:
        return [self._record(scenario, run) for scenario, run in self.runs()]

    def _record(self, scenario: Scenario, run: RunName) -> str:
        return f"{self.plan.ours}/{scenario}/{run}/record.json"

    def record(self, scenario: Scenario, run: RunName) -> ServingRecord | None:
        """Return the record of a run that ended, None where it has not."""
        return self._read(ServingRecord, self._record(scenario, run))

    def _read(self, kind: type[D], name: str) -> D | None:
        path = self.at(name)
        return kind.model_validate_json(path.read_bytes()) if path.exists() else None

    def places(self, scenario: Scenario, run: RunName, out: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return what a run left that is kept, by path below the submitter's folder."""
        results, ours = f"{self.plan.results}/{scenario}", f"{self.plan.ours}/{scenario}"
        logs = loadgen_folder(results, ours, run)
        found = {f"{logs}/{name}": out[name] for name in LOGS if name in out}
        if "latencies.bin" in out:
            found[f"{ours}/{run}/latencies.bin"] = out["latencies.bin"]
        if run in ("accuracy", "TEST01", "TEST06") and ANSWERS in out:
            found[answers_path(results, ours, run)] = out[ANSWERS]
        return found

    def finish(
        self, scenario: Scenario, run: RunName, files: Mapping[str, bytes | None], log: bytes, record: ServingRecord
    ) -> None:
        """Keep the files of a run that ended; the record comes last and makes it count."""
        ours = f"{self.plan.ours}/{scenario}/{run}"
        self.keep({**files, f"{ours}/log.txt": log, f"{ours}/record.json": document(record)})

    def take_back(self, scenario: Scenario, runs: Iterable[RunName]) -> None:
        """Let runs that ended count no longer."""
        with disk(self.folder):
            for run in runs:
                self.at(self._record(scenario, run)).unlink(missing_ok=True)

    def outputs(self) -> OutputsCertificate | None:
        """Return the certificate of outputs, None where it has not been made."""
        return self._read(OutputsCertificate, f"{self.plan.ours}/outputs.json")

    def search(self) -> SearchRecord | None:
        """Return what the search found, None where it has not been made."""
        return self._read(SearchRecord, f"{self.plan.ours}/search.json")

    def keep_ours(self, name: str, content: OutputsCertificate | SearchRecord) -> None:
        """Keep a document of ours that is no LoadGen run's."""
        self.keep({f"{self.plan.ours}/{name}": document(content)})

    def keep_metrics(self, scenario: Scenario, metrics: Mapping[str, float]) -> None:
        """Keep the metrics of an accuracy run, with which `accuracy.txt` is written."""
        write(self.folder / f"metrics_{scenario}.json", json.dumps(metrics).encode())

    def metrics(self, scenario: Scenario) -> dict[str, float]:
        """Return the metrics of a scenario's accuracy run."""
        found: dict[str, float] = json.loads((self.folder / f"metrics_{scenario}.json").read_bytes())
        return found


def shortened(log: bytes) -> bytes:
    """Return the accuracy log as the field keeps it: its first and last bytes; the digest of the whole is elsewhere."""
    if len(log) <= 2 * KEPT_END:
        return log
    return log[:KEPT_END] + b"\n\n...\n\n" + log[-KEPT_END:]
