"""YAML by sections: each setting is asked for by name and type, and has a place in its file.

Job: read a file and answer for its settings, collecting each mistake with file, line and column.
Rules: a wrong setting is answered with its default, so that one run names all mistakes; a setting that nobody asked for
is a mistake, so that a typing error never means a silent default.
Must not know: which settings there are.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

from ruamel.yaml.comments import CommentedMap

from stream.config.mistakes import Mistake, closest
from stream.config.slips import word_slip
from stream.config.yaml_text import NotYaml, read_yaml

FILE_CHARACTERS_MAX: Final = 1_000_000

Word = TypeVar("Word", bound=str)


class Reading:
    """The file being read, and what was found wrong so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: list[Mistake] = []
        self.warnings: list[Mistake] = []
        self.known: dict[str, str] = {}
        """Every setting that was asked for, by its path, and what may stand there."""
        self.lines: list[str] = []

    def is_quoted(self, at: tuple[int, int]) -> bool:
        """Whether the text that begins there is in quotes."""
        [line] = self.lines[at[0] : at[0] + 1] or [""]  # YAML knows more line ends than most editors do
        return line[at[1] : at[1] + 1] in {"'", '"'}

    def place(self, at: tuple[int, int]) -> str:
        """File, line and column, from 1."""
        return f"{self.file}:{at[0] + 1}:{at[1] + 1}"


def read_top(file: Path, reading: Reading) -> "Section | None":
    """The file's top section; None if the file is empty or cannot be read."""
    try:
        text = file.read_text(encoding="utf-8")
        if len(text) > FILE_CHARACTERS_MAX:
            reading.mistakes.append(
                Mistake(reading.file, "", f"the file has more than {FILE_CHARACTERS_MAX} characters")
            )
            return None
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError):
            reason, hint = error.strerror, "look at its name and place"
        else:
            reason, hint = "it is not UTF-8", "save it as UTF-8"
        reading.mistakes.append(Mistake(reading.file, "", f"the file cannot be read: {reason}", hint))
        return None
    reading.lines = text.split("\n")
    content = read_yaml(text)
    if isinstance(content, NotYaml):
        place = reading.file if content.at is None else reading.place(content.at)
        reading.mistakes.append(Mistake(place, "", content.reason, content.hint))
        return None
    if content is not None and not isinstance(content, CommentedMap):
        reading.mistakes.append(
            Mistake(reading.place((0, 0)), "", "the file must hold settings, one `name: value` a line")
        )
        return None
    return Section(reading, "", content, (0, 0)) if content is not None else None


class Section:
    """A mapping of the file. Each setting is asked for once; what nobody asked for is unknown."""

    def __init__(self, reading: Reading, path: str, content: CommentedMap, at: tuple[int, int]) -> None:
        self.reading = reading
        self.content = content
        self._path = path
        self._at = at
        self._asked: set[str] = set()

    def path(self, name: object) -> str:
        """The setting's name with those of the sections around it."""
        return f"{self._path}.{name}" if self._path else str(name)

    def mistake(self, name: object, reason: str, hint: str = "", *, at_name: bool = False) -> None:
        """Something is wrong with a setting: at its value, or at its name."""
        self.reading.mistakes.append(Mistake(self.place(name, at_name=at_name), self.path(name), reason, hint))

    def wrong(self, reason: str, hint: str = "") -> None:
        """Something is wrong with the section as a whole."""
        self.reading.mistakes.append(Mistake(self.reading.place(self._at), self._path, reason, hint))

    def missing(self, name: str, hint: str = "") -> None:
        """A setting that has to be there is not: told at the section's place."""
        self.reading.mistakes.append(Mistake(self.reading.place(self._at), self.path(name), "is missing", hint))

    def warning(self, name: object, reason: str, hint: str) -> None:
        """A setting is allowed and unwise."""
        self.reading.warnings.append(Mistake(self.place(name, at_name=True), self.path(name), reason, hint))

    def place(self, name: object, *, at_name: bool = False) -> str:
        """Where a setting is: its value, or its name."""
        return self.reading.place(self.at(name, at_name=at_name))

    def at(self, name: object, *, at_name: bool = False) -> tuple[int, int]:
        """The same as line and column, from 0."""
        try:
            line, column = self.content.lc.key(name) if at_name else self.content.lc.value(name)
        except (KeyError, TypeError):  # a name that came in by a YAML merge has no place of its own
            return self._at
        return line, column

    def refuse_others(self) -> None:
        """Names a mistake for each setting that was not asked for."""
        for name in self.content:
            if name not in self._asked:
                hint = word_slip(name) or closest(str(name), sorted(self._asked))
                self.mistake(name, "unknown setting", hint, at_name=True)

    def value(self, name: str) -> Any:  # noqa: ANN401 - whatever YAML can say
        """The setting as YAML has it; None if it is not there."""
        self._asked.add(name)
        return self.content.get(name)

    def _known(self, name: str, may_be: str) -> None:
        self.reading.known[self.path(name)] = may_be

    def section(self, name: str) -> "Section | None":
        """The section of that name; None if it is not there or is none."""
        content = self.value(name)
        if content is None:
            return None
        if not isinstance(content, CommentedMap):
            self.mistake(name, "must hold settings", f"write it as {name}: {{...}}")
            return None
        return Section(self.reading, self.path(name), content, (content.lc.line, content.lc.col))

    def boolean(self, name: str) -> bool:
        """A flag, off if it is not there."""
        self._known(name, "`true` or `false`")
        value = self.value(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.mistake(name, "must be true or false")
        return False

    def integer(self, name: str, default: int, most: int, least: int = 1) -> int:
        """A whole number within its bounds."""
        self._known(name, f"a whole number, {least:,} to {most:,}")
        value = self.value(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.mistake(name, f"must be a whole number from {least} to {most}")
            return default
        return int(value)

    def text(self, name: str) -> str | None:
        """A text; a number without quotes is none, because YAML takes its leading zeros."""
        self._known(name, "text")
        value = self.value(name)
        if value is None or isinstance(value, str):
            return None if value is None else str(value)
        self.mistake(name, "must be text", "write it in quotes")
        return None

    def word(self, name: str, words: Iterable[Word], hint: str = "") -> Word | None:
        """One of the words. `hint`: what to say of another one, where it is not which words there are."""
        known = {str(word): word for word in words}
        value = self.text(name)
        self._known(name, ", ".join(f"`{word}`" for word in sorted(known)))
        if value is not None and value not in known:
            self.mistake(name, "unknown value", hint or closest(value, sorted(known)))
        return known.get(value) if value is not None else None
