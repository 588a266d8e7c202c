"""Telling those who may act that a consent ends soon, or that a connection has ended (contract section 2).

The notice above every page is read from the account each time. The e-mail is a row: made once for each
store, kind and consent, sent outside any transaction, tried again by rows. A worker killed between the mail
server's answer and our own note sends the same message again, under the same Message-ID.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from erp.accounts.models import Role, Store, StoreLifecycle, User
from erp.outbox import clock
from erp.outbox.selectors import calls_denied, has_calls_denied
from erp.web import registry
from erp.web.requests import user_of
from kwai_integration.app_health import pauses
from kwai_integration.client.endpoints import CALL_LABELS
from kwai_integration.connection import ENDED
from kwai_integration.models import ConnectionHealth, ConnectionWarning, KwaiAccount, WarningKind
from kwai_integration.models.account import CHANNEL_KEY, WARNING_DAYS, in_days

logger = logging.getLogger(__name__)

APP_PAUSED = "Nada é recebido nem enviado; tudo espera, e o ERP testa a cada minuto e continua sozinho."
OAUTH_PAUSED = (
    "Conectar e renovar esperam em todas as lojas; o que está conectado segue enquanto o acesso vale, e o "
    "ERP tenta de novo sozinho."
)
RENEWAL_GOES_ON = "Tudo segue enquanto o acesso atual vale, e o ERP tenta de novo sozinho."
ASKS_CONSENT = "Conecte a loja de novo: tudo segue só enquanto o acesso atual vale."
LEASE = timedelta(minutes=2)
DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120))
DAY_KINDS = dict(
    zip(WARNING_DAYS, (WarningKind.DAYS_30, WarningKind.DAYS_7, WarningKind.DAYS_1), strict=True)
)


def app_notices(request: HttpRequest) -> Iterator[registry.Notice]:
    """What stops every store at once, told once whatever their number; one query while nothing does."""
    reported = pauses()
    if reported and Store.objects.visible_to(user_of(request)).filter(channel=CHANNEL_KEY).exists():
        for is_everything, reason in reported:
            yield registry.Notice(
                text=f"{reason} {APP_PAUSED if is_everything else OAUTH_PAUSED}",
                label="ver integrações",
                url=reverse("kwai:stores"),
                tone="danger" if is_everything else "warning",
            )


def notices(request: HttpRequest) -> Iterator[registry.Notice]:
    """What the shell shows above every page of those who may connect a store; one query, and one more while
    some call was not granted."""
    stores = Store.objects.visible_to(user_of(request))
    held = has_calls_denied("pk")
    rows = KwaiAccount.objects.alias(denied=held).filter(
        _ends() | Q(health=ConnectionHealth.OK) & (~Q(refresh_problem="") | Q(denied=True)),
        store__in=stores,
        store__lifecycle=StoreLifecycle.ACTIVE,
    )
    accounts = list(rows.annotate(is_denied=held).select_related("store").order_by("store__name"))
    yield from _ending_notices(accounts)
    yield from _renewal_notices(accounts)
    yield from _denied_notices([account.store for account in accounts if account.is_denied])


def _ending_notices(accounts: Iterable[KwaiAccount]) -> Iterator[registry.Notice]:
    for account in accounts:
        kind, ended = _kind(account), not account.is_connected
        if kind is None:
            continue
        yield registry.Notice(
            text=f"{account.store.name}: {sentence(account)}",
            label="conectar com Kwai",
            url=reverse("kwai:reauthorise", args=[account.pk]),
            tone="danger" if ended or kind == WarningKind.DAYS_1 else "warning",
            new_tab=True,
        )


def _renewal_notices(accounts: Iterable[KwaiAccount]) -> Iterator[registry.Notice]:
    """One for each problem, naming the stores it concerns."""
    names: dict[str, list[str]] = {}
    for account in accounts:
        if account.asks_consent:
            yield registry.Notice(
                text=f"{account.store.name}: {renewal_sentence(account)}",
                label="conectar com Kwai",
                url=reverse("kwai:reauthorise", args=[account.pk]),
                new_tab=True,
            )
        elif account.is_connected and account.refresh_problem:
            names.setdefault(account.refresh_problem, []).append(account.store.name)
    for problem, whose in names.items():
        text = f"O acesso de {', '.join(whose)} ao Kwai não foi renovado: {ended(problem)} {RENEWAL_GOES_ON}"
        yield registry.Notice(text=text, label="ver integrações", url=reverse("kwai:stores"))


def _denied_notices(stores: Sequence[Store]) -> Iterator[registry.Notice]:
    denied = calls_denied(store_ids=[store.pk for store in stores]) if stores else {}
    for store in stores:
        yield registry.Notice(
            text=f"{store.name}: {denied_sentence(denied.get(store.pk, []))}",
            label="conectar com Kwai",
            url=reverse("kwai:reauthorise", args=[store.pk]),
            new_tab=True,
        )


def renewal_sentence(account: KwaiAccount) -> str:
    """Why the pair was not renewed, and what follows."""
    problem = ended(account.refresh_problem)
    if account.asks_consent:
        return f"{problem} {ASKS_CONSENT}"
    return f"O acesso ao Kwai não foi renovado: {problem} {RENEWAL_GOES_ON}"


def ended(text: str) -> str:
    """The platform's words close a sentence of ours: another may follow."""
    return f"{text.rstrip(' .')}."


def denied_sentence(calls: Iterable[str]) -> str:
    """Which calls the platform did not grant, and what it means."""
    names = ", ".join(CALL_LABELS.get(call, call) for call in calls)
    return (
        f"permissão não concedida no Kwai ({names}). O que depende dela espera; o resto segue. "
        "Conecte a loja de novo e aceite todas as permissões."
    )


