"""*Envios ao Kwai* in a browser: it opens on what stopped, and all that stopped alike go again at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from erp.outbox.models import PushJob
from erp.outbox.statuses import FailureMode, JobState
from erp.sales.models import Order
from erp.work.models import Work
from erp.work.running import work_run
from kwai_integration.outbound.kinds import Kind
from kwai_sandbox.server import RunningSandbox
from tests.conftest import PASSWORD
from tests.e2e.conftest import Problems
from tests.e2e.test_pages import DESK, PHONE, orders_bring

WRONG_TOTAL = "O total da nota não confere com o do pedido."


def pushes_stop() -> None:
    """Of each order the note's push: most for one reason, the last for another."""
    orders = list(Order.objects.exclude(external_id="").order_by("pk"))
    assert len(orders) > 3
    for order in orders:
        is_last = order == orders[-1]
        PushJob.objects.create(
            store_id=order.store_id,
            kind=Kind.SEND_INVOICE,
            subject=order.external_id,
            idempotency_key=f"{order.pk}:nota",
            step=Kind.SEND_INVOICE.step,
            state=JobState.BLOCKED,
            failure_mode=FailureMode.UNCERTAIN if is_last else FailureMode.REJECTED,
            cause="500:b" if is_last else "422:a",
            last_error="O Kwai não confirmou o envio." if is_last else WRONG_TOTAL,
            requested_at=timezone.now() - timedelta(minutes=order.pk % 90),
            payload={"invoice_id": order.pk, "order_id": order.pk},
        )


@pytest.mark.django_db(transaction=True)
def test_what_stopped_for_one_reason_goes_again_at_once(
    problems: Problems,
    page: Page,
    live_server: LiveServer,
    kwai: RunningSandbox,
    shop: None,
    work: Callable[[], None],
) -> None:
    orders_bring(kwai, work)
    pushes_stop()
    alike = PushJob.objects.filter(cause="422:a")
    count = alike.count()
    page.set_viewport_size(DESK)  # type: ignore[arg-type]
    page.goto(f"{live_server.url}/envios-ao-kwai/")
    page.get_by_label("Usuário").fill("demo")
    page.get_by_label("Senha").fill(PASSWORD)
    page.get_by_role("button", name="Entrar").click()
    expect(page.get_by_role("link", name="parados")).to_have_attribute("aria-current", "page")
    reasons = page.get_by_role("region", name="Motivos")
    expect(reasons.get_by_role("listitem")).to_have_count(2)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    serious = [
        (found["id"], found["nodes"][0]["html"])
        for found in Axe().run(page).response["violations"]
        if found["impact"] in ("serious", "critical")
    ]
    assert serious == []
    page.set_viewport_size(DESK)  # type: ignore[arg-type]
    reasons.get_by_role("button", name=f"reenviar todos os {count}").focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="reenviar").click()
    expect(page.locator("#list")).to_contain_text("enviar de novo")
    expect(page).to_have_url(
        f"{live_server.url}/envios-ao-kwai/?tab=blocked&cause=kwai.send_invoice~rejected~422%3Aa"
    )
    work_run(work_id=Work.objects.get().pk, seconds=60)
    assert not alike.filter(state=JobState.BLOCKED).exists()
    page.goto(f"{live_server.url}/envios-ao-kwai/")
    expect(reasons.get_by_role("listitem")).to_have_count(1)
    expect(reasons).to_contain_text("conferir o pedido")
    assert problems == []
