"""`operations` trains under a framework's own profiler: for `assay profile` alone, so no part of what results ran."""