def sentence(account: KwaiAccount) -> str:
    """What happened to the connection of this account and what it means, without the next step."""
    days = account.consent_days_left
    if days is not None:
        return f"a autorização da loja no Kwai termina {in_days(days)}."
    what = {
        ConnectionHealth.REVOKED: "o consentimento da loja no Kwai foi revogado.",
        ConnectionHealth.EXPIRED: "a autorização da loja no Kwai expirou.",
        ConnectionHealth.UNRECOGNISED: "o Kwai não reconhece a conta de vendedor da loja.",
    }.get(ConnectionHealth(account.health), "a loja não está conectada ao Kwai.")
    return f"{what} Nada é recebido nem enviado; os envios esperam na fila."


def warnings_plan() -> bool:
    """Make the rows that are owed and lack; True when one waits to be sent."""
    owed = [warning for account in _accounts_in_trouble() if (warning := _owed(account))]
    if owed:
        known = set(
            ConnectionWarning.objects.filter(account__in=[one.account_id for one in owed]).values_list(
                "account_id", "kind", "about"
            )
        )
        missing = [one for one in owed if (one.account_id, one.kind, one.about) not in known]
        ConnectionWarning.objects.bulk_create(missing, ignore_conflicts=True)
    return settings.EMAIL_ENABLED and _sendable().exists()


def warnings_send() -> int:
    """Send what waits; returns how many messages left."""
    return sum(_send(warning) for warning in _claims())


def _accounts_in_trouble() -> QuerySet[KwaiAccount]:
    """Of ACTIVE stores: the connection has ended, or the consent ends within the first warning's days."""
    rows = KwaiAccount.objects.filter(_ends(), store__lifecycle=StoreLifecycle.ACTIVE)
    return rows.select_related("store__company")


def _ends() -> Q:
    soon = timezone.now() + timedelta(days=WARNING_DAYS[0] + 1)
    return Q(health=ConnectionHealth.OK, refresh_expires_at__lt=soon) | Q(health__in=ENDED)


def _kind(account: KwaiAccount) -> WarningKind | None:
    """The nearest warning alone: who starts the ERP three days before the end is told once."""
    days = account.consent_days_left
    if days is None:
        return WarningKind.ENDED if account.health in ENDED else None
    return next((DAY_KINDS[limit] for limit in reversed(WARNING_DAYS) if days <= limit), None)


def _owed(account: KwaiAccount) -> ConnectionWarning | None:
    kind = _kind(account)
    if kind is None:
        return None
    ends = account.refresh_expires_at
    about = f"pair {account.token_version}" if kind == WarningKind.ENDED else f"{ends:%Y-%m-%dT%H:%M:%SZ}"
    return ConnectionWarning(account=account, kind=kind, about=about)


def _sendable() -> QuerySet[ConnectionWarning]:
    due = clock.reached("lease_until", LEASE) & clock.reached("due_at", DELAYS[-1])
    return ConnectionWarning.objects.filter(due, closed_at__isnull=True)


def _claims() -> Iterator[ConnectionWarning]:
    """Each row that waits, claimed by a conditional UPDATE."""
    for pk in list(_sendable().order_by("due_at").values_list("pk", flat=True)):
        if _sendable().filter(pk=pk).update(lease_until=clock.after(LEASE)):
            yield ConnectionWarning.objects.select_related("account__store__company").get(pk=pk)


def _send(warning: ConnectionWarning) -> bool:
    row = ConnectionWarning.objects.filter(pk=warning.pk)
    owed = _owed(warning.account) if warning.account.store.is_active else None
    if owed is None or (owed.kind, owed.about) != (warning.kind, warning.about):
        row.update(closed_at=Now(), lease_until=None)
        return False
    addresses = _addresses(warning.account.store)
    try:
        if addresses:
            _message(warning, addresses).send()
    except Exception as error:
        # The error's own text may quote an address.
        logger.warning("Warning %s was not sent: %s", warning.pk, type(error).__name__)
        delay = DELAYS[min(warning.attempts, len(DELAYS) - 1)]
        row.update(
            attempts=warning.attempts + 1,
            due_at=clock.after(delay),
            lease_until=None,
            last_error=type(error).__name__[:60],
        )
        return False
    row.update(closed_at=Now(), lease_until=None, recipients=len(addresses), last_error="")
    return bool(addresses)


def _addresses(store: Store) -> list[str]:
    """Administrators of the store's company with an address."""
    people = User.objects.filter(company_id=store.company_id, role=Role.ADMIN, is_active=True)
    return sorted(set(people.exclude(email="").values_list("email", flat=True)))


def _message(warning: ConnectionWarning, addresses: Iterable[str]) -> EmailMessage:
    store = warning.account.store
    said = sentence(warning.account)
    link = settings.PUBLIC_URL + reverse("kwai:store", args=[store.pk])
    body = (
        f"Integração {store.name}, de {store.company}: {said}\n\n"
        "O que fazer: abra a integração, use conectar com Kwai, entre com o login de vendedor e autorize.\n"
        f"{link}\n\n"
        "Configurações e envios em espera ficam guardados; ao conectar, tudo segue de onde parou.\n"
    )
    days = warning.account.consent_days_left
    what = "a loja está desconectada" if days is None else f"a autorização termina {in_days(days)}"
    subject = " ".join(f"Kwai: {what} ({store.name})".split())
    digest = hashlib.sha256(f"{warning.pk}:{warning.kind}:{warning.about}".encode()).hexdigest()[:32]
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    headers = {"Message-ID": f"<{digest}@{host}>"}
    return EmailMessage(subject, body, to=list(addresses), headers=headers)
