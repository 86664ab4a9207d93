"""Small trees of results as each family of MLPerf lays them out, also of rounds that Assay has no rules of."""

from __future__ import annotations

import json
from pathlib import Path

from rules.known_rounds import families

OLD = {  # of Training, before MLLOG
    "0.5": ":::MLPv0.5.0 ncf 1541635033.4 (ncf.py:189) run_start\n",
    "0.6": ":::MLL 1558767599.9 run_start: {}\n",
}


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def mllog(key: str, value: object) -> str:
    record = {"namespace": "", "time_ms": 1, "event_type": "POINT_IN_TIME", "key": key, "value": value, "metadata": {}}
    return f":::MLLOG {json.dumps(record)}\n"


def loadgen(sample_index: int, schedule: int) -> str:
    """The lines of a detail log of LoadGen that tell its round."""
    seeds = {"effective_sample_index_rng_seed": sample_index, "effective_schedule_rng_seed": schedule}
    metadata = {"is_error": False, "is_warning": False, "file": "version.cc", "line_no": 53, "pid": 1, "tid": 1}
    records = [
        {"key": key, "value": value, "time_ms": 0.1, "namespace": "mlperf::logging", "metadata": metadata}
        for key, value in {"loadgen_version": "4.1 @ 238d035ab4", **seeds}.items()
    ]
    return "".join(f":::MLLOG {json.dumps(record)}\n" for record in records)


def training(root: Path, version: str, benchmark: str = "") -> None:
    folder = root / "Acme/results/box" / (benchmark or ("minigo" if version < "3" else "bert"))
    for run in range(2):
        write(folder / f"result_{run}.txt", OLD.get(version) or mllog("submission_benchmark", folder.name))
    write(root / "Acme/systems/box.json", "{}")


def inference(root: Path, version: str, family: str = "mlperf-inference", benchmark: str = "resnet") -> None:
    seeds = families()[family].seeds.get(version, (7, 7))
    text = loadgen(*seeds)
    if version in ("0.5", "0.7") and family == "mlperf-inference":
        text = f"0ns : sample_index_rng_seed : {seeds[0]}\n0ns : schedule_rng_seed : {seeds[1]}\n"
    folder = root / "closed/Acme/results/box" / benchmark / "SingleStream"
    write(folder / "performance/run_1/mlperf_log_detail.txt", text)
    write(folder / "accuracy/mlperf_log_detail.txt", text)
    write(root / "closed/Acme/systems/box.json", "{}")


def automotive(root: Path, version: str) -> None:
    inference(root, version, "mlperf-automotive", "ssd")


def mobile(root: Path, version: str) -> None:
    text = loadgen(*families()["mlperf-mobile"].seeds.get(version, (7, 7)))
    newer = "results/phone/image_classification_v2-{kind}/mlperf_log_detail.txt"
    older = "results/phone/mobileBERT/SingleStream/log_{kind}/mlperf_log_detail.txt"
    for kind in ("performance", "accuracy"):
        write(root / "closed/Acme" / (newer if version >= "5" else older).format(kind=kind), text)
    write(root / "closed/Acme/systems/phone.json", "{}")


def storage(root: Path, version: str) -> None:
    run = root / "Closed/Acme/results/array/unet3d-h100/runs/run1/host1"
    write(run / "summary.json", '{"metric": {"train_au_mean_percentage": 95}}')


def endpoints(root: Path, version: str) -> None:
    write(root / "Acme/submission/results/node/llama3_1-8b/r32/point.yaml", "concurrency: 32\n")
    write(root / "Acme/submission/results/node/llama3_1-8b/r32/result_summary.json", "{}")


def tiny(root: Path, version: str) -> None:
    for run in ("accuracy", "performance"):
        for name in ("log.txt", "results.txt", "script.async"):
            write(root / "closed/Acme/results/board/kws" / run / name, "x\n")
    write(root / "closed/Acme/systems/board.json", "{}")


def hpc(root: Path, version: str) -> None:
    training(root, "9", "cosmoflow")
