"""A model of the platform, small enough to be read at once, which also judges what the ERP promises about calls.

It stands in the place of `erp.http.call`: whatever the ERP sends arrives here, and here the seed decides whether it
is lost, refused or answered. A broken promise is a line in `broken`.
"""

from __future__ import annotations

import copy
import json
from collections import Counter, deque
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

from erp.http import Answer, RequestNotSent, RequestOutcomeUnknown
from tests.kwai_integration.codes import CLOSED, PAID, RECEIVED, SHIPPED, TO_ARRANGE
from tests.kwai_integration.inbound.conftest import detail, line
from tests.simulation.workers import Baton, SimWorker, current

OK, REVOKED, ALREADY, REFUSED, LIMITED, TOKEN_DEAD, FAULT = 200, 445, 409, 422, 429, 444, 500
ACCESS_SECONDS = 7 * 86_400
# A pair may be renewed in this last part of its life, or once it was refused.
RENEWABLE_PART = 0.35
STORE_RATE = 5
FIRST_ID = 2_600_000_000_000_000_001
NOTE_ACCEPTED, NOTE_RECEIVED = "2", "1"
FAULTS = ("not sent", "lost before", "lost after", "limited", "fault before", "fault after", "gateway")
WRITES = {"uploadInvoice": "accessKey", "shipOrder": "trackingNumber", "confirmDelivery": ""}


