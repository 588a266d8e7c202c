"""Situations of a push, why one is stopped and what one waits for. Labels are what operators read."""

from __future__ import annotations

from datetime import timedelta

from django.db import models


class JobState(models.TextChoices):
    PENDING = "pending", "Na fila"
    CLAIMED = "claimed", "Enviando"
    DONE = "done", "Enviado"
    BLOCKED = "blocked", "Parado"
    SUPERSEDED = "superseded", "Substituído"
    CANCELLED = "cancelled", "Cancelado"

    @property
    def colour(self) -> str:
        return JOB_COLOURS[self]


JOB_COLOURS = {
    JobState.PENDING: "blue",
    JobState.CLAIMED: "azure",
    JobState.DONE: "green",
    JobState.BLOCKED: "red",
    JobState.SUPERSEDED: "secondary",
    JobState.CANCELLED: "secondary",
}

OPEN_STATES = (JobState.PENDING, JobState.CLAIMED, JobState.BLOCKED)
WAITING_STATES = (JobState.PENDING, JobState.BLOCKED)
WITHDRAWN_STATES = (JobState.SUPERSEDED, JobState.CANCELLED)
FINISHED_STATES = (JobState.DONE, *WITHDRAWN_STATES)


class FailureMode(models.TextChoices):
    """Who must act on a stopped push."""

    CONFIG = "config", "Configuração do aplicativo"
    CREDENTIAL = "credential", "Autorização da loja"
    REJECTED = "rejected", "Recusado pela plataforma"
    EXHAUSTED = "exhausted", "Tentativas esgotadas"
    UNCERTAIN = "uncertain", "Resultado desconhecido"
    INTERNAL = "internal", "Resposta não prevista"

    @property
    def colour(self) -> str:
        return "red" if self in (FailureMode.REJECTED, FailureMode.INTERNAL) else "orange"

    @property
    def next_step(self) -> str:
        return NEXT_STEPS[self]


NEXT_STEPS = {
    FailureMode.CONFIG: "Corrija as credenciais do aplicativo e retome os envios da loja.",
    FailureMode.CREDENTIAL: "Conecte a loja de novo em Integrações.",
    FailureMode.REJECTED: "Corrija o que a plataforma recusou e envie de novo.",
    FailureMode.EXHAUSTED: "Verifique se a plataforma está no ar e envie de novo.",
    FailureMode.UNCERTAIN: "Confira o pedido na plataforma e envie de novo: o ERP verifica antes de repetir.",
    FailureMode.INTERNAL: "Avise o suporte com o código mostrado; depois envie de novo.",
}


class WaitReason(models.TextChoices):
    """Why a queued push is not tried now."""

    NOTHING = "", "Pronto para enviar"
    WINDOW = "window", "Juntando alterações"
    RETRY = "retry", "Nova tentativa agendada"
    LIMIT = "limit", "Aguardando o limite de chamadas"
    QUOTA = "quota", "Aguardando a cota diária"
    CHECK = "check", "Aguardando a plataforma"
    QUEUE = "lane", "Envios da loja pausados"
    GRANT = "grant", "Permissão não concedida"


# A call the platform did not grant is tried again so often: the grant may come without a new consent.
GRANT_REST = timedelta(hours=1)
# The longest time a push is told to wait for each reason. An instant farther off was written by a clock that
# was ahead (`clock.reached`), so whoever lengthens a wait lengthens it here.
LONGEST_WAITS = {
    WaitReason.NOTHING: timedelta(),
    WaitReason.WINDOW: timedelta(minutes=10),
    WaitReason.RETRY: timedelta(hours=12),
    WaitReason.LIMIT: timedelta(hours=1),
    WaitReason.QUOTA: timedelta(days=1),
    WaitReason.CHECK: timedelta(hours=1),
    WaitReason.QUEUE: timedelta(),
    WaitReason.GRANT: GRANT_REST,
}


class FirstVerdict(models.TextChoices):
    """What reading back the first push of a kind has shown."""

    CONFIRMED = "confirmed", "Confirmado"
    DIFFERENT = "different", "Diferente"


class FirstStage(models.TextChoices):
    """Where the first push of a kind for a store stands."""

    WAITING = "waiting", "Espera a sua conferência"
    SENDING = "sending", "Sendo enviado"
    BLOCKED = "blocked", "Parado"
    CHECKING = "checking", "Sendo conferido na plataforma"
    DIFFERENT = "different", "A plataforma mostra outra coisa"
    CLEARED = "cleared", "Confirmado"

    @property
    def colour(self) -> str:
        return FIRST_COLOURS[self]


FIRST_COLOURS = {
    FirstStage.WAITING: "orange",
    FirstStage.SENDING: "blue",
    FirstStage.BLOCKED: "red",
    FirstStage.CHECKING: "blue",
    FirstStage.DIFFERENT: "red",
    FirstStage.CLEARED: "green",
}


class Origin(models.TextChoices):
    RULE = "rule", "Automático"
    BUTTON = "button", "Operador"
    API = "api", "API"


class AttemptAction(models.TextChoices):
    SEND = "send", "Envio"
    VERIFY = "verify", "Verificação"


class AttemptOutcome(models.TextChoices):
    RUNNING = "", "Em andamento"
    DONE = "done", "Concluído"
    NOT_YET_THERE = "absent", "Ainda não consta na plataforma"
    NOT_SENT = "not_sent", "Sem conexão"
    UNKNOWN = "unknown", "Resultado desconhecido"
    LIMITED = "limited", "Limite de chamadas"
    CREDENTIAL = "credential", "Autorização recusada"
    CONFIG = "config", "Configuração recusada"
    REFUSED = "refused", "Recusado"
    UNEXPECTED = "unexpected", "Resposta não prevista"
    WAITING = "waiting", "A plataforma pede para esperar"
    LOST = "lost", "Interrompido"

    @property
    def colour(self) -> str:
        good = (AttemptOutcome.DONE, AttemptOutcome.NOT_YET_THERE)
        bad = (AttemptOutcome.REFUSED, AttemptOutcome.UNEXPECTED, AttemptOutcome.CONFIG)
        return "green" if self in good else "red" if self in bad else "yellow"


class PauseMode(models.TextChoices):
    CREDENTIAL = "credential", "Autorização da loja necessária"


# A breaker never stays open for longer before it lets one push test the platform.
LONGEST_REST = timedelta(minutes=10)


class BreakerState(models.TextChoices):
    CLOSED = "closed", "Normal"
    OPEN = "open", "Plataforma fora do ar"
    HALF_OPEN = "half_open", "Testando a plataforma"

    @property
    def colour(self) -> str:
        return {"closed": "green", "open": "red", "half_open": "yellow"}[self.value]
