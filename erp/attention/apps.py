"""What needs a person: one register that every app adds to and every page only reads. Knows no app but
accounts."""

from django.apps import AppConfig


class AttentionConfig(AppConfig):
    name = "erp.attention"
    label = "attention"
    verbose_name = "Pendências"
