"""*Revisão e ativação*: what only a real call can tell, and what the first import would bring."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from erp import http, tracing
from erp.accounts.models import Store
from kwai_integration.client.gateway import LONGEST_WINDOW, KwaiClient
from kwai_integration.connection import NotConnected, client_for
from kwai_integration.models import StepKey, SyncCursor
from kwai_integration.setup.step import Level, SetupCheck, StepDefinition
from kwai_integration.setup.step_orders import history_label
from kwai_integration.wire import errors
from kwai_integration.wire.codes import KwaiRole

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
# With no history wanted the call still has to be a real one.
SHORTEST_LOOK = timedelta(hours=1)
# Somebody waits for the page.
REACH_LIMITS = http.Limits(connect=3.0, read=4.0, total=6.0, max_bytes=65_536)


class ReviewStep(StepDefinition):
    key = StepKey.REVIEW
    template = "kwai/step_review.html"

    def checks(self, store: Store) -> list[SetupCheck]:
        return [webhook_check()]


def webhook_check() -> SetupCheck:
    """Can Kwai reach us to tell of changes at once? Without it the poll still finds everything."""
    title, later = (
        "Avisos do Kwai (webhook)",
        f"Sem avisos, o ERP lê o Kwai a cada {settings.KWAI_POLL_SECONDS} s.",
    )
    public, platform = urlsplit(settings.PUBLIC_URL), urlsplit(settings.KWAI_API_URL)
    if not settings.KWAI_MESSAGE_KEY:
        return SetupCheck(Level.WARNING, title, f"Falta KWAI_MESSAGE_KEY no arquivo .env. {later}")
    if public.hostname in LOOPBACK:
        if platform.hostname in LOOPBACK:
            return SetupCheck(Level.OK, title, "O Kwai simulado alcança este endereço.")
        text = f"PUBLIC_URL é {settings.PUBLIC_URL}, que o Kwai não alcança. {later}"
        return SetupCheck(Level.WARNING, title, text)
    if public.scheme != "https":
        return SetupCheck(Level.WARNING, title, f"PUBLIC_URL não usa https. {later}")
    return SetupCheck(Level.OK, title, f"O Kwai avisa em {settings.PUBLIC_URL}/kwai/webhook/.")


def reach_checks() -> list[SetupCheck]:
    """Does PUBLIC_URL lead to this ERP? The id that comes back proves it. Where the check from the settings
    already says why Kwai cannot reach us, nothing is asked. Runs outside any transaction."""
    if webhook_check().level is not Level.OK:
        return []
    title, address = "Endereço público", settings.PUBLIC_URL + reverse("kwai:webhook")
    if _is_ours(address):
        return [SetupCheck(Level.OK, title, f"{address} responde e é deste ERP.")]
    text = (
        f"{address} não trouxe resposta deste ERP. Confira PUBLIC_URL, o DNS e o proxy; até lá, "
        f"o ERP lê o Kwai a cada {settings.KWAI_POLL_SECONDS} s."
    )
    return [SetupCheck(Level.WARNING, title, text)]


def _is_ours(address: str) -> bool:
    reported = tracing.made()
    try:
        answer = http.call("GET", address, headers={tracing.HEADER: reported}, limits=REACH_LIMITS)
    except http.HttpError:
        return False
    # The address takes only POST.
    return answer.status == 405 and answer.headers.get(tracing.HEADER.lower()) == reported


def live_checks(store: Store) -> list[SetupCheck]:
    """Ask Kwai for the orders the first import would bring: proves token, signature and permission, and
    writes nothing. Runs outside any transaction (it calls the platform)."""
    title = "Chamada ao Kwai"
    try:
        count = _orders_count(client_for(store.pk, share="import"), store)
    except (errors.KwaiError, NotConnected) as error:
        return [
            SetupCheck(Level.BLOCKING, title, f"{error} Verifique de novo.", StepKey.CONNECTION, "connection")
        ]
    return [
        SetupCheck(Level.OK, title, "O Kwai respondeu e aceitou as credenciais."),
        SetupCheck(
            Level.OK, "Primeira leitura", _import_text(store, count), StepKey.ORDERS, "id_history_days"
        ),
    ]


def _orders_count(client: KwaiClient, store: Store) -> int:
    windows = list(_windows(timezone.now(), timedelta(days=store.kwai_settings.history_days)))
    return sum(
        client.list_orders(time_from=begin, time_to=end, page=1, size=1).total for begin, end in windows
    )


def _windows(now: datetime, history: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """`history` up to now in parts the platform answers (contract section 3)."""
    begin = now - max(history, SHORTEST_LOOK)
    while begin < now:
        end = min(begin + LONGEST_WINDOW, now)
        yield begin, end
        begin = end


def _import_text(store: Store, count: int) -> str:
    days = store.kwai_settings.history_days
    if SyncCursor.objects.filter(pk=store.pk).exists():
        return "Já aconteceu. Ao ativar, o ERP busca o que mudou desde a última leitura."
    if not days:
        return "Nenhum pedido anterior é importado; os novos chegam sozinhos."
    noun = "pedido" if count == 1 else "pedidos"
    some = len(store.kwai_settings.import_roles) < len(KwaiRole)
    filtered = " São recebidos os que estiverem nas situações marcadas." if some else ""
    return f"{count} {noun} {history_label(days)}, contados no Kwai agora. Nada foi gravado.{filtered}"
