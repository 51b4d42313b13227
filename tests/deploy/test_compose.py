"""docker-compose.yml: what can be said of it without a container engine. Whether it runs is not shown here."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = YAML(typ="safe").load(ROOT / "docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SCRAPING: dict[str, Any] = YAML(typ="safe").load(ROOT / "deploy" / "prometheus" / "prometheus.yml")


def test_it_is_a_compose_file() -> None:
    """The schema of the Compose specification accepts it, and refuses a key that is misspelt."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    command += ["--default-filetype", "yaml", "-"]
    text = (ROOT / "docker-compose.yml").read_text()
    for content, accepted in ((text, True), (text.replace("healthcheck:", "healthchek:", 1), False)):
        done = subprocess.run(command, input=content, capture_output=True, text=True, check=False)  # noqa: S603
        assert (done.returncode == 0) == accepted, done.stdout + done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    """Each service names an image with a whole version, so that two people start the same thing."""
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*", SERVICES[name]["image"])


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


def test_workers_are_what_prometheus_asks() -> None:
    """Every worker is scraped under its own name, with the token that it is given, and the alerts are loaded."""
    [job] = SCRAPING["scrape_configs"]
    workers = [name for name, service in SERVICES.items() if service.get("command") == ["idweave", "worker"]]
    assert job["job_name"] == "idweave"
    assert job["static_configs"][0]["targets"] == [f"{name}:6066" for name in workers]
    assert len(workers) == 2
    assert job["authorization"]["credentials_file"] == "/run/secrets/reader_token"
    assert SERVICES["prometheus"]["secrets"] == ["reader_token"]
    variable = COMPOSE["secrets"]["reader_token"]["environment"]
    assert f"reader:${{{variable}:?" in SERVICES["worker-1"]["environment"]["IDWEAVE_API_TOKENS"]


@pytest.mark.parametrize("name", SERVICES)
def test_mounted_files_are_there(name: str) -> None:
    """Every file of the repository that a service is given exists, and is not the service's to change."""
    for volume in SERVICES[name].get("volumes", []):
        source, _, target = volume.partition(":")
        if source.startswith("."):
            assert (ROOT / source).is_file()
            assert target.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", ["topics", "worker-1", "worker-2", "prometheus", "grafana"])
def test_what_has_no_state_has_no_rights(name: str) -> None:
    """The root file system is read-only, no capability is left, and none can be gained."""
    assert SERVICES[name]["read_only"] is True
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]


def test_redis_keeps_what_it_is_told() -> None:
    """Every write is on disk before it is acknowledged, and nothing is evicted."""
    command = " ".join(SERVICES["redis"]["command"])
    for setting in ("--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction"):
        assert setting in command


def test_broker_is_the_version_that_the_live_tests_run() -> None:
    """The Kafka of the trial is the Kafka of the tests."""
    pom = (ROOT / "tests" / "live" / "kafka-pom.xml").read_text()
    assert f"<version>{SERVICES['kafka']['image'].split(':')[1]}</version>" in pom


def test_image_is_built_in_stages_and_runs_without_root() -> None:
    """The image that runs holds no build stage and does not run as root."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert sum(line.startswith("FROM ") for line in lines) == 2
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
