"""One `Trainer` per framework: the compiled step, both optimisers, evaluation, gradients, profiler, tensors out."""
