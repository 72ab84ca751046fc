"""What a scenario file may say. Units stand in the key names; unknown keys are refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

Micrometres = Annotated[float, Field(gt=0, le=1e5, allow_inf_nan=False)]
Fraction = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Capacity = Annotated[float, Field(gt=0, le=1e4, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


Switch = Literal[
    "exchange_current", "electrolyte_conductivity", "electrolyte_diffusivity", "transference",
    "thermodynamic_factor", "solid_diffusivity", "diffusion_potential",
]  # fmt: skip


class Strict(BaseModel):
    """Base: unknown keys are errors, values are not coerced from text, instances are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Materials(Strict):
    """Material set by name, with explicit changes."""

    set: str = Field(description="name of a material set; `lithoscape materials list`")
    electrolyte: str | None = Field(None, description="another electrolyte by name")
    clamped: bool = Field(True, description="keep the electrolyte's laws inside their range of validity")
    changes: dict[str, float] = Field(
        default_factory=dict, description="dotted parameter of the set -> value in SI"
    )
    ablate: list[Switch] = Field(
        default_factory=list, description="dependences switched off, see lithoscape.materials.ablate"
    )
    solubility_mol_m3: Positive | None = Field(
        None, description="concentration beyond which salt precipitates; default: none"
    )
    solid_diffusivity_decades: Finite | None = Field(
        None, description="D_s of the positive material times 10^(this (x - 1/2)); default: as in the set"
    )


class Crack(Strict):
    """Tapering crack, half of it meshed; its mid-plane is a plane of symmetry."""

    width_um: Micrometres
    bottom_width_um: Micrometres
    depth_um: Micrometres
    transport: Fraction = Field(1.0, description="eps/tau inside the crack: 1 is open and straight")


class Layered(Strict):
    """Uniform layers in 1D, or in 2D/3D with lateral extents."""

    kind: Literal["layered"]
    cells: Annotated[int, Field(ge=4, le=2000)] = Field(40, description="cells across each electrode")
    clustering: Annotated[float, Field(ge=1, le=100)] = Field(4.0, description="refinement towards faces")
    lateral_um: list[Micrometres] = Field(default_factory=list, max_length=2)
    lateral_cells: Annotated[int, Field(ge=1, le=1000)] = 4


class Cracked(Strict):
    """Electrode with one crack in cross-section (2D)."""

    kind: Literal["cracked"]
    half_width_um: Micrometres = Field(description="from the crack's mid-plane to the far symmetry plane")
    crack: Crack
    cell_size_um: Micrometres = Field(6.0, description="mesh size across the thickness")
    refinement: Annotated[float, Field(ge=1, le=20)] = Field(2.0, description="finer by this at the surface")


class PhaseSpec(Strict):
    """What one phase of a resolved microstructure is made of."""

    material: str | None = Field(
        None, description="active material: 'positive' (that of the set), or the name of another set"
    )
    initial_stoichiometry: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] | None = Field(
        None, description="of an active phase; default: that of its set, or initial.state_of_lithiation"
    )
    conductivity_S_m: Positive | None = Field(
        None, description="electronic; default: that of its set for an active phase, else no electrons"
    )
    porosity: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = Field(
        0.0, description="share of this phase that is electrolyte; 1 for open pores"
    )
    transport: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = Field(
        None, description="eps/tau within this phase; default porosity^1.5"
    )
    wetted: Fraction = Field(1.0, description="share of its contact with active material that reacts")
    double_layer_F_m2: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


Span = Annotated[list[Annotated[int, Field(ge=0)] | None], Field(min_length=2, max_length=2)]


class ImageSpec(Strict):
    """A labelled image of an electrode."""

    file: str = Field(description="relative to the scenario file, or to the folder LITHOSCAPE_DATA names")
    voxel_um: Micrometres | Annotated[list[Micrometres], Field(min_length=3, max_length=3)] | None = None
    phases: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    crop: Annotated[list[Span], Field(max_length=3)] = Field(
        default_factory=list, description="[start, stop] for pages, rows, columns; null: to the end"
    )
    through: Annotated[int, Field(ge=0, le=2)] | None = None
    collector: Literal["low", "high"] | None = None
    dataset: str | None = None


