"""Events as `:::MLLOG` lines on standard output.

The line format is MLCommons' (mlperf_logging.mllog); written here because the image holds only the framework.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from suite.harness.job import BaseJob
from suite.harness.transport.progress import Progress

ROOT = Path(__file__).parents[2]  # holds `suite`


class Log:
    """The log of one run."""

    def __init__(self) -> None:
        # A framework may print to standard output, even from C; only this log may reach the real one.
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        os.dup2(2, 1)
        self.progress = Progress()

    def event(self, key: str, value: Any = None, **metadata: Any) -> None:
        """Write a point in time."""
        self._write("POINT_IN_TIME", key, value, metadata)

    def start(self, key: str, **metadata: Any) -> None:
        """Write the start of an interval."""
        self._write("INTERVAL_START", key, None, metadata)

    def stop(self, key: str, value: Any = None, **metadata: Any) -> None:
        """Write the end of an interval."""
        self._write("INTERVAL_END", key, value, metadata)

    def submission(self, job: BaseJob) -> None:
        """Write whose log this is."""
        self.event("submission_benchmark", job.workload)
        self.event("submission_division", job.division)
        self.event("submission_org", job.submission["org"])
        self.event("submission_platform", job.submission["platform"])

    def described(self, job: BaseJob, settings: Mapping[str, Any]) -> None:
        """Write what runs: rule set, framework, settings, digests."""
        for key, value in {"ruleset": job.ruleset, "framework": job.version(), **settings}.items():
            self.event(key, value)
        self.event("source_sha256", job.source_sha256)
        for name, digest in job.data.items():
            self.event("data_sha256", digest, name=name)

    def _write(self, kind: str, key: str, value: Any, metadata: dict[str, Any]) -> None:
        caller = sys._getframe(2)
        where = {
            "file": Path(caller.f_code.co_filename).resolve().relative_to(ROOT).as_posix(),
            "lineno": caller.f_lineno,
        }
        record = {
            "namespace": "",
            "time_ms": time.time_ns() // 1_000_000,
            "event_type": kind,
            "key": key,
            "value": value,
            "metadata": where | metadata,
        }
        self._out.write(f":::MLLOG {json.dumps(record, allow_nan=False)}\n")
        self._out.flush()
