from django.apps import AppConfig


class KwaiIntegrationConfig(AppConfig):
    name = "kwai_integration"
    verbose_name = "Kwai Shop"

    def ready(self) -> None:
        from django.core import checks

        from erp import channels, metrics
        from erp.outbox import clearance, handlers, limits
        from erp.settings.checks import TAG
        from kwai_integration import shell
        from kwai_integration.channel import KwaiChannel
        from kwai_integration.checks import settings_check
        from kwai_integration.limiter import call_limits
        from kwai_integration.metrics import figures
        from kwai_integration.outbound import first
        from kwai_integration.outbound.handlers import arrange, delivery, invoice, tracking
        from kwai_integration.wire.endpoints import CALL_LABELS

        channel = KwaiChannel()
        channels.register(channel)
        channels.listen(channel)
        limits.register(call_limits)
        handlers.calls_named(CALL_LABELS)
        for module in (invoice, arrange, tracking, delivery):
            handlers.register(module.HANDLER)
        for followed in first.FOLLOWED:
            clearance.follow(followed)
        shell.register()
        metrics.register("kwai", figures)
        checks.register(settings_check, TAG)