class Resolved(Strict):
    """Microstructure with every particle meshed: from a recipe, an image, or a mesh file."""

    kind: Literal["resolved"]
    recipe: str | None = Field(None, description="recipe file, relative to the scenario file")
    recipe_changes: dict[str, Any] = Field(
        default_factory=dict, description="keys laid over the recipe, such as size_um, seed or steps"
    )
    image: ImageSpec | None = None
    mesh: str | None = Field(None, description="mesh file with named regions, relative to the scenario file")
    reversed: bool = Field(
        False, description="turn the electrode round, so that its collector side faces the separator"
    )
    cell_size_um: Micrometres | None = Field(None, description="cells at surfaces; default two voxels")
    coarsest: Annotated[int, Field(ge=0, le=6)] = Field(3, description="how often cells double within phases")
    separator_um: Micrometres | None = Field(None, description="default: that of the material set")
    phases: Annotated[dict[str, PhaseSpec], Field(min_length=1)] = Field(
        description="region -> what it is; the separator is that of the set unless it is given"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Resolved:
        given = [name for name in ("recipe", "image", "mesh") if getattr(self, name) is not None]
        if len(given) != 1:
            raise PydanticCustomError(
                "one_source", "a microstructure comes from one place",
                {"remedy": "Give one of recipe, image, mesh"},
            )  # fmt: skip
        if self.recipe_changes and self.recipe is None:
            raise PydanticCustomError(
                "no_recipe", "there is no recipe to change", {"remedy": "Remove recipe_changes"}
            )
        return self


class Transport(Strict):
    """Transport efficiency eps/tau of the porous electrode, through plane and in plane."""

    through: Fraction
    in_plane: Fraction


def _transport_form(value: Any) -> str:
    """Which form of a transport efficiency was meant."""
    if isinstance(value, dict | Transport):
        return "<axes>"
    return "<text>" if isinstance(value, str) else "<number>"


TransportForms = Annotated[
    Annotated[Literal["bruggeman"], Tag("<text>")]
    | Annotated[Fraction, Tag("<number>")]
    | Annotated[Transport, Tag("<axes>")],
    Discriminator(_transport_form),
]


class LayerSpec(Strict):
    """One layer of a graded electrode; fractions are of its own volume."""

    name: str
    thickness_um: Micrometres
    porosity: Fraction
    transport: TransportForms = Field("bruggeman", description="eps/tau, as for the whole electrode")
    active_fraction: Fraction

    @model_validator(mode="after")
    def _room(self) -> LayerSpec:
        if self.porosity + self.active_fraction > 1:
            raise PydanticCustomError(
                "no_room", "porosity and active fraction together exceed 1", {"remedy": "Reduce one of them"}
            )
        return self


class Electrode(Strict):
    """The positive electrode; what is not given comes from the material set."""

    thickness_um: Micrometres | None = None
    porosity: Fraction | None = None
    active_fraction: Fraction | None = None
    active_loading_mg_cm2: Positive | None = Field(
        None, description="active mass per plan area; sets the active fraction of the uncracked volume"
    )
    particle_radius_um: Micrometres | None = None
    transport: TransportForms = Field(
        "bruggeman", description="eps/tau: 'bruggeman', a number, or {through, in_plane}"
    )
    layers: list[LayerSpec] = Field(
        default_factory=list, description="a graded electrode, from the separator to the collector"
    )
    contact_resistance_ohm_cm2: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0

    @model_validator(mode="after")
    def _layers_or_whole(self) -> Electrode:
        if not self.layers:
            return self
        whole = ("thickness_um", "porosity", "active_fraction", "active_loading_mg_cm2")
        twice = [key for key in whole if getattr(self, key) is not None]
        if twice or self.transport != "bruggeman":
            raise PydanticCustomError(
                "layers_twice", "layers say this already",
                {"remedy": f"Remove {', '.join(twice) or 'transport'} of the whole electrode"},
            )  # fmt: skip
        names = [layer.name for layer in self.layers]
        if len(set(names)) < len(names) or {"separator", "negative"} & set(names):
            raise PydanticCustomError(
                "layer_names", "layers need names of their own",
                {"remedy": "Other than those of the other layers, separator and negative"},
            )  # fmt: skip
        return self

    @model_validator(mode="after")
    def _one_loading(self) -> Electrode:
        if self.active_fraction is not None and self.active_loading_mg_cm2 is not None:
            raise PydanticCustomError(
                "twice", "the amount of active material is given twice",
                {"remedy": "Give active_fraction or active_loading_mg_cm2, not both"},
            )  # fmt: skip
        return self


class Cell(Strict):
    """What 1C and the area are."""

    capacity_mAh_cm2: Capacity = Field(description="capacity that one C-rate unit moves in an hour")
    area_cm2: Positive | None = Field(None, description="needed for protocol lines in A, mA or W")


class Initial(Strict):
    """State at time zero."""

    state_of_lithiation: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class CycleSpec(Strict):
    """One cycle of the protocol."""

    cycle: str
    steps: list[str]
    repeat: Annotated[int, Field(ge=1, le=10000)] = 1


def _protocol_form(value: Any) -> str:
    """Whether an entry of the protocol is a line or a cycle."""
    return "<cycle>" if isinstance(value, dict | CycleSpec) else "<text>"


ProtocolEntry = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[CycleSpec, Tag("<cycle>")], Discriminator(_protocol_form)
]


