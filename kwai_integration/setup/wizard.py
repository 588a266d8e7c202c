"""The steps in their order, how far a store has come, and the two ways to leave a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from erp.accounts.models import Company, Store, User
from erp.accounts.services import audit_append
from kwai_integration.models import KwaiSettings, SetupStage
from kwai_integration.setup.stage import Check, Level, Stage, StageForm
from kwai_integration.setup.stage_connection import ConnectionStage
from kwai_integration.setup.stage_mappings import MappingsStage
from kwai_integration.setup.stage_orders import OrdersStage
from kwai_integration.setup.stage_products import ProductsStage
from kwai_integration.setup.stage_review import ReviewStage

STAGES: tuple[Stage, ...] = (
    ConnectionStage(),
    ProductsStage(),
    OrdersStage(),
    MappingsStage(),
    ReviewStage(),
)


class StageConflict(Exception):
    """Somebody else saved this step since the page was opened; nothing was written."""

    def __init__(self, row: SetupStage) -> None:
        self.row = row
        super().__init__(f"{row.saved_by} salvou esta etapa enquanto você editava.")


@dataclass(frozen=True)
class Step:
    """One step as the progress bar shows it; `number` counts from 1."""

    stage: Stage
    number: int
    is_done: bool
    checks: list[Check]

    @property
    def is_blocked(self) -> bool:
        return bool(blocking(self.checks))

    @property
    def needs_a_look(self) -> bool:
        return any(check.level is not Level.OK for check in self.checks)


def stage_of(slug: str) -> Stage | None:
    return next((stage for stage in STAGES if stage.slug == slug), None)


def stage_number(key: str) -> int:
    """The place of a step, from 1."""
    return next((number for number, stage in enumerate(STAGES, 1) if stage.key == key), 1)


def stage_beside(stage: Stage, distance: int) -> Stage:
    """The step before (-1) or after (1), or the step itself at an end."""
    place = stage_number(stage.key) - 1 + distance
    return STAGES[min(max(place, 0), len(STAGES) - 1)]


def stage_current(store: Store) -> Stage:
    """Where the wizard goes on: the same step on every computer."""
    return STAGES[stage_number(store.kwai_settings.setup_stage) - 1]


def steps_of(store: Store) -> list[Step]:
    """Done means saved at least once; blocked, that a check of it forbids the activation."""
    saved = set(store.setup_stages.filter(version__gt=0).values_list("stage", flat=True))
    return [
        Step(stage, number, stage.key in saved, stage.checks(store)) for number, stage in enumerate(STAGES, 1)
    ]


def stage_row(store: Store, stage: Stage) -> SetupStage:
    """The row of a step, unsaved while nobody has touched it."""
    found = SetupStage.objects.select_related("saved_by").filter(store=store, stage=stage.key).first()
    return found or SetupStage(store=store, stage=stage.key)


@transaction.atomic
def stage_save(
    *, store: Store, stage: Stage, data: Any, version: int, user: User, go_on: bool
) -> tuple[StageForm | None, str]:
    """Write the step's values; `version` is that of the page the operator typed into. With `go_on` the
    wizard continues at the next step, else here.

    Answers the form (its errors tell why nothing was written) and a sentence about what follows. Raises
    StageConflict when another person saved the step meanwhile.
    """
    # One saver at a time in a company: names are unique in it, and versions are compared.
    Company.objects.select_for_update(no_key=True).get(pk=store.company_id)
    store = Store.objects.select_related("kwai_settings", "kwai_account").get(pk=store.pk)
    form = stage.form(store, data)
    if form is not None and not form.is_valid():
        return form, ""
    row, _ = SetupStage.objects.get_or_create(store=store, stage=stage.key)
    if row.version != version and row.saved_by_id != user.pk:
        raise StageConflict(row)
    notice = _form_save(store, stage, form, user) if form is not None else ""
    row.version, row.saved_at, row.saved_by, row.draft = row.version + 1, timezone.now(), user, {}
    row.save()
    _place_keep(store, stage_beside(stage, 1) if go_on else stage)
    return form, notice


@transaction.atomic
def stage_leave(*, store: Store, stage: Stage, data: Mapping[str, list[str]], version: int) -> None:
    """*Continuar depois* with values that cannot be saved yet: keep them as they were typed."""
    row, _ = SetupStage.objects.get_or_create(store=store, stage=stage.key)
    row.draft = {"version": version, "data": dict(data)}
    row.save(update_fields=["draft"])
    _place_keep(store, stage)


def checks_of(store: Store) -> list[Check]:
    """Every check from rows alone, in the order of the steps."""
    return [check for stage in STAGES for check in stage.checks(store)]


def blocking(checks: list[Check]) -> list[Check]:
    """Those that forbid the activation."""
    return [check for check in checks if check.level is Level.BLOCKING]


def _form_save(store: Store, stage: Stage, form: StageForm, user: User) -> str:
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
            text=f"{stage.key.label} de {store.name}: configuração alterada",
            data={
                "stage": stage.key.value,
                "from": {name: before.get(name) for name in changed},
                "to": {name: after.get(name) for name in changed},
            },
        )
    return notice


def _place_keep(store: Store, stage: Stage) -> None:
    KwaiSettings.objects.filter(pk=store.pk).update(setup_stage=stage.key)
