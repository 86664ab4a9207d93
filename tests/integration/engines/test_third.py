"""A third engine is a module, a line of the table, and one fixture: it passes the conformance suite."""

from __future__ import annotations

import os
import sys

import pytest

from rules.errors import UsageError
from suite.engines import table
from tests.integration.engines.conformance import Conformance, Subject, run
from tests.integration.engines.test_process import subject_of
from tests.integration.engines.third import ThirdEngine, ThirdRunner

pytestmark = pytest.mark.together


class TestThird(Conformance):
    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, tmp_path_factory: pytest.TempPathFactory) -> Subject:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(table.ENGINES, "third", "tests.integration.engines.third")
            engine = table.engine("third", sys.executable, tmp_path_factory.mktemp("third"))
        assert isinstance(engine, ThirdEngine)
        return subject_of(engine, ThirdRunner, "tests.integration.engines.third")

    def test_its_jobs_are_started_by_its_own_program(self, subject: Subject) -> None:
        ran = run(subject.runner, "import os\nprint(os.nice(0))")
        assert ran.said == [str(os.nice(0) + 1)]


def test_an_engine_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown engine 'dokcer'"):
        table.engine("dokcer")