Angle = Annotated[float, Field(gt=0, lt=90, allow_inf_nan=False)]
Range = Annotated[list[Finite], Field(min_length=2, max_length=2)]


class CollimatorSpec(Strict):
    """Slits of a multi-channel collimator."""

    slit_um: Positive = Field(50.0, description="opening of the inner slits, not their period")
    inner_mm: Positive = 50.0
    outer_mm: Positive = 200.0
    flat: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = Field(
        0.0, description="flat top of the weight along the beam over its half-maximum width; 0: triangle"
    )


class GaugeMapSpec(Strict):
    """Multi-channel-collimator XRD map: gauge volumes by depth and lateral position."""

    depths_um: Annotated[list[Positive], Field(min_length=1)]
    positions_um: Annotated[list[Finite], Field(min_length=1)]
    beam_um: Annotated[list[Positive], Field(min_length=2, max_length=2)]
    groups: dict[str, Annotated[list[Finite], Field(min_length=1)]]
    crack_length_um: Micrometres | None = Field(
        None, description="along the beam; beyond its ends the electrode far from the crack mixes in"
    )
    reflections_two_theta_deg: list[Angle] = Field(
        default_factory=list, description="angles of reflections, each with a gauge volume of its own length"
    )
    collimator: CollimatorSpec = CollimatorSpec()
    pattern_time_s: Positive | None = Field(None, description="points one after another, this long each")
    order: Literal["positions first", "depths first"] = "positions first"
    weighting: Literal["plain", "signal"] | None = Field(None, description="records averages of the groups")
    smallest_signal: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = Field(
        0.01, description="share of the largest signal below which a reflection gives no reading"
    )
    sol_uncertainty: Positive | None = Field(
        None, description="standard uncertainty of the SoL of one pattern of uncracked electrode"
    )

    @model_validator(mode="after")
    def _length_of_crack(self) -> GaugeMapSpec:
        if self.reflections_two_theta_deg and self.crack_length_um is None:
            raise PydanticCustomError(
                "no_length", "reflections differ where a crack ends within the gauge volume",
                {"remedy": "Give crack_length_um, or leave reflections_two_theta_deg out"},
            )  # fmt: skip
        return self


