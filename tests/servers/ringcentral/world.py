"""Everything the server knows, in one place, and the gate that each request of the API passes."""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

from tests.servers.ringcentral.auth import Sessions
from tests.servers.ringcentral.calls import CallLog
from tests.servers.ringcentral.config import ACCOUNT_ID, OWN_EXTENSION_ID, Config
from tests.servers.ringcentral.consents import Consents
from tests.servers.ringcentral.errors import not_found, rate_exceeded, without_app_permission, without_user_permission
from tests.servers.ringcentral.faults import Faults
from tests.servers.ringcentral.limits import Limits
from tests.servers.ringcentral.messages import MessageStore
from tests.servers.ringcentral.moments import Clock

APP_PERMISSIONS = frozenset(("ReadAccounts", "ReadCallLog", "ReadMessages", "SMS", "A2PSMS"))
USER_PERMISSIONS = frozenset(("FullCompanyCallLog", "ReadCallLog", "ReadMessages"))


class World:
    """One account, one user, one app."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clock = Clock()
        self.limits = Limits(config)
        self.faults = Faults()
        self.app_permissions = set(APP_PERMISSIONS)
        self.user_permissions = set(USER_PERMISSIONS)
        self.sessions = Sessions(config, self.app_permissions)
        self.calls = CallLog(config, self.clock)
        self.consents = Consents(self.clock)
        self.messages = MessageStore(config, self.clock, self.consents)
        #: Sync tokens of an earlier epoch are no longer good.
        self.sync_epoch = 1
        self.counts: Counter[str] = Counter()
        self.requests: deque[dict[str, Any]] = deque(maxlen=10_000)
        self.shape_errors: list[str] = []

    def note(self, request: Request, status: int) -> None:
        """Keep what was asked, for tests to look at."""
        self.requests.append(
            {
                "at": time.time(),
                "method": request.method,
                "path": request.url.path,
                "query": {name: request.query_params.getlist(name) for name in request.query_params},
                "status": status,
            }
        )

    def enter(self, request: Request, group: str, *, app: str = "", user: str = "") -> None:
        """Let a request in: login, limit, permissions, in this order. Raises ApiError."""
        self.sessions.check(request.headers.get("authorization"))
        self.pass_limit(request, group)
        if app and app not in self.app_permissions:
            raise without_app_permission(app)
        if user and user not in self.user_permissions:
            raise without_user_permission(user)

    def pass_limit(self, request: Request, group: str) -> None:
        """Count a request. Raises ApiError 429 where it is one too many."""
        allowed, request.state.headers = self.limits.take(group)
        if not allowed:
            raise rate_exceeded()

    def check_account(self, account: str) -> None:
        """Raises ApiError 404 for anybody else's."""
        if account not in ("~", ACCOUNT_ID):
            raise not_found("accountId")

    def extension(self, extension: str) -> str:
        """The id of an extension. Raises ApiError 404 for one that nothing is known of."""
        extension_id = OWN_EXTENSION_ID if extension == "~" else extension
        known = extension_id == OWN_EXTENSION_ID or (
            self.messages.knows_extension(extension_id) or self.calls.knows_extension(extension_id)
        )
        if not known:
            raise not_found("extensionId")
        return extension_id

    def answer(self, request: Request, shape: type[BaseModel], body: Mapping[str, Any], status: int = 200) -> Response:
        """A JSON answer, held against its shape."""
        shape.model_validate(body)
        headers = getattr(request.state, "headers", {})
        return Response(json.dumps(body), status, headers, "application/json;charset=utf-8")

    def usage(self) -> dict[str, Any]:
        """The server's own count of what clients did."""
        return {
            **self.limits.usage(),
            "list_calls": self.counts["list_calls"],
            "records": self.counts["records"],
            "logins": self.sessions.logins,
            "refreshes": self.sessions.refreshes,
            "revocations": self.sessions.revocations,
            "faults": dict(self.faults.happened),
            "shape_errors": self.shape_errors,
            "calls": len(self.calls),
            "messages": len(self.messages),
            "consents": len(self.consents),
        }

    def reset_usage(self) -> None:
        """Count from nought; what is kept stays."""
        self.limits.reset()
        self.counts.clear()
        self.requests.clear()
        self.faults.happened.clear()
        self.sessions.logins = self.sessions.refreshes = self.sessions.revocations = 0
