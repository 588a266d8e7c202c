"""What every step of the wizard is: a form over stored values, and checks that say what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms

from erp.accounts.models import Store
from erp.choices import ColouredChoices
from kwai_integration.models import StepKey

SLUGS = {
    StepKey.CONNECTION: "conexao",
    StepKey.PRODUCTS: "produtos",
    StepKey.ORDERS: "pedidos",
    StepKey.MAPPINGS: "mapeamentos",
    StepKey.REVIEW: "revisao",
}


class Level(ColouredChoices):
    """How much a check matters to the activation."""

    OK = "ok", "green", "circle-check", "Certo"
    WARNING = "warning", "yellow", "alert-triangle", "Atenção"
    BLOCKING = "blocking", "red", "alert-circle", "Impede a ativação"


@dataclass(frozen=True)
class SetupCheck:
    """One line of *Revisão*: `text` says what is and what to do; `anchor` is the id of the field that
    changes it, on the page of `step`."""

    level: Level
    title: str
    text: str
    step: StepKey | None = None
    anchor: str = ""

    @property
    def slug(self) -> str:
        """Where in the address the step stands."""
        return SLUGS[self.step] if self.step else ""


class StepForm(forms.Form):
    """A form of one store. Fields start with what is stored now; only `save` writes."""

    def __init__(self, data: Any = None, *, store: Store) -> None:
        self.store = store
        super().__init__(data, initial=self.current())

    def current(self) -> dict[str, Any]:
        """What is stored now, by field name."""
        raise NotImplementedError

    def audited(self) -> dict[str, Any]:
        """What is stored now, as the audit trail keeps it: plain JSON without secrets."""
        return self.current()

    def save(self) -> str:
        """Write the cleaned values inside the caller's transaction; a sentence for the operator, or none."""
        raise NotImplementedError


class StepDefinition:
    """One step. Subclasses set the names and override what they have."""

    key: StepKey
    form_class: type[StepForm] | None = None
    template: str

    @property
    def slug(self) -> str:
        return SLUGS[self.key]

    def form(self, store: Store, data: Any = None) -> StepForm | None:
        return self.form_class(data, store=store) if self.form_class else None

    def prepared(self, store: Store, data: Mapping[str, Any], do: str) -> Any:
        """`data` after a button of this step that fills fields in (`do`)."""
        return data

    def checks(self, store: Store) -> list[SetupCheck]:
        """What is missing, from rows alone: quick, and without a call to Kwai."""
        return []
