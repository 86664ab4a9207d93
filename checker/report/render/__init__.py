"""Renderers of the report, one small file per format; each has `render(report) -> str`."""
