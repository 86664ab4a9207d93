"""What is decided before anything runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import UsageError
from rules.seeds import run_seed
from rules.workload import workload_rules
from suite.host.cpus import last_cpus
from suite.training.plan import hyperparameters, number_of_runs

RULES = workload_rules("assay/1.0", "image-classification")


def test_seeds_differ_by_run_submitter_system_workload_and_division():
    base = ("salt", "acme", "box", "image-classification", "closed", 0)
    changed = [
        tuple(f"{part}x" if n == at and isinstance(part, str) else part for n, part in enumerate(base))
        for at in range(len(base) - 1)
    ]
    seeds = [run_seed(*base), run_seed(*base[:-1], 1), *(run_seed(*parts) for parts in changed)]
    assert len(set(seeds)) == len(seeds)
    assert run_seed(*base) == run_seed(*base)


@given(st.integers(0, 10_000))
def test_every_seed_fits_32_bits(run):
    assert 0 <= run_seed("salt", "a", "b", "c", "open", run) < 2**32


@given(st.integers(1, 512), st.integers(0, 512))
def test_a_run_gets_the_last_cpus_and_leaves_the_first_to_the_host(threads, more):
    available = threads + more
    first, _, last = last_cpus(threads, range(available)).partition("-")
    assert int(last or first) == available - 1
    assert int(last or first) - int(first) + 1 == threads


def test_more_threads_than_cpus_are_refused():
    with pytest.raises(UsageError, match="4 threads declared, and there are 2 CPUs"):
        last_cpus(4, range(2))


def test_the_closed_division_fixes_the_number_of_runs_and_the_open_one_sets_a_floor():
    assert number_of_runs(RULES, "closed", None) == RULES.runs.closed
    assert number_of_runs(RULES, "open", None) == RULES.runs.open
    assert number_of_runs(RULES, "open", 9) == 9
    with pytest.raises(UsageError, match="exactly"):
        number_of_runs(RULES, "closed", 1)
    with pytest.raises(UsageError, match="at least"):
        number_of_runs(RULES, "open", 1)


def test_open_settings_keep_the_type_of_the_value_they_replace():
    changed = hyperparameters(RULES, "open", ["opt_momentum=0.5", "global_batch_size=64"])
    assert changed["opt_momentum"] == 0.5
    assert changed["global_batch_size"] == 64
    assert RULES.hyperparameters["opt_momentum"] == 0.9


@pytest.mark.parametrize(
    ("division", "setting", "said"),
    [
        ("closed", "opt_momentum=0.5", "fixed in the closed division"),
        ("open", "opt_momentun=0.5", "opt_momentun"),
        ("open", "opt_momentum", "no value"),
        ("open", "global_batch_size=many", "int"),
        ("open", "global_batch_size=0", "from 1 to 60000"),
        ("open", "opt_base_learning_rate=nan", "finite"),
        ("open", "opt_name=adam", "sgd"),
        ("open", "opt_learning_rate_training_steps=100", "warm-up"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_its_name(division, setting, said):
    with pytest.raises(UsageError) as refused:
        hyperparameters(RULES, division, [setting])
    assert said in refused.value.message
