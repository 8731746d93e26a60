"""The ONNX Runtime session that all servers have: one thread, no spinning, as for one core."""

import os

import onnxruntime

MODEL = os.environ["BENCH_MODEL"]
PORT = int(os.environ["BENCH_PORT"])


def session() -> onnxruntime.InferenceSession:
    """Return the model, ready to run."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
