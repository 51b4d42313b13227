"""Which release of IDWeave this is."""

from importlib import metadata


def release() -> str:
    """The version as it was installed."""
    try:
        return metadata.version("idweave")
    except metadata.PackageNotFoundError:  # it runs out of a folder that was never installed
        return "unknown"
