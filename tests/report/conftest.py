"""Records, fields and comparison rows for reports."""

import importlib.util
from pathlib import Path

import pytest

from lithoscape.validation import compare, load_case

TESTS = Path(__file__).parents[1]


def module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="session")
def synthetic():
    return module(TESTS / "validation" / "synthetic.py")


@pytest.fixture(scope="session")
def record(synthetic):
    return synthetic.make_record()


@pytest.fixture(scope="session")
def short(synthetic):
    """One cycle, one row in ten of it."""
    return synthetic.make_record([synthetic.cycle_08()])


@pytest.fixture(scope="session")
def make_maps():
    return module(TESTS / "report" / "synthetic_maps.py").make_maps


@pytest.fixture(scope="session")
def fields(record, make_maps):
    return make_maps(record)


@pytest.fixture(scope="session")
def case():
    return load_case(TESTS.parent / "validation" / "mcc_xrd_nmc622.yaml")


@pytest.fixture(scope="session")
def rows(record, case):
    return compare(record, case)
