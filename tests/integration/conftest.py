"""What tests of how results are made share: a workload and a framework of a second a run."""

from __future__ import annotations

import pytest

from tests.integration.toy.checkout import Checkout, checkout


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout with the toy; tests only add below `--output`."""
    return checkout(tmp_path_factory.mktemp("toy"))
