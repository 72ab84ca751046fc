"""Protocols that a cell cannot run are refused with the place of the step."""

import pytest

from lithoscape.errors import InputError
from lithoscape.protocol import Base, check_protocol, parse_protocol

WINDOW = (2.5, 4.4)
BASE = Base(c_rate_current_density=30.0, area=1e-3)

POSSIBLE = [
    [
        "Discharge at 0.8C until 2.5 V",
        "Rest for 5 minutes",
        "Charge at 1C until 4.3 V",
        "Hold at 4.3 V until 0.4C",
    ],
    ["Charge at 1C for 10 minutes or until 5.5 V"],
    ["Charge at 1C until 4.2 V", "Hold at 4.3 V until 2C"],
    ["Charge at 1C until 4.2 V", "Rest for 1 h", "Hold at 4.2 V until 2C"],
    ["Charge at 1C until 4.2 V", "Hold at 4.2 V until 0.9C"],
    ["Charge at 1 W until 4.2 V", "Hold at 4.2 V until 2C"],
    ["Charge at 1C until 4.4 V", "Discharge at 1C until 2.5 V", "Rest until 3.6 V"],
]

REFUSED = [
    (["Charge at 1C until 5.5 V"], "protocol[0]", "the step never ends"),
    (["Discharge at 1C until 1 V"], "protocol[0]", "the step never ends"),
    (["Rest until 5 V"], "protocol[0]", "the step never ends"),
    (["Charge at 1C until 2 V or for 1 h"], "protocol[0]", "the charge would be over before it starts"),
    (["Discharge at 1C until 5 V or for 1 h"], "protocol[0]", "the discharge would be over before it starts"),
    (["Discharge at 1C until > 2 V"], "protocol[0]", "the discharge would be over before it starts"),
    (["Hold at 5 V for 1 h"], "protocol[0]", "outside what the materials can reach"),
    (["Hold at 1 V for 1 h"], "protocol[0]", "outside what the materials can reach"),
    ([["Charge at 1C until 4.3 V", "Hold at 4.3 V until 2C"]], "protocol[0].steps[1]", "over at once"),
    (["Charge at 1C until 4.3 V", "Hold at 4.3 V until 1C"], "protocol[1]", "over at once"),
    (["Charge at 10 mA until 4.3 V", "Hold at 4.3 V for 1 h or until 1C"], "protocol[1]", "over at once"),
    (
        [{"steps": ["Hold at 4.2 V until 2C", "Charge at 1C until 4.2 V"], "repeat": 2}],
        "protocol[0].steps[0]",
        "over at once",
    ),
]


@pytest.mark.parametrize("protocol", POSSIBLE)
def test_possible_protocols_pass(protocol: list[str]) -> None:
    check_protocol(parse_protocol(protocol), WINDOW, BASE)


@pytest.mark.parametrize(("protocol", "field", "message"), REFUSED)
def test_impossible_protocols_are_refused(protocol: list[object], field: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        check_protocol(parse_protocol(protocol), WINDOW, BASE)
    assert caught.value.field == field
    assert caught.value.value
    assert caught.value.remedy


def test_the_remedy_names_the_window() -> None:
    with pytest.raises(InputError, match=r"Choose a voltage from 2.5 to 4.4 V"):
        check_protocol(parse_protocol(["Charge at 1C until 5.5 V"]), WINDOW, BASE)


@pytest.mark.parametrize(
    "line", ["Charge at 1 A until 4.2 V", "Hold at 4.2 V until 1 mA", "Charge at 1 W for 1 h"]
)
def test_absolute_values_need_an_area(line: str) -> None:
    with pytest.raises(InputError, match="needs the electrode area") as caught:
        check_protocol(parse_protocol([[line, "Rest for 1 h"]]), WINDOW, Base(30.0))
    assert caught.value.field == "protocol[0].steps[0]"


@pytest.mark.parametrize("window", [(4.2, 2.5), (3.0, 3.0), (float("nan"), 4.2)])
def test_the_window_is_ordered(window: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="lowest before highest"):
        check_protocol(parse_protocol(["Rest for 1 h"]), window, BASE)
