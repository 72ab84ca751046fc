"""What a FIT.yaml may say. Units stand in the key names; unknown keys are refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .schema import Finite, Micrometres, Positive, Strict

Count = Annotated[int, Field(ge=1)]
Table = dict[str, Annotated[list[Finite], Field(min_length=1)]]
"""Column with unit -> numbers."""


class ExperimentSpec(Strict):
    """A scenario whose run predicts data."""

    scenario: str = Field(description="scenario file, relative to this file")
    variant: str | None = None
    changes: dict[str, Any] = Field(
        default_factory=dict, description="dotted keys of the scenario laid over it, as with --set"
    )


class PriorSpec(Strict):
    """What is believed of a parameter before the data, in its own unit."""

    kind: Literal["uniform", "normal", "lognormal"]
    mean: Finite | None = Field(None, description="of a normal prior")
    deviation: Positive | None = Field(None, description="standard deviation of a normal prior")
    median: Positive | None = Field(None, description="of a lognormal prior")
    factor: Annotated[float, Field(gt=1, allow_inf_nan=False)] | None = Field(
        None, description="of a lognormal prior: within this factor of the median, to 68 %"
    )


class KeySpec(Strict):
    """One key of the scenario that a parameter sets: scale * parameter * (times of the other one)."""

    key: str = Field(description="dotted key, such as electrode.transport.through")
    scale: Finite = 1.0
    times: str | None = Field(None, description="another parameter to multiply with, so that this is a ratio")


class ParameterSpec(Strict):
    """One fitted number."""

    keys: Annotated[list[str | KeySpec], Field(min_length=1)]
    start: Finite
    low: Finite
    high: Finite
    transform: Literal["linear", "log", "logit"] = "linear"
    prior: PriorSpec = PriorSpec(kind="uniform")
    experiments: list[str] | None = Field(None, description="in which it is set; default: all")
    unit: str = ""


class DataBase(Strict):
    """What all kinds of data share."""

    name: str | None = None
    experiment: str | None = Field(None, description="may be left out if there is one")
    group: str | None = Field(None, description="part of the data for subsets; each kind has a default")


class VoltageSpec(DataBase):
    """A voltage curve against time or charge passed."""

    kind: Literal["voltage"]
    against: Literal["time", "capacity"] = "time"
    file: str | None = Field(None, description="CSV with columns such as time_min, voltage_V")
    values: Table | None = None
    uncertainty_mV: Finite | None = Field(None, description="or a column uncertainty_mV")
    cycle: Count | None = Field(None, description="with step: abscissa counts from the start of that step")
    step: Count | None = None


class EndSpec(DataBase):
    """When a step ended: time, or charge passed in it."""

    kind: Literal["end"]
    cycle: Count = 1
    step: Count
    time_min: Positive | None = None
    uncertainty_min: Finite | None = None
    capacity_mAh_cm2: Positive | None = None
    uncertainty_mAh_cm2: Finite | None = None


class ImpedanceSpec(DataBase):
    """An impedance spectrum per electrode area, real and imaginary part."""

    kind: Literal["impedance"]
    at: Literal["start", "end"] = "start"
    file: str | None = Field(None, description="CSV: frequency_Hz, real_ohm_cm2, imaginary_ohm_cm2")
    values: Table | None = None
    uncertainty_ohm_cm2: Finite | None = None
    uncertainty_percent: Finite | None = Field(None, description="of the modulus")


class LithiationSpec(DataBase):
    """State of lithiation of a gauge map against time: a level, a group in it, or one position."""

    kind: Literal["lithiation"]
    depth_um: Micrometres
    lateral_group: str | None = Field(None, description="group of the gauge map; default the whole level")
    position_um: Finite | None = None
    file: str | None = Field(None, description="CSV with columns such as time_min, lithiation_percent")
    values: Table | None = None
    uncertainty_percent: Finite | None = Field(None, description="of full lithiation")
    cycle: Count | None = None
    step: Count | None = None


class ObservableSpec(DataBase):
    """One number computed by an observable of lithoscape.validation."""

    kind: Literal["observable"]
    observable: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    value: Finite
    unit: str = Field(description="as in validation cases: -, %, % SoL, min, mAh/cm2, ...")
    uncertainty: Finite
    case: str = Field(description="validation case whose frame names levels, groups and cycles")


class TargetsSpec(DataBase):
    """Measured targets of a validation case; their tolerances are the uncertainties."""

    kind: Literal["targets"]
    case: str
    ids: list[str] | Literal["validate"] = Field(
        "validate", description="targets by id, or all numbers of use validate that the scenario can predict"
    )


DataSpec = Annotated[
    VoltageSpec | EndSpec | ImpedanceSpec | LithiationSpec | ObservableSpec | TargetsSpec,
    Field(discriminator="kind"),
]


class ScreeningSpec(Strict):
    """Screening before the fit."""

    method: Literal["none", "morris", "sobol"] = "none"
    count: Annotated[int, Field(ge=2, le=65536)] = 8


class PosteriorSpec(Strict):
    """Sampling after the fit."""

    method: Literal["none", "surrogate", "model"] = "surrogate"
    walkers: Annotated[int, Field(ge=4, le=10000)] = 32
    steps: Annotated[int, Field(ge=10, le=1000000)] = 4000


class FitFile(Strict):
    """A whole FIT.yaml."""

    title: str
    description: str = ""
    experiments: Annotated[dict[str, ExperimentSpec], Field(min_length=1)]
    parameters: Annotated[dict[str, ParameterSpec], Field(min_length=1)]
    data: Annotated[list[DataSpec], Field(min_length=1)]
    subsets: dict[str, list[str]] | None = Field(
        None, description="name -> groups of data looked at apart; default: every group by itself"
    )
    workers: Annotated[int, Field(ge=1, le=10000)] = Field(1, description="processes; 1: without dask")
    search: Annotated[int, Field(ge=0, le=100000)] = Field(
        0, description="points spread between the bounds that are tried first; the fit starts at the best"
    )
    screening: ScreeningSpec = ScreeningSpec()
    profiles: Literal["none", "all data", "subsets"] = "subsets"
    posterior: PosteriorSpec = PosteriorSpec()
    tolerance: Annotated[float, Field(gt=0, le=0.1)] = Field(1e-4, description="relative, of the best fit")
    iterations: Annotated[int, Field(ge=1, le=1000)] = 40
    seed: Annotated[int, Field(ge=0)] = 0
