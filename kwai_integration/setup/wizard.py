"""The steps in their order, how far a store has come, and the two ways to leave a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from erp.accounts.models import Company, Store, User
from erp.accounts.services import audit_append
from kwai_integration.models import KwaiSettings, SetupStep
from kwai_integration.setup.step import Level, SetupCheck, StepDefinition, StepForm
from kwai_integration.setup.step_connection import ConnectionStep
from kwai_integration.setup.step_mappings import MappingsStep
from kwai_integration.setup.step_orders import OrdersStep
from kwai_integration.setup.step_products import ProductsStep
from kwai_integration.setup.step_review import ReviewStep

STEPS: tuple[StepDefinition, ...] = (
    ConnectionStep(),
    ProductsStep(),
    OrdersStep(),
    MappingsStep(),
    ReviewStep(),
)


class StepConflict(Exception):
    """Somebody else saved this step since the page was opened; nothing was written."""

    def __init__(self, row: SetupStep) -> None:
        self.row = row
        super().__init__(f"{row.saved_by} salvou esta etapa enquanto você editava.")


@dataclass(frozen=True)
class WizardStep:
    """One step as the progress bar shows it; `number` counts from 1."""

    step: StepDefinition
    number: int
    is_done: bool
    checks: list[SetupCheck]

    @property
    def is_blocked(self) -> bool:
        return bool(blocking(self.checks))

    @property
    def needs_a_look(self) -> bool:
        return any(check.level is not Level.OK for check in self.checks)


def step_of(slug: str) -> StepDefinition | None:
    return next((step for step in STEPS if step.slug == slug), None)


def step_number(key: str) -> int:
    """The place of a step, from 1."""
    return next((number for number, step in enumerate(STEPS, 1) if step.key == key), 1)


def step_beside(step: StepDefinition, distance: int) -> StepDefinition:
    """The step before (-1) or after (1), or the step itself at an end."""
    place = step_number(step.key) - 1 + distance
    return STEPS[min(max(place, 0), len(STEPS) - 1)]


def step_current(store: Store) -> StepDefinition:
    """Where the wizard goes on: the same step on every computer."""
    return STEPS[step_number(store.kwai_settings.setup_step) - 1]


def steps_of(store: Store) -> list[WizardStep]:
    """Done means saved at least once; blocked, that a check of it forbids the activation."""
    saved = set(store.setup_steps.filter(version__gt=0).values_list("step", flat=True))
    return [
        WizardStep(step, number, step.key in saved, step.checks(store))
        for number, step in enumerate(STEPS, 1)
    ]


def step_row(store: Store, step: StepDefinition) -> SetupStep:
    """The row of a step, unsaved while nobody has touched it."""
    found = SetupStep.objects.select_related("saved_by").filter(store=store, step=step.key).first()
    return found or SetupStep(store=store, step=step.key)


@transaction.atomic
def step_save(
    *, store: Store, step: StepDefinition, data: Any, version: int, user: User, go_on: bool
) -> tuple[StepForm | None, str]:
    """Write the step's values; `version` is that of the page the operator typed into. With `go_on` the
    wizard continues at the next step, else here.

    Answers the form (its errors tell why nothing was written) and a sentence about what follows. Raises
    StepConflict when another person saved the step meanwhile.
    """
    # One saver at a time in a company: names are unique in it, and versions are compared.
    Company.objects.select_for_update(no_key=True).get(pk=store.company_id)
    store = Store.objects.select_related("kwai_settings", "kwai_account").get(pk=store.pk)
    form = step.form(store, data)
    if form is not None and not form.is_valid():
        return form, ""
    row, _ = SetupStep.objects.get_or_create(store=store, step=step.key)
    if row.version != version and row.saved_by_id != user.pk:
        raise StepConflict(row)
    notice = _form_save(store, step, form, user) if form is not None else ""
    row.version, row.saved_at, row.saved_by, row.draft = row.version + 1, timezone.now(), user, {}
    row.save()
    _place_keep(store, step_beside(step, 1) if go_on else step)
    return form, notice


@transaction.atomic
def step_leave(*, store: Store, step: StepDefinition, data: Mapping[str, list[str]], version: int) -> None:
    """*Continuar depois* with values that cannot be saved yet: keep them as they were typed."""
    row, _ = SetupStep.objects.get_or_create(store=store, step=step.key)
    row.draft = {"version": version, "data": dict(data)}
    row.save(update_fields=["draft"])
    _place_keep(store, step)


def checks_of(store: Store) -> list[SetupCheck]:
    """Every check from rows alone, in the order of the steps."""
    return [check for step in STEPS for check in step.checks(store)]


def blocking(checks: list[SetupCheck]) -> list[SetupCheck]:
    """Those that forbid the activation."""
    return [check for check in checks if check.level is Level.BLOCKING]


def _form_save(store: Store, step: StepDefinition, form: StepForm, user: User) -> str:
    before = form.audited()
    notice = form.save()
    after = form.audited()
    changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    if changed:
        audit_append(
            company_id=store.company_id,
            actor=user,
            action="store.settings",
            subject=f"store:{store.pk}",
            text=f"{step.key.label} de {store.name}: configuração alterada",
            data={
                "step": step.key.value,
                "from": {name: before.get(name) for name in changed},
                "to": {name: after.get(name) for name in changed},
            },
        )
    return notice


def _place_keep(store: Store, step: StepDefinition) -> None:
    KwaiSettings.objects.filter(pk=store.pk).update(setup_step=step.key)
