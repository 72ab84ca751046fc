"""Measured spectra: three formats, against the readers of impedance.py, and what is missing in them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from impedance import preprocessing
from lithoscape.errors import InputError
from lithoscape.impedance import read_spectrum

F = np.geomspace(1e5, 1e-2, 15)
Z = 0.02 + 0.05 / (1 + 2j * np.pi * F * 1e-3)


def gamry(path: Path, comma: bool = False, columns: str = "Pt\tTime\tFreq\tZreal\tZimag\tZsig") -> Path:
    """As the Gamry framework writes it."""
    lines = ["EXPLAIN", "TAG\tEISPOT", "AREA\tQUANT\t1.50000E+000\tSample Area (cm^2)", "ZCURVE\tTABLE"]
    lines += [f"\t{columns}", "\t#\ts\tHz\tohm\tohm\tV"]
    for k, (f, z) in enumerate(zip(F, Z, strict=True)):
        lines.append(f"\t{k}\t{k + 1}\t{f:.9e}\t{z.real:.9e}\t{z.imag:.9e}\t1")
    text = "\n".join(lines) + "\n"
    path.write_text(text.replace(".", ",") if comma else text, encoding="latin-1")
    return path


def biologic(
    path: Path, sweeps: int = 1, columns: str = "freq/Hz\tRe(Z)/Ohm\t-Im(Z)/Ohm\tcycle number"
) -> Path:
    """As EC-Lab exports it."""
    head = ["EC-Lab ASCII FILE", "Nb header lines : 5", "", "Electrode surface area : 2.000 cm²", columns]
    rows = [
        f"{f:.9e}\t{z.real:.9e}\t{-z.imag:.9e}\t{k + 1}"
        for k in range(sweeps)
        for f, z in zip(F, Z, strict=True)
    ]
    path.write_text("\n".join([*head, *rows]) + "\n", encoding="latin-1")
    return path


def zview(path: Path) -> Path:
    """As ZPlot saves it."""
    head = [
        '"ZPLOT2 ASCII","2.6.0e"',
        "  Freq(Hz)\tAmpl\tBias\tTime(Sec)\tZ'(a)\tZ''(b)\tGD\tErr\tRange",
        "End Comments",
    ]
    rows = [f"{f:.9e}\t0.01\t0\t1\t{z.real:.9e}\t{z.imag:.9e}\t0\t0\t1" for f, z in zip(F, Z, strict=True)]
    path.write_text("\n".join([*head, *rows]) + "\n")
    return path


CASES = [
    ("cell.DTA", gamry, preprocessing.readGamry, 1.5e-4),
    ("cell.mpt", biologic, preprocessing.readBioLogic, 2e-4),
    ("cell.z", zview, preprocessing.readZPlot, None),
]


@pytest.mark.parametrize(("name", "write", "peer", "area"), CASES)
def test_files_are_read(
    name: str, write: Callable[[Path], Path], peer: Callable, area: float | None, tmp_path: Path
) -> None:
    file = write(tmp_path / name)
    found = read_spectrum(file)
    np.testing.assert_allclose(found.frequencies, F[::-1], rtol=1e-9)
    np.testing.assert_allclose(found.impedance, Z[::-1], rtol=1e-8)
    frequencies, impedances = peer(str(file))
    np.testing.assert_allclose(found.frequencies, frequencies[::-1])
    np.testing.assert_allclose(found.impedance, impedances[::-1])
    assert (found.unit, found.about["file"]) == ("ohm", name)
    assert found.about.get("area [m2]", 0.0) == pytest.approx(area or 0.0)


def test_decimal_commas(tmp_path: Path) -> None:
    found = read_spectrum(gamry(tmp_path / "cell.dta", comma=True))
    np.testing.assert_allclose(found.impedance, Z[::-1], rtol=1e-8)
    assert found.about["area [m2]"] == pytest.approx(1.5e-4)


def test_one_of_several_sweeps(tmp_path: Path) -> None:
    file = biologic(tmp_path / "cell.mpt", sweeps=3)
    with pytest.raises(InputError, match="holds 3 sweeps"):
        read_spectrum(file)
    assert read_spectrum(file, sweep=2).frequencies.size == F.size
    with pytest.raises(InputError, match="no such sweep"):
        read_spectrum(file, sweep=4)


def test_missing_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"column 'Zimag' is missing.*Zreal"):
        read_spectrum(gamry(tmp_path / "a.DTA", columns="Pt\tTime\tFreq\tZreal\tZmod\tZsig"))
    with pytest.raises(InputError, match=r"column '-Im\(Z\)/Ohm' is missing"):
        read_spectrum(biologic(tmp_path / "a.mpt", columns="freq/Hz\tRe(Z)/Ohm\t|Z|/Ohm\tcycle number"))
    (tmp_path / "a.z").write_text("1 2 3\n")
    with pytest.raises(InputError, match=r"column 'Freq\(Hz\)' is missing"):
        read_spectrum(tmp_path / "a.z")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "", "no such format"),
        ("a.DTA", "EXPLAIN\n", "no table ZCURVE"),
        ("a.mpt", "freq/Hz\n", "how long its header is"),
        ("a.z", "Freq(Hz) Z'(a) Z''(b)\nEnd Comments\n1 2 x\n", "no number"),
        ("a.z", "Freq(Hz) Z'(a) Z''(b)\nEnd Comments\n1 2\n", "no number"),
        ("a.z", "Freq(Hz) Z'(a) Z''(b)\nEnd Comments\n0 1 1\n", "no impedance"),
    ],
)
def test_damaged_files_are_refused(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_spectrum(tmp_path / name)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_spectrum(tmp_path / "none.DTA")
