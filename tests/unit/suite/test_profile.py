"""`assay profile` refuses what the workload has not before it needs an engine."""

from __future__ import annotations

import pytest

from rules.errors import UsageError
from suite.inputs.settings import settings
from suite.training import profile


def test_a_framework_that_the_workload_is_not_trained_in_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = settings("image-classification")
    jax = whole.model_copy(update={"frameworks": {"jax": whole.frameworks["jax"]}})
    monkeypatch.setattr("suite.training.profile.settings", lambda _: jax)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(UsageError, match="unknown framework 'pytorch'"):
        profile.profile("image-classification", "pytorch", "cpu", None, wait=False)
