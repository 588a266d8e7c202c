"""*Integrações*: install Kwai, connect in a new tab, activate, options."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from erp.accounts.models import Company, Store, StoreLifecycle
from erp.outbox.models import PushJob
from erp.outbox.statuses import JobState
from erp.web.requests import user_of
from kwai_integration.forms import InstallForm, SettingsForm
from kwai_integration.models import ConnectionHealth, SyncCursor
from kwai_integration.setup.consent import (
    ConsentRefused,
    consent_confirm,
    consent_finish,
    consent_offer,
    consent_start,
    offers_drop,
)
from kwai_integration.setup.stores import (
    StoreRefused,
    store_activate,
    store_deactivate,
    store_install,
    store_settings_set,
)
from kwai_integration.views.scope import at_public_address, kwai_stores

# What the integration offers, in the words of the help article.
RESOURCES = (
    ("Receber pedidos", True),
    ("Sincronizar situações dos pedidos da plataforma no ERP", True),
    ("Enviar dados das NF-es", True),
    ("Enviar rastreamentos", True),
    ("Enviar situação de entregue para os pedidos", True),
    ("Efetuar cotações de fretes", False),
)


@require_safe
def store_list(request: HttpRequest) -> HttpResponse:
    """One card per Kwai store, with its lifecycle and, apart from it, its connection."""
    stores = list(kwai_stores(request))
    cursors = SyncCursor.objects.in_bulk([store.pk for store in stores])
    counts = _job_counts(stores)
    cards = [
        {"store": store, "cursor": cursors.get(store.pk), "jobs": counts.get(store.pk, {}), **_labels(store)}
        for store in stores
    ]
    return render(request, "kwai/stores.html", {"cards": cards})


def store_add(request: HttpRequest) -> HttpResponse:
    """*adicionar integração*: search, what Kwai offers, *instalar*."""
    user = user_of(request)
    form = InstallForm(request.POST or None, initial={"name": "Kwai Shop"})
    if request.method == "POST" and form.is_valid():
        company = cast(Company, user.company)
        try:
            store = store_install(company=company, name=form.cleaned_data["name"], user=user)
        except StoreRefused as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, "Kwai instalado. Agora conecte a conta da loja.")
            return redirect("kwai:store", pk=store.pk)
    text = request.GET.get("q", "").strip()
    found = not text or text.lower() in "kwai shop"
    return render(
        request, "kwai/store_add.html", {"form": form, "q": text, "found": found, "resources": RESOURCES}
    )


@require_safe
@at_public_address
def store_detail(request: HttpRequest, pk: int) -> HttpResponse:
    store = get_object_or_404(kwai_stores(request), pk=pk)
    context = {
        "store": store,
        "cursor": SyncCursor.objects.filter(pk=pk).first(),
        "jobs": _job_counts([store]).get(pk, {}),
        "form": SettingsForm(instance=store.kwai_settings),
        "mappings": store.status_mappings.order_by("remote_code"),
        "unlinked": store.listings.filter(sku__isnull=True).count(),
        **_labels(store),
    }
    response = render(request, "kwai/store.html", context)
    # The connect form answers with a redirect to Kwai, and browsers hold redirects against form-action.
    consent = urlsplit(settings.KWAI_CONSENT_URL)
    response._csp_update = {"form-action": [f"{consent.scheme}://{consent.netloc}"]}  # type: ignore[attr-defined]
    return response


@require_safe
def store_connection(request: HttpRequest, pk: int) -> HttpResponse:
    """The connection card alone: the waiting tab asks for it until the account is connected."""
    store = get_object_or_404(kwai_stores(request), pk=pk)
    offer = consent_offer(store=store, user=user_of(request))
    response = render(request, "kwai/connection.html", {"store": store, "offer": offer, **_labels(store)})
    if store.kwai_account.is_connected:
        response["HX-Refresh"] = "true"
    return response


@require_POST
def store_connect(request: HttpRequest, pk: int) -> HttpResponse:
    """Opened in a new tab by *conectar com Kwai*."""
    store = get_object_or_404(kwai_stores(request), pk=pk)
    if not settings.KWAI_APP_KEY:
        return render(
            request,
            "kwai/callback.html",
            {"problem": "Falta KWAI_APP_KEY no arquivo .env. Peça ao administrador do sistema."},
            status=409,
        )
    url = consent_start(store=store, user=user_of(request), session_key=request.session.session_key or "")
    return redirect(url)


@require_safe
def oauth_callback(request: HttpRequest) -> HttpResponse:
    """Kwai sends the browser back here with `code` and `status` (contract section 2)."""
    user = user_of(request)
    try:
        asked = consent_finish(
            status=request.GET.get("status", ""),
            code=request.GET.get("code", ""),
            user=user,
            session_key=request.session.session_key or "",
        )
    except ConsentRefused as error:
        return render(request, "kwai/callback.html", {"problem": str(error)}, status=409)
    offer = consent_offer(store=asked.store, user=user)
    store = get_object_or_404(kwai_stores(request), pk=asked.store_id)
    return render(request, "kwai/callback.html", {"store": store, "offer": offer})


@require_POST
def store_account(request: HttpRequest, pk: int) -> HttpResponse:
    """*usar esta conta* or *escolher outra conta*, asked for in the tab of the consent or in the first."""
    store = get_object_or_404(kwai_stores(request), pk=pk)
    in_consent_tab = "callback" in request.POST
    if request.POST.get("do") != "use":
        offers_drop(store=store)
        messages.info(request, "Nenhuma conta foi ligada. Use conectar com Kwai e entre com a conta certa.")
        return redirect("kwai:store", pk=pk)
    try:
        consent_confirm(store=store, user=user_of(request))
    except ConsentRefused as error:
        if in_consent_tab:
            return render(request, "kwai/callback.html", {"problem": str(error)}, status=409)
        messages.error(request, str(error))
        return redirect("kwai:store", pk=pk)
    if in_consent_tab:
        store = get_object_or_404(kwai_stores(request), pk=pk)
        return render(request, "kwai/callback.html", {"store": store})
    return redirect("kwai:store", pk=pk)


@require_POST
def store_switch(request: HttpRequest, pk: int) -> HttpResponse:
    """*ativar* and *desativar*."""
    store = get_object_or_404(kwai_stores(request), pk=pk)
    user = user_of(request)
    try:
        if request.POST.get("to") == "inactive":
            store_deactivate(store=store, user=user)
            messages.success(
                request, "Integração desativada. Configurações e envios em espera ficam guardados."
            )
        else:
            store_activate(store=store, user=user)
            messages.success(
                request, "Integração ativa. Os pedidos chegam em instantes a Pedidos no e-commerce."
            )
    except StoreRefused as error:
        messages.error(request, str(error))
    return redirect("kwai:store", pk=pk)


@require_POST
def store_settings(request: HttpRequest, pk: int) -> HttpResponse:
    store = get_object_or_404(kwai_stores(request), pk=pk)
    form = SettingsForm(request.POST, instance=store.kwai_settings)
    if form.is_valid():
        store_settings_set(store=store, changes=form.cleaned_data, user=user_of(request))
        messages.success(request, "Opções salvas.")
    return redirect("kwai:store", pk=pk)


def _labels(store: Store) -> dict[str, object]:
    account = store.kwai_account
    days = (account.refresh_expires_at - timezone.now()).days if account.refresh_expires_at else None
    return {
        "lifecycle": StoreLifecycle(store.lifecycle),
        "health": ConnectionHealth(account.health),
        "expires_in_days": days if account.is_connected else None,
    }


def _job_counts(stores: list[Store]) -> dict[int, dict[str, int]]:
    rows = (
        PushJob.objects.filter(store__in=stores)
        .values("store_id")
        .annotate(
            waiting=Count("pk", filter=Q(state__in=[JobState.PENDING, JobState.CLAIMED])),
            blocked=Count("pk", filter=Q(state=JobState.BLOCKED)),
        )
    )
    return {row["store_id"]: {"waiting": row["waiting"], "blocked": row["blocked"]} for row in rows}
