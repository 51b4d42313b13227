"""The page docs/configuration.md: every variable and every setting, from what reads them and from the packaged file.

Must not know: what a setting does; the packaged file says that.
"""

import re
from collections.abc import Iterator
from typing import Final

from stream.config.configuration import PACKAGED_FILE, known_settings
from stream.config.settings import DEFAULTS, OWN_KAFKA_SETTINGS, VARIABLES

WORDS_MAX: Final = 16
"""More words than this are not listed."""

HEAD: Final = """# Configuration

Made from `stream/config` and `idweave.yaml` by `python -m stream.reference`; a test compares the two.

Servers, keys and tokens are variables; who is who is in `idweave.yaml`; what is decided about people is in
`rules.yaml`, which has [a page of its own](rules.md). `idweave config check` reads all of it as a worker would, and
names every mistake with its place and what to do. Everything is read when a process starts.
"""
ENVIRONMENT: Final = """## Variables

From the command line (`--brokers`, `--redis`), the environment, or `.env` in the working folder, in this order; an
empty one is as if it were not set. No message, log line or error repeats a key, a token or a password. Another variable
that begins with `IDWEAVE_` is warned of.

| variable | what it is | default |
|---|---|---|"""
KAFKA: Final = """| `IDWEAVE_KAFKA_*` | librdkafka's: `IDWEAVE_KAFKA_SECURITY_PROTOCOL` is `security.protocol`. | |

What the engine's promises stand on is not to be set so, and a worker refuses to start with it:

| setting | why |
|---|---|"""
FILE: Final = """
## idweave.yaml

`idweave.yaml` in the working folder, or the file that `IDWEAVE_CONFIG` names; without either, the packaged one, which
is this. A file replaces it as a whole; what it leaves out has the default. A setting that is not known is a mistake.
"""


def page() -> str:
    """The whole page, as Markdown."""
    rows = [f"| `{name}` | {_cell(says)} | {_default(name)} |" for name, says in VARIABLES.items()]
    own = [f"| `{name}` | {why} |" for name, why in OWN_KAFKA_SETTINGS.items()]
    return "\n".join([HEAD, ENVIRONMENT, *rows, KAFKA, *own, FILE, *_file()])


def _default(name: str) -> str:
    return f"`{DEFAULTS[name]}`" if name in DEFAULTS else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _file() -> Iterator[str]:
    may_be: dict[str, dict[str, str]] = {}
    for path, words in known_settings().items():
        top, _, below = path.partition(".")
        name = re.sub(r"^[a-z]+\.", "NAME.", below) if top == "namespaces" else below
        may_be.setdefault(top, {})[name or top] = _shortened(words)
    for name, fragment in _fragments():
        yield f"### {name}\n"
        yield f"```yaml\n{fragment}\n```\n"
        if name in may_be:
            yield "| setting | may be |\n|---|---|"
            yield from (f"| `{below}` | {words} |" for below, words in may_be[name].items())
            yield ""


def _shortened(words: str) -> str:
    listed = words.split(", ")
    return words if len(listed) <= WORDS_MAX else f"one of {len(listed)}, such as {listed[0]} or {listed[-1]}"


def _fragments() -> Iterator[tuple[str, str]]:
    """Each top-level setting of the packaged file with the comment above it."""
    for block in re.split(r"\n{2,}", PACKAGED_FILE.read_text(encoding="utf-8").strip()):
        name = re.search(r"^([a-z_]+):", block, re.MULTILINE)
        if name is not None:
            yield name[1], block
