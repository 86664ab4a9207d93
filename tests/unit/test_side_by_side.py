"""Tests that must stay together are told apart by their groups, which the processes see."""

from __future__ import annotations

import os

import pytest


def test_a_test_in_one_of_several_processes_names_its_group(request: pytest.FixtureRequest) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("one process: nothing is to be kept together")
    assert request.node.nodeid.endswith("@tests/unit/test_side_by_side.py")
