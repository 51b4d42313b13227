"""Variables by name, from the command line, the environment, `.env` and defaults, with the place each came from.

Rules: an override (the command line) beats the environment, which beats `.env`, which beats a default; an empty
variable is an unset one; only names that begin with IDWEAVE_ are read. No message repeats a variable's text.
Must not know: which variables there are and what they mean.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from stream.config.mistakes import Mistake

PREFIX: Final = "IDWEAVE_"
DEFAULT: Final = "default"
"""The place of a variable that nobody set."""

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_QUOTED = re.compile(r"""(["'])(.*)\1\s*(?:#.*)?""")

Value = TypeVar("Value")


class WrongTextError(Exception):
    """A variable's text cannot be used: the reason, and a hint. Never the text."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


class Variables:
    """Variables by name, with the place each came from."""

    def __init__(
        self, environ: Mapping[str, str], folder: Path, overrides: Mapping[str, str], defaults: Mapping[str, str]
    ) -> None:
        self.mistakes: list[Mistake] = []
        self._found: dict[str, tuple[str, str]] = {}
        self._keep(defaults, DEFAULT)
        self._read_file(folder / ".env")
        self._keep(environ, "environment")
        self._keep(overrides, "command line")

    def _keep(self, variables: Mapping[str, str], place: str) -> None:
        self._found.update(
            {name: (text, place) for name, text in variables.items() if text and name.startswith(PREFIX)}
        )

    def _read_file(self, file: Path) -> None:
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()  # some editors begin a file with a mark
        except FileNotFoundError:
            return
        except UnicodeDecodeError:
            self.mistakes.append(Mistake(str(file), "", "the file is not UTF-8 text", "save it as UTF-8"))
            return
        except OSError as error:
            reason = f"the file cannot be read: {(error.strerror or 'nobody knows why').lower()}"
            self.mistakes.append(Mistake(str(file), "", reason, "it is a file of lines NAME=value"))
            return
        for number, line in enumerate(map(str.strip, lines), 1):
            if not line or line.startswith("#"):
                continue
            place = f"{file}:{number}:1"
            if (match := _LINE.fullmatch(line)) is None:
                self.mistakes.append(Mistake(place, "", "this is no setting", "write it as NAME=value"))
                continue
            quoted = _QUOTED.fullmatch(match[2])
            if quoted is None and match[2][:1] in {'"', "'"} and match[1].startswith(PREFIX):
                reason = "what begins with a quote does not end with it"
                self.mistakes.append(Mistake(place, match[1], reason, "write NAME=value, or NAME='value'"))
                continue
            text = quoted[2] if quoted is not None else re.split(r"\s+#", match[2])[0].strip()
            self._keep({match[1]: text}, place)

    def get(self, name: str) -> str:
        """The variable's text, empty if unset."""
        return self._found.get(name, ("", ""))[0]

    def named(self, prefix: str) -> list[str]:
        """Names that were set and begin so."""
        return sorted(name for name in self._found if name.startswith(prefix))

    def place(self, name: str) -> str:
        """Where the variable was set; `environment` if it was not."""
        return self._found.get(name, ("", "environment"))[1]

    def mistake(self, name: str, reason: str, hint: str) -> None:
        """Something is wrong with a variable."""
        self.mistakes.append(Mistake(self.place(name), name, reason, hint))

    def read(self, name: str, read: Callable[[str], Value], otherwise: Value) -> Value:
        """What a variable's text means; `otherwise` if it is unset, or if it is wrong, which is then noted."""
        text = self.get(name).strip()
        if not text:
            return otherwise
        try:
            return read(text)
        except WrongTextError as wrong:
            self.mistake(name, wrong.reason, wrong.hint)
            return otherwise
