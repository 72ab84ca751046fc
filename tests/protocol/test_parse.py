"""The grammar: what each line means, and that every line survives the way to text and back."""

import random

import pytest

from lithoscape.errors import InputError
from lithoscape.protocol import Quantity, Step, Stop, parse_amount, parse_protocol, parse_step

LINES = {
    "Discharge at 0.8C until 2.5 V": Step("current", Quantity(0.8, "C"), (Stop("voltage", 2.5, "V"),)),
    "Charge at C/20 for 10 hours or until 4.2 V": Step(
        "current", Quantity(-0.05, "C"), (Stop("time", 36000.0, "s"), Stop("voltage", 4.2, "V"))
    ),
    "Discharge at 1 A for 0.5 hours": Step("current", Quantity(1.0, "A"), (Stop("time", 1800.0, "s"),)),
    "Charge at 50 mA for 1 h": Step("current", Quantity(-0.05, "A"), (Stop("time", 3600.0, "s"),)),
    "Discharge at 5 mA/cm2 for 1 min": Step("current", Quantity(50.0, "A.m-2"), (Stop("time", 60.0, "s"),)),
    "Discharge at 5 mA.cm-2 for 1 min": Step("current", Quantity(50.0, "A.m-2"), (Stop("time", 60.0, "s"),)),
    "Discharge at 30 A/m2 for 2 s": Step("current", Quantity(30.0, "A.m-2"), (Stop("time", 2.0, "s"),)),
    "Charge at 30 A.m-2 for 2 sec": Step("current", Quantity(-30.0, "A.m-2"), (Stop("time", 2.0, "s"),)),
    "Hold at 4.3 V until 0.4C": Step("voltage", Quantity(4.3, "V"), (Stop("current", 0.4, "C"),)),
    "Hold at 4.3 V until 50 mA": Step("voltage", Quantity(4.3, "V"), (Stop("current", 0.05, "A"),)),
    "Hold at 4.3 V until C/50": Step("voltage", Quantity(4.3, "V"), (Stop("current", 0.02, "C"),)),
    "Hold at 4.3 V until 2 mA/cm2": Step("voltage", Quantity(4.3, "V"), (Stop("current", 20.0, "A.m-2"),)),
    "Hold at 4.3 V for 1 hour": Step("voltage", Quantity(4.3, "V"), (Stop("time", 3600.0, "s"),)),
    "Rest for 5 minutes": Step("rest", Quantity(0.0, "A.m-2"), (Stop("time", 300.0, "s"),)),
    "Rest until 3.6 V": Step("rest", Quantity(0.0, "A.m-2"), (Stop("voltage", 3.6, "V"),)),
    "Rest for 1 hour or until 3.6 V": Step(
        "rest", Quantity(0.0, "A.m-2"), (Stop("time", 3600.0, "s"), Stop("voltage", 3.6, "V"))
    ),
    "Discharge at 1 W for 0.5 hours": Step("power", Quantity(1.0, "W"), (Stop("time", 1800.0, "s"),)),
    "Charge at 200 mW until 4.1 V": Step("power", Quantity(-0.2, "W"), (Stop("voltage", 4.1, "V"),)),
    "Discharge at 10 mW/cm2 for 1 h": Step("power", Quantity(100.0, "W.m-2"), (Stop("time", 3600.0, "s"),)),
    "Discharge at 10 W/m2 until 1000 mV": Step(
        "power", Quantity(10.0, "W.m-2"), (Stop("voltage", 1.0, "V"),)
    ),
    "Hold at 3 V until 50 mA or C/50 or for 2 hours": Step(
        "voltage",
        Quantity(3.0, "V"),
        (Stop("current", 0.05, "A"), Stop("current", 0.02, "C"), Stop("time", 7200.0, "s")),
    ),
    "Rest until > 3.6 V": Step("rest", Quantity(0.0, "A.m-2"), (Stop("voltage", 3.6, "V", ">"),)),
    "Discharge at 1C for 1 hour (1 minute period)": Step(
        "current", Quantity(1.0, "C"), (Stop("time", 3600.0, "s"),), period=60.0
    ),
}


