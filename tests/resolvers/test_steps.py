"""`together`: protocols side by side, one round of steps at a time."""

import pytest

from resolvers.steps import Protocol, ReadHome, Step, Together, together


def asking(*keys: str) -> Protocol[list[str]]:
    """A protocol that asks for one key after the other."""
    answers: list[str] = []
    while len(answers) < len(keys):
        answer: str = yield ReadHome(keys[len(answers)])
        answers.append(answer)
    return answers


def carried(protocol: Protocol[list[list[str]]]) -> tuple[list[list[str]], list[Step]]:
    """Run it with the key in capitals as each answer -> result, rounds."""
    rounds: list[Step] = []
    try:
        step = next(protocol)
        while True:
            rounds.append(step)
            assert isinstance(step, Together)
            step = protocol.send([one.key.upper() for one in step.steps if isinstance(one, ReadHome)])
    except StopIteration as stop:
        return stop.value, rounds


def test_rounds_of_all_that_are_left() -> None:
    """A round has a step of each protocol that is not finished; results come back in the order of the protocols."""
    results, rounds = carried(together([asking("a", "b"), asking(), asking("c"), asking("d", "e", "f")]))
    assert results == [["A", "B"], [], ["C"], ["D", "E", "F"]]
    assert rounds == [
        Together([ReadHome("a"), ReadHome("c"), ReadHome("d")]),
        Together([ReadHome("b"), ReadHome("e")]),
        Together([ReadHome("f")]),
    ]


def test_nothing_to_do() -> None:
    """No protocols, or none that asks for anything: no step at all."""
    for protocols in ([], [asking(), asking()]):
        results, rounds = carried(together(protocols))
        assert results == [[] for _ in protocols]
        assert rounds == []


def test_too_few_replies_are_a_bug() -> None:
    """Whoever carries steps out answers each of them."""
    protocol = together([asking("a"), asking("b")])
    next(protocol)
    with pytest.raises(ValueError, match="shorter"):
        protocol.send(["A"])


def test_togethers_nest() -> None:
    """A protocol may itself be several side by side; its Together is one step of the round."""

    def inner() -> Protocol[list[list[str]]]:
        return (yield from together([asking("a"), asking("b")]))

    outer = together([inner(), inner()])
    step = next(outer)
    assert step == Together([Together([ReadHome("a"), ReadHome("b")])] * 2)
    with pytest.raises(StopIteration) as stop:
        outer.send([["1", "2"], ["3", "4"]])
    assert stop.value.value == [[["1"], ["2"]], [["3"], ["4"]]]
