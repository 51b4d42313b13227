"""`idweave`, and `python -m stream.cli`: where the program begins, and how Ctrl-C ends it at any moment.

Rules: the modules of the command line take half a second to read, in which a person may press Ctrl-C: that ends the
process at once, with a word and no traceback. So nothing is imported before that is seen to.
Must not know: any command.
"""

import os
import signal
import sys
from io import TextIOWrapper

EXIT_STOPPED = 1


def stopped(*_signal: object) -> None:
    """End here: nothing has been started yet, or all of it has been stopped."""
    os.write(sys.stderr.fileno(), b"Stopped.\n")
    os._exit(EXIT_STOPPED)


signal.signal(signal.SIGINT, stopped)


def main() -> None:
    """The console script: run the command line and exit."""
    import logging  # noqa: PLC0415 - see the rules

    from stream.cli.main import run  # noqa: PLC0415 - as above

    logging.basicConfig(handlers=[logging.NullHandler()])  # a client's own words would stand beside our sentence
    for stream in (sys.stdout, sys.stderr):  # a terminal that has no Chinese gets its code points, not our failure
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        code = run(sys.argv[1:])
        signal.signal(signal.SIGINT, stopped)
    except KeyboardInterrupt:
        stopped()
    sys.exit(code)


if __name__ == "__main__":
    main()
