"""Who works here and for whom: users, companies, stores, and the trail of what was changed."""

from __future__ import annotations

from typing import Any, NoReturn

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q

from erp.choices import ColouredChoices
from erp.stamps import Stamped, StampedQuerySet


class AppendOnlyError(Exception):
    """A row of an append-only table was about to be changed or deleted."""


class AppendOnlyQuerySet(models.QuerySet[Any]):
    """Reads and inserts only: history that can be rewritten is no history."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError(f"{self.model.__name__} is append-only")

    def delete(self) -> NoReturn:
        raise AppendOnlyError(f"{self.model.__name__} is append-only")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError(f"{self.model.__name__} is append-only")


class AppendOnlyModel(models.Model):
    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None and not kwargs.get("force_insert"):
            raise AppendOnlyError(f"{type(self).__name__} is append-only")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError(f"{type(self).__name__} is append-only")


class FiscalEnvironment(models.TextChoices):
    """`tpAmb` of the NF-e: which SEFAZ environment the company issues in."""

    PRODUCTION = "production", "Produção"
    HOMOLOGATION = "homologation", "Homologação (sem valor fiscal)"


class TaxRegime(models.TextChoices):
    """`CRT` of the NF-e. The Simples Nacional and the MEI describe ICMS by CSOSN, the others by CST."""

    SIMPLES = "1", "Simples Nacional"
    SIMPLES_EXCESS = "2", "Simples Nacional acima do sublimite"
    NORMAL = "3", "Regime normal"
    MEI = "4", "MEI"


class Company(models.Model):
    """Who sells. What a nota fiscal needs beyond the name may be empty: only issuing one asks for it."""

    name = models.CharField("razão social", max_length=150)
    trade_name = models.CharField("nome fantasia", max_length=150, blank=True)
    tax_id = models.CharField("CNPJ", max_length=14, unique=True)
    state_code = models.CharField("UF", max_length=2)
    city = models.CharField("cidade", max_length=100)
    fiscal_environment = models.CharField(
        "ambiente das notas fiscais",
        max_length=12,
        choices=FiscalEnvironment.choices,
        default=FiscalEnvironment.PRODUCTION,
    )
    state_registration = models.CharField("inscrição estadual (IE)", max_length=14, blank=True)
    tax_regime = models.CharField(
        "regime tributário (CRT)", max_length=1, choices=TaxRegime.choices, blank=True
    )
    postal_code = models.CharField("CEP", max_length=8, blank=True)
    street = models.CharField("logradouro", max_length=60, blank=True)
    number = models.CharField("número", max_length=60, blank=True)
    complement = models.CharField("complemento", max_length=60, blank=True)
    district = models.CharField("bairro", max_length=60, blank=True)
    city_code = models.CharField("código IBGE do município", max_length=7, blank=True)

    # Which adapter of `invoices.issuing` makes the notes; an unknown one means importing.
    invoice_issuer = models.CharField("emissão das notas", max_length=20, default="imported")
    invoice_series = models.PositiveSmallIntegerField("série das notas", default=1)
    # Who stands between seller and buyer (`infIntermed`): the marketplace.
    intermediary_tax_id = models.CharField("CNPJ do intermediador", max_length=14, blank=True)
    # What an SKU without its own value takes.
    default_origin = models.CharField("origem", max_length=1, blank=True)
    default_icms_code = models.CharField("CST/CSOSN", max_length=3, blank=True)
    default_cfop = models.CharField("CFOP no estado", max_length=4, blank=True)
    default_cfop_interstate = models.CharField("CFOP a outro estado", max_length=4, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(tax_regime__in=["", *TaxRegime.values]), name="company_known_tax_regime"
            ),
            # 890 and up belong to notes that SEFAZ or a person without a company signs.
            models.CheckConstraint(condition=Q(invoice_series__lt=890), name="company_own_invoice_series"),
        ]

    def __str__(self) -> str:
        return self.trade_name or self.name

    def tax_ids(self) -> set[str]:
        """CNPJ of the company and of its branches: who may have issued one of its notes."""
        return {self.tax_id, *self.branches.values_list("tax_id", flat=True)}


class Branch(models.Model):
    """A *filial*: another CNPJ of the company that may issue its notes."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="branches")
    name = models.CharField("nome", max_length=150)
    tax_id = models.CharField("CNPJ", max_length=14, unique=True)
    state_code = models.CharField("UF", max_length=2)
    city = models.CharField("cidade", max_length=100)

    def __str__(self) -> str:
        return self.name


