"""Seconds by operation, by each framework's own profiler: for `assay profile` alone, so no part of what results ran."""
