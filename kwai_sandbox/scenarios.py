"""Trouble worth practising, each a set of fault switches with what a person sees in the ERP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kwai_sandbox.faults import Faults

FACTS = ("uploadInvoice", "shipOrder", "confirmDelivery")


@dataclass(frozen=True)
class Scenario:
    """`what` the platform does, `watch` what to look at in the ERP; `switches` as in `PUT faults`."""

    key: str
    title: str
    what: str
    watch: str
    switches: tuple[dict[str, Any], ...]

    def is_on(self, on: list[dict[str, Any]]) -> bool:
        """Whether one of its switches is still on."""
        keys = {(fault["path"], fault["kind"]) for fault in on}
        return any((switch.get("path"), switch["kind"]) in keys for switch in self.switches)

    def turn_on(self, faults: Faults) -> None:
        for switch in self.switches:
            faults.put(switch)

    def turn_off(self, faults: Faults) -> None:
        for switch in self.switches:
            faults.remove(switch.get("path"), switch["kind"])


def _facts(kind: str, **fields: Any) -> tuple[dict[str, Any], ...]:
    return tuple({"kind": kind, "path": path, "count": 1} | fields for path in FACTS)


SCENARIOS = (
    Scenario(
        "lost_answer",
        "O Kwai grava e a resposta se perde",
        "A próxima nota, o próximo rastreio e a próxima entrega são gravados aqui, mas o ERP recebe um erro.",
        "Em Envios ao Kwai a tentativa aparece com erro; na seguinte o ERP lê o pedido antes, vê que já está"
        " gravado e conclui sem mandar de novo. Aqui, em Gravações, nada fica em dobro.",
        _facts("bad_gateway", effect="before"),
    ),
    Scenario(
        "nothing_kept",
        "O Kwai falha antes de gravar",
        "A próxima nota, o próximo rastreio e a próxima entrega não são gravados e o ERP recebe um erro.",
        "Em Envios ao Kwai o envio volta para a fila com a hora da próxima tentativa e chega sozinho depois.",
        _facts("server_error", effect="after"),
    ),
    Scenario(
        "no_answer",
        "O Kwai grava, mas não responde",
        "As próximas gravações são feitas e a conexão cai depois de 12 segundos em silêncio.",
        "O ERP desiste de esperar, não sabe se deu certo e confere antes de repetir. Nada em dobro.",
        _facts("timeout", effect="before", delayMs=12_000),
    ),
    Scenario(
        "down",
        "O Kwai está fora do ar",
        "Toda chamada recebe uma página de erro 502 e nada é gravado, até você desligar.",
        "Trabalhe no ERP como sempre: os envios esperam na fila. Ao desligar a falha todos seguem sozinhos.",
        ({"kind": "bad_gateway", "effect": "after"},),
    ),
    Scenario(
        "half",
        "Metade das chamadas falha",
        "Cada chamada tem 50% de chance de erro; às vezes a gravação foi feita, às vezes não.",
        "As tentativas ficam mais espaçadas e leva alguns minutos, mas tudo chega, uma vez só.",
        ({"kind": "server_error", "rate": 0.5, "effect": "random"},),
    ),
    Scenario(
        "cut",
        "Respostas cortadas ao meio",
        "As próximas gravações são feitas, mas a resposta chega pela metade.",
        "Para o ERP é resultado desconhecido: ele confere no Kwai antes de tentar de novo.",
        _facts("truncated", effect="before"),
    ),
    Scenario(
        "slow",
        "O Kwai está lento",
        "Toda resposta demora 3 segundos.",
        "As telas do ERP continuam rápidas: quem espera é a fila.",
        ({"kind": "slow", "effect": "before"},),
    ),
    Scenario(
        "too_many",
        "Chamadas demais",
        "As próximas 5 chamadas ouvem “muitas chamadas, volte em 20 segundos”.",
        "Em Envios ao Kwai o envio espera o tempo pedido, sem contar como tentativa.",
        ({"kind": "rate_limit", "count": 5, "retryAfter": 20},),
    ),
    Scenario(
        "clock",
        "O relógio do servidor está errado",
        "Toda chamada ouve que o horário enviado não serve; pela hora da resposta, o ERP está 10 minutos"
        " atrasado.",
        "O ERP para os envios de todas as lojas e diz “relógio do servidor” e a diferença. Ao desligar, volta"
        " sozinho em um minuto.",
        ({"kind": "clock", "offsetMs": 600_000},),
    ),
    Scenario(
        "unknown_code",
        "Um resultado que ninguém conhece",
        "As próximas 3 chamadas ouvem o código 499, que não está em documento nenhum.",
        "O ERP tenta as leituras de novo, mostra o código nos envios e não desliga a loja.",
        ({"kind": "unknown_code", "count": 3},),
    ),
    Scenario(
        "pages",
        "Páginas repetidas e puladas",
        "Ao procurar pedidos, muitas páginas repetem uma linha da anterior ou vêm trocadas pela seguinte.",
        "Todos os pedidos chegam, cada um uma vez: o ERP confere o total e passa de novo.",
        (
            {"kind": "duplicate_page", "path": "queryOrderList", "rate": 0.3},
            {"kind": "skip_page", "path": "queryOrderList", "rate": 0.3},
        ),
    ),
    Scenario(
        "quota",
        "A cota diária acabou",
        "O próximo rastreio ouve que as chamadas de hoje acabaram.",
        "O ERP para de enviar rastreios até a cota voltar e avisa uma vez. Só experimente se puder esperar.",
        ({"kind": "quota", "path": "shipOrder", "count": 1},),
    ),
)
BY_KEY = {scenario.key: scenario for scenario in SCENARIOS}
