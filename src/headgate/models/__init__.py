"""Is a model's folder what Git says it is, and what does the model in it predict? ONNX in, numbers out, no pickle."""
