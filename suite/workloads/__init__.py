"""One folder per workload; inside, one thin file per framework that implements `protocol.Workload`."""