class ComptonSpec(Strict):
    """Compton imaging: lithium content by depth region, and by pixel across the electrode."""

    regions: Annotated[int, Field(ge=1, le=100)] = Field(3, description="equal parts of the thickness")
    edges_um: list[Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(
        default_factory=list,
        description="depths from the separator that bound regions, instead of equal ones",
    )
    beam_um: Micrometres | None = Field(None, description="height of the sheet beam; default: the region's")
    pixel_um: Micrometres | None = Field(None, description="pixels across the electrode (2D, 3D)")
    region_time_min: Positive = Field(12.0, description="exposure of a region; all in turn during each rest")
    counts: Positive | None = Field(
        None, description="photons per region in both momentum windows (NMC811): records the uncertainty"
    )


class CyclerSpec(Strict):
    """What the cycler writes down of voltage and current."""

    interval_s: Positive = Field(description="longest time between samples")
    trigger_mV: Positive | None = Field(None, description="change of voltage that takes a sample")
    voltage_resolution_mV: Positive
    voltage_noise_mV: Positive | None = None
    voltage_range_V: Range | None = None
    current_resolution_A_m2: Positive
    current_noise_A_m2: Positive | None = None
    current_range_A_m2: Range | None = None
    seed: Annotated[int, Field(ge=0)] = 0


class Instruments(Strict):
    """Virtual instruments to place in the cell."""

    gauge_map: GaugeMapSpec | None = None
    compton: ComptonSpec | None = None
    cycler: CyclerSpec | None = None


class MomentSpec(Strict):
    """A time at which all fields are kept. ``cycle`` and ``step`` count from 1."""

    name: str
    cycle: Annotated[int, Field(ge=1)]
    step: Annotated[int, Field(ge=1)]
    at: Literal["start", "end"] | None = None
    after_min: Positive | None = None

    @model_validator(mode="after")
    def _one_time(self) -> MomentSpec:
        if (self.at is None) == (self.after_min is None):
            raise PydanticCustomError(
                "one_time", "a moment needs one time",
                {"remedy": "Give either at: start, at: end or after_min: MINUTES"},
            )  # fmt: skip
        return self


class Output(Strict):
    """What to keep besides curves."""

    moments: list[MomentSpec] = Field(default_factory=list)
    fields: bool = Field(True, description="write fields for ParaView at the moments")
    pictures: bool = Field(True, description="draw cut-away pictures of a resolved electrode from its fields")
    animation: Literal["none", "gif", "mp4"] = Field(
        "none", description="film of the state of lithiation of a resolved electrode; mp4 needs ffmpeg"
    )
    single_particle_um: Micrometres | None = Field(
        None, description="diameter of a sphere by itself that the particles' spreads are compared with"
    )
    frames: Annotated[int, Field(ge=2, le=500)] = Field(24, description="pictures of the film")


class Solver(Strict):
    """Tolerances and limits."""

    relative_tolerance: Annotated[float, Field(gt=0, le=0.1)] = Field(3e-4, description="local time error")
    newton_update: Annotated[float, Field(gt=0, le=1e-3)] = 1e-7
    newton_residual: Annotated[float, Field(gt=0, le=1e-3)] = 1e-9
    radial_nodes: Annotated[int, Field(ge=5, le=400)] = 16
    largest_step_s: Positive = 300.0
    checkpoint_every: Annotated[int, Field(ge=1)] = 50


class Scenario(Strict):
    """A whole scenario file, after its variant has been applied."""

    title: str
    description: str = ""
    materials: Materials
    geometry: Annotated[Layered | Cracked | Resolved, Field(discriminator="kind")]
    electrode: Electrode = Electrode()
    cell: Cell
    initial: Initial | None = None
    protocol: list[ProtocolEntry] = Field(min_length=1)
    instruments: Instruments = Instruments()
    output: Output = Output()
    solver: Solver = Solver()
    validation: str | None = Field(None, description="file of measured targets, relative to this file")


class ScenarioFile(Scenario):
    """A scenario file: a scenario with variants, each a partial scenario laid over it."""

    default_variant: str | None = None
    variants: dict[str, dict[str, Any]] = Field(default_factory=dict)
