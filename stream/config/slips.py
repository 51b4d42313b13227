"""Slips of the pen: what a Chinese keyboard, a tab or a forgotten space puts where YAML wants something else.

Job: from a file that YAML cannot read, or a word that nobody knows, to what most likely happened and what to write.
Rules: looked for outside quotes and comments only, where such characters may well be meant. A guess is a hint; it never
changes what is read.
Must not know: which settings there are.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from ruamel.yaml.error import MarkedYAMLError

KEYBOARD: Final = {
    "\N{FULLWIDTH COLON}": ("a Chinese colon", "a colon and a space"),
    "\N{FULLWIDTH COMMA}": ("a Chinese comma", "an ordinary comma"),
    "\N{IDEOGRAPHIC COMMA}": ("a Chinese comma", "an ordinary comma"),
    "\N{FULLWIDTH SEMICOLON}": ("a Chinese semicolon", "an ordinary comma"),
    "\N{FULLWIDTH LEFT CURLY BRACKET}": ("a Chinese bracket", "{"),
    "\N{FULLWIDTH RIGHT CURLY BRACKET}": ("a Chinese bracket", "}"),
    "\N{FULLWIDTH LEFT SQUARE BRACKET}": ("a Chinese bracket", "["),
    "\N{FULLWIDTH RIGHT SQUARE BRACKET}": ("a Chinese bracket", "]"),
    "\N{LEFT BLACK LENTICULAR BRACKET}": ("a Chinese bracket", "["),
    "\N{RIGHT BLACK LENTICULAR BRACKET}": ("a Chinese bracket", "]"),
    "\N{FULLWIDTH LEFT PARENTHESIS}": ("a Chinese bracket", "an ordinary one"),
    "\N{FULLWIDTH RIGHT PARENTHESIS}": ("a Chinese bracket", "an ordinary one"),
    "\N{LEFT DOUBLE QUOTATION MARK}": ("a curly quote", 'an ordinary "'),
    "\N{RIGHT DOUBLE QUOTATION MARK}": ("a curly quote", 'an ordinary "'),
    "\N{LEFT SINGLE QUOTATION MARK}": ("a curly quote", "an ordinary '"),
    "\N{RIGHT SINGLE QUOTATION MARK}": ("a curly quote", "an ordinary '"),
    "\N{FULLWIDTH NUMBER SIGN}": ("a Chinese number sign", "#"),
    "\N{FULLWIDTH HYPHEN-MINUS}": ("a Chinese dash", "-"),
    "\N{IDEOGRAPHIC SPACE}": ("a Chinese space", "ordinary spaces"),
    "\N{NO-BREAK SPACE}": ("a no-break space", "ordinary spaces"),
    **{chr(0xFF10 + digit): ("a Chinese digit", str(digit)) for digit in range(10)},
}
CURLY: Final = frozenset("\N{LEFT DOUBLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}")
COMMAS: Final = frozenset("\N{FULLWIDTH COMMA}\N{IDEOGRAPHIC COMMA}")
LINES_BACK: Final = 2
"""YAML notices that something is wrong at the next thing that does not fit, which may be a line or two later."""

_QUOTED_OR_COMMENT = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|(?:^|(?<=\s))#.*")
_NO_SPACE = re.compile(r"(?:^\s*|[{,]\s*|- )(?P<name>[A-Za-z_][\w.-]*):(?=[^\s:/])|^\s*-(?=[^\s-])")
_TAB = re.compile(r"^ *\t")


_NAME_ALONE = re.compile(r"\s*(?P<name>[A-Za-z_][\w.-]*)(?=\s|$)")
_TWICE = "found duplicate key"
_AFTER_A_TEXT = ("mapping values are not allowed", "expected '<document start>'")


class Slip(NamedTuple):
    """What most likely happened. `at`: line and column, from 0; `hint`: what it is, and what to write."""

    at: tuple[int, int]
    reason: str
    hint: str = ""


def keyboard_slip(text: str) -> str:
    """A hint where a text has a character that a Chinese keyboard puts in; "": it has none."""
    found = next((one for one in text if one in KEYBOARD), None)
    if found is None:
        return ""
    called, instead = KEYBOARD[found]
    shown = f"U+{ord(found):04X}" if found.isspace() else f"'{found}'"
    return f"{shown} is {called}: write {instead}"


def text_slip(text: str, *, is_quoted: bool) -> str:
    """A hint where a text to compare with was most likely meant to be several, or to be in quotes."""
    if is_quoted or not text or not (text[0] in CURLY or any(one in COMMAS for one in text)):
        return ""
    return f"{keyboard_slip(text)}, or put the whole text in ordinary quotes if it is meant"


def word_slip(word: object) -> str:
    """A hint where a word that nobody knows is not one word, but two or a part of a number; "": it seems to be one."""
    if isinstance(word, int):
        return "a comma ends a number: write 1000"
    text = str(word)
    name, colon, rest = text.partition(":")
    return keyboard_slip(text) or (f"write a space after the colon: {name}: {rest.strip()}" if colon and rest else "")


def yaml_slip(text: str, error: MarkedYAMLError) -> Slip:
    """What happened in a file that is no YAML."""
    mark = error.problem_mark or error.context_mark
    problem = (error.problem or "").strip().partition("\n")[0]
    if mark is None:
        return Slip((0, 0), f"this is not YAML: {problem}")
    lines = text.split("\n")
    at = (mark.line, mark.column)
    for line in range(mark.line, max(mark.line - LINES_BACK, 0) - 1, -1):
        if line < len(lines) and (found := _in_line(lines[line])):
            return Slip((line, found[0]), "this is not YAML", found[1])
    if (missing := _no_colon(lines, error, problem)) is not None:
        return Slip(missing[0], "this is not YAML", missing[1])
    begun = error.context_mark
    if begun is not None and "quoted scalar" in (error.context or ""):
        return Slip((begun.line, begun.column), "this is not YAML", "the quote that begins here does not end")
    if begun is not None and "flow" in (error.context or ""):
        what = f"the bracket of line {begun.line + 1} is not closed, or a comma is missing before this"
        return Slip(at, f"this is not YAML: {problem}", what)
    if problem.startswith(_TWICE):
        problem = _TWICE  # without the name and its value
    return Slip(at, f"this is not YAML: {problem}", _explained(problem, lines, mark.line))


def _in_line(line: str) -> tuple[int, str] | None:
    """The column of a slip in a line, and the hint."""
    if _TAB.match(line):
        return line.index("\t"), "a tab is no indentation: use spaces"
    bare = _QUOTED_OR_COMMENT.sub(lambda found: "." * len(found[0]), line)
    for column, character in enumerate(bare):
        if character in KEYBOARD:
            return column, keyboard_slip(character)
    missing = _NO_SPACE.search(bare)
    if missing is None:
        return None
    return missing.end(), f"write a space after the {'colon' if missing['name'] else 'dash'}"


def _no_colon(lines: Sequence[str], error: MarkedYAMLError, problem: str) -> tuple[tuple[int, int], str] | None:
    """Where a name has no colon, and the hint. YAML takes it for a text, and stumbles over the line after it."""
    if problem.startswith("could not find expected ':'") and error.context_mark is not None:
        line = error.context_mark.line
    elif problem.startswith(_AFTER_A_TEXT) and error.problem_mark is not None:
        after = error.problem_mark.line
        before = [at for at in range(after) if lines[at].strip() and not lines[at].lstrip().startswith("#")]
        if not before or _indent(lines[before[-1]]) != _indent(lines[after]):
            return None
        line = before[-1]
    else:
        return None
    named = _NAME_ALONE.match(_QUOTED_OR_COMMENT.sub("", lines[line]))
    return None if named is None else ((line, named.end()), f"write a colon and a space after '{named['name']}'")


def _explained(problem: str, lines: Sequence[str], line: int) -> str:
    if problem.startswith("expected <block end>"):
        return f"this line begins after {_indent(lines[line])} spaces: begin it where the lines beside it begin"
    if problem == _TWICE:
        return "this name was there before; give one another name"
    if problem.startswith("mapping values are not allowed"):
        return "this line is indented more than the one that it belongs beside, or a text with a colon needs quotes"
    if problem.startswith("could not find expected ':'"):
        return "the line before has no colon after its name"
    return ""


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
