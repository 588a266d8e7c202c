"""What the image and the compose file promise, read without Docker."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.management import call_command

from erp.accounts.models import User
from erp.celery import app
from erp.settings.background import CELERY_BEAT_SCHEDULE, QUEUE_LIMITS, QUEUES
from tests.compose import FILE, ROOT, image_parts, services

ENVIRONMENT = {"POSTGRES_PASSWORD": "x"}
OURS = {"migrate", "web", "beat", *QUEUES}


@pytest.fixture
def found() -> dict[str, dict[str, Any]]:
    return services(ENVIRONMENT)


def test_every_part_is_there(found: dict[str, dict[str, Any]]) -> None:
    assert set(found) == OURS | {"postgres", "redis"}


@pytest.mark.parametrize("queue", QUEUES)
def test_every_queue_has_a_worker_of_its_own(found: dict[str, dict[str, Any]], queue: str) -> None:
    command = found[queue]["command"]
    assert command[command.index("-Q") + 1] == queue
    assert f"{queue}@" in found[queue]["healthcheck"]["test"][1]


def test_every_scheduled_queue_is_served() -> None:
    assert {entry["options"]["queue"] for entry in CELERY_BEAT_SCHEDULE.values()} <= set(QUEUES)


def test_our_processes_stop_in_time_and_own_nothing(found: dict[str, dict[str, Any]]) -> None:
    for name in OURS:
        service = found[name]
        assert service["stop_grace_period"] == "30s"
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        assert service["env_file"] == ".env"
    assert all("healthcheck" in found[name] for name in set(found) - {"migrate"})


def test_the_image_holds_the_programs_of_the_server_it_copies(found: dict[str, dict[str, Any]]) -> None:
    (server,) = re.findall(r"^postgres:(\d+)", found["postgres"]["image"])
    assert f"postgresql-client-{server}" in (ROOT / "Dockerfile").read_text()


def test_redis_keeps_what_it_takes(found: dict[str, dict[str, Any]]) -> None:
    command = " ".join(found["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_nothing_secret_is_written_down() -> None:
    text = FILE.read_text() + (ROOT / "Dockerfile").read_text()
    given = re.findall(r"(?<!\$\{)\b\w*(?:PASSWORD|SECRET|KEY)\w*\s*[:=]\s*(\S+)", text)
    assert {value for value in given if not value.startswith("${")} == set()
    with pytest.raises(LookupError, match="POSTGRES_PASSWORD"):
        services({})


def test_only_the_web_is_reachable_and_only_from_this_machine(found: dict[str, dict[str, Any]]) -> None:
    published = {name: service["ports"] for name, service in found.items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:8000:8000"]}


def test_the_image_is_nobodys_and_holds_the_product_alone() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER (?!root)\w+$", text, re.MULTILINE)
    assert text.index("\nUSER erp") > text.rindex("\nRUN ")
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert set(allowed) == {*image_parts(), "requirements.lock"}
    assert "kwai_sandbox" not in image_parts()


def test_every_task_has_the_limits_of_its_queue() -> None:
    app.loader.import_default_modules()
    limits = {name: (task.soft_time_limit, task.time_limit) for name, task in app.tasks.items()}
    assert limits["erp.outbox.tasks.drain"] == QUEUE_LIMITS["push"] == (50, 55)
    assert limits["kwai_integration.tasks.events"] == QUEUE_LIMITS["inbound"] == (110, 120)
    assert limits["invoices.tasks.issues_sweep"] == QUEUE_LIMITS["invoices"] == (110, 120)
    assert limits["erp.outbox.tasks.expire"] == QUEUE_LIMITS["maint"] == (570, 600)
    assert set(limits.values()) <= set(QUEUE_LIMITS.values())
    assert set(QUEUE_LIMITS) == set(QUEUES)


@pytest.mark.django_db
def test_the_first_start_has_its_link_without_a_supervisor(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("setup_link")
    assert re.match(r"http://\S+/configurar/\S+/\n$", capsys.readouterr().out)
    User.objects.create_user(username="x", password="x" * 12)
    call_command("setup_link")
    assert "já foi feito" in capsys.readouterr().out
