"""The Kubernetes manifests: what can be said of them without a cluster. That they run is not shown here."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from stream.config.settings import KAFKA_PREFIX, VARIABLES, load_settings
from stream.kafka_security import credentials
from stream.metric_catalogue import LAG_RECORDS
from topics.catalogue import TOUCHPOINTS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
VERSIONS = ("1.30", "1.34")
FOREIGN = {"ScaledObject", "PodMonitor"}
"""What others bring to a cluster; Kubernetes has no schema of them."""


def read(name: str) -> dict[str, Any]:
    """One manifest."""
    content: dict[str, Any] = YAML(typ="safe").load(FOLDER / name)
    return content


KUSTOMIZATION = read("kustomization.yaml")
MANIFESTS = {name: read(name) for name in KUSTOMIZATION["resources"]}
POD: dict[str, Any] = MANIFESTS["deployment.yaml"]["spec"]["template"]["spec"]
CONTAINERS: list[dict[str, Any]] = [*POD["initContainers"], *POD["containers"]]
LABELS: dict[str, str] = MANIFESTS["deployment.yaml"]["spec"]["template"]["metadata"]["labels"]


def variables(name: str) -> dict[str, str]:
    """The variables of a file of NAME=value lines."""
    lines = (FOLDER / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", [name for name, one in MANIFESTS.items() if one["kind"] not in FOREIGN])
def test_manifests_are_valid(name: str, version: str) -> None:
    """Kubernetes' own schema accepts each, strictly: a field that it does not know is an error."""
    kubernetes_validate.validate(MANIFESTS[name], version, strict=True)


def test_a_misspelt_field_is_seen() -> None:
    """The check above sees what it is there for."""
    wrong = {**MANIFESTS["poddisruptionbudget.yaml"], "spec": {"maxUnavailabel": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_every_manifest_is_applied() -> None:
    """No manifest lies beside the kustomization without being named by it."""
    assert set(MANIFESTS) | {"kustomization.yaml"} == {path.name for path in FOLDER.glob("*.yaml")}


def test_selectors_select_the_worker() -> None:
    """Service, budget, network policy and scraping speak of the deployment's pods."""
    for name in ("poddisruptionbudget.yaml", "podmonitor.yaml", "deployment.yaml"):
        assert MANIFESTS[name]["spec"]["selector"]["matchLabels"] == LABELS
    assert MANIFESTS["service.yaml"]["spec"]["selector"] == LABELS
    assert MANIFESTS["networkpolicy.yaml"]["spec"]["podSelector"]["matchLabels"] == LABELS


def test_probes_ask_what_they_mean() -> None:
    """Alive is `/healthz`, so that a worker that waits for its servers is not killed; ready is `/readyz`."""
    worker = POD["containers"][0]
    assert worker["ports"] == [{"name": "http", "containerPort": 6066}]
    probes = {name: worker[name]["httpGet"] for name in ("livenessProbe", "readinessProbe", "startupProbe")}
    assert {probe["port"] for probe in probes.values()} == {"http"}
    assert [probe["path"] for probe in probes.values()] == ["/healthz", "/readyz", "/healthz"]


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda one: one["name"])
def test_containers_have_no_rights(container: dict[str, Any]) -> None:
    """Not root, nothing to write but /tmp, no capability, bounded memory."""
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert f"USER {POD['securityContext']['runAsUser']}:" in (ROOT / "Dockerfile").read_text()
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]  # noqa: S108 - the image's folder
    assert container["resources"]["limits"]["memory"]


def test_variables_are_the_workers(tmp_path: Path) -> None:
    """What is set is known, together it is enough to start, and no secret is among what is not secret."""
    config, secret = variables("config.env"), variables("secret.env.example")
    named = config.keys() | secret.keys()
    assert {name for name in named if not name.startswith(KAFKA_PREFIX)} <= VARIABLES.keys()
    assert set(secret.values()) <= {"", "reader:,operator:", "rediss://idweave:@redis.redis:6379/0"}
    assert not any("KEY" in name or "TOKENS" in name or "PASSWORD" in name for name in config)
    filled = {
        name: value.replace(":@", ":p@") if "@" in value else value.replace(":,", ":r,") + "o" * 32
        for name, value in secret.items()
    }
    settings = load_settings({**config, **filled, "IDWEAVE_ID_KEY": "i" * 32}, tmp_path)
    assert settings.http.port == 6066
    assert "IDWEAVE_PLAINTEXT" not in config, "what is deployed over a network is encrypted"
    assert credentials(settings.kafka_settings()) is not None, "both Kafka clients understand it"
    assert settings.warnings == ()


def test_names_meet() -> None:
    """What the pod and Prometheus are given has the names that the kustomization makes; secrets are not in git."""
    [config] = KUSTOMIZATION["configMapGenerator"]
    secret, scrape = KUSTOMIZATION["secretGenerator"]
    for container in CONTAINERS:
        assert container["envFrom"] == [
            {"configMapRef": {"name": config["name"]}},
            {"secretRef": {"name": secret["name"]}},
        ]
        assert container["image"] == KUSTOMIZATION["images"][0]["name"]
    [endpoint] = MANIFESTS["podmonitor.yaml"]["spec"]["podMetricsEndpoints"]
    [key] = variables("scrape.env.example")
    assert endpoint["authorization"]["credentials"] == {"name": scrape["name"], "key": key}
    assert scrape["options"]["disableNameSuffixHash"] is True
    assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": "idweave"}]
    assert {path.name for path in FOLDER.glob("*.env*")} >= {"config.env", "secret.env.example", "scrape.env.example"}
    assert "deploy/kubernetes/*.env\n!deploy/kubernetes/config.env" in (ROOT / ".gitignore").read_text()


def test_scaling_goes_by_lag_and_no_further_than_partitions() -> None:
    """More workers than partitions would have nothing to read; the figure is the lag that counts."""
    scaled = MANIFESTS["scaledobject.yaml"]["spec"]
    assert scaled["scaleTargetRef"]["name"] == MANIFESTS["deployment.yaml"]["metadata"]["name"]
    assert "replicas" not in MANIFESTS["deployment.yaml"]["spec"]
    assert 1 < scaled["minReplicaCount"] <= scaled["maxReplicaCount"] == TOUCHPOINTS.partitions
    assert scaled["fallback"]["replicas"] <= scaled["maxReplicaCount"]
    [trigger] = scaled["triggers"]
    assert LAG_RECORDS.name in trigger["metadata"]["query"]
    assert all(isinstance(value, str) for value in trigger["metadata"].values())


def test_the_image_is_the_projects_version() -> None:
    """What is deployed is what is built."""
    version = KUSTOMIZATION["images"][0]["newTag"]
    assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text()
    assert f"image: idweave:{version}" in (ROOT / "docker-compose.yml").read_text()
