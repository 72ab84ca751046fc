"""The synthetic record, and what the quick variants found; shared."""

import functools
import importlib.util
from pathlib import Path

import pytest

from lithoscape.scenario.validate import data_folder, find_cases, validate_case
from lithoscape.validation import load_case

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def synthetic():
    """The module that makes records whose observables are known."""
    spec = importlib.util.spec_from_file_location("synthetic_record", HERE / "synthetic.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def case():
    """The measured case."""
    return load_case(HERE.parents[1] / "validation" / "mcc_xrd_nmc622.yaml")


@pytest.fixture(scope="session")
def record(synthetic):
    """All three cycles."""
    return synthetic.make_record()


@pytest.fixture(scope="session")
def quick(tmp_path_factory):
    """``quick(name)``: the quick variant of a case, computed once for all tests."""

    @functools.cache
    def found(name):
        (file,) = find_cases([name], HERE.parents[1] / "validation")
        return validate_case(file, tmp_path_factory.mktemp(name), quick=True, data=data_folder())

    return found