class CounterQuerySet(models.QuerySet["Counter"]):
    def take(self, *, company_id: int, name: str, count: int = 1) -> range:
        """Reserve `count` consecutive numbers; call inside the transaction that uses them, so that
        a rollback leaves no gap."""
        self.bulk_create([Counter(company_id=company_id, name=name)], ignore_conflicts=True)
        self.filter(company_id=company_id, name=name).update(value=F("value") + count)
        last = self.get(company_id=company_id, name=name).value
        return range(last - count + 1, last + 1)


class Counter(models.Model):
    """Sequences a person sees (order, shipment and group numbers), one row per company and name."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT)
    name = models.CharField(max_length=30)
    value = models.BigIntegerField(default=0)

    objects = CounterQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["company", "name"], name="counter_unique_name")]


class Role(models.TextChoices):
    """What a user may do; `erp.accounts.permissions` says which pages that means."""

    ADMIN = "admin", "Administrador"
    OPERATOR = "operator", "Operador"
    VIEWER = "viewer", "Consulta"


class User(AbstractUser):
    """A person of one company. Administrators reach every store, the others those of their memberships."""

    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, null=True, related_name="users", verbose_name="empresa"
    )
    role = models.CharField("papel", max_length=10, choices=Role.choices, default=Role.VIEWER)

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class StoreLifecycle(ColouredChoices):
    """Poll, push and pickers see only ACTIVE."""

    DRAFT = "draft", "yellow", "Em configuração"
    ACTIVE = "active", "green", "Ativa"
    INACTIVE = "inactive", "secondary", "Inativa"


class StockExit(models.TextChoices):
    """When the goods of an order leave the balance: the situation of the order that takes them out. The
    values are those of `erp.sales.statuses.OrderStatus`."""

    INVOICED = "invoiced", "Ao autorizar a nota fiscal"
    READY_TO_SHIP = "ready_to_ship", "Ao concluir a expedição"
    SHIPPED = "shipped", "Ao marcar o pedido como enviado"


class StoreQuerySet(StampedQuerySet["Store"]):
    def active(self) -> StoreQuerySet:
        return self.filter(lifecycle=StoreLifecycle.ACTIVE)

    def visible_to(self, user: User) -> StoreQuerySet:
        """Stores whose rows `user` may see; every list of store rows starts here."""
        if user.company_id is None or not user.is_active:
            return self.none()
        own = self.filter(company_id=user.company_id)
        return own if user.role == Role.ADMIN else own.filter(memberships__user=user)


class Store(Stamped):
    """A shop of the company: one account at its channel, or the company's own counter (`channel` empty)."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="stores")
    name = models.CharField("nome da integração", max_length=80)
    channel = models.CharField(max_length=20, blank=True)
    lifecycle = models.CharField(max_length=10, choices=StoreLifecycle.choices, default=StoreLifecycle.DRAFT)
    # Read by erp.sales.stock; the warehouse comes from the reservation.
    stock_exit_at = models.CharField(
        "lançamento de estoque para saídas",
        max_length=15,
        choices=StockExit.choices,
        default=StockExit.INVOICED,
    )
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True)

    objects = StoreQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["company", "name"], name="store_unique_name"),
            models.CheckConstraint(
                condition=Q(lifecycle__in=StoreLifecycle.values), name="store_known_lifecycle"
            ),
            models.CheckConstraint(
                condition=Q(stock_exit_at__in=StockExit.values), name="store_known_stock_exit"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.lifecycle == StoreLifecycle.ACTIVE


class StoreMembership(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="memberships")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "store"], name="membership_unique")]


class AuditEntry(AppendOnlyModel):
    """Who changed what in settings, connections and master data. Never holds secrets."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT)
    at = models.DateTimeField(auto_now_add=True)
    actor = models.ForeignKey(User, on_delete=models.PROTECT, null=True)
    action = models.CharField(max_length=60)
    subject = models.CharField(max_length=120)
    text = models.CharField(max_length=500)
    data = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["company", "-at"], name="audit_company_at")]
