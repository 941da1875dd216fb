"""Webhooks v2: subscriptions and the delivery of events with Basic auth, retries, bans and faults.

No signature and no promise of order. An attempt counts as good with any 2xx; redirects are not followed. What happens
during a ban is lost. Webhooks of version 1.0 are kept but get nothing.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter, deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import httpx
from pydantic import BaseModel, ConfigDict

from tests.servers.pipedrive.clock import Clock, v1_of
from tests.servers.pipedrive.config import Config
from tests.servers.pipedrive.errors import RawError

if TYPE_CHECKING:
    from tests.servers.pipedrive.world import Actor

ACTIONS = ("create", "change", "delete", "*")
OBJECTS = (
    "activity", "deal", "lead", "note", "organization", "person", "pipeline", "product", "stage", "user", "*",
)  # fmt: skip
_RETRIES = (3, 30, 150)
_BAN_SECONDS, _FAILURES_TO_BAN = 1800, 10
_DAYS_WITHOUT_SUCCESS = 3
_WORKERS = 4


class DeliveryFaults(BaseModel):
    """POST /_control/webhooks/faults: every setting anew; {} switches them off. Rates are shares of all deliveries."""

    model_config = ConfigDict(extra="forbid")

    duplicate_rate: float = 0.0
    drop_rate: float = 0.0
    """Never sent at all."""
    shuffle: int = 0
    """Hold back this many events and send them in another order when that many are held (or on /drain)."""
    delay_seconds: float = 0.0
    seed: int = 0


class Hub:
    """The subscriptions of a company and what is on its way to them."""

    def __init__(self, config: Config, clock: Clock, company_id: int) -> None:
        self.webhooks: dict[int, dict[str, Any]] = {}
        self.counts: Counter[str] = Counter()
        self.log: deque[dict[str, Any]] = deque(maxlen=5000)
        self._config, self._clock, self._company_id = config, clock, company_id
        self._next_id = 1
        self._state: dict[int, dict[str, Any]] = {}
        self._held: list[tuple[int, dict[str, Any]]] = []
        self.set_faults(DeliveryFaults())
        self._queue: asyncio.Queue[tuple[int, dict[str, Any], int]] = asyncio.Queue()
        self._open = 0
        self._workers: list[asyncio.Task[None]] = []
        self._client: httpx.AsyncClient | None = None

    def set_faults(self, faults: DeliveryFaults) -> None:
        """Take these faults from now on; what is held back goes out."""
        if self._held:
            self._release()
        self.faults, self._random = faults, random.Random(faults.seed)

    def add(self, given: dict[str, Any], user_id: int) -> dict[str, Any]:
        """Subscribe. RawError 400 with `errors` by field, 422 for one too many."""
        if errors := _errors(given):
            raise RawError(400, {"status": "error", "success": False, "errors": errors})
        owner = given.get("user_id") or user_id
        if sum(webhook["owner_id"] == owner for webhook in self.webhooks.values()) >= self._config.webhook_limit:
            errors = {"user_id": [f"maximum of {self._config.webhook_limit} webhooks per user reached"]}
            raise RawError(422, {"status": "error", "success": False, "errors": errors})
        webhook_id, self._next_id = self._next_id, self._next_id + 1
        self.webhooks[webhook_id] = {
            "id": webhook_id, "company_id": self._company_id, "owner_id": owner, "user_id": owner,
            "event_action": given["event_action"], "event_object": given["event_object"],
            "subscription_url": given["subscription_url"], "version": given.get("version", "2.0"), "is_active": 1,
            "add_time": self._clock.now().replace("Z", ".000Z"), "remove_time": None, "type": "general",
            "http_auth_user": given.get("http_auth_user"), "http_auth_password": given.get("http_auth_password"),
            "remove_reason": None, "last_delivery_time": None, "last_http_status": None, "admin_id": user_id,
            "name": given["name"],
        }  # fmt: skip
        self._state[webhook_id] = {"failures": 0, "banned_until": 0.0, "success": self._clock.now()}
        return self.webhooks[webhook_id]

    def remove(self, webhook_id: int) -> None:
        """Unsubscribe. RawError 404 for an unknown one."""
        if self.webhooks.pop(webhook_id, None) is None:
            raise RawError(404, {"status": "error", "success": False, "errors": {"id": ["not found"]}})

    def emit(
        self,
        entity: str,
        action: str,
        entity_id: int,
        actor: Actor,
        *,
        data: dict[str, Any] | None = None,
        previous: dict[str, Any] | None = None,
        merge: Mapping[str, int] | None = None,
    ) -> None:
        """Tell the subscribers what happened; `merge`: merged_to_id or merged_from_id."""
        meta = {
            "action": action, "entity": entity, "entity_id": str(entity_id), "company_id": str(self._company_id),
            "correlation_id": str(uuid.uuid4()), "id": str(uuid.uuid4()), "is_bulk_edit": actor.bulk,
            "timestamp": self._clock.moment().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "type": "general", "user_id": str(actor.user_id), "version": "2.0", "change_source": actor.source,
            "host": "testcompany.pipedrive.com", "permitted_user_ids": ["1", "2"], **(merge or {}),
        }  # fmt: skip
        for webhook in list(self.webhooks.values()):
            if webhook["version"] != "2.0" or webhook["event_action"] not in (action, "*"):
                continue
            if webhook["event_object"] in (entity, "*"):
                own = {"webhook_id": str(webhook["id"]), "webhook_owner_id": str(webhook["owner_id"])}
                self._send(webhook["id"], {"meta": {**meta, **own}, "data": data, "previous": previous})

    async def drain(self, seconds: float) -> bool:
        """Let go of what is held and wait until all is delivered or given up; False if that takes longer."""
        self._release()
        deadline = asyncio.get_running_loop().time() + seconds
        while self._open and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)
        return not self._open

    def report(self) -> dict[str, Any]:
        """Counts, and the last attempts."""
        return {"counts": dict(sorted(self.counts.items())), "open": self._open, "attempts": list(self.log)}

    def close(self) -> None:
        """Nothing is delivered any more."""
        for worker in self._workers:
            worker.cancel()
        self.webhooks.clear()

    def _send(self, webhook_id: int, payload: dict[str, Any]) -> None:
        self.counts["events"] += 1
        if self._state[webhook_id]["banned_until"] > asyncio.get_running_loop().time():
            self.counts["lost_in_ban"] += 1
            return
        if self._random.random() < self.faults.drop_rate:
            self.counts["dropped"] += 1
            return
        copies = 2 if self._random.random() < self.faults.duplicate_rate else 1
        self.counts["duplicated"] += copies - 1
        self._held += [(webhook_id, payload)] * copies
        if len(self._held) > self.faults.shuffle:
            self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        if self.faults.shuffle:
            self._random.shuffle(held)
        for webhook_id, payload in held:
            self._open += 1
            self._later(self.faults.delay_seconds, webhook_id, payload, 1)

    def _later(self, seconds: float, webhook_id: int, payload: dict[str, Any], attempt: int) -> None:
        while len(self._workers) < _WORKERS:
            self._workers.append(asyncio.create_task(self._work()))
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._queue.put_nowait, (webhook_id, payload, attempt))
        else:
            self._queue.put_nowait((webhook_id, payload, attempt))

    async def _work(self) -> None:
        while True:
            webhook_id, payload, attempt = await self._queue.get()
            webhook = self.webhooks.get(webhook_id)
            good = webhook is None or await self._attempt(webhook, payload, attempt)
            if webhook is not None:
                self._judge(webhook, good, attempt)
            if good or attempt > len(_RETRIES):
                self._open -= 1
            else:
                self._later(_RETRIES[attempt - 1] * self._config.webhook_scale, webhook_id, payload, attempt + 1)

    async def _attempt(self, webhook: dict[str, Any], payload: dict[str, Any], attempt: int) -> bool:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=self._config.webhook_timeout, trust_env=False)
        user, password = webhook["http_auth_user"], webhook["http_auth_password"]
        auth = httpx.BasicAuth(user or "", password or "") if user or password else httpx.Auth()
        body = {**payload, "meta": {**payload["meta"], "attempt": attempt}}
        status = None
        try:
            status = (await self._client.post(webhook["subscription_url"], json=body, auth=auth)).status_code
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            self.counts[type(problem).__name__] += 1
        webhook |= {"last_delivery_time": v1_of(self._clock.now()), "last_http_status": status}
        self.counts["attempts"] += 1
        good = status is not None and 200 <= status < 300
        self.counts["delivered" if good else "failed"] += 1
        meta = {key: payload["meta"][key] for key in ("id", "action", "entity", "entity_id")}
        self.log.append({"webhook_id": webhook["id"], "event": meta, "attempt": attempt, "status": status})
        return good

    def _judge(self, webhook: dict[str, Any], good: bool, attempt: int) -> None:
        """Ban after ten failures of first attempts in a row; remove after three days without a success."""
        state = self._state[webhook["id"]]
        if good:
            state["success"] = self._clock.now()
            state["failures"] = 0
            return
        if attempt == 1:
            state["failures"] += 1
            if state["failures"] >= _FAILURES_TO_BAN:
                state["failures"] = 0
                state["banned_until"] = asyncio.get_running_loop().time() + _BAN_SECONDS * self._config.webhook_scale
                self.counts["bans"] += 1
        if state["success"] <= self._clock.before(seconds=_DAYS_WITHOUT_SUCCESS * 86400):
            self.webhooks.pop(webhook["id"], None)
            self.counts["removed"] += 1


def _errors(given: dict[str, Any]) -> dict[str, list[str]]:
    errors = {}
    url = given.get("subscription_url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")) or "api.pipedrive.com" in url:
        errors["subscription_url"] = ["invalid or non-reachable URL"]
    if given.get("event_action") not in ACTIONS:
        errors["event_action"] = [f"must be one of {', '.join(ACTIONS)}"]
    if given.get("event_object") not in OBJECTS:
        errors["event_object"] = [f"must be one of {', '.join(OBJECTS)}"]
    if not isinstance(given.get("name"), str) or not 0 < len(given["name"]) <= 255:
        errors["name"] = ["is required and has at most 255 characters"]
    if given.get("version", "2.0") not in ("1.0", "2.0"):
        errors["version"] = ["must be 1.0 or 2.0"]
    return errors
