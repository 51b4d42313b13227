"""YAML text: from what a file says to its content, or to the reason why that can't be.

Rules: whatever the text, an answer, and soon: no depth, alias or number of it brings the reader down or keeps it busy.
Must not know: which settings there are.
"""

import re
import warnings
from typing import Any, Final, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

from stream.config.slips import yaml_slip

DEPTH_MAX: Final = 32
REPEATED_MAX: Final = 10_000
"""Values that are there by an alias only. Ten aliases in each other are a line, and more values than memory holds."""
OPEN_IN_A_LINE_MAX: Final = 200
"""Brackets that a line leaves open: the parser looks at all of them before it says anything, each time longer."""
_QUOTED: Final = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|#.*""")


class NotYaml(NamedTuple):
    """Why a text is not read, where, if that is known (line and column from 0), and what to write instead."""

    reason: str
    at: tuple[int, int] | None = None
    hint: str = ""


def read_yaml(text: str) -> Any | NotYaml:  # noqa: ANN401 - whatever YAML can say
    """The content of a text, with the places of its parts."""
    try:
        at = _too_deep(text)
        content = NotYaml(f"the file is nested deeper than {DEPTH_MAX}", at) if at is not None else _loaded(text)
    except ReusedAnchorWarning:
        return NotYaml("two values have the same anchor")
    except MarkedYAMLError as error:
        slip = yaml_slip(text, error)
        return NotYaml(slip.reason, slip.at, slip.hint)
    except YAMLError as error:
        return NotYaml(f"this is not YAML: {str(error).strip().partition(chr(10))[0]}")
    except (AttributeError, RecursionError):  # the former: a mapping that merges itself
        return NotYaml("a value refers to itself")
    except ValueError:  # a number of thousands of digits, a date that there is not
        return NotYaml("a number or a date in the file can't be read")
    return content


def _loaded(text: str) -> Any | NotYaml:  # noqa: ANN401 - as above
    with warnings.catch_warnings():
        warnings.simplefilter("error", ReusedAnchorWarning)
        content = YAML().load(text)
    written: dict[int, int] = {}
    if _values(content, written) - len(written) > REPEATED_MAX:
        return NotYaml(f"the aliases of the file repeat more than {REPEATED_MAX} values")
    return content


def _too_deep(text: str) -> tuple[int, int] | None:
    """Where the text goes deeper than it may. The reader proper calls itself for each level, and gets ever slower."""
    for number, line in enumerate(text.splitlines()):
        bare = _QUOTED.sub("", line)
        if sum(map(bare.count, "[{")) - sum(map(bare.count, "]}")) > OPEN_IN_A_LINE_MAX:
            return number, 0
    depth = 0
    for event in YAML().parse(text):
        if isinstance(event, CollectionStartEvent):
            depth += 1
            if depth > DEPTH_MAX:
                return event.start_mark.line, event.start_mark.column
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
    return None


def _values(content: object, written: dict[int, int]) -> int:
    """How many mappings and lists there are, each as often as it is told; in `written` those that are in the text.

    Raises:
        RecursionError: one is within itself.
    """
    if not isinstance(content, CommentedMap | CommentedSeq):
        return 0
    if id(content) not in written:
        written[id(content)] = 0  # not yet known: whoever meets it now is within it
        parts = content.values() if isinstance(content, CommentedMap) else content
        written[id(content)] = 1 + sum(_values(part, written) for part in parts)
    elif written[id(content)] == 0:
        raise RecursionError
    return written[id(content)]
