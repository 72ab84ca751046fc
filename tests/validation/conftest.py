"""The synthetic record, shared."""

import importlib.util
from pathlib import Path

import pytest

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
