"""Real submissions cut small and spoiled: mutations an examiner of the Inference review would make.

Each base is one system and one or two benchmarks of the published v5.1 round, as it stands or moved to the layout of
round 6; for models that nobody submitted there, a submission made from the round's rules.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rules.inference import inference_rules
from tests.differential import inference_passing

QSL = re.compile(r'("key": "loaded_qsl_set", "value": \[)[^\]]*\]')
SEEDS = ("effective_qsl_rng_seed", "effective_sample_index_rng_seed", "effective_schedule_rng_seed")
DETAIL, ACCURACY = "performance/run_1/mlperf_log_detail.txt", "accuracy/accuracy.txt"


@dataclass
class Spoiled:
    """A submitter's folder that may be spoiled, and the result in it that mutations are about."""

    round_name: str
    root: Path  # of the round
    base: Path  # the submitter's folder
    system: str
    benchmark: str
    scenario: str

    @property
    def path(self) -> str:
        """The result, as the report names it."""
        return (self.result).relative_to(self.root).as_posix()

    @property
    def result(self) -> Path:
        return self.base / "results" / self.system / self.benchmark / self.scenario

    @property
    def described(self) -> Path:
        return self.base / "systems" / f"{self.system}.json"

    @cached_property
    def newer(self) -> bool:
        return self.round_name.partition("/")[2] >= "6"

    @property
    def measurements(self) -> Path:
        if self.newer:
            return self.result / "measurements.json"
        folder = self.base / "measurements" / self.system / self.benchmark / self.scenario
        return next(folder.glob("*.json"))

    def test(self, name: str) -> Path:
        if self.newer or name in ("TEST07", "TEST08", "TEST09"):
            return self.result / name
        return self.base / "compliance" / self.system / self.benchmark / self.scenario / name

    def file(self, name: str) -> Path:
        """A file of the result, of a test (`TEST01/…`), or of the submitter's folder (`../…`)."""
        if name.startswith("TEST"):
            test, _, rest = name.partition("/")
            return self.test(test) / rest
        return self.base / name[3:] if name.startswith("../") else self.result / name

    def write(self, name: str, text: str | bytes) -> None:
        path = self.file(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def sub(self, name: str, old: str, new: str) -> None:
        path = self.file(name)
        text = path.read_text()
        changed = re.sub(old, new, text, flags=re.MULTILINE)
        assert changed != text, (name, old)
        path.write_text(changed)

    def key(self, key: str, value: Any, log: str = DETAIL) -> None:
        """Give a key's first message another value (`...`: take all out); add it where it is not logged."""
        path, lines, seen = self.file(log), list[str](), False
        for text in path.read_text().splitlines(keepends=True):
            if f'"key": "{key}"' not in text:
                lines.append(text)
            elif value is not ... and not seen:
                record = json.loads(text.partition(" ")[2])
                lines.append(f":::MLLOG {json.dumps({**record, 'value': value})}\n")
            seen = seen or f'"key": "{key}"' in text
        if not seen and value is not ...:
            lines.append(inference_passing.line(key, value))
        path.write_text("".join(lines))

    def error(self, text: str, log: str = DETAIL) -> None:
        """Let LoadGen log an error."""
        path = self.file(log)
        metadata = {"is_error": True, "is_warning": False, "file": "a.cc", "line_no": 1, "pid": 1, "tid": 1}
        record = {"key": "error_runtime", "value": text, "time_ms": 1.0, "namespace": "mlperf::logging"}
        line = json.dumps({**record, "event_type": "POINT_IN_TIME", "metadata": metadata})
        path.write_text(path.read_text() + f":::MLLOG {line}\n")

    def member(self, path: Path, member: str, value: Any) -> None:
        """Change a member of a JSON file; `...` takes it out."""
        given = json.loads(path.read_text())
        if value is ...:
            given.pop(member, None)
        else:
            given[member] = value
        path.write_text(json.dumps(given, indent=1))

    def is_(self, member: str, value: Any) -> None:
        """Change a member of the system description."""
        self.member(self.described, member, value)

    def rename(self, kind: str, new: str) -> None:
        """Rename the benchmark or scenario folder wherever it lies."""
        for top in ("results", "measurements", "compliance"):
            at = self.base / top / self.system / self.benchmark
            at = at / self.scenario if kind == "scenario" else at
            if at.is_dir():
                at.rename(at.parent / new)

    def remove(self, name: str) -> None:
        path = self.file(name)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def cut(corpus: Path, into: Path, submitter: str, system: str, benchmarks: list[str]) -> Path:
    """Copy one system of a submitter, its benchmarks named; the lists of every sample's index become short."""
    source, base = corpus / submitter, into / submitter
    for top in ("results", "measurements", "compliance"):
        for benchmark in benchmarks:
            if (at := source / top / system / benchmark).is_dir():
                shutil.copytree(at, base / top / system / benchmark)
    (base / "systems").mkdir()
    shutil.copy(source / "systems" / f"{system}.json", base / "systems")
    (base / "documentation").mkdir()
    (base / "documentation/calibration.md").write_text("calibrated\n")
    for benchmark in benchmarks:
        inference_passing.write(base / "code" / benchmark / "README.md", "code\n")
    if (source / "model_mapping.json").is_file():
        shutil.copy(source / "model_mapping.json", base)
    for log in base.rglob("mlperf_log_detail.txt"):
        if not (log.parents[1] / "power").is_dir():  # whose checksums are recorded
            log.write_text(QSL.sub(r"\g<1>0, 1, 2]", log.read_text()))
    for document in ("analyzer_table.md", "power_settings.md"):
        if (source / "measurements" / document).is_file():
            shutil.copy(source / "measurements" / document, base / "measurements")
    return base


def move(base: Path, round_name: str) -> None:
    """Move a submission of v5.1 to the layout of round 6, its logs' seeds to that round's."""
    seeds = inference_rules(round_name).package.seeds.model_dump()
    for described in sorted((base / "measurements").glob("*/*/*/*.json")):
        system, benchmark, scenario = described.parts[-4:-1]
        result = base / "results" / system / benchmark / scenario
        shutil.move(described, result / "measurements.json")
        for name in ("user.conf", "README.md"):
            shutil.copy(described.parent / name, result)
        for test in (base / "compliance" / system / benchmark / scenario).glob("TEST*"):
            shutil.move(test, result)
    shutil.rmtree(base / "measurements")
    shutil.rmtree(base / "compliance", ignore_errors=True)
    (base / "code").rename(base / "src")
    for log in base.rglob("mlperf_log_detail.txt"):
        text = log.read_text()
        for key in SEEDS:
            text = re.sub(rf'("key": "{key}", "value": )\d+', rf"\g<1>{seeds[key]}", text)
        log.write_text(text)


LENOVO = ("closed/Lenovo", "SE100_RTX2000E_Ada_16GBx1_TRT")
MITAC = ("closed/MiTAC", "8xMI325X_2xEPYC_9755")
HPE = ("closed/HPE", "HPE_Cray_XD670_H200_SXM_141GBx8_TRT")
METERED = (
    "open/GATEOverflow",
    "TRIGKEY_Mini_PC_Ryzen_5_5560-ctuning_cpp_tflite-cpu-tflite_vmaster-default_config",
)
# Name: submitter and system, benchmarks, the one spoiled and its scenario, round.
CUT: dict[str, tuple[tuple[str, str], list[str], str, str]] = {
    "edge": (LENOVO, ["resnet50"], "Offline", "5.1"),
    "multi": (LENOVO, ["resnet50"], "MultiStream", "5.1"),
    "edge60": (LENOVO, ["resnet50"], "Offline", "6.0"),
    "edge61": (LENOVO, ["resnet50"], "SingleStream", "6.1"),
    "llm": (MITAC, ["llama2-70b-99.9"], "Interactive", "5.1"),
    "llm61": (MITAC, ["llama2-70b-99.9"], "Server", "6.1"),
    "server": (HPE, ["retinanet", "whisper"], "Server", "5.1"),
    "whisper60": (HPE, ["whisper"], "Offline", "6.0"),
    "pictures": (("closed/The_Stage", "h100_x8"), ["stable-diffusion-xl"], "offline", "5.1"),
    "power": (METERED, ["mobilenet-v1-precision_float-1.0-160"], "singlestream", "5.1"),
    "power61": (METERED, ["mobilenet-v1-precision_float-1.0-160"], "singlestream", "6.1"),
    "mapped": (("open/AMD", "8xMI355X_2xEPYC_9575F"), ["llama3_1-405b_pruned"], "Offline", "5.1"),
}
# Name: model, type of system, division, scenario, round, by an endpoint's files.
MADE: dict[str, tuple[str, str, str, str, str, bool]] = {
    "network": ("dlrm-v2-99", "datacenter", "network", "Server", "5.1", False),
    "oss": ("gpt-oss-120b", "datacenter", "closed", "Server", "6.1", False),
    "wan": ("wan-2.2-t2v-a14b", "datacenter", "closed", "SingleStream", "6.1", True),
    "oss-endpoint": ("gpt-oss-120b", "datacenter", "closed", "Interactive", "6.1", True),
    "vl-endpoint": ("qwen3-vl-235b-a22b", "datacenter", "closed", "Server", "6.1", True),
    "dlrm3": ("dlrm-v3", "datacenter", "closed", "Server", "6.1", False),
    "rag": ("e2e-rag-qna", "datacenter", "closed", "Offline", "6.1", False),
    "qwen": ("qwen3.6-27b", "edge", "closed", "SingleStream", "6.1", False),
    "older": ("llama3.1-405b", "datacenter", "closed", "Server", "5.0", False),
    "mixtral": ("mixtral-8x7b", "datacenter", "closed", "Server", "5.1", False),
}


def make(name: str, corpus: Path, into: Path) -> Spoiled:
    """Make a base below `into`."""
    if name in CUT:
        (submitter, system), benchmarks, scenario, version = CUT[name]
        base = cut(corpus, into, submitter, system, benchmarks)
        if version >= "6":
            move(base, f"mlperf-inference/{version}")
        return Spoiled(f"mlperf-inference/{version}", into, base, system, benchmarks[0], scenario)
    model, kind, division, scenario, version, endpoints = MADE[name]
    round_name = f"mlperf-inference/{version}"
    base = inference_passing.submission(into, round_name, model, kind, division, endpoints=endpoints)
    return Spoiled(round_name, into, base, "box", model, scenario)


Act = Callable[[Spoiled], Any]
AT_ACC = "accuracy/mlperf_log_detail.txt"


def _truncate(name: str, keep: float | int) -> Act:
    def act(s: Spoiled) -> None:
        data = s.file(name).read_bytes()
        s.file(name).write_bytes(data[: int(len(data) * keep) if isinstance(keep, float) else keep])

    return act


def _lead(name: str, text: bytes) -> Act:
    return lambda s: s.file(name).write_bytes(text + s.file(name).read_bytes())


def _tail(name: str, text: bytes) -> Act:
    return lambda s: s.file(name).write_bytes(s.file(name).read_bytes() + text)


def _key(key: str, value: Any, log: str = DETAIL) -> Act:
    return lambda s: s.key(key, value, log)


def _is(member: str, value: Any) -> Act:
    return lambda s: s.is_(member, value)


def _says(member: str, value: Any) -> Act:
    return lambda s: s.member(s.measurements, member, value)


def _gone(*names: str) -> Act:
    return lambda s: [s.remove(name) for name in names]


def _put(name: str, text: str | bytes) -> Act:
    return lambda s: s.write(name, text)


def _sub(name: str, old: str, new: str) -> Act:
    return lambda s: s.sub(name, old, new)


def _system(text: bytes) -> Act:
    return lambda s: s.described.write_bytes(text)


def _fifo(name: str) -> Act:
    def act(s: Spoiled) -> None:
        path = s.file(name)
        if path.exists():
            s.remove(name)
        os.mkfifo(path)

    return act


def _folder(name: str) -> Act:
    def act(s: Spoiled) -> None:
        if s.file(name).exists():
            s.remove(name)
        s.file(name).mkdir(parents=True)

    return act


def _copy(source: str, target: str) -> Act:
    def act(s: Spoiled) -> None:
        s.file(target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(s.file(source), s.file(target))

    return act


def _all(*acts: Act) -> Act:
    return lambda s: [act(s) for act in acts]


def _renamed(kind: str, new: str) -> Act:
    return lambda s: s.rename(kind, new)


def _scenario(source: str, target: str) -> Act:
    """Put one scenario's logs in the place of another's."""

    def act(s: Spoiled) -> None:
        for part in ("performance", "accuracy"):
            folder = s.result.parent / target / part
            shutil.rmtree(folder)
            shutil.copytree(s.result.parent / source / part, folder)

    return act


def _deterministic_not(delta: float, zero: bool = False, extra: str = "", missing: str = "") -> Act:
    """Make TEST01 one that compares accuracies: the compliance run's is off by `delta` percent."""

    def act(s: Spoiled) -> None:
        s.write("TEST01/verify_accuracy.txt", "TEST FAIL\n")
        text = s.file(ACCURACY).read_text()
        number = re.search(r"[\d.]{4,}", text)
        assert number is not None
        other = 0.0 if zero else float(number.group()) * (1 + delta / 100)
        s.write("TEST01/accuracy/accuracy.txt", text)
        s.write("TEST01/accuracy/mlperf_log_accuracy.json", "[]")
        s.write("TEST01/accuracy/baseline_accuracy.txt", text)
        s.write("TEST01/accuracy/compliance_accuracy.txt", text.replace(number.group(), f"{other:.6f}", 1))
        if extra:
            s.write(f"TEST01/accuracy/{extra}", "x")
        if missing:
            s.remove(f"TEST01/accuracy/{missing}")

    return act


def _linked(name: str, to: str) -> Act:
    """Move a file to a place relative to its folder, and leave a link."""

    def act(s: Spoiled) -> None:
        s.file(name).rename(s.file(name).parent / to)
        s.file(name).symlink_to(to)

    return act


def _supplies(text: str | bytes) -> Act:
    return lambda s: s.write(f"../systems/{s.system}_power.yaml", text)


def _deep(s: Spoiled) -> None:
    s.described.write_text("[" * 100_000 + "]" * 100_000)


# Name, base, act. What the official checker says of each is asked, not written down.
MODULAR: list[tuple[str, str, Act]] = [("untouched", base, lambda _: None) for base in (*CUT, *MADE)] + [
    # Performance
    ("validity-invalid", "edge", _key("result_validity", "INVALID")),
    ("validity-gone", "edge", _key("result_validity", ...)),
    ("loadgen-error", "edge", lambda s: s.error("the sky fell")),
    ("loadgen-error-no-metadata", "edge", _tail(DETAIL, b':::MLLOG {"key": "error_x", "value": "y"}\n')),
    ("metadata-null", "edge60", _tail(DETAIL, b':::MLLOG {"key": "odd", "value": 1, "metadata": null}\n')),
    (
        "is-error-a-string",
        "edge",
        _tail(DETAIL, b':::MLLOG {"key": "o", "value": 1, "metadata": {"is_error": "no"}}\n'),
    ),
    ("sample-count-low", "edge", _key("effective_performance_sample_count", 1023)),
    ("sample-count-equal", "edge", _key("effective_performance_sample_count", 1024)),
    ("sample-count-string", "edge", _key("effective_performance_sample_count", "1024")),
    ("sample-count-true", "edge", _key("effective_performance_sample_count", True)),
    ("sample-count-gone", "edge60", _key("effective_performance_sample_count", ...)),
    ("seed-wrong", "edge", _key("effective_qsl_rng_seed", 1)),
    ("seed-off-by-one", "edge", _key("effective_sample_index_rng_seed", 14771362308971278858)),
    ("seed-string", "edge", _key("effective_schedule_rng_seed", "18209322760996052031")),
    ("seed-float", "edge", _key("effective_schedule_rng_seed", 1.8209322760996052031e19)),
    ("seed-float-qsl", "edge", _key("effective_qsl_rng_seed", 1780908523862526354.0)),
    ("seed-gone", "edge61", _key("effective_schedule_rng_seed", ...)),
    ("seed-negative", "edge", _key("effective_qsl_rng_seed", -1780908523862526354)),
    ("seed-of-another-round", "edge61", _key("effective_qsl_rng_seed", 1780908523862526354)),
    ("seed-of-accuracy-run", "edge", _key("effective_qsl_rng_seed", 7, AT_ACC)),
    ("seed-leading-zero", "edge", _sub(DETAIL, r'("key": "effective_qsl_rng_seed", "value": )', r"\g<1>0")),
    ("seed-exponent", "edge", _sub(DETAIL, r'("key": "effective_qsl_rng_seed", "value": )\d+', r"\g<1>1e400")),
    ("value-nan", "edge", _sub(DETAIL, r'("key": "result_samples_per_second", "value": )[\d.]+', r"\g<1>NaN")),
    (
        "value-infinity",
        "edge",
        _sub(DETAIL, r'("key": "result_samples_per_second", "value": )[\d.]+', r"\g<1>Infinity"),
    ),
    (
        "value-huge-int",
        "edge",
        _sub(DETAIL, r'("key": "result_samples_per_second", "value": )[\d.]+', r"\g<1>" + "9" * 400),
    ),
    (
        "value-5000-digits",
        "edge",
        _sub(DETAIL, r'("key": "result_samples_per_second", "value": )[\d.]+', r"\g<1>" + "9" * 5000),
    ),
    ("early-stopping-not-met", "multi", _key("early_stopping_met", False)),
    ("early-stopping-gone", "multi", _key("early_stopping_met", ...)),
    ("early-stopping-string", "multi", _key("early_stopping_met", "false")),
    ("early-stopping-zero", "multi", _key("early_stopping_met", 0)),
    ("target-latency-over", "server", _key("effective_target_latency_ns", 100_000_001)),
    ("target-latency-at", "server", _key("effective_target_latency_ns", 100_000_000)),
    ("target-latency-gone", "server", _key("effective_target_latency_ns", ...)),
    ("target-latency-string", "server", _key("effective_target_latency_ns", "1")),
    ("measured-p99-over", "server", _key("result_99.00_percentile_latency_ns", 900_000_000)),
    ("p99-gone-offline", "edge", _key("result_99.00_percentile_latency_ns", ...)),
    ("query-count-0", "edge", _key("effective_min_query_count", 0)),
    ("query-count-null", "edge", _key("effective_min_query_count", None)),
    ("samples-per-query-24575", "edge", _key("effective_samples_per_query", 24575)),
    ("samples-per-query-gone", "edge60", _key("effective_samples_per_query", ...)),
    ("samples-per-query-open", "mapped", _key("effective_samples_per_query", 1)),
    ("duration-599999", "edge", _key("effective_min_duration_ms", 599999)),
    ("duration-gone", "edge", _key("effective_min_duration_ms", ...)),
    ("duration-string", "edge61", _key("effective_min_duration_ms", "600000")),
    ("duration-open", "mapped", _key("effective_min_duration_ms", 60000)),
    ("duration-rag", "rag", _key("effective_min_duration_ms", 1)),
    ("token-latencies-off", "llm", _key("requested_use_token_latencies", False)),
    ("token-latencies-gone", "llm61", _key("requested_use_token_latencies", ...)),
    ("ttft-at-server-bound", "llm61", _key("result_first_token_99.00_percentile_latency_ns", 2_000_000_000)),
    ("ttft-below-server-bound", "llm61", _key("result_first_token_99.00_percentile_latency_ns", 1_999_999_999)),
    ("tpot-over-server-bound", "llm61", _key("result_time_per_output_token_99.00_percentile_ns", 200_000_001)),
    ("tpot-gone", "llm61", _key("result_time_per_output_token_99.00_percentile_ns", ...)),
    ("interactive-tpot-60ms", "llm", _key("result_time_per_output_token_99.00_percentile_ns", 60_000_000)),
    ("interactive-ttft-451ms", "llm", _key("result_first_token_99.00_percentile_latency_ns", 451_000_000)),
    ("interactive-405b", "older", _key("result_first_token_99.00_percentile_latency_ns", 7_000_000_000)),
    ("mixtral-ttft-string", "mixtral", _key("result_first_token_99.00_percentile_latency_ns", "5")),
    ("server-log-in-offline", "llm61", _scenario("Server", "Offline")),
    ("offline-log-in-server", "llm61", _scenario("Offline", "Server")),
    ("offline-log-in-interactive", "llm", _scenario("Offline", "Interactive")),
    ("inferred-multistream", "edge61", _scenario("SingleStream", "MultiStream")),
    ("inferred-offline", "edge61", _scenario("SingleStream", "Offline")),
    ("inferred-offline-from-ms", "multi", _scenario("MultiStream", "Offline")),
    ("inferred-singlestream-from-ms", "multi", _scenario("MultiStream", "SingleStream")),
    ("inferred-0", "edge61", _all(_key("early_stopping_latency_ms", 0), _scenario("SingleStream", "MultiStream"))),
    (
        "inferred-on-datacenter",
        "multi",
        _all(_is("system_type", "datacenter"), _scenario("SingleStream", "MultiStream")),
    ),
    ("scenario-unknown-in-log", "edge", _key("effective_scenario", "Burst")),
    ("scenario-null-in-log", "edge", _key("effective_scenario", ...)),
    ("scenario-number-in-log", "edge", _key("effective_scenario", 5)),
    ("scenario-lower-in-log", "edge", _key("effective_scenario", "offline")),
    ("metric-gone", "edge", _key("result_samples_per_second", ...)),
    ("metric-string", "edge", _key("result_samples_per_second", "1e3")),
    ("metric-word", "edge", _key("result_samples_per_second", "fast")),
    ("metric-zero", "edge", _key("result_samples_per_second", 0)),
    ("metric-list", "edge", _key("result_samples_per_second", [1])),
    ("metric-tokens-gone", "llm61", _key("result_completed_tokens_per_second", ...)),
    ("latency-ss-gone", "edge61", _key("early_stopping_latency_ss", ...)),
    ("mode-accuracy-only", "edge", _key("effective_test_mode", "AccuracyOnly")),
    ("accuracy-log-as-performance", "edge", _copy(AT_ACC, DETAIL)),
    ("performance-log-as-accuracy", "edge", _copy(DETAIL, AT_ACC)),
    ("key-twice", "edge", lambda s: s.write(DETAIL, s.file(DETAIL).read_text() * 2)),
    ("bad-value-second", "edge", _tail(DETAIL, inference_passing.line("effective_min_duration_ms", 1).encode())),
    # Logs no reader can trust
    ("log-gone", "edge", _gone(DETAIL)),
    ("accuracy-log-gone", "edge", _gone(AT_ACC)),
    ("both-logs-gone", "edge", _gone(DETAIL, AT_ACC)),
    ("both-logs-gone-61", "edge61", _gone(DETAIL, AT_ACC)),
    ("summary-gone", "edge", _gone("performance/run_1/mlperf_log_summary.txt")),
    ("log-empty", "edge", _put(DETAIL, "")),
    ("accuracy-log-empty", "edge", _put(AT_ACC, "")),
    ("log-cut-mid-line", "edge", _truncate(DETAIL, 0.5)),
    ("log-cut-in-a-character", "edge60", _tail(DETAIL, b"\xc3")),
    ("log-bom", "edge", _lead(DETAIL, b"\xef\xbb\xbf")),
    ("log-noise-first", "edge", _lead(DETAIL, b"warming up\n")),
    ("log-empty-line-first", "edge", _lead(DETAIL, b"\n")),
    ("log-space-first", "edge", _lead(DETAIL, b" ")),
    ("log-noise-later", "edge", _tail(DETAIL, b"done\n")),
    ("log-latin-1", "edge", _tail(DETAIL, "fin\u00e9\n".encode("latin-1"))),
    ("log-cr-only", "edge", lambda s: s.write(DETAIL, s.file(DETAIL).read_text().replace("\n", "\r"))),
    ("log-crlf", "edge", lambda s: s.write(DETAIL, s.file(DETAIL).read_text().replace("\n", "\r\n"))),
    ("log-nul", "edge", _tail(DETAIL, b"\0\0\0\n")),
    ("log-binary", "edge", _put(DETAIL, bytes(range(256)) * 20)),
    ("log-bad-json", "edge", _tail(DETAIL, b":::MLLOG {not json}\n")),
    ("log-without-key", "edge", _tail(DETAIL, b':::MLLOG {"value": 1}\n')),
    ("log-list", "edge", _tail(DETAIL, b":::MLLOG [1]\n")),
    ("log-key-a-list", "edge", _tail(DETAIL, b':::MLLOG {"key": [1], "value": 2}\n')),
    ("log-key-null", "edge", _tail(DETAIL, b':::MLLOG {"key": null, "value": 2}\n')),
    ("log-value-missing", "edge", _sub(DETAIL, r'("key": "effective_min_duration_ms", )"value"', r'\g<1>"valu"')),
    ("log-deep", "edge", _tail(DETAIL, b':::MLLOG {"key": "x", "value": ' + b"[" * 50_000 + b"]" * 50_000 + b"}\n")),
    ("log-long-line", "edge", _tail(DETAIL, b":::MLLOG " + b'{"key": "x", "value": "' + b"y" * 3_000_000 + b'"}\n')),
    (
        "log-key-escaped",
        "edge",
        _sub(DETAIL, '"key": "effective_min_duration_ms"', r'"key": "\\u0065ffective_min_duration_ms"'),
    ),
    (
        "log-member-twice",
        "edge",
        _sub(
            DETAIL,
            '"key": "effective_min_duration_ms", ',
            '"key": "x", "key": "effective_min_duration_ms", "value": 1, ',
        ),
    ),
    ("log-other-marker", "edge", _sub(DETAIL, "^:::MLLOG", ":::ENDPTS")),
    ("log-line-separator", "edge", _tail(DETAIL, ':::MLLOG {"key": "x",\u2028 "value": 1}\n'.encode())),
    ("log-form-feed", "edge", _tail(DETAIL, b':::MLLOG {"key": "x", "value": 1}\x0c\n')),
    ("log-surrogate", "edge", _tail(DETAIL, b':::MLLOG {"key": "x", "value": "\\ud800"}\n')),
    ("log-fifo-beside", "edge", _fifo("performance/run_1/pipe")),
    ("log-folder", "edge", _folder(DETAIL)),
    ("log-tabs", "edge", _sub(DETAIL, "^:::MLLOG ", ":::MLLOG\t")),
    ("log-no-space", "edge", _sub(DETAIL, "^:::MLLOG ", ":::MLLOG")),
    ("log-python-json", "edge", _tail(DETAIL, b":::MLLOG {'key': 'x'}\n")),
    # Accuracy
    ("accuracy-low", "edge", _sub(ACCURACY, r"accuracy=[\d.]+", "accuracy=75.0")),
    ("accuracy-at-target", "edge", _sub(ACCURACY, r"accuracy=[\d.]+", "accuracy=75.6954")),
    ("accuracy-exponent", "edge", _sub(ACCURACY, r"accuracy=[\d.]+", "accuracy=7.6e1")),
    ("accuracy-negative", "edge", _sub(ACCURACY, r"accuracy=[\d.]+", "accuracy=-76.0")),
    ("accuracy-dots", "edge", _sub(ACCURACY, r"accuracy=[\d.]+", "accuracy=76.4.1")),
    ("accuracy-nan", "edge", _sub(ACCURACY, r"accuracy=[\d.]+", "accuracy=nan")),
    ("accuracy-indented", "edge", _sub(ACCURACY, r"^accuracy", " accuracy")),
    ("accuracy-as-json", "edge", _sub(ACCURACY, r"^accuracy=.*$", '{"accuracy": 76.4}')),
    ("accuracy-no-hash", "edge", _sub(ACCURACY, r"^hash=.*$", "")),
    ("accuracy-hash-space", "edge", _sub(ACCURACY, r"^hash=", "hash= ")),
    ("accuracy-hash-trailing", "edge", _sub(ACCURACY, r"^(hash=\w+)$", r"\1 ")),
    ("accuracy-hash-empty", "edge", _sub(ACCURACY, r"^hash=\w+", "hash=")),
    (
        "accuracy-hash-first",
        "edge",
        lambda s: s.write(ACCURACY, "\n".join(reversed(s.file(ACCURACY).read_text().splitlines())) + "\n"),
    ),
    ("accuracy-hash-only", "edge", _put(ACCURACY, "hash=abc\n")),
    ("accuracy-low-line-after", "edge", _tail(ACCURACY, b"accuracy=1.0%\n")),
    ("accuracy-low-line-before", "edge", _lead(ACCURACY, b"accuracy=1.0%\n")),
    ("accuracy-empty", "edge", _put(ACCURACY, "")),
    ("accuracy-gone", "edge", _gone(ACCURACY)),
    ("accuracy-gone-open", "mapped", _gone(ACCURACY)),
    ("accuracy-low-open", "mapped", _put(ACCURACY, "hash=1\n")),
    ("accuracy-latin-1", "edge", _tail(ACCURACY, "\u00e9\n".encode("latin-1"))),
    ("accuracy-bom", "edge", _lead(ACCURACY, b"\xef\xbb\xbf")),
    ("accuracy-cr", "edge", lambda s: s.write(ACCURACY, s.file(ACCURACY).read_text().replace("\n", "\r"))),
    ("accuracy-folder", "edge", _folder(ACCURACY)),
    ("accuracy-arabic-digits", "edge", _sub(ACCURACY, r"accuracy=[\d.]+", "accuracy=\u0667\u0666.\u0664")),
    ("accuracy-rouge-low", "llm", lambda s: s.sub(ACCURACY, r"'rouge1': '?[\d.]+'?", "'rouge1': 40.1")),
    ("accuracy-rouge-quoted", "llm", lambda s: s.sub(ACCURACY, r"'rouge1': '?[\d.]+'?", "'rouge1': '44.9'")),
    (
        "accuracy-tokens-high",
        "llm61",
        lambda s: s.sub(ACCURACY, r"'tokens_per_sample': [\d.]+", "'tokens_per_sample': 400.0"),
    ),
    (
        "accuracy-tokens-low",
        "llm61",
        lambda s: s.sub(ACCURACY, r"'tokens_per_sample': [\d.]+", "'tokens_per_sample': 200.0"),
    ),
    ("accuracy-tokens-high-after", "llm61", _tail(ACCURACY, b"{'tokens_per_sample': 999.0}\n")),
    ("accuracy-fid-high", "pictures", lambda s: s.sub(ACCURACY, r"'FID_SCORE': '?[\d.]+'?", "'FID_SCORE': 24.5")),
    ("accuracy-fid-low", "pictures", lambda s: s.sub(ACCURACY, r"'FID_SCORE': '?[\d.]+'?", "'FID_SCORE': 20.5")),
    ("accuracy-clip-high", "pictures", lambda s: s.sub(ACCURACY, r"'CLIP_SCORE': '?[\d.]+'?", "'CLIP_SCORE': 32.5")),
    ("accuracy-wer", "whisper60", lambda s: s.sub(ACCURACY, r"accuracy=[\d.]+", "accuracy=96.0")),
    ("accuracy-ne-high", "dlrm3", _sub(ACCURACY, r"(lifetime_ne/rating: )[\d.]+", r"\g<1>5.0")),
    ("accuracy-ne-low", "dlrm3", _sub(ACCURACY, r"(lifetime_ne/rating: )[\d.]+", r"\g<1>0.1")),
    ("accuracy-e2e-low", "rag", _sub(ACCURACY, r"Accuracy: [\d.]+", "Accuracy: 1")),
    ("accuracy-mixtral-gsm8k", "mixtral", _sub(ACCURACY, r"'gsm8k': [\d.]+", "'gsm8k': 3")),
    ("accuracy-json-gone", "edge", _gone("accuracy/mlperf_log_accuracy.json")),
    ("accuracy-json-10240", "edge", _put("accuracy/mlperf_log_accuracy.json", "x" * 10240)),
    ("accuracy-json-10241", "edge", _put("accuracy/mlperf_log_accuracy.json", "x" * 10241)),
    ("accuracy-json-empty", "edge", _put("accuracy/mlperf_log_accuracy.json", "")),
    ("accuracy-json-folder", "edge", _folder("accuracy/mlperf_log_accuracy.json")),
    ("accuracy-loadgen-error", "edge", lambda s: s.error("no", AT_ACC)),
    ("accuracy-uncommitted", "edge", lambda s: s.error("Loadgen built with uncommitted changes!", AT_ACC)),
    ("accuracy-count-short", "edge", _key("qsl_reported_total_count", 49999, AT_ACC)),
    ("accuracy-count-open", "mapped", _key("qsl_reported_total_count", 5, AT_ACC)),
    ("accuracy-count-float", "edge", _key("qsl_reported_total_count", 50000.0, AT_ACC)),
    ("accuracy-count-effective", "edge", _key("effective_accuracy_sample_count", 10, AT_ACC)),
    ("accuracy-count-gone", "edge", _key("qsl_reported_total_count", ..., AT_ACC)),
    ("accuracy-effective-null", "edge", _key("effective_accuracy_sample_count", None, AT_ACC)),
    ("accuracy-scenario-gone", "edge", _key("effective_scenario", ..., AT_ACC)),
    # System
    *(
        (f"status-{value!r}", "edge", _is("status", value))
        for value in ("Available", "RDI", "soon", "", None, 5, ..., " available")
    ),
    *(
        (f"system-type-{value!r}", "edge", _is("system_type", value))
        for value in (
            "datacenter",
            "datacenter,edge",
            "edge,datacenter",
            "Edge",
            "edge, datacenter",
            "",
            None,
            ...,
            ["edge"],
        )
    ),
    ("edge-model-in-datacenter-61", "edge61", _is("system_type", "datacenter")),
    ("datacenter-model-in-edge", "llm61", _is("system_type", "edge")),
    ("unknown-type-open", "mapped", _is("system_type", "toaster")),
    ("submitter-case", "edge", _is("submitter", "LENOVO")),
    ("submitter-other", "edge", _is("submitter", "Another")),
    ("submitter-number", "edge", _is("submitter", 5)),
    ("division-other", "edge", _is("division", "open")),
    ("division-gone", "edge", _is("division", ...)),
    *(
        (f"field-{name}-{value!r}", "edge", _is(name, value))
        for name, value in (
            ("accelerators_per_node", 0),
            ("accelerators_per_node", "0"),
            ("accelerators_per_node", "none"),
            ("number_of_nodes", ""),
            ("number_of_nodes", ...),
            ("framework", None),
            ("framework", []),
            ("hw_notes", ""),
            ("hw_notes", ...),
            ("host_networking", ""),
            ("accelerator_on-chip_memories", ...),
            ("cooling", False),
            ("system_name", " "),
            ("host_memory_capacity", 0.0),
            ("system_type_detail", ...),
        )
    ),
    *(
        (f"network-{value!r}", "edge", _is("is_network", value))
        for value in ("false", "False", "", None, False, True, "true", 0, "yes")
    ),
    *(
        (f"network-division-{value!r}", "network", _is("is_network", value))
        for value in ("True", "false", True, ..., 1)
    ),
    ("network-sut-name", "network", _key("sut_name", "My SUT")),
    ("network-sut-gone", "network", _key("sut_name", ...)),
    ("network-sut-number", "network", _key("sut_name", 5)),
    ("network-field", "network", _is("number_nic_sut", ...)),
    ("network-field-empty", "network", _is("nic_sut", "")),
    ("network-field-open", "mapped", _is("is_network", "true")),
    ("system-gone", "edge", lambda s: s.described.unlink()),
    ("system-empty", "edge", _system(b"")),
    ("system-cut", "edge", lambda s: s.described.write_bytes(s.described.read_bytes()[:-20])),
    ("system-list", "edge", _system(b"[]")),
    ("system-null", "edge", _system(b"null")),
    ("system-string", "edge", _system(b'"x"')),
    ("system-bom", "edge", lambda s: s.described.write_bytes(b"\xef\xbb\xbf" + s.described.read_bytes())),
    (
        "system-latin-1",
        "edge",
        lambda s: s.described.write_bytes(s.described.read_bytes().replace(b"Lenovo", b"Lenov\xf6", 1)),
    ),
    ("system-utf-16", "edge", lambda s: s.described.write_bytes(s.described.read_text().encode("utf-16"))),
    (
        "system-trailing-comma",
        "edge",
        lambda s: s.described.write_text(s.described.read_text().rstrip().rstrip("}").rstrip() + ",}"),
    ),
    ("system-deep", "edge", _deep),
    ("system-folder", "edge", lambda s: (s.described.unlink(), s.described.mkdir())),
    ("system-comment", "edge", lambda s: s.described.write_text(s.described.read_text() + "// end")),
    (
        "system-nan",
        "edge",
        lambda s: s.described.write_text(s.described.read_text().rstrip().rstrip("}") + ', "x": NaN}'),
    ),
    (
        "system-member-twice",
        "edge",
        lambda s: s.described.write_text(s.described.read_text().rstrip().rstrip("}") + ', "status": "soon"}'),
    ),
    ("system-other-name", "edge", lambda s: s.described.rename(s.described.with_name("other.json"))),
    # Measurements
    *(
        (f"measured-{name}-{value!r}", base, _says(name, value))
        for base in ("edge", "edge60")
        for name, value in (
            ("retraining", ""),
            ("retraining", ...),
            ("retraining", False),
            ("weight_data_types", None),
            ("input_data_types", []),
            ("starting_weights_filename", 0),
            ("weight_transformations", ...),
        )
    ),
    ("measurements-gone", "edge", lambda s: s.measurements.unlink()),
    ("measurements-gone-60", "edge60", lambda s: s.measurements.unlink()),
    ("measurements-folder-gone", "edge", lambda s: shutil.rmtree(s.measurements.parent)),
    ("measurements-empty", "edge", lambda s: s.measurements.write_text("")),
    ("measurements-empty-60", "edge60", lambda s: s.measurements.write_text("")),
    ("measurements-list", "edge", lambda s: s.measurements.write_text("[]")),
    ("measurements-null-60", "edge60", lambda s: s.measurements.write_text("null")),
    ("measurements-string", "edge", lambda s: s.measurements.write_text('"input_data_types"')),
    ("measurements-number", "edge60", lambda s: s.measurements.write_text("5")),
    ("measurements-bom", "edge", lambda s: s.measurements.write_bytes(b"\xef\xbb\xbf" + s.measurements.read_bytes())),
    ("measurements-other-name", "edge", lambda s: s.measurements.rename(s.measurements.with_name("x.json"))),
    ("measurements-no-scenario", "edge", lambda s: s.measurements.rename(s.measurements.with_name(f"{s.system}.json"))),
    ("measurements-two", "edge", lambda s: s.measurements.with_name(f"{s.system}_A.json").write_text("{}")),
    ("user-conf-empty", "edge", lambda s: s.measurements.with_name("user.conf").write_text("")),
    ("user-conf-gone", "edge60", lambda s: s.measurements.with_name("user.conf").unlink()),
    ("readme-gone", "edge", lambda s: s.measurements.with_name("README.md").unlink()),
    ("readme-empty", "edge60", lambda s: s.measurements.with_name("README.md").write_text("")),
    (
        "readme-lower",
        "edge",
        lambda s: s.measurements.with_name("README.md").rename(s.measurements.with_name("readme.md")),
    ),
    (
        "readme-folder",
        "edge",
        lambda s: (s.measurements.with_name("README.md").unlink(), s.measurements.with_name("README.md").mkdir()),
    ),
    ("code-gone", "edge", _gone("../code")),
    ("src-gone", "edge60", _gone("../src")),
    ("src-called-code", "edge61", lambda s: (s.base / "src").rename(s.base / "code")),
    ("code-a-file", "edge", _all(_gone("../code"), _put("../code", "x"))),
    # Compliance
    ("test01-gone", "edge", _gone("TEST01")),
    ("test04-gone", "edge", _gone("TEST04")),
    ("test01-fail", "edge", _put("TEST01/verify_accuracy.txt", "TEST FAIL\n")),
    ("test01-verify-gone", "edge", _gone("TEST01/verify_accuracy.txt")),
    ("test01-not-a-pass", "edge", _put("TEST01/verify_accuracy.txt", "NOT A TEST PASS\n")),
    ("test01-pass-indented", "edge", _put("TEST01/verify_accuracy.txt", "  TEST PASS  \n")),
    ("test01-lower", "edge", _put("TEST01/verify_accuracy.txt", "test pass\n")),
    ("test01-empty", "edge60", _put("TEST01/verify_accuracy.txt", "")),
    ("test01-latin-1", "edge", _put("TEST01/verify_accuracy.txt", b"\xe9\nTEST PASS\n")),
    ("test01-delta-0.9", "edge", _deterministic_not(0.9)),
    ("test01-delta-1.1", "edge", _deterministic_not(1.1)),
    ("test01-zero", "edge", _deterministic_not(0, zero=True)),
    ("test01-extra-file", "edge", _deterministic_not(0, extra="notes.txt")),
    ("test01-no-baseline", "edge", _deterministic_not(0, missing="baseline_accuracy.txt")),
    ("test01-gitkeep", "edge60", _deterministic_not(0.2, extra=".gitkeep")),
    ("test01-no-accuracy-folder", "edge", _all(_put("TEST01/verify_accuracy.txt", "no\n"), _gone("TEST01/accuracy"))),
    ("test01-sdxl-delta", "pictures", lambda s: s.write("TEST01/verify_accuracy.txt", "no\n")),
    ("test01-perf-fail", "edge", _put("TEST01/verify_performance.txt", "TEST FAIL\n")),
    ("test01-perf-not-a-pass", "edge", _put("TEST01/verify_performance.txt", "NOT A TEST PASS\n")),
    ("test01-perf-gone", "edge", _gone("TEST01/verify_performance.txt")),
    ("test01-perf-latin-1", "edge", _put("TEST01/verify_performance.txt", b"\xe9 TEST PASS\n")),
    ("test01-log-gone", "edge", _gone(f"TEST01/{DETAIL}")),
    ("test01-run-gone", "edge", _gone("TEST01/performance")),
    ("test01-log-cut", "edge", _truncate(f"TEST01/{DETAIL}", 0.5)),
    ("test04-log-bom", "edge60", _lead(f"TEST04/{DETAIL}", b"\xef\xbb\xbf")),
    ("test04-log-empty", "edge60", _put(f"TEST04/{DETAIL}", "")),
    ("test01-summary-gone", "edge", _gone("TEST01/performance/run_1/mlperf_log_summary.txt")),
    ("test01-extra-log", "edge", _put("TEST01/performance/run_1/notes.txt", "x")),
    ("test01-trace", "edge", _put("TEST01/performance/run_1/mlperf_log_trace.json", "")),
    ("test01-seed", "edge", _key("effective_qsl_rng_seed", 3, f"TEST01/{DETAIL}")),
    ("test01-duration", "edge", _key("effective_min_duration_ms", 1000, f"TEST01/{DETAIL}")),
    ("test01-plain-log", "edge", _copy(DETAIL, f"TEST01/{DETAIL}")),
    ("test04-plain-log", "edge", _copy(DETAIL, f"TEST04/{DETAIL}")),
    ("test04-is-test01", "edge", _copy(f"TEST01/{DETAIL}", f"TEST04/{DETAIL}")),
    ("test04-duration", "edge61", _key("effective_min_duration_ms", 1000, f"TEST04/{DETAIL}")),
    ("test04-scenario", "edge61", _key("effective_scenario", "Offline", f"TEST04/{DETAIL}")),
    ("test04-loadgen-error", "edge", lambda s: s.error("x", f"TEST04/{DETAIL}")),
    (
        "test06-first-token",
        "llm",
        _sub("TEST06/verify_accuracy.txt", "First token check pass: .*", "First token check pass: False"),
    ),
    (
        "test06-skipped",
        "llm",
        _sub("TEST06/verify_accuracy.txt", "First token check pass: .*", "First token check pass: Skipped"),
    ),
    ("test06-eos", "llm61", _sub("TEST06/verify_accuracy.txt", "EOS check pass: True", "EOS check pass: False")),
    ("test06-length-gone", "llm61", _sub("TEST06/verify_accuracy.txt", "Sample length check pass.*", "")),
    ("test06-gone", "llm", _gone("TEST06")),
    ("test06-empty", "llm61", _put("TEST06/verify_accuracy.txt", "")),
    ("test06-verify-gone", "llm61", _gone("TEST06/verify_accuracy.txt")),
    ("test07-not", "oss", _put("TEST07/verify_accuracy.txt", "NOT A TEST PASS\n")),
    ("test07-fail", "oss", _put("TEST07/verify_accuracy.txt", "TEST FAIL\n")),
    ("test07-latin-1", "oss", _put("TEST07/verify_accuracy.txt", b"\xe9 TEST PASS\n")),
    ("test09-fail", "oss", _put("TEST09/verify_output_len.txt", "TEST FAIL\n")),
    ("test09-gone", "oss", _gone("TEST09")),
    ("test09-rag-gone", "rag", _gone("TEST09/verify_output_len.txt")),
    ("test08-not", "dlrm3", _put("TEST08/verify_accuracy.txt", "NOT A TEST PASS\n")),
    ("test08-gone", "dlrm3", _gone("TEST08")),
    ("test08-folder", "dlrm3", _folder("TEST08/verify_accuracy.txt")),
    ("test-file-for-folder", "edge", _all(_gone("TEST01"), _put("TEST01", "x"))),
    # Where things lie
    ("scenario-gone", "edge", lambda s: shutil.rmtree(s.result)),
    ("scenario-required-gone-61", "llm61", lambda s: shutil.rmtree(s.result.parent / "Offline")),
    (
        "scenario-both-optional-gone",
        "llm61",
        lambda s: [
            shutil.rmtree(s.result.parent / n) for n in ("Server", "Interactive") if (s.result.parent / n).is_dir()
        ],
    ),
    ("scenario-extra", "edge", lambda s: shutil.copytree(s.result, s.result.parent / "Server")),
    ("scenario-extra-60", "edge60", lambda s: shutil.copytree(s.result, s.result.parent / "Server")),
    ("scenario-lower", "edge", _renamed("scenario", "offline")),
    ("scenario-upper-60", "edge60", _renamed("scenario", "OFFLINE")),
    ("scenario-twice-by-case", "edge60", lambda s: shutil.copytree(s.result, s.result.parent / "offline")),
    ("scenario-odd", "edge", _renamed("scenario", "Offline (old)")),
    ("scenario-empty-folder", "edge", lambda s: (s.result.parent / "Server").mkdir()),
    ("scenario-empty-folder-60", "edge60", lambda s: (s.result.parent / "Server").mkdir()),
    ("scenario-file", "edge", lambda s: (s.result.parent / "notes.txt").write_text("x")),
    ("benchmark-typo", "edge", _renamed("benchmark", "resnett")),
    ("benchmark-retired", "edge60", _renamed("benchmark", "gptj-99")),
    ("benchmark-guessed", "edge", _renamed("benchmark", "my-resnet50-v2")),
    ("benchmark-guessed-60", "edge60", _renamed("benchmark", "efficientnet")),
    ("benchmark-bert", "edge", _renamed("benchmark", "bert-99.9x")),
    ("benchmark-mobilenet", "edge60", _renamed("benchmark", "mobilenet")),
    ("benchmark-ssd", "edge", _renamed("benchmark", "ssd-resnet34")),
    ("benchmark-empty-folder", "edge", lambda s: (s.result.parents[1] / "retinanet").mkdir()),
    ("benchmark-empty-unknown", "edge", lambda s: (s.result.parents[1] / "zzz").mkdir()),
    ("benchmark-hidden", "edge", lambda s: (s.result.parents[1] / ".cache").mkdir()),
    (
        "benchmark-mapped-in-closed",
        "edge",
        _all(_renamed("benchmark", "mine"), _put("../model_mapping.json", '{"mine": "resnet"}')),
    ),
    ("mapping-gone", "mapped", _gone("../model_mapping.json")),
    ("mapping-empty", "mapped", _put("../model_mapping.json", "")),
    ("mapping-list", "mapped", _put("../model_mapping.json", "[]")),
    ("mapping-null", "mapped", _put("../model_mapping.json", "null")),
    ("mapping-wrong", "mapped", _put("../model_mapping.json", '{"mine": "resnet"}')),
    (
        "mapping-to-nothing",
        "mapped",
        _all(_renamed("benchmark", "mine"), _put("../model_mapping.json", '{"mine": "tiny-llm"}')),
    ),
    (
        "mapping-to-a-number",
        "mapped",
        _all(_renamed("benchmark", "mine"), _put("../model_mapping.json", '{"mine": 5}')),
    ),
    (
        "mapping-to-a-list",
        "mapped",
        _all(_renamed("benchmark", "mine"), _put("../model_mapping.json", '{"mine": ["resnet"]}')),
    ),
    (
        "mapping-renamed",
        "mapped",
        _all(_renamed("benchmark", "mine"), _put("../model_mapping.json", '{"mine": "llama3.1-405b"}')),
    ),
    ("mapping-missing-unknown", "mapped", _all(_renamed("benchmark", "mine"), _put("../model_mapping.json", "{}"))),
    ("system-without-results", "edge", lambda s: shutil.copy(s.described, s.described.with_name("idle.json"))),
    ("system-empty-results", "edge", lambda s: (s.base / "results/idle").mkdir()),
    (
        "system-empty-results-described",
        "edge",
        _all(
            lambda s: (s.base / "results/idle").mkdir(),
            lambda s: shutil.copy(s.described, s.described.with_name("idle.json")),
        ),
    ),
    ("results-gone", "edge", _gone("../results")),
    ("results-a-file", "edge", _all(_gone("../results"), _put("../results", "x"))),
    ("submitter-empty", "edge", lambda s: (s.base.parent / "Aaa").mkdir()),
    ("submitter-empty-after", "edge", lambda s: (s.base.parent / "Zzz").mkdir()),
    ("division-odd", "edge", lambda s: shutil.copytree(s.base.parent, s.root / "CLOSED")),
    ("division-file", "edge", lambda s: (s.root / "open").write_text("x")),
    ("name-newline", "edge60", lambda s: s.write("accuracy/a\nb", "x")),
    ("name-bytes", "edge60", lambda s: Path(os.fsdecode(os.fsencode(s.result) + b"/\xff\xfe")).write_text("x")),
    ("scenario-name-bytes", "edge60", lambda s: Path(os.fsdecode(os.fsencode(s.result.parent) + b"/\xff\xfe")).mkdir()),
    ("link-log", "edge", _linked(DETAIL, "../x")),
    ("link-log-twice", "edge60", _all(_linked(DETAIL, "../x"), _linked("performance/x", "y"))),
    ("link-accuracy-json", "edge", _linked("accuracy/mlperf_log_accuracy.json", "../../x")),
    (
        "link-accuracy-of-another",
        "edge60",
        lambda s: (s.remove(ACCURACY), s.file(ACCURACY).symlink_to("../../SingleStream/accuracy/accuracy.txt")),
    ),
    ("link-to-nothing", "edge", lambda s: (s.remove(ACCURACY), s.file(ACCURACY).symlink_to("nowhere"))),
    ("link-test-log", "edge60", _linked(f"TEST01/{DETAIL}", "../x")),
    ("link-verify", "edge", _linked("TEST01/verify_performance.txt", "../x")),
    ("link-readme", "edge60", _linked("README.md", "x")),
    ("link-cyclic-file", "edge", lambda s: (s.file("accuracy/loop")).symlink_to("loop")),
    ("link-cyclic-folder", "edge", lambda s: (s.result / "again").symlink_to(s.result.parent)),
    ("file-51-mb", "edge", lambda s: os.truncate(_made(s.base / "code/big.bin"), 51 << 20)),
    ("name-with-space", "edge", _put("../code/a b.py", "x")),
    ("name-with-dot", "edge", _put("../code/.hidden", "x")),
    ("pycache", "edge", _put("../code/__pycache__/x.pyc", "x")),
    ("empty-folder", "edge", _folder("../code/empty")),
    # Power
    ("power-clientlog-gone", "power", _gone("performance/power/client.log")),
    ("power-folder-empty", "power", _all(_gone("performance/power"), _folder("performance/power"))),
    ("power-server-json-bad", "power", _put("performance/power/server.json", "{")),
    ("power-server-json-empty", "power", _put("performance/power/server.json", "{}")),
    ("power-spl-gone", "power", _gone("performance/run_1/spl.txt")),
    ("power-spl-empty", "power", _put("performance/run_1/spl.txt", "")),
    ("power-spl-zero", "power", _sub("performance/run_1/spl.txt", r"Watts,[\d.]+", "Watts,0.0")),
    ("power-ranging-gone", "power", _gone("performance/ranging")),
    ("power-extra-file", "power", _put("performance/power/notes.txt", "x")),
    ("power-begin-gone", "power", _key("power_begin", ...)),
    ("power-end-before", "power", _key("power_end", "01-01-2020 00:00:00.000")),
    ("power-ptd-error", "power", _tail("performance/power/ptd_logs.txt", b"07-12-2025 23:38:00.000: ERROR: x\n")),
    ("power-folder-gone", "power", _gone("performance/power")),
    ("power-uuid", "power", lambda s: s.sub("performance/power/client.json", r'("uuid": \{\s*"[^"]*": ")', r"\g<1>0")),
    ("power-closed-folder", "edge", _folder("performance/power")),
    ("power-closed-folder-61", "edge61", _folder("performance/power")),
    ("power-yaml-bad-61", "edge61", lambda s: (s.base / "systems" / f"{s.system}_power.yaml").write_text("{a: [")),
    (
        "power-yaml-cyclic-61",
        "edge61",
        lambda s: (s.base / "systems" / f"{s.system}_power.yaml").write_text("a: &a [*a]\n"),
    ),
    (
        "power-yaml-tag-61",
        "edge61",
        lambda s: (s.base / "systems" / f"{s.system}_power.yaml").write_text("a: !!python/object:os.system x\n"),
    ),
    ("power-spl-negative", "power", _sub("performance/run_1/spl.txt", r"Watts,[\d.]+", "Watts,-1.0")),
    ("power-spl-nan", "power", _sub("performance/run_1/spl.txt", r"Watts,[\d.]+", "Watts,nan")),
    ("power-spl-word", "power", _sub("performance/run_1/spl.txt", r"Watts,[\d.]+", "Watts,many")),
    ("power-spl-short-line", "power", _tail("performance/run_1/spl.txt", b"Time,07-12-2025 23:38:00.000\n")),
    ("power-spl-bad-stamp", "power", _tail("performance/run_1/spl.txt", b"Time,yesterday,Watts,1.0\n")),
    ("power-spl-latin-1", "power", _tail("performance/run_1/spl.txt", b"\xe9\n")),
    ("power-begin-format", "power", _key("power_begin", "2025-07-12 23:38:00")),
    ("power-begin-number", "power", _key("power_begin", 5)),
    ("power-query-count-0", "power", _key("result_query_count", 0)),
    ("power-query-count-gone", "power", _key("result_query_count", ...)),
    *(
        (f"power-{name}-{change}", "power", act)
        for name in ("client.json", "server.json")
        for change, act in (
            ("version", _sub(f"performance/power/{name}", r'"version": "?\w+"?', '"version": 99')),
            ("session", _sub(f"performance/power/{name}", r'"session_name": "', '"session_name": "x')),
            ("list", _put(f"performance/power/{name}", "[]")),
            ("null", _put(f"performance/power/{name}", "null")),
            ("latin-1", _tail(f"performance/power/{name}", b"\xe9")),
            ("bom", _lead(f"performance/power/{name}", b"\xef\xbb\xbf")),
            ("no-uuid", lambda s, name=name: s.member(s.file(f"performance/power/{name}"), "uuid", ...)),
            ("no-phases", lambda s, name=name: s.member(s.file(f"performance/power/{name}"), "phases", ...)),
            ("no-sources", lambda s, name=name: s.member(s.file(f"performance/power/{name}"), "sources", {})),
            ("no-results", lambda s, name=name: s.member(s.file(f"performance/power/{name}"), "results", {})),
            ("no-messages", lambda s, name=name: s.member(s.file(f"performance/power/{name}"), "messages", ...)),
            ("debug", lambda s, name=name: s.member(s.file(f"performance/power/{name}"), "debug", True)),
            ("no-debug", lambda s, name=name: s.member(s.file(f"performance/power/{name}"), "debug", ...)),
        )
    ),
    ("power-ptd-version", "power", _sub("performance/power/server.json", r"1\.11\.1", "1.10.0")),
    ("power-ptd-model", "power", _sub("performance/power/server.json", r"Y[0-9A-Z]+|WT\d+\w*", "XX99")),
    ("power-ptd-logs-empty", "power", _put("performance/power/ptd_logs.txt", "")),
    ("power-ptd-logs-latin-1", "power", _tail("performance/power/ptd_logs.txt", b"\xe9\n")),
    ("power-file-changed", "power", _tail("performance/run_1/mlperf_log_summary.txt", b"x")),
    ("power-ranging-changed", "power", _tail("performance/ranging/mlperf_log_detail.txt", b"\n")),
    ("power-server-log-gone", "power", _gone("performance/power/server.log")),
    ("power-accuracy-json-gone", "power", _gone("performance/run_1/mlperf_log_accuracy.json")),
    ("power-link", "power", lambda s: s.file("performance/power/x").symlink_to("nowhere")),
    *(
        (f"power-capacity-{value!r}", "power61", _is("system_power_capacity", value))
        for value in (0, "500 W", None, 1000)
    ),
    *(
        (f"power-yaml-{name}", "power61", _supplies(text))
        for name, text in (
            ("good", "n:\n  PSUs: [{PowerCapacityWatts: 500}]\n  Min PSUs Needed: 1\n"),
            ("text", "words"),
            ("empty", ""),
            ("number", "5"),
            ("list", "- {PSUs: [], Min PSUs Needed: 0}"),
            ("bad", "a: ["),
            ("latin-1", b"\xe9: 1"),
            ("no-min", "n:\n  PSUs: [{PowerCapacityWatts: 500}]\n"),
            ("min-text", "n:\n  PSUs: [{PowerCapacityWatts: 500}]\n  Min PSUs Needed: one\n"),
            ("watts-text", "n:\n  PSUs: [{PowerCapacityWatts: 500W}]\n  Min PSUs Needed: 1\n"),
            ("mixed", "n:\n  PSUs: [{PowerCapacityWatts: 5}, {PowerCapacityWatts: a}]\n  Min PSUs Needed: 1\n"),
            ("psus-number", "n:\n  PSUs: 5\n  Min PSUs Needed: 1\n"),
            ("number-keys", "5: {6: 7}"),
            ("psu-list", "n:\n  PSUs: [[1]]\n  Min PSUs Needed: 1\n"),
            ("negative", "n:\n  PSUs: []\n  Min PSUs Needed: -1\n"),
            ("deep", "[" * 3000 + "]" * 3000),
            ("date", "a: 2025-99-99"),
            ("two", "a: 1\n---\nb: 2\n"),
            ("tab", "a:\n\tb: 1\n"),
        )
    ),
    # Endpoints
    ("endpoint-config-gone", "wan", _gone("config.yaml")),
    ("endpoint-config-bad", "wan", _put("config.yaml", "a: [")),
    ("endpoint-config-yml", "wan", lambda s: s.file("config.yaml").rename(s.file("config.yml"))),
    ("endpoint-config-list", "wan", _put("config.yaml", "- a\n")),
    ("endpoint-config-text", "wan", _put("config.yaml", "words")),
    ("endpoint-summary-gone", "wan", _gone("performance/result_summary.json")),
    ("endpoint-summary-list", "wan", _put("performance/result_summary.json", "[]")),
    ("endpoint-accuracy-gone", "wan", _gone("accuracy/accuracy_results.json")),
    ("endpoint-accuracy-null", "wan", _put("accuracy/accuracy_results.json", "null")),
    ("endpoint-accuracy-list", "wan", _put("accuracy/accuracy_results.json", "[]")),
    ("endpoint-accuracy-scores-number", "wan", _put("accuracy/accuracy_results.json", '{"accuracy_scores": 5}')),
    ("endpoint-audit-gone", "wan", _gone("audit")),
    (
        "endpoint-audit-false",
        "wan",
        lambda s: [p.write_text(p.read_text().replace("true", "false")) for p in (s.result / "audit").iterdir()],
    ),
    (
        "endpoint-audit-string",
        "wan",
        lambda s: [p.write_text(p.read_text().replace("true", '"false"')) for p in (s.result / "audit").iterdir()],
    ),
    ("endpoint-audit-list", "wan", lambda s: [p.write_text("[]") for p in (s.result / "audit").iterdir()]),
    (
        "endpoint-failed-samples",
        "wan",
        _sub("performance/result_summary.json", r'"n_samples_failed": 0', '"n_samples_failed": 3'),
    ),
    ("endpoint-seed", "wan", _sub("config.yaml", r'"scheduler_random_seed": \d+', '"scheduler_random_seed": 1')),
    ("endpoint-duration", "wan", _sub("config.yaml", r'"min_duration_ms": 600000', '"min_duration_ms": 5')),
    (
        "endpoint-osl",
        "oss-endpoint",
        _sub(
            "performance/result_summary.json",
            r'"output_sequence_lengths": \{"avg": [\d.]+',
            '"output_sequence_lengths": {"avg": 5',
        ),
    ),
    (
        "endpoint-osl-gone",
        "oss-endpoint",
        _sub("performance/result_summary.json", r'"output_sequence_lengths": ', '"x": '),
    ),
    (
        "endpoint-ttft",
        "oss-endpoint",
        _sub(
            "performance/result_summary.json",
            r'("ttft": \{"early_stopping_percentiles": \{"99.0": )[\d.]+',
            r"\g<1>2000000000",
        ),
    ),
    (
        "endpoint-tpot",
        "oss-endpoint",
        _sub(
            "performance/result_summary.json",
            r'("tpot": \{"early_stopping_percentiles": \{"99": )[\d.]+',
            r"\g<1>17000000",
        ),
    ),
    ("endpoint-vl-score", "vl-endpoint", _sub("accuracy/accuracy_results.json", r'"score": [\d.]+', '"score": 0.1')),
    (
        "endpoint-vl-score-object",
        "vl-endpoint",
        _sub("accuracy/accuracy_results.json", r'"score": [\d.]+', '"score": {"f1": "0.9"}'),
    ),
    (
        "endpoint-vl-latency",
        "vl-endpoint",
        _sub("performance/result_summary.json", r'"99.0": 2000000', '"99.0": 13000000000'),
    ),
    (
        "endpoint-count",
        "vl-endpoint",
        _sub("accuracy/accuracy_results.json", r'"total_samples": \d+', '"total_samples": 5'),
    ),
    (
        "endpoint-count-string",
        "vl-endpoint",
        _sub("accuracy/accuracy_results.json", r'"total_samples": \d+', '"total_samples": "x"'),
    ),
    ("endpoint-online", "vl-endpoint", _renamed("scenario", "Online")),
    ("endpoint-model", "edge61", lambda s: [s.remove(n) for n in (DETAIL, AT_ACC)]),
    ("endpoint-half", "wan", _put(DETAIL, inference_passing.line("effective_scenario", "SingleStream"))),
]


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def _append(name: str, text: str) -> Act:
    return lambda s: s.measurements.with_name(name).open("a").write(f"\n{text}\n")


def _beyond(metric: str, factor: float) -> Act:
    """Multiply a logged number."""

    def act(s: Spoiled) -> None:
        record = next(text for text in s.file(DETAIL).read_text().splitlines() if f'"key": "{metric}"' in text)
        s.key(metric, json.loads(record.partition(" ")[2])["value"] * factor)

    return act


def _at(scenario: str, act: Act) -> Act:
    def there(s: Spoiled) -> None:
        s.scenario = scenario
        act(s)

    return there


def _undescribed(s: Spoiled) -> None:
    """Take out whatever may describe calibration."""
    shutil.rmtree(s.base / "documentation")
    for path in s.base.rglob("calibration*"):
        path.unlink()


TTFT, TPOT = "result_first_token_99.00_percentile_latency_ns", "result_time_per_output_token_99.00_percentile_ns"
SUMMARY = "performance/run_1/mlperf_log_summary.txt"

# What the modular checker accepts and the rules do not: name, base, act, the rule that catches it, where.
# Without a line: nothing is there that a line could be of.
CAUGHT: list[tuple[str, str, Act, str, str, bool]] = [
    ("invalid", "edge", _key("result_validity", "INVALID"), "result-valid", DETAIL, True),
    ("invalid-server", "server", _key("result_validity", "INVALID"), "result-valid", DETAIL, True),
    ("invalid-61", "edge61", _key("result_validity", "INVALID"), "result-valid", DETAIL, True),
    ("not-said-valid", "edge", _key("result_validity", ...), "result-valid", DETAIL, False),
    ("loadgen-error", "edge", lambda s: s.error("the sky fell"), "loadgen-errors", DETAIL, True),
    ("loadgen-error-60", "whisper60", lambda s: s.error("the sky fell"), "loadgen-errors", DETAIL, True),
    ("interactive-tpot", "llm", _key(TPOT, 60_000_000), "latency-in-bounds", DETAIL, True),
    ("interactive-ttft", "llm", _key(TTFT, 451_000_000), "latency-in-bounds", DETAIL, True),
    ("interactive-61", "llm61", _at("Interactive", _key(TPOT, 41_000_000)), "latency-in-bounds", DETAIL, True),
    ("duration-not-met", "edge", _key("result_min_duration_met", False), "minimums-met", DETAIL, True),
    ("queries-not-met", "edge60", _key("result_min_queries_met", False), "minimums-met", DETAIL, True),
    ("five-seconds-made", "multi", _key("generated_query_duration", 5 * 10**9), "duration-measured", DETAIL, True),
    ("five-seconds-counted", "server", _key("result_query_count", 70000), "duration-measured", DETAIL, True),
    ("p99-over", "server", _key("result_99.00_percentile_latency_ns", 9 * 10**8), "latency-in-bounds", DETAIL, True),
    ("accuracy-only", "edge", _key("effective_test_mode", "AccuracyOnly"), "performance-mode", DETAIL, True),
    ("find-peak", "edge61", _key("effective_test_mode", "FindPeakPerformance"), "performance-mode", DETAIL, True),
    ("one-log-for-both", "edge", _copy(DETAIL, AT_ACC), "accuracy-mode", AT_ACC, True),
    ("throughput", "edge", _beyond("result_samples_per_second", 10), "throughput-agrees", DETAIL, True),
    ("throughput-server", "server", _beyond("result_completed_samples_per_sec", 2), "throughput-agrees", DETAIL, True),
    ("latency-estimate", "edge61", _beyond("early_stopping_latency_ss", 0.5), "percentiles-rise", DETAIL, True),
    ("test01-is-the-run", "edge", _copy(DETAIL, f"TEST01/{DETAIL}"), "test-of-its-own", f"TEST01/{DETAIL}", False),
    (
        "test04-is-test01",
        "edge61",
        _copy(f"TEST01/{DETAIL}", f"TEST04/{DETAIL}"),
        "test-of-its-own",
        f"TEST04/{DETAIL}",
        False,
    ),
    *(
        (f"not-a-pass-{test}", base, _put(f"{test}/{name}", "NOT A TEST PASS\n"), "test-passes", f"{test}/{name}", True)
        for test, base, name in (
            ("TEST01", "edge", "verify_performance.txt"),
            ("TEST04", "edge60", "verify_performance.txt"),
            ("TEST07", "oss", "verify_accuracy.txt"),
            ("TEST09", "oss", "verify_output_len.txt"),
        )
    ),
    *((f"accuracy-{seed}", "edge", _key(seed, 7, AT_ACC), "accuracy-seeds", AT_ACC, True) for seed in SEEDS),
    ("summary-gone", "edge", _gone(SUMMARY), "summary-agrees", SUMMARY, False),
    (
        "summary-gone-accuracy",
        "edge60",
        _gone("accuracy/mlperf_log_summary.txt"),
        "summary-agrees",
        "accuracy/mlperf_log_summary.txt",
        False,
    ),
    (
        "summary-differs",
        "edge",
        _sub(SUMMARY, r"Samples per second: [\d.]+", "Samples per second: 9"),
        "summary-agrees",
        SUMMARY,
        True,
    ),
    # Of the submission, not of one result
    ("link", "edge", lambda s: (s.base / "results/x").symlink_to("nowhere"), "no-links", "../results/x", False),
    (
        "link-outside",
        "edge",
        lambda s: s.file("accuracy/x").symlink_to("/etc/hostname"),
        "no-links",
        "accuracy/x",
        False,
    ),
    ("calibration", "edge", _undescribed, "calibration-described", "../.", False),
    (
        "settings-of-power",
        "power",
        lambda s: [p.unlink() for p in s.base.rglob("power_settings*")],
        "power-documented",
        "performance/power",
        False,
    ),
]

# What the modular checker accepts and a reviewer is told or asked about, though it fails nothing: as in CAUGHT.
TOLD: list[tuple[str, str, Act, str, str, bool]] = [
    (
        "file-of-51-mb",
        "edge",
        lambda s: os.truncate(_made(s.base / "code/big.bin"), 51 << 20),
        "files-fit-git",
        "../code/big.bin",
        False,
    ),
    ("user-conf-seed", "edge", _append("user.conf", "*.*.qsl_rng_seed = 5"), "conf-in-rules", "user.conf", True),
    (
        "user-conf-short",
        "edge",
        _append("user.conf", "*.Offline.min_duration = 1000"),
        "conf-in-rules",
        "user.conf",
        True,
    ),
    (
        "mlperf-conf-seed",
        "edge",
        _append("mlperf.conf", "*.*.schedule_rng_seed = 5"),
        "conf-in-rules",
        "mlperf.conf",
        True,
    ),
    (
        "mlperf-conf-short",
        "edge",
        _append("mlperf.conf", "*.Offline.min_duration = 60"),
        "conf-in-rules",
        "mlperf.conf",
        True,
    ),
    ("blank", "edge", _put("../code/a b.py", "x"), "names-fit-git", "../code/a b.py", False),
    ("dot", "edge60", _put("../src/.hidden", "x"), "names-fit-git", "../src/.hidden", False),
    ("caches", "edge", _put("../code/__pycache__/x.pyc", "x"), "no-caches", "../code/__pycache__", False),
    ("empty-folder", "edge61", _folder("../src/empty"), "no-empty-folders", "../src/empty", False),
    (
        "idle-system",
        "edge",
        lambda s: shutil.copy(s.described, s.described.with_name("idle.json")),
        "systems-have-results",
        "../systems/idle.json",
        False,
    ),
    ("stray-top", "edge", _put("../weights.bin", "x"), "no-stray-files", "../weights.bin", False),
    (
        "stray-run",
        "edge",
        _put("performance/run_1/notes.txt", "x"),
        "runs-hold-logs",
        "performance/run_1/notes.txt",
        False,
    ),
    ("stray-accuracy", "edge60", _put("accuracy/notes.txt", "x"), "runs-hold-logs", "accuracy/notes.txt", False),
    (
        "no-code-of-it",
        "edge60",
        _all(_put("../src/other/x", "x"), _gone("../src/resnet50")),
        "code-of-benchmark",
        "../src",
        False,
    ),
]

# What the modular checker rejects and the rules do not.
EXPLAINED: list[tuple[str, str, Act]] = [
    ("network-false", "edge", _is("is_network", "false")),
    ("network-a-truth-value", "edge", _is("is_network", False)),
    ("accelerators-0", "edge60", _is("accelerators_per_node", 0)),
]