def close(left: Step, right: Step) -> bool:
    """Equal up to round-off in the unit conversion."""
    same = (left.kind, left.value.basis, left.period) == (right.kind, right.value.basis, right.period)
    tags = [(s.quantity, s.basis, s.operator) for s in left.stops]
    same = same and tags == [(s.quantity, s.basis, s.operator) for s in right.stops]
    numbers = [left.value.number, *(s.value for s in left.stops)]
    return same and numbers == pytest.approx([right.value.number, *(s.value for s in right.stops)], rel=1e-14)


@pytest.mark.parametrize("line", LINES)
def test_meaning(line: str) -> None:
    step = parse_step(line)
    assert close(step, LINES[line])
    assert step.text == line


@pytest.mark.parametrize("line", LINES)
def test_case_and_spacing_do_not_matter(line: str) -> None:
    step = parse_step(line)
    assert parse_step(line.lower()) == step
    assert parse_step(f"  {line.replace(' ', '   ')} ") == step
    for unit in ("V", "C", "A", "mA", "W", "mW", "hours", "minutes"):
        line = line.replace(f" {unit} ", f"{unit} ")
    assert parse_step(line) == step


def random_step(rng: random.Random) -> Step:
    """A valid step with arbitrary numbers."""
    kind = rng.choice(["current", "voltage", "power", "rest"])
    bases = {"current": ["C", "A", "A.m-2"], "voltage": ["V"], "power": ["W", "W.m-2"], "rest": ["A.m-2"]}
    number = {"voltage": rng.uniform(0, 5), "rest": 0.0}.get(
        kind, rng.choice([-1, 1]) * 10 ** rng.uniform(-9, 9)
    )
    allowed = {"time", "voltage", "current"}
    allowed -= {"voltage"} if kind == "voltage" else set() if kind == "power" else {"current"}
    stops = []
    for name in rng.choices(sorted(allowed), k=rng.randint(1, 4)):
        basis = {"time": "s", "voltage": "V"}.get(name) or rng.choice(bases["current"])
        operator = None if name == "time" else rng.choice([None, "<", ">"])
        stops.append(Stop(name, 10 ** rng.uniform(-9, 9), basis, operator))  # type: ignore[arg-type]
    period = rng.choice([None, 10 ** rng.uniform(-3, 3)])
    value = Quantity(number, rng.choice(bases[kind]))  # type: ignore[arg-type]
    return Step(kind, value, tuple(stops), period=period)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(300))
def test_round_trip(seed: int) -> None:
    step = random_step(random.Random(seed))
    assert parse_step(step.describe()) == step
    assert parse_protocol([step.describe()]).cycles[0].steps == (step,)


@pytest.mark.parametrize(
    ("text", "number", "basis"),
    [
        ("5 mA/cm^2", 50.0, "A.m-2"),
        ("5 mA cm-2", 50.0, "A.m-2"),
        ("250 uA", 2.5e-4, "A"),
        ("250 µA", 2.5e-4, "A"),
        ("250 \N{GREEK SMALL LETTER MU}A", 2.5e-4, "A"),
        (".5C", 0.5, "C"),
        ("c / 4", 0.25, "C"),
        ("1e-3A", 1e-3, "A"),
        ("-0.1 V", -0.1, "V"),
        ("1 W/cm2", 1e4, "W.m-2"),
        ("2 hr", 7200.0, "s"),
        ("2 M", 120.0, "s"),
    ],
)
def test_amounts(text: str, number: float, basis: str) -> None:
    quantity = parse_amount(text)
    assert quantity.number == pytest.approx(number, rel=1e-14)
    assert quantity.basis == basis


