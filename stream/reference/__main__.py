"""Write all that is made from the code: `python -m stream.reference`. A test compares what is committed with it."""

import sys
from pathlib import Path

from stream.reference.everything import FOLDERS, everything

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Write what has changed, remove what is not made any more, and say both."""
    made = everything(ROOT)
    for folder in FOLDERS:
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and str(file.relative_to(ROOT)) not in made:
                file.unlink()
                sys.stdout.write(f"removed {file.relative_to(ROOT)}\n")
    for name, text in made.items():
        file = ROOT / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
            sys.stdout.write(f"written {name}\n")


if __name__ == "__main__":
    main()
