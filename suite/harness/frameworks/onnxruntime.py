"""What any workload needs of ONNX Runtime: a graph on the target's device, all of it, or an error."""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the library is loaded

import sys
from contextlib import redirect_stdout

import onnxruntime

from suite.harness.device import DEVICE

PROCESSOR = "CPUExecutionProvider"
PROVIDERS = {"cpu": PROCESSOR, "cuda": "CUDAExecutionProvider", "rocm": "MIGraphXExecutionProvider"}
OPTIONS = {"cuda": {"use_tf32": "0"}}  # float32 means float32
# Arithmetic on the sizes of tensors, which every provider leaves to the processor by design.
SIZES = {"Shape", "Slice", "Concat"}


def version() -> str:
    """Return the framework's name and version."""
    return f"onnxruntime {onnxruntime.__version__}"


def session(graph: bytes, threads: int) -> onnxruntime.InferenceSession:
    """Return a session of `graph` on the target's device.

    Raises RuntimeError where ONNX Runtime would compute on the processor instead, the whole graph or a part of it: by
    itself it only warns.
    """
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle threads that spin would take the cores from LoadGen.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if DEVICE == "cuda":
        with redirect_stdout(sys.stderr):  # the log is the harness's alone
            onnxruntime.preload_dlls(directory="")  # CUDA's libraries are wheels of the lock
    provider = PROVIDERS[DEVICE]
    found = onnxruntime.InferenceSession(
        graph, options, providers=[(provider, OPTIONS.get(DEVICE, {}))], enable_fallback=0
    )
    if provider not in found.get_providers():
        raise RuntimeError(f"ONNX Runtime has no {provider} here, and the target's image says it must use it")
    elsewhere = [
        f"{node.op_type} {node.name}"
        for part in found.get_provider_graph_assignment_info()
        for node in part.get_nodes()
        if part.ep_name != provider and node.op_type not in SIZES
    ]
    if elsewhere:
        raise RuntimeError(f"{len(elsewhere)} operations would not run by {provider}, e.g. {elsewhere[0]}")
    return found
