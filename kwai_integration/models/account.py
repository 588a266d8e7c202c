"""The connection of one store to one Kwai seller account (contract section 2)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from erp.accounts.models import Store, User
from erp.encryption import decrypt, encrypt

# `Store.channel` of the stores that are ours.
CHANNEL_KEY = "kwai"


class ConnectionHealth(models.TextChoices):
    """Apart from the store's lifecycle: can we speak to Kwai in the merchant's name?"""

    OK = "ok", "Conectada"
    DISCONNECTED = "disconnected", "Não conectada"
    REVOKED = "revoked", "Consentimento revogado"
    EXPIRED = "expired", "Autorização expirada"
    MISCONFIGURED = "misconfigured", "Aplicativo recusado"

    @property
    def colour(self) -> str:
        return {"ok": "green", "disconnected": "secondary"}.get(self.value, "red")


class KwaiAccount(models.Model):
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
    access_expires_at = models.DateTimeField(null=True)
    refresh_expires_at = models.DateTimeField(null=True)
    # The refresh lease (design 3.2): whoever changes both in one conditional UPDATE refreshes.
    token_version = models.PositiveIntegerField(default=0)
    refresh_lease_until = models.DateTimeField(null=True)
    refresh_lost_at = models.DateTimeField(null=True)
    connected_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant_id"], condition=~Q(merchant_id=""), name="kwai_account_unique_merchant"
            ),
            models.CheckConstraint(
                condition=~Q(health="ok") | (~Q(merchant_id="") & ~Q(access_token_stored="")),
                name="kwai_account_connected_has_tokens",
            ),
        ]

    def _place(self, field: str) -> str:
        return f"kwai_account:{self.pk}:{field}"

    @property
    def access_token(self) -> str:
        return decrypt(self.access_token_stored, place=self._place("access_token"))

    @access_token.setter
    def access_token(self, value: str) -> None:
        self.access_token_stored = encrypt(value, place=self._place("access_token"))

    @property
    def refresh_token(self) -> str:
        return decrypt(self.refresh_token_stored, place=self._place("refresh_token"))

    @refresh_token.setter
    def refresh_token(self, value: str) -> None:
        self.refresh_token_stored = encrypt(value, place=self._place("refresh_token"))

    @property
    def is_connected(self) -> bool:
        return self.health == ConnectionHealth.OK


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

    def _place(self) -> str:
        return f"consent_request:{self.pk}:offer"

    @property
    def offer(self) -> str:
        """The pair that waits for the operator, as JSON text."""
        return decrypt(self.offer_stored, place=self._place())

    @offer.setter
    def offer(self, value: str) -> None:
        self.offer_stored = encrypt(value, place=self._place())
