"""One step of the wizard, and after activation one tab of the store: the same page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from erp.accounts.models import Store
from erp.accounts.permissions import may
from erp.web.requests import id_of, user_of
from kwai_integration.models import SetupStep
from kwai_integration.setup.consent import consent_offer
from kwai_integration.setup.step import StepDefinition, StepForm
from kwai_integration.setup.step_review import live_checks, reach_checks
from kwai_integration.setup.wizard import (
    StepConflict,
    blocking,
    step_beside,
    step_leave,
    step_number,
    step_of,
    step_row,
    step_save,
    steps_of,
)
from kwai_integration.views.cards import lifecycle_badge, store_cards
from kwai_integration.views.scope import at_public_address, kwai_stores, leading_to_kwai

# Fields of the page itself; what is left of a post belongs to the step.
OWN_FIELDS = ("csrfmiddlewaretoken", "do", "version")
LEAVING = ("later", "back")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@at_public_address
def store_step(request: HttpRequest, pk: int, step: str) -> HttpResponse:
    store = get_object_or_404(kwai_stores(request), pk=pk)
    found = step_of(step)
    if found is None:
        raise Http404
    if request.method == "POST":
        return _post(request, store, found)
    row = step_row(store, found)
    draft = row.draft if not store.activated_at else {}
    form = found.form(store, _typed(draft["data"]) if draft else None)
    version = draft["version"] if draft else row.version
    return _page(request, store, found, row, form, version, from_draft=bool(draft))


@require_safe
def store_live(request: HttpRequest, pk: int) -> HttpResponse:
    """The checks that call Kwai, asked for by the review page once it stands."""
    store = get_object_or_404(kwai_stores(request), pk=pk)
    return render(request, "kwai/live.html", {"store": store, **_live(store)})


def _post(request: HttpRequest, store: Store, step: StepDefinition) -> HttpResponse:
    """*salvar e avançar*, *salvar*, *continuar depois*, *voltar*, or a button that fills fields in."""
    user, do = user_of(request), request.POST.get("do", "save")
    data = step.prepared(store, request.POST, do)
    version = id_of(request.POST.get("version")) or 0
    try:
        form, notice = step_save(
            store=store, step=step, data=data, version=version, user=user, go_on=do == "next"
        )
    except StepConflict as conflict:
        if do in LEAVING:
            return _left(request, store, step, version)
        return _conflict(request, store, step, data, conflict)
    if form is not None and form.errors:
        if do in LEAVING:
            return _left(request, store, step, version)
        row = step_row(store, step)
        return _page(request, store, step, row, form, version, status=422)
    return _saved(request, store, step, do, notice)


def _saved(request: HttpRequest, store: Store, step: StepDefinition, do: str, notice: str) -> HttpResponse:
    if notice:
        messages.info(request, notice)
    if do == "later":
        messages.success(request, "Guardado. Continue quando quiser, também em outro computador.")
        return redirect("kwai:stores")
    if do in ("next", "back"):
        to = step_beside(step, 1 if do == "next" else -1)
        return redirect("kwai:store_step", pk=store.pk, step=to.slug)
    messages.success(request, "Situações padrão adicionadas." if do == "defaults" else "Configuração salva.")
    return redirect("kwai:store_step", pk=store.pk, step=step.slug)


def _left(request: HttpRequest, store: Store, step: StepDefinition, version: int) -> HttpResponse:
    """Leaving never asks for valid values: they are kept as typed."""
    typed = {name: texts for name, texts in request.POST.lists() if name not in OWN_FIELDS}
    step_leave(store=store, step=step, data=typed, version=version)
    messages.info(request, "Guardado como rascunho: há campos a corrigir nesta etapa.")
    if request.POST.get("do") == "back":
        return redirect("kwai:store_step", pk=store.pk, step=step_beside(step, -1).slug)
    return redirect("kwai:stores")


def _conflict(
    request: HttpRequest, store: Store, step: StepDefinition, data: Any, conflict: StepConflict
) -> HttpResponse:
    """Nothing is lost and nothing overwritten: the typed values stay, beside what the other one saved."""
    store = get_object_or_404(kwai_stores(request), pk=store.pk)
    form = step.form(store, data)
    row = conflict.row
    differing = [form[name].label for name in form.changed_data] if form else []
    return _page(request, store, step, row, form, row.version, status=409, conflict=row, differing=differing)


def _page(
    request: HttpRequest,
    store: Store,
    step: StepDefinition,
    row: SetupStep,
    form: StepForm | None,
    version: int,
    *,
    status: int = 200,
    **extra: Any,
) -> HttpResponse:
    store = get_object_or_404(kwai_stores(request), pk=store.pk)
    steps = steps_of(store)
    checks = [check for step in steps for check in step.checks]
    context = {
        "step": step,
        "steps": steps,
        "number": step_number(step.key),
        "form": form,
        "row": row,
        "version": version,
        "checks": checks,
        "blocking": blocking(checks),
        "is_wizard": store.activated_at is None,
        "may_manage": may(user_of(request), "kwai:store_step", "POST"),
        "offer": consent_offer(store=store, user=user_of(request)),
        **store_cards([store])[0],
        "lifecycle": lifecycle_badge(store, step_number(step.key)),
        **extra,
    }
    if "verificar" in request.GET and context["may_manage"]:
        context |= _live(store)
    return leading_to_kwai(render(request, step.template, context, status=status))


def _live(store: Store) -> dict[str, Any]:
    found = [*live_checks(store), *reach_checks()] if store.kwai_account.is_connected else []
    return {"live": found, "live_blocking": blocking(found)}


def _typed(data: dict[str, list[str]]) -> QueryDict:
    """A draft as the form would have been posted."""
    typed = QueryDict(mutable=True)
    for name, texts in data.items():
        typed.setlist(name, texts)
    return typed
