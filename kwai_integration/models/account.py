"""The connection of one store to one Kwai seller account (contract section 2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from erp.accounts.models import Store, User
from erp.choices import ColouredChoices
from erp.encryption import Secret
from erp.leases import Leased, StampedLeasedQuerySet, lease_is_whole
from erp.stamps import Stamped, StampedQuerySet

# `Store.channel` of the stores that are ours.
CHANNEL_KEY = "kwai"


class ConnectionHealth(ColouredChoices):
    """Apart from the store's lifecycle: can we speak to Kwai in the merchant's name?"""

    OK = "ok", "green", "Conectada"
    DISCONNECTED = "disconnected", "secondary", "Não conectada"
    REVOKED = "revoked", "red", "Consentimento revogado"
    EXPIRED = "expired", "red", "Autorização expirada"
    UNRECOGNISED = "unrecognised", "red", "Conta não reconhecida pelo Kwai"


# Days before the end of a consent at which somebody is told (contract section 2).
WARNING_DAYS = (30, 7, 1)


@dataclass(frozen=True, slots=True)
class ConnectionLabel:
    label: str
    colour: str


def in_days(days: int) -> str:
    """`hoje`, `amanhã`, `em 7 dias`."""
    return {0: "hoje", 1: "amanhã"}.get(days, f"em {days} dias")


class KwaiAccount(Stamped, Leased):
    """The token pair and what it opens. Tokens are stored encrypted, see `erp.encryption`."""

    store = models.OneToOneField(
        Store, on_delete=models.CASCADE, primary_key=True, related_name="kwai_account"
    )
    # Empty while never connected; one merchant is connected to one store (contract section 2).
    merchant_id = models.CharField(max_length=40, blank=True)
    shop_name = models.CharField(max_length=150, blank=True)
    scopes = models.CharField(max_length=200, blank=True)
    health = models.CharField(
        max_length=15, choices=ConnectionHealth.choices, default=ConnectionHealth.DISCONNECTED
    )
    access_token_stored = models.TextField(blank=True)
    refresh_token_stored = models.TextField(blank=True)
    access_token = Secret("access_token_stored", table="kwai_account")
    refresh_token = Secret("refresh_token_stored", table="kwai_account")
    access_expires_at = models.DateTimeField(null=True)
    # How long the access token lived when it was issued.
    access_seconds = models.PositiveIntegerField(null=True)
    # The end of the consent: past it only the merchant can connect again.
    refresh_expires_at = models.DateTimeField(null=True)
    # When the planner renews the pair, well before its end; empty is now.
    refresh_due_at = models.DateTimeField(null=True)
    # Counts the pairs. Whoever holds the row's lease renews; one that ran out tells of an answer
    # that was lost.
    token_version = models.PositiveIntegerField(default=0)
    # The version whose access token the platform no longer takes: nobody sends it again.
    refused_version = models.PositiveIntegerField(null=True)
    refresh_lost_at = models.DateTimeField(null=True)
    # The platform does not renew the pair for now: why, how often in a row, and when it is asked again.
    refresh_problem = models.CharField(max_length=300, blank=True)
    refresh_failures = models.PositiveSmallIntegerField(default=0)
    refresh_retry_at = models.DateTimeField(null=True)
    connected_at = models.DateTimeField(null=True)

    objects = StampedLeasedQuerySet["KwaiAccount"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant_id"], condition=~Q(merchant_id=""), name="kwai_account_unique_merchant"
            ),
            models.CheckConstraint(
                condition=~Q(health="ok") | (~Q(merchant_id="") & ~Q(access_token_stored="")),
                name="kwai_account_connected_has_tokens",
            ),
            lease_is_whole("kwai_account_lease_is_whole"),
        ]

    @staticmethod
    def lease_length() -> timedelta:
        """Of one renewal."""
        return timedelta(seconds=30)

    @property
    def is_connected(self) -> bool:
        return self.health == ConnectionHealth.OK

    @property
    def is_refused(self) -> bool:
        """The platform does not take the present access token any more."""
        return self.refused_version == self.token_version

    @property
    def is_alive(self) -> bool:
        """The access token still opens the door, as far as our clock and the platform's answers tell."""
        ends = self.access_expires_at
        return not self.is_refused and ends is not None and ends > timezone.now()

    @property
    def asks_consent(self) -> bool:
        """Two answers in a row to a renewal were lost: only the merchant can renew, though the access token
        may live on for a while."""
        lost = self.refresh_lost_at is not None and self.lease_until is not None
        return self.is_connected and lost and bool(self.refresh_problem)

    @property
    def consent_days_left(self) -> int | None:
        """Whole days until the merchant must consent again; None while not connected."""
        if not self.is_connected or self.refresh_expires_at is None:
            return None
        return max(0, (self.refresh_expires_at - timezone.now()) // timedelta(days=1))

    @property
    def connection(self) -> ConnectionLabel:
        """What the card says of the connection, the countdown included."""
        health = ConnectionHealth(self.health)
        days = self.consent_days_left
        if days is None or days > WARNING_DAYS[0]:
            return ConnectionLabel(health.label, health.colour)
        return ConnectionLabel(f"Expira {in_days(days)}", "yellow" if days > WARNING_DAYS[-1] else "red")


class OAuthPause(Stamped):
    """The platform refused the application's secret: nobody connects or renews until `retry_at`, when the
    next of them tries for all. One row per application; it counts only for the secret that was refused."""

    app_key = models.CharField(max_length=80, primary_key=True)
    secret_digest = models.CharField(max_length=64)
    reason = models.CharField(max_length=500)
    since = models.DateTimeField(db_default=Now())
    failures = models.PositiveSmallIntegerField(default=1)
    retry_at = models.DateTimeField()

    objects = StampedQuerySet["OAuthPause"].as_manager()


class ConsentRequest(models.Model):
    """One *conectar com Kwai*: the `status` value sent to the consent page, single use, tied to the
    user and browser session that asked. Only a hash of the value is stored.

    An account new to the store waits here, encrypted and until `expires_at`, for *usar esta conta*."""

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="consent_requests")
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    status_hash = models.CharField(max_length=64, unique=True)
    session_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    merchant_id = models.CharField(max_length=40, blank=True)
    shop_name = models.CharField(max_length=150, blank=True)
    offer_stored = models.TextField(blank=True)
    # The pair that waits for the operator, as JSON text.
    offer = Secret("offer_stored", table="consent_request")
