"""Lists and mappings to cycles, repeats, and the place named in errors."""

import pytest

from lithoscape.errors import InputError
from lithoscape.protocol import Cycle, Sequence, parse_protocol, parse_step

DISCHARGE, REST, CHARGE = "Discharge at 1C until 2.5 V", "Rest for 5 minutes", "Charge at C/2 until 4.2 V"


def test_lines_are_cycles_of_one_step() -> None:
    sequence = parse_protocol([DISCHARGE, REST])
    assert [len(cycle.steps) for cycle in sequence.cycles] == [1, 1]
    assert list(sequence) == [parse_step(DISCHARGE), parse_step(REST)]


def test_lists_and_tuples_are_cycles() -> None:
    sequence = parse_protocol([[DISCHARGE, REST], (CHARGE, REST, REST), REST])
    assert [len(cycle.steps) for cycle in sequence.cycles] == [2, 3, 1]


def test_mappings_name_and_repeat() -> None:
    sequence = parse_protocol([REST, {"cycle": "ageing", "repeat": 3, "steps": [DISCHARGE, CHARGE]}])
    assert sequence.cycles[1].name == "ageing"
    assert len(sequence) == 7 == len(list(sequence))
    turns = list(sequence.turns())
    assert [turn.cycle for turn in turns] == [0, 1, 1, 2, 2, 3, 3]
    assert [turn.step for turn in turns] == list(range(7))
    assert [(turn.entry, turn.index) for turn in turns[1:]] == [(1, 0), (1, 1)] * 3
    assert turns[6].spec.text == CHARGE


def test_one_mapping_is_a_protocol() -> None:
    assert len(parse_protocol({"steps": [DISCHARGE, REST], "repeat": 2})) == 4


def test_parsed_steps_are_taken_as_they_are() -> None:
    step = parse_step(REST)
    assert next(iter(parse_protocol([step]))) is step


def test_round_trip_as_plain_data() -> None:
    sequence = parse_protocol([REST, [DISCHARGE, REST], {"cycle": "x", "repeat": 2, "steps": [CHARGE]}])
    assert parse_protocol(sequence.to_list()) == sequence


REFUSED = [
    ([], "protocol", "the protocol is empty"),
    ("Rest for 5 s", "protocol", "a protocol is a list"),
    ([REST, [REST, REST, "Rest for 5 weeks"]], "protocol[1].steps[2]", "unknown unit"),
    ([REST, "Rest"], "protocol[1]", "the step never ends"),
    ([{"steps": [REST, 3]}], "protocol[0].steps[1]", "one line of text"),
    ([7], "protocol[0]", "neither a step nor a cycle"),
    ([[]], "protocol[0].steps", "at least one step"),
    ([{"step": [REST]}], "protocol[0].step", "unknown key"),
    ([{"cycle": "a"}], "protocol[0].steps", "a cycle needs its steps"),
    ([{"steps": REST}], "protocol[0].steps", "a cycle needs its steps"),
    ([{"steps": [REST], "cycle": 3}], "protocol[0].cycle", "the name of a cycle is text"),
    ([{"steps": [REST], "repeat": 0}], "protocol[0].repeat", "whole number"),
    ([{"steps": [REST], "repeat": 2.5}], "protocol[0].repeat", "whole number"),
    ([{"steps": [REST], "repeat": True}], "protocol[0].repeat", "whole number"),
]


@pytest.mark.parametrize(("protocol", "field", "message"), REFUSED)
def test_refusals_name_the_place(protocol: object, field: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_protocol(protocol)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_unknown_key_offers_the_nearest() -> None:
    with pytest.raises(InputError, match="Did you mean 'repeat'"):
        parse_protocol([{"repeats": 3, "steps": [REST]}])


def test_sequences_cannot_be_empty() -> None:
    with pytest.raises(InputError, match="at least one step"):
        Cycle("", ())
    with pytest.raises(InputError, match="empty"):
        Sequence(())
