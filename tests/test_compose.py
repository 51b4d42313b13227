"""docker-compose.yml: what can be said of it without a container engine. Whether it runs is not shown here."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = YAML(typ="safe").load(ROOT / "docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    """Each service names an image with a whole version, so that two people start the same thing."""
    assert re.fullmatch(r"[\w./-]+:\d+\.\d+\.\d+[\w.-]*", SERVICES[name]["image"])


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if service["restart"] != "no"])
def test_long_running_services_have_a_healthcheck(name: str) -> None:
    """What keeps running says whether it works; what runs once says so by its exit code."""
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_on_loopback(name: str) -> None:
    """Nothing of a trial set-up can be reached from another machine."""
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:")


def test_dependencies_name_services() -> None:
    """Every service that another waits for exists, and has what the condition asks for."""
    for service in SERVICES.values():
        for name, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]
            else:
                assert SERVICES[name]["restart"] == "no"


def test_broker_is_the_version_that_the_live_tests_run() -> None:
    """The Kafka of the trial is the Kafka of the tests."""
    pom = (ROOT / "tests" / "live" / "kafka-pom.xml").read_text()
    assert f"<version>{SERVICES['kafka']['image'].split(':')[1]}</version>" in pom


def test_image_is_built_in_stages_and_runs_without_root() -> None:
    """The image that runs holds no build stage and does not run as root."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert sum(line.startswith("FROM ") for line in lines) == 2
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
