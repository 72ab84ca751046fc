"""References that tests, benchmarks and the validation book share: exact results, and other packages' solves.

Nothing is imported here: :mod:`.pybamm_reference` needs PyBaMM, :mod:`.sphere_arrays` only SciPy.
"""
