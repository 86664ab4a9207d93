"""Submissions to make pages of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.unit.page.plausible import build_submission


@pytest.fixture
def submission(tmp_path: Path) -> Callable[..., Path]:
    """Write a submission into the test's folder; arguments are those of build_submission."""
    return partial(build_submission, tmp_path)
