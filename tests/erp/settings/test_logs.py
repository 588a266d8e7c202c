"""What a log line may quote of an error."""

from __future__ import annotations

import json
import logging
import sys
from io import StringIO

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from erp import tracing
from erp.accounts.models import Company, Store
from erp.sales.models import Buyer, Order
from erp.settings.logs import JsonFormatter, PlainFormatter

pytestmark = pytest.mark.django_db


@pytest.fixture
def written() -> tuple[logging.Logger, StringIO]:
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PlainFormatter("%(levelname)s %(message)s"))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    return logger, stream


@pytest.mark.services
def test_a_row_the_database_refused_is_not_quoted(
    company: Company, store: Store, written: tuple[logging.Logger, StringIO]
) -> None:
    """PostgreSQL repeats the whole row in the error's DETAIL: name, CPF, phone."""
    logger, stream = written
    order = Order.objects.create(
        company=company, store=store, number=1, items_total=1, total=1, placed_at=timezone.now()
    )
    Buyer.objects.create(order=order, name="Ana\nSouza", tax_id="52998224725")
    with pytest.raises(IntegrityError, match="52998224725") as caught, transaction.atomic():
        Buyer.objects.update(phone=None)
    logger.error("failed: %r", caught.value, exc_info=caught.value)
    logger.error("Task raised unexpected: %s", caught.value)
    logged = stream.getvalue()
    assert "Souza" not in logged
    assert "52998224725" not in logged
    assert "null value in column" in logged
    assert "test_logs.py" in logged


def test_the_rest_of_a_trace_stays(written: tuple[logging.Logger, StringIO]) -> None:
    logger, stream = written
    try:
        try:
            raise ValueError(
                "first\nDETAIL:  Failing row contains (Ana\nSouza).\nCONTEXT:  COPY, line 1: Ana"
            )
        except ValueError as error:
            raise RuntimeError("second") from error
    except RuntimeError:
        logger.error("before", exc_info=sys.exc_info())
    lines = stream.getvalue().splitlines()
    assert lines[0] == "ERROR before"
    assert "ValueError: first" in lines
    assert lines[-1] == "RuntimeError: second"
    assert "Ana" not in "".join(line for line in lines if "raise ValueError" not in line)


def test_json_is_one_object_a_line_with_the_id_and_what_the_caller_passed() -> None:
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.Logger("erp.test")
    logger.addHandler(handler)
    text = "first\nDETAIL:  Failing row contains (Ana\nSouza)."
    with tracing.bound("browser-0003"):
        logger.info("Kwai call", extra={"call": "ship_order", "code": None, "duration_ms": 12})
        try:
            raise ValueError(text)
        except ValueError:
            logger.exception("linha\nnova")
    logger.info("after")
    first, second, third = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first.pop("at").endswith("+00:00")
    assert first == {
        "level": "INFO", "logger": "erp.test", "message": "Kwai call", "call": "ship_order",
        "duration_ms": 12, "request_id": "browser-0003",
    }  # fmt: skip
    assert second["message"] == "linha\nnova"
    assert "ValueError: first" in second["trace"]
    assert "Souza" not in second["trace"]
    assert "request_id" not in third


def test_plain_lines_carry_the_id_and_the_extras(written: tuple[logging.Logger, StringIO]) -> None:
    logger, stream = written
    with tracing.bound("browser-0004"):
        logger.info("Kwai call", extra={"call": "ship_order"})
    assert stream.getvalue() == "INFO Kwai call call=ship_order request_id=browser-0004\n"
