"""A submission to MLPerf Tiny that passes by construction: image classification with energy, and streaming.

Written from the rules and the runner's way of writing, not from real logs. The oracle says whether it passes.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

from rules.tiny import labels, tiny_rules, wake_words

ROUND = "mlperf-tiny/1.3"
STAMP = "0801.120000 ulp-mlperf:"
HEAD = """Logging initialized. Writing output to sessions/20250801_120000/log.txt
Retrieving name from DUT ...
Device name retrieved: example
Device model retrieved: {model}
"""


def submitter(root: Path, round_name: str = ROUND) -> Path:
    """Write one submitter's folder, whose system is `box`."""
    members = dict.fromkeys(tiny_rules(round_name).system_members, "x")
    described = {**members, "Submitter": root.name, "Division": root.parent.name.capitalize(), "Status": "Available"}
    write(root / "systems/box.json", json.dumps(described, indent=1))
    for benchmark in ("ic", "sww"):
        write(root / f"code/{benchmark}/main.c", "int main(void) { return 0; }\n")
    classification(root / "results/box/ic", round_name)
    streaming(root / "results/box/sww", round_name)
    return root


def write(path: Path, text: str) -> None:
    """Write a file, and the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def classification(
    folder: Path, round_name: str = ROUND, benchmark: str = "ic", wrong: int = 26, throughput: float = 100.0
) -> None:
    """Write a result of `ic`, `kws` or `vww`: accuracy with so many files of wrong answers, performance, energy."""
    rules = tiny_rules(round_name).benchmarks[benchmark]
    classes = labels(round_name, rules.labels or benchmark)
    _accuracy(folder / "accuracy", rules.models[0], classes, wrong)
    _performance(folder / "performance", rules.models[0], list(classes)[:5], throughput)
    _energy(folder / "energy", rules.models[0], list(classes)[:5])


def _accuracy(folder: Path, model: str, classes: dict[str, int], wrong: int) -> None:
    lines, details = [], []
    many = max(classes.values()) + 1
    for position, (file, kind) in enumerate(classes.items()):
        said = (kind + 1) % many if position < wrong else kind
        output = [0.9 if k == said else 0.1 / (many - 1) for k in range(many)]
        lines += _window(position + 1, file, 1, 0.02, output)
        infer = {"results": output, "elapsed_time": 20000, "total_inferences": 1, "iterations": 1, "warmups": 0}
        details.append({"file": file, "classes": str(many), "class": str(kind), "infer": infer, "mode": "a"})
    top = 100 * (len(classes) - wrong) / len(classes)
    stated = f"{STAMP} Top 1% = {top:2.1f}\n{STAMP} AUC = 0.980\n"
    _three(folder, model, "".join(lines) + stated, stated, details)


def _performance(folder: Path, model: str, files: list[str], throughput: float) -> None:
    lines, details = [], []
    for position, file in enumerate(files):
        count = round(10.5 * throughput)
        lines += _window(position + 1, file, count, 10.5, [0.5 + position / 100, 0.5])
        infer = {"results": [0.5], "elapsed_time": 10500000, "iterations": count, "throughput": throughput}
        details.append({"file": file, "class": "1", "infer": infer, "mode": "p"})
    stated = f"{STAMP} Median throughput is {throughput:>10.3f} inf./sec.\n"
    _three(folder, model, "".join(lines) + stated, stated, details)


def _window(number: int, file: str, count: int, seconds: float, output: list[float]) -> list[str]:
    return [
        f"{STAMP} Loading file {file} segment 0\n{STAMP} Load complete.\n",
        f"{STAMP} Performance results for window {number}:\n",
        f"{STAMP}   # Inferences : {count:>13}\n",
        f"{STAMP}   Runtime      : {seconds:>10.3f} sec.\n",
        f"{STAMP}   Throughput   : {count / seconds:>10.3f} inf./sec.\n",
        f"{STAMP}   m-results    : {output}\n",
    ]


def _trials(many: int, elapsed: float, count: int, milliwatts: float) -> str:
    energy = milliwatts * 1000 * elapsed / count
    text = "Power Edition Output\n"
    for trial in range(many):
        text += f"Energy data for trial {trial}\n  Elapsed time  : {elapsed}\n  Inferences    : {count}\n"
        text += f"  Power         : {milliwatts:.4f} mW.\n  Total Energy  : {energy * count:.3f} uJ\n"
        text += f"  Energy/Inf    : {energy:.3f} uJ/inf\n"
    return text + f"Median energy cost is {energy:5.4f} uJ/inf.\n"


def _energy(folder: Path, model: str, files: list[str]) -> None:
    loaded = "".join(f"{STAMP} Loading file {file} segment 0\n" for file in files)
    stated = _trials(5, 10.5, 1050, 20.0)
    _three(folder, model, loaded + stated, stated, [{"mode": "e"}])


def streaming(folder: Path, round_name: str = ROUND, missed: int = 4, false: int = 3) -> None:
    """Write a result of `sww`: an energy run and a performance run, with so many wake words missed and false alarms."""
    spoken = wake_words(round_name, "sww")
    heard = [0.0, *(start + 0.1 for start, _ in spoken[missed:])]
    gaps = (a[1] + 5 for a, b in itertools.pairwise(spoken) if b[0] - a[1] > 10)
    heard = sorted(heard + [gap for gap, _ in zip(gaps, range(false), strict=False)])
    counts = f"Accuracy: {len(spoken) - missed} True positives, {missed} False negatives, {false} False positives\n"
    counts += "Average duty cycle: 0.31250\nAverage period: 0.032000 s\nEstimated throughput: 100.0 inf./sec.\n"
    played = "Playing long_wav.wav (length = 1200.0s) at 12:00:00...\n... done\n"
    played += f"{[100 + round(1000 * at) for at in heard]}\nDuty cycle = 0.313, Period = 32.0 ms\n"
    power = _trials(1, 1202.5, 1, 15.0)
    _three(folder / "performance", "sww01", played + counts, counts, [{"mode": "p"}])
    _three(folder / "energy", "sww01", played + power + counts, power + counts, [{"mode": "e"}])


def _three(folder: Path, model: str, log: str, stated: str, details: list[dict[str, object]]) -> None:
    write(folder / "log.txt", HEAD.format(model=model) + log)
    write(folder / "results.txt", stated)
    write(folder / "results.json", json.dumps(details))
