"""Records: units on everything, netCDF and back, files that are whole or not there."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from lithoscape import labels, records
from lithoscape.errors import InputError

GAUGE = "Gauge state of lithiation"
DEPTH, POSITION = np.array([25e-6, 80e-6]), np.array([-5e-6, 5e-6, 15e-6])


def recorded(rows: int = 4) -> records.Recorder:
    recorder = records.Recorder({GAUGE: {"depth": DEPTH, "position": POSITION}})
    for k in range(rows):
        gauge = np.full((2, 3), k / 10.0)
        gauge[1, 2] = np.nan
        recorder.add({"Time [s]": 10.0 * k, "Voltage [V]": 4.0 - k / 3, "Step": 0, GAUGE: gauge})
    return recorder


def test_rows_become_labelled_arrays() -> None:
    dataset = recorded().dataset({"status": "finished", "steps": [{"text": "Rest"}], "area": 2.5})
    assert dataset["Voltage [V]"].dims == ("time",)
    assert dataset[GAUGE].dims == ("time", "depth", "position")
    assert dataset["time"].values == pytest.approx([0.0, 10.0, 20.0, 30.0])
    assert dataset[GAUGE].sel(time=20.0, depth=25e-6).values == pytest.approx([0.2] * 3)
    assert dataset.attrs["status"] == "finished"
    assert dataset.attrs["area"] == 2.5
    assert json.loads(dataset.attrs["steps"]) == [{"text": "Rest"}]


def test_everything_has_a_unit() -> None:
    dataset = recorded().dataset()
    units = {str(name): dataset[name].attrs["units"] for name in dataset.variables}
    assert units == {"time": "s", "depth": "m", "position": "m", "Voltage [V]": "V", "Step": "1", GAUGE: "1"}
    for name, unit in labels.UNITS.items():
        assert name.endswith(f" [{unit}]") or (unit == "1" and "[" not in name), name


def test_names_without_a_unit_are_refused() -> None:
    with pytest.raises(KeyError, match="no recorded variable 'Colour'"):
        records.Recorder().add({"Colour": 1.0})


def test_rows_have_the_same_names() -> None:
    recorder = recorded(1)
    with pytest.raises(ValueError, match="Step"):
        recorder.add({"Time [s]": 1.0, "Voltage [V]": 3.0, GAUGE: np.zeros((2, 3))})
    assert len(recorder) == 1


def test_rows_survive_a_restart() -> None:
    recorder, again = recorded(), records.Recorder(recorded().coordinates)
    again.restore(recorder.arrays())
    assert len(again) == 4
    xr.testing.assert_identical(again.dataset(), recorder.dataset())


def test_an_empty_record_is_a_record(tmp_path: Path) -> None:
    empty = records.Recorder().dataset({"status": "failed"})
    assert empty.sizes == {"time": 0}
    assert records.load(records.save(empty, tmp_path / "record.nc")).attrs["status"] == "failed"


def test_files_give_back_the_same_bits(tmp_path: Path) -> None:
    dataset = recorded().dataset({"status": "finished", "title": "µm · ×", "area": 1 / 3})
    loaded = records.load(records.save(dataset, tmp_path / "record.nc"))
    xr.testing.assert_identical(loaded, dataset)
    assert loaded["Voltage [V]"].values.tobytes() == dataset["Voltage [V]"].values.tobytes()
    (tmp_path / "record.nc").unlink()  # nothing holds the file open
    assert np.isnan(loaded[GAUGE].values[0, 1, 2])


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = records.save(recorded().dataset({"status": "old"}), tmp_path / "record.nc")
    before = file.read_bytes()

    def broken(self, path, **options):
        Path(path).write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", broken)
    with pytest.raises(OSError, match="No space"):
        records.save(recorded().dataset({"status": "new"}), file)
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["record.nc"]


def test_what_is_no_record_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "record.nc").write_text("x", encoding="utf-8")
    for file in (tmp_path / "record.nc", tmp_path / "nothing.nc"):
        with pytest.raises(InputError) as caught:
            records.load(file)
        assert caught.value.value == str(file)


def test_provenance_names_versions_and_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    known = records.provenance()
    assert set(known) == {"versions", "python", "revision"}
    assert all(v[0].isdigit() for v in known["versions"].values()), known
    json.dumps(known)

    def absent(*args, **kwargs):
        raise FileNotFoundError("git")

    monkeypatch.setattr(records.subprocess, "run", absent)
    assert records.provenance()["revision"] == "unknown"
