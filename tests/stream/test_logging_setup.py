"""Logging: what a library says over and over is a line now and then."""

import logging

from stream.logging_setup import AGAIN_SECONDS, Seldom


def record(text: str, *args: object, name: str = "aiokafka") -> logging.LogRecord:
    """What a library hands to the handler."""
    return logging.LogRecord(name, logging.WARNING, "", 0, text, args, None)


def test_a_library_says_a_thing_once_in_a_while() -> None:
    """The same but for its numbers is kept back and counted; another thing, and the same one later, is said."""
    now = 100.0
    seldom = Seldom(lambda: now)
    assert seldom.filter(record("node %s failed after %s s", "a", 0.1))
    assert not seldom.filter(record("node %s failed after %s s", "a", 27))
    assert not seldom.filter(record("node %s failed after %s s", "a", 28))
    assert seldom.filter(record("node %s failed after %s s", "b", 1))
    assert seldom.filter(record("node %s failed after %s s", "a", 1, name="mode"))
    now += AGAIN_SECONDS
    later = record("node %s failed after %s s", "a", 3)
    assert seldom.filter(later)
    assert later.getMessage() == "node a failed after 3 s (and 2 more like it before)"


def test_the_engines_own_lines_are_all_said() -> None:
    """Structlog hands over an event, not a text."""
    seldom = Seldom(lambda: 0.0)
    own = logging.LogRecord("idweave.session", logging.WARNING, "", 0, {"event": "cannot open"}, (), None)
    assert [seldom.filter(own) for _ in range(3)] == [True] * 3