class ModelPlatform:
    """One merchant with its orders and its consent."""

    def __init__(self, baton: Baton) -> None:
        self.baton, self.clock = baton, baton.clock
        self.orders: dict[str, dict[str, Any]] = {}
        self.forget()
        self.pair = 0

    def forget(self) -> None:
        """As before the first call of a history; the orders stay."""
        self.broken: list[str] = []
        self.fault_rate = 0.0
        self.is_clock_fair = True
        self.applied: Counter[tuple[str, str, str]] = Counter()
        self.withdrawn: set[str] = set()
        self.pair, self.is_access_dead, self.is_revoked = 1, False, False
        self.access_ends = self.clock.true + ACCESS_SECONDS
        # A pair that was issued and did not reach its place: then, and only then, the consent may end.
        self.is_pair_lost = False
        self._writing: dict[str, SimWorker] = {}
        self._departures: deque[float] = deque(maxlen=STORE_RATE + 2)
        self._known_dead: dict[str, int] = {}
        self._known_waits: dict[str, tuple[float, int]] = {}

    # --- what happens there

    def order_new(self, status: int = PAID) -> str:
        number = len(self.orders)
        lines = [{**line("SKU-1"), "skuQuantity": 1}]
        order = detail(number, orderStatus=status, orderItemView=lines, totalAmount=6_000, invoiceStatus="0")
        order_id = str(order["orderId"])
        self.orders[order_id] = order
        for name in ("createTime", "paidTime", "updateTime"):
            order[name] = self._now_ms()
        order["shipByTime"] = self._now_ms() + 172_800_000
        return order_id

    def order_change(self, order_id: str, **fields: Any) -> None:
        # Two changes never have the same time, as on a platform that counts in milliseconds.
        newest = max(order["updateTime"] for order in self.orders.values())
        self.orders[order_id].update(fields, updateTime=max(self._now_ms(), newest + 1))

    def order_cancel(self, order_id: str) -> None:
        """Closed by the platform: from now on no write is permitted."""
        self.withdrawn.add(order_id)
        self.order_change(order_id, orderStatus=CLOSED)

    def consent_renew(self) -> dict[str, Any]:
        """The merchant consents anew; the answer of the exchange of the code."""
        self.is_revoked = False
        return self._pair_issue()

    @property
    def access(self) -> str:
        return f"AT{self.pair}"

    def _now_ms(self) -> int:
        return int(self.clock.true * 1000)

    # --- the calls

    def call(
        self, method: str, url: str, *, params: Any = None, body: bytes | None = None, **_: Any
    ) -> Answer:
        """In the place of `erp.http.call`."""
        name = urlsplit(url).path.rsplit("/", 1)[-1]
        sent = json.loads(body) if body else {}
        self.baton.pause(f"{name} leaves", 0.5)
        worker = current()
        self._departure_judge(name, params, worker)
        subject = str(sent.get("orderId", "")) if name in WRITES else ""
        try:
            return self._exchange(name, params, sent, subject, worker)
        finally:
            if subject and worker is not None and self._writing.get(subject) is worker:
                self._writing.pop(subject)
                worker.commits_to = ""

    def _exchange(
        self, name: str, params: dict[str, str], sent: dict[str, Any], subject: str, worker: SimWorker | None
    ) -> Answer:
        fault = self._fault()
        if fault == "not sent":
            raise RequestNotSent("sim")
        if subject and worker is not None:
            if subject in self._writing:
                self._break(f"two workers write to {subject} at a time")
            self._writing[subject] = worker
        if fault == "limited":
            result, data = LIMITED, {"retryAfter": self.baton.chance.choice((3, 20))}
            if worker is not None:
                worker.told_waits[name] = self.clock.true + data["retryAfter"]
        elif fault in ("lost before", "fault before"):
            result, data = FAULT, None
        else:
            result, data = self._authorised(name, params, sent)
        self.baton.log(f"    {name} {sent.get('orderId') or ''} {fault or ''} -> {result}")
        self.baton.pause(f"{name} answers", 0.5)
        if fault.startswith("lost"):
            self._pair_lost_note(name, result)
            raise RequestOutcomeUnknown("sim")
        if fault in ("gateway", "fault after"):
            self._pair_lost_note(name, result)
            return self._reply(502 if fault == "gateway" else 200, FAULT, None)
        if result == TOKEN_DEAD and worker is not None:
            worker.told_dead.add(params["accessToken"])
        return self._reply(200, result, data)

    def _fault(self) -> str:
        return self.baton.chance.choice(FAULTS) if self.baton.chance.random() < self.fault_rate else ""

    def _reply(self, status: int, result: int, data: Any) -> Answer:
        body = json.dumps({"result": result, "message": "sim", "data": data}).encode()
        headers = {"date": formatdate(self.clock.true, usegmt=True)}
        return Answer(status, headers, b"<html>" if status == 502 else body, 1)

    def _authorised(self, name: str, params: dict[str, str], sent: dict[str, Any]) -> tuple[int, Any]:
        if name == "refreshToken":
            return self._refresh(params["refresh_token"])
        if self.is_revoked:
            return REVOKED, None
        token = params["accessToken"]
        if token != self.access or self.is_access_dead or self.clock.true > self.access_ends:
            return TOKEN_DEAD, None
        if name in WRITES:
            return self._write(name, sent)
        if name == "queryOrderList":
            met = [
                {"orderId": order["orderId"]}
                for order in self.orders.values()
                if sent["timeFrom"] <= order["updateTime"] <= sent["timeTo"]
            ]
            return OK, {"total": len(met), "orderList": met}
        if name == "queryOrderDetails":
            met = [
                copy.deepcopy(self.orders[str(id_)]) for id_ in sent["orderList"] if str(id_) in self.orders
            ]
            if (worker := current()) is not None:
                worker.has_read |= {str(order["orderId"]): order["orderStatus"] for order in met}
            return OK, {"orderInfoDetailList": met}
        if name == "queryRefundList":
            return OK, {"total": 0, "refundList": []}
        raise AssertionError(name)

    def _write(self, name: str, sent: dict[str, Any]) -> tuple[int, Any]:
        order_id = str(sent["orderId"])
        order, content = self.orders[order_id], str(sent.get(WRITES[name], ""))
        key = (name, order_id, content)
        if self.applied[key]:
            self._break(f"{name} of {order_id} was sent again although it had arrived")
            return ALREADY, None
        before, after = {
            "uploadInvoice": ((PAID, TO_ARRANGE), TO_ARRANGE),
            "shipOrder": ((TO_ARRANGE,), SHIPPED),
            "confirmDelivery": ((SHIPPED,), RECEIVED),
        }[name]
        if order["orderStatus"] not in before:
            # It may have changed since it was read: then the platform refuses, and nobody is to blame.
            if (worker := current()) is not None and worker.has_read.get(order_id) not in before:
                self._break(f"{name} of {order_id} was sent in situation {order['orderStatus']}")
            return REFUSED, None
        changes: dict[str, Any] = {"orderStatus": after}
        if name == "uploadInvoice":
            changes["invoiceStatus"] = NOTE_ACCEPTED
        if name == "shipOrder":
            changes |= {"trackingNumber": content, "carrierCode": sent["carrierCode"]}
        self.applied[key] += 1
        self.order_change(order_id, **changes)
        return OK, {"orderId": order["orderId"]}

    # --- the consent

    def _refresh(self, token: str) -> tuple[int, Any]:
        if self.is_revoked:
            return REVOKED, None
        if token != f"RT{self.pair}":
            # A refresh token that was exchanged comes again: the platform ends the consent.
            if not self.is_pair_lost:
                self._break("an exchanged refresh token was sent again although its answer had come")
            self.is_revoked = True
            return REVOKED, None
        left = self.access_ends - self.clock.true
        if self.is_clock_fair and not self.is_access_dead and left > ACCESS_SECONDS * RENEWABLE_PART:
            self._break("a pair was renewed that was alive and far from its end")
        return OK, self._pair_issue()

    def _pair_issue(self) -> dict[str, Any]:
        self.pair += 1
        self.is_access_dead, self.is_pair_lost = False, False
        self.access_ends = self.clock.true + ACCESS_SECONDS
        return {
            "merchantId": 123,
            "shopName": "Loja",
            "accessToken": self.access,
            "refreshToken": f"RT{self.pair}",
            "expiresIn": ACCESS_SECONDS,
            "refreshTokenExpiresIn": 31_536_000,
            "scopes": "user_info,merchant_item,merchant_order",
        }

    def _pair_lost_note(self, name: str, result: int) -> None:
        if name == "refreshToken" and result == OK:
            self.is_pair_lost = True

    # --- promises

    def worker_ended(self, worker: SimWorker) -> None:
        """What it was told is known to all who begin after it."""
        for token in worker.told_dead:
            self._known_dead.setdefault(token, self.baton.begun)
        for name, until in worker.told_waits.items():
            if until > self._known_waits.get(name, (0.0, 0))[0]:
                self._known_waits[name] = (until, self.baton.begun)

    def _departure_judge(self, name: str, params: dict[str, str], worker: SimWorker | None) -> None:
        if worker is None:
            return
        token = params.get("accessToken", "")
        if worker.number > self._known_dead.get(token, worker.number):
            self._break(f"{name} was sent with {token}, which was known to be dead")
        if not self.is_clock_fair:
            return
        until, begun = self._known_waits.get(name, (0.0, 0))
        if worker.number > begun and self.clock.true < until:
            self._break(f"{name} was sent within a wait that was told")
        if not token:
            return
        self._departures.append(self.clock.true)
        recent = [at for at in self._departures if at > self.clock.true - 1]
        if len(recent) > STORE_RATE + 1:
            self._break(f"{len(recent)} calls left within a second")

    def _break(self, promise: str) -> None:
        self.baton.log(f"    BROKEN: {promise}")
        self.broken.append(promise)
