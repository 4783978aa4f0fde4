"""What is shipped for servers names commands, files and settings that are there, and gives little away."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
SETTINGS = "".join(
    (ROOT / f"fastcycle/{name}.py").read_text() for name in ("settings", "security", "venue", "env")
)
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OURS = {name: each for name, each in COMPOSE["services"].items() if each["image"] == "fast-cycle"}
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def test_every_process_has_a_container() -> None:
    # The clock runs in the trader's, and the paper venue is nobody's server.
    processes = {name for name in get_commands() if name.startswith("run_")} - {"run_beat", "run_paper"}

    assert {each["command"][0] for each in OURS.values()} == {*processes, "prepare"}


@pytest.mark.parametrize("name", OURS)
def test_a_container_of_ours_runs_a_command_and_may_do_little(name: str) -> None:
    service = OURS[name]

    assert get_commands()[service["command"][0]] == "trading"
    assert service["user"] != "0:0"
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "ports" not in service


def test_only_the_proxy_is_open_to_the_network() -> None:
    assert [name for name, each in COMPOSE["services"].items() if "ports" in each] == ["proxy"]
    assert COMPOSE["networks"]["inside"]["internal"]
    for name in ("database", "redis"):
        assert COMPOSE["services"][name]["networks"] == ["inside"]


def test_what_others_wait_for_says_when_it_is_well() -> None:
    for service in COMPOSE["services"].values():
        for name, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                assert COMPOSE["services"][name]["healthcheck"]["test"]


def test_every_setting_of_a_container_is_one_that_is_read() -> None:
    for name in OURS["web"]["environment"]:
        assert f'"{name.removesuffix("_FILE")}"' in SETTINGS, name


def test_secrets_are_files_and_nothing_else() -> None:
    assert set(OURS["web"]["secrets"]) <= COMPOSE["secrets"].keys()
    for name, value in OURS["web"]["environment"].items():
        assert not re.search("KEY|SECRET|TOKEN|URLS|DATABASE", name) or value.startswith("/run/secrets/")
    assert "POSTGRES_PASSWORD" not in COMPOSE["services"]["database"]["environment"]
    assert all(each["file"].startswith("secrets/") for each in COMPOSE["secrets"].values())
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text()


def test_the_image_holds_every_application() -> None:
    copied = set(re.findall(r"^COPY (\S+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE))
    kept = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))

    for name in ("fastcycle", "trading", "monitoring", "intelligence", "templates", "manage.py", "lean.py"):
        assert name in copied
        assert name in kept


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_one_that_systemd_takes(unit: Path, tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("no systemd-analyze on this machine")
    for each in (DEPLOY / "systemd").iterdir():
        text = each.read_text().replace("/opt/fast-cycle/.venv/bin/python", "/bin/true")
        (tmp_path / each.name).write_text(text)

    done = subprocess.run(
        [verify, "verify", "--man=no", str(tmp_path / unit.name)], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_unit_starts_commands_that_are_there() -> None:
    for unit in UNITS:
        for command in re.findall(r"manage\.py (\w+?)(?:_%i)?(?: |$)", unit.read_text(), re.MULTILINE):
            assert command == "run" or command in get_commands(), unit.name