REFUSED = {
    "Discharge at 1C": ("the step never ends", "Discharge at 1C", "for 1 hour"),
    "Hold at 4.3 V until 4.2 V": ("a hold keeps its voltage", "until 4.2 V", "C/50"),
    "Discharge at 1C until 0.5C": ("a step at constant current keeps its current", "until 0.5 C", "2.5 V"),
    "Rest until 50 mA": ("a rest keeps its current", "until 0.05 A", "2.5 V"),
    "Charge at 0C until 4.2 V": ("the value must be above zero", "0C", '"Rest"'),
    "Charge at -1C until 4.2 V": ("the value must be above zero", "-1C", "already give the sign"),
    "Discharge at -5 W for 1 h": ("the value must be above zero", "-5 W", "already give the sign"),
    "Hold at 4.2 V until 0 A": ("never falls below zero", "0.0", "C/50"),
    "Hold at 4.2 V until -1 A": ("never falls below zero", "-1.0", "C/50"),
    "Discharge at 1 amp until 2.5 V": ("unknown unit 'amp'", "1 amp", "mA/cm2"),
    "Discharge at 1C until 2.5 mm": ("unknown unit 'mm'", "2.5 mm", "mV"),
    "Rest for 5 fortnights": ("unknown unit 'fortnights'", "5 fortnights", "hours"),
    "Rest for 5": ("the unit is missing", "5", "minutes"),
    "Discharge at 5 MA until 2.5 V": ("capital M means mega", "5 MA", "'mA'"),
    "Discharge at nan C until 2.5 V": ("not a finite number", "nan C", "0.5"),
    "Discharge at 1C until NaN V": ("not a finite number", "NaN V", "0.5"),
    "Rest for inf hours": ("not a finite number", "inf hours", "0.5"),
    "Discharge at C/0 until 2.5 V": ("division by zero", "C/0", "C/20"),
    "Discharge at 1e999 A for 1 h": ("not a finite number", "1e999 A", "0.5"),
    "Discharge at 0,8C until 2.5 V": ("cannot read this amount", "0,8C", "0.8C"),
    "Discharge at fast until 2.5 V": ("cannot read this amount", "fast", "C/20"),
    "Dicharge at 1C until 2.5 V": ("a step starts with what to do", "Dicharge", "'Discharge'"),
    "": ("a step starts with what to do", "", "Rest"),
    "Rest 5 minutes": ("cannot read this step", "Rest 5 minutes", "Rest for 1 hour"),
    "Rest at 1C for 1 hour": ("a rest takes no value", "1C", "Rest for 5 minutes"),
    "Charge until 4.2 V": ('"Charge" needs a value', "Charge", "Discharge at"),
    "Hold until 0.4C": ('"Hold" needs a value', "Hold", "Hold at"),
    "Hold at 1 A for 1 hour": ("only a voltage is held", "1 A", "Charge at"),
    "Charge at 4.1 V for 1 hour": ('"Charge" needs a current or a power', "4.1 V", "Hold at 4.1 V"),
    "Charge at 4 hours until 4.1 V": ('"Charge" needs a current or a power', "4 hours", "C/50"),
    "Discharge at 1 Ohm for 1 hour": ("constant resistance is not supported", "1 Ohm", "a power"),
    "Rest until 5 minutes": ('a time follows "for"', "until 5 minutes", "for 5 minutes"),
    "Rest for 3.6 V": ('a limit follows "until"', "for 3.6 V", "until 3.6 V"),
    "Hold at 4 V until 1 W": ("a step cannot end at a power", "until 1 W", "a current"),
    "Rest for 0 s": ("a time must be positive", "0.0", "for 5 minutes"),
    "Rest for -5 s": ("a time must be positive", "-5.0", "for 5 minutes"),
    "Rest for > 5 s": ("a time must be positive", "5.0", "without < or >"),
    "Rest for 1 h (1 V period)": ("the period is a time", "1 V", "1 minute period"),
    "Rest for 1 h (0 s period)": ("sampling period must be positive", "0.0", ""),
}


@pytest.mark.parametrize("line", REFUSED)
def test_refusals_name_value_and_remedy(line: str) -> None:
    message, value, remedy = REFUSED[line]
    with pytest.raises(InputError) as caught:
        parse_step(line)
    assert message in caught.value.message
    assert str(caught.value.value) == value
    assert remedy in (caught.value.remedy or "")
    assert caught.value.field == "step"
    assert caught.value.exit_code == 2


def test_only_text_is_a_line() -> None:
    with pytest.raises(InputError, match="one line of text"):
        parse_step(5)  # type: ignore[arg-type]
