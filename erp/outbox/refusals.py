"""What the engine refuses to operators."""

from __future__ import annotations

from erp.refusals import Refusal

GONE = Refusal("push.gone", "Este envio não existe mais.", "This push does not exist any more.")
DONE = Refusal("push.done", "Já enviado: não há o que repetir.", "Sent already: there is nothing to repeat.")
UNDER_WAY = Refusal(
    "push.under_way",
    "O envio está em andamento. Aguarde o resultado.",
    "The push is under way. Wait for its result.",
)
SUPERSEDED = Refusal(
    "push.superseded",
    "Há um envio mais novo deste item: reenvie aquele.",
    "There is a newer push of this item: send that one again.",
)
TOO_LATE_TO_CANCEL = Refusal(
    "push.not_cancellable",
    "O envio está em andamento e não pode mais ser cancelado.",
    "The push is under way and cannot be cancelled any more.",
)
ENDED = Refusal("push.ended", "Este envio já terminou: {state}.", "This push has ended: {state}.")
NOT_HELD = Refusal(
    "first_push.not_held",
    "Este envio não espera mais conferência.",
    "This push does not wait to be looked at any more. Load the page again.",
)
NOT_QUEUED = Refusal(
    "first_push.not_queued", "Este envio não está na fila: {state}.", "This push does not wait: {state}."
)
OTHER_FIRST = Refusal(
    "first_push.other_first",
    "Outro envio deste tipo vai primeiro. Aguarde o resultado dele.",
    "Another push of this kind goes first. Wait for its result.",
)
CHANGED = Refusal(
    "first_push.changed",
    "O que seria enviado mudou depois da conferência: confira de novo.",
    "What would be sent changed since it was looked at. Look at it again.",
)
NOTHING_TO_DECIDE = Refusal(
    "first_push.nothing_to_decide",
    "Nada a decidir aqui: atualize a página.",
    "There is nothing to decide here: load the page again.",
)
