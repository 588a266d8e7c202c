"""What the connections to Kwai need of a person (contract sections 2 and 3.3), read from the rows each time:
a consent that ends, a renewal that fails, a call that was not granted, an application that is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from erp.accounts.models import Store, StoreLifecycle, StoreQuerySet, User
from erp.attention.register import Item, MailText, Repair, store_subject
from erp.outbox.selectors import calls_denied, has_calls_denied
from kwai_integration.app_health import pauses
from kwai_integration.connection import ENDED
from kwai_integration.models import ConnectionHealth, KwaiAccount
from kwai_integration.models.account import CHANNEL_KEY, WARNING_DAYS, in_days
from kwai_integration.wire.endpoints import CALL_LABELS

APP_PAUSED = "Nada é recebido nem enviado; tudo espera, e o ERP testa a cada minuto e continua sozinho."
OAUTH_PAUSED = (
    "Conectar e renovar esperam em todas as lojas; o que está conectado segue enquanto o acesso vale, e o "
    "ERP tenta de novo sozinho."
)
RENEWAL_GOES_ON = "Tudo segue enquanto o acesso atual vale, e o ERP tenta de novo sozinho."
ASKS_CONSENT = "Conecte a loja de novo: tudo segue só enquanto o acesso atual vale."


def application_items(user: User) -> Iterator[Item]:
    """What stops every store at once, told once whatever their number; one query while nothing does."""
    reported = pauses()
    if reported and (count := own_stores(user).count()):
        url = reverse("kwai:stores")
        for is_everything, reason, since in reported:
            text = f"{reason} {APP_PAUSED if is_everything else OAUTH_PAUSED}"
            yield Item(
                key="kwai.application_refused" if is_everything else "kwai.secret_refused",
                sentence=text,
                count=count,
                url=url,
                repair=Repair("ver integrações", url),
                mail=MailText(
                    f"since {since:%Y-%m-%dT%H:%M:%SZ}",
                    subject="Kwai: os envios e as leituras pararam"
                    if is_everything
                    else "Kwai: segredo recusado",
                    body=f"{text}\n\n{settings.PUBLIC_URL}{url}\n",
                ),
            )


def connection_items(user: User) -> Iterator[Item]:
    """What the connections of ACTIVE stores need of those who may connect them; one query, and one more while
    some call was not granted."""
    held = has_calls_denied("pk")
    rows = KwaiAccount.objects.alias(denied=held).filter(
        _ends() | Q(health=ConnectionHealth.OK) & (~Q(refresh_problem="") | Q(denied=True)),
        store__in=Store.objects.visible_to(user),
        store__lifecycle=StoreLifecycle.ACTIVE,
    )
    accounts = list(rows.annotate(is_denied=held).select_related("store__company").order_by("store__name"))
    yield from (item for account in accounts if (item := _ending_item(account)))
    yield from _renewal_items(accounts)
    yield from _denied_items([account.store for account in accounts if account.is_denied])


def _ending_item(account: KwaiAccount) -> Item | None:
    """The connection has ended, or its consent ends soon; of the days before, the nearest alone: who starts
    the ERP three days before the end is told once."""
    days = account.consent_days_left
    if days is None:
        about = f"pair {account.token_version}"
        return _consent_item("kwai.consent_ended", account, about) if account.health in ENDED else None
    limit = next((limit for limit in reversed(WARNING_DAYS) if days <= limit), None)
    if limit is None:
        return None
    key = "kwai.consent_last_day" if limit == WARNING_DAYS[-1] else "kwai.consent_ending"
    return _consent_item(key, account, f"days_{limit} {account.refresh_expires_at:%Y-%m-%dT%H:%M:%SZ}")


def _consent_item(key: str, account: KwaiAccount, occurrence: str) -> Item:
    store, said = account.store, sentence(account)
    url = reverse("kwai:store", args=[store.pk])
    days = account.consent_days_left
    what = "a loja está desconectada" if days is None else f"a autorização termina {in_days(days)}"
    body = (
        f"Integração {store.name}, de {store.company}: {said}\n\n"
        "O que fazer: abra a integração, use conectar com Kwai, entre com o login de vendedor e autorize.\n"
        f"{settings.PUBLIC_URL}{url}\n\n"
        "Configurações e envios em espera ficam guardados; ao conectar, tudo segue de onde parou.\n"
    )
    return _store_item(
        key, store, said, mail=MailText(occurrence, subject=f"Kwai: {what} ({store.name})", body=body)
    )


def _renewal_items(accounts: Iterable[KwaiAccount]) -> Iterator[Item]:
    """One for each problem, naming the stores it concerns."""
    stores: dict[str, list[Store]] = {}
    for account in accounts:
        if account.asks_consent:
            yield _store_item("kwai.renewal_lost", account.store, renewal_sentence(account))
        elif account.is_connected and account.refresh_problem:
            stores.setdefault(account.refresh_problem, []).append(account.store)
    for problem, whose in stores.items():
        names = ", ".join(store.name for store in whose)
        url = stores_url([store.pk for store in whose])
        yield Item(
            key="kwai.renewal_failing",
            subject=problem,
            sentence=f"O acesso de {names} ao Kwai não foi renovado: {ended(problem)} {RENEWAL_GOES_ON}",
            count=len(whose),
            url=url,
            repair=Repair("ver integrações", url),
        )


def _denied_items(stores: Sequence[Store]) -> Iterator[Item]:
    denied = calls_denied(store_ids=[store.pk for store in stores]) if stores else {}
    for store in stores:
        yield _store_item("kwai.call_not_granted", store, denied_sentence(denied.get(store.pk, [])))


def _store_item(key: str, store: Store, text: str, mail: MailText | None = None) -> Item:
    """What a new consent of this store mends."""
    return Item(
        key=key,
        subject=store_subject(store.pk),
        sentence=f"{store.name}: {text}",
        url=reverse("kwai:store", args=[store.pk]),
        repair=Repair("conectar com Kwai", reverse("kwai:reauthorise", args=[store.pk]), new_tab=True),
        mail=mail,
    )


def own_stores(user: User) -> StoreQuerySet:
    """The Kwai stores `user` may see: those of *Integrações*."""
    return Store.objects.visible_to(user).filter(channel=CHANNEL_KEY, kwai_account__isnull=False)


def stores_url(ids: Sequence[int]) -> str:
    """*Integrações* with these stores alone."""
    return f"{reverse('kwai:stores')}?{urlencode({'store': ids}, doseq=True)}"


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


def _ends() -> Q:
    soon = timezone.now() + timedelta(days=WARNING_DAYS[0] + 1)
    return Q(health=ConnectionHealth.OK, refresh_expires_at__lt=soon) | Q(health__in=ENDED)
