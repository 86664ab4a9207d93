"""LoadGen's statistics are those of its trace, in every scenario; what is drawn from seeds is what it drew.

`tests/data/serving/traces.tar.xz` holds traces and detail logs that LoadGen 6.0.17 wrote (bare Python systems under
test, 2 s each; of the traces the lines that name samples, tokens and loading).
"""

from __future__ import annotations

import lzma
import tarfile
import zlib
from itertools import islice
from pathlib import Path

import pytest

from checker.core.tree import RefusedError, Tree
from checker.families.assay.inference.latencies import PERCENTILES, Latencies, percentile, read_latencies
from checker.loadgen.detail_log import read_detail
from checker.loadgen.draws import Twister, asked, loaded, scheduled
from checker.loadgen.log import DetailLog
from rules.ruleset import load
from suite.serve.trace import packed, reduce
from tests.unit.serving.trees import PACKED

SCENARIOS = ("SingleStream", "MultiStream", "Server", "Offline", "Tokens")
LOADED = 500  # samples, of a thousand


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("traces")
    with lzma.open(PACKED.with_name("traces.tar.xz")) as file, tarfile.open(fileobj=file) as there:
        there.extractall(folder, filter="data")
    for scenario in SCENARIOS:
        seconds = reduce(folder / scenario / "mlperf_log_trace.json", folder / scenario / "latencies.bin")
        assert 0 < seconds < 0.01
        assert (folder / scenario / "mlperf_log_trace.json").read_bytes() == b""
    return folder


def tree(folder: Path) -> Tree:
    return Tree(folder, load("assay-inference/1.0").limits)


def read(traces: Path, scenario: str) -> tuple[Latencies, DetailLog]:
    at = tree(traces / scenario)
    return read_latencies(at, "latencies.bin"), read_detail(at, "mlperf_log_detail.txt")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_percentiles_are_loadgens_to_the_nanosecond(traces: Path, scenario: str) -> None:
    known, log = read(traces, scenario)
    by_query = scenario == "MultiStream"
    values = known.queries if by_query else known.ranked
    form = "result_{}_percentile_per_query_latency_ns" if by_query else "result_{}_percentile_latency_ns"
    for name in PERCENTILES:
        assert percentile(values, float(name) / 100) == log[form.format(name)]
    assert len(values) == (log["result_query_count"] if scenario != "Offline" else len(known))


def test_times_to_the_first_token_are_loadgens(traces: Path) -> None:
    known, log = read(traces, "Tokens")
    for name in PERCENTILES:
        stated = log[f"result_first_token_{name}_percentile_latency_ns"]
        assert percentile(sorted(known.first_token), float(name) / 100) == stated


def test_a_run_draws_what_loadgen_drew(traces: Path) -> None:
    for scenario in ("SingleStream", "MultiStream", "Server"):
        known, log = read(traces, scenario)
        order = loaded(log["effective_qsl_rng_seed"], LOADED)
        stride = 8 if scenario == "MultiStream" else 1
        places = asked(log["effective_sample_index_rng_seed"], LOADED, log["effective_min_query_count"], stride)
        assert [order[place] for place in islice(places, len(known) // stride)] == list(known.sample[::stride])
    due = scheduled(log["effective_schedule_rng_seed"], log["effective_target_qps"])
    assert list(islice(due, len(known))) == list(known.issued)


def test_the_generator_is_the_mersenne_twister() -> None:
    """The ten-thousandth number of a default-seeded std::mt19937, by the C++ standard (rand.predef)."""
    draw = Twister(5489)
    assert [draw.word() for _ in range(10_000)][-1] == 4123659995


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no zlib",
        zlib.compress(b"x" * 31),
        zlib.compress(b""),
        packed([[0], [1], [2], [3]])[:-1],
        packed([[0], [1], [2], [3]]) + b"more",
        packed([[1 << 63], [1], [2], [3]]),
        zlib.compress(bytes(200_000_000)),  # a bomb
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "latencies.bin").write_bytes(content)
    with pytest.raises(RefusedError):
        read_latencies(tree(tmp_path), "latencies.bin")


def test_a_trace_of_another_form_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trace").write_text('{"name":"Sample","cat":"default","ph":"b","new":1}\n')
    with pytest.raises(ValueError, match="unknown form"):
        reduce(tmp_path / "trace", tmp_path / "latencies.bin")
