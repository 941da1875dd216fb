"""The message store: texts, faxes and voicemails of each extension, and what a text says of its sender's consent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from tests.servers.ringcentral.calls import HOME
from tests.servers.ringcentral.config import OWN_EXTENSION_ID, Config
from tests.servers.ringcentral.consents import Consents
from tests.servers.ringcentral.moments import DAY_MS, Clock, to_milliseconds, to_text
from tests.servers.ringcentral.shapes import Message

STOP = frozenset(("STOP", "UNSUBSCRIBE", "QUIT", "CANCEL", "END"))
START = frozenset(("START", "SUBSCRIBE", "RESUME", "CONTINUE", "UNSTOP"))
_MESSAGES = TypeAdapter(list[Message])
Record = dict[str, Any]


@dataclass(frozen=True)
class WantedMessages:
    """Which messages a request asks for. None: all."""

    extension_id: str
    availability: frozenset[str]
    direction: frozenset[str]
    type: frozenset[str]
    read_status: frozenset[str]
    conversation_id: str | None = None
    phone_number: str | None = None

    def takes(self, message: Record) -> bool:
        """Whether a message is one of them."""
        ends = [message.get("from") or {}, *message["to"]]
        return (
            message["extensionId"] == self.extension_id
            and message["availability"] in self.availability
            and message["direction"] in self.direction
            and message["type"] in self.type
            and message["readStatus"] in self.read_status
            and (self.conversation_id is None or str(message.get("conversationId")) == self.conversation_id)
            and (
                self.phone_number is None
                or any((end.get("phoneNumber") or "").lstrip("+") == self.phone_number.lstrip("+") for end in ends)
            )
        )


class MessageStore:
    """All messages that there were. Lists are newest first."""

    def __init__(self, config: Config, clock: Clock, consents: Consents) -> None:
        self._config, self._clock, self._consents = config, clock, consents
        self._messages: dict[int, Record] = {}

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, messages: Iterable[Record]) -> list[int]:
        """Add messages; what is not given is filled in. A keyword that came in changes the consent of the pair."""
        added = [self._complete(message, number) for number, message in enumerate(messages, len(self._messages) + 1)]
        _MESSAGES.validate_python(added)
        for message in added:
            self._messages[message["id"]] = message
            self._heed(message)
        return [message["id"] for message in added]

    def change(self, message_id: int, values: Record) -> Record:
        """Change a message now. Raises KeyError."""
        message = {**self._messages[message_id], "lastModifiedTime": to_text(self._clock.now()), **values}
        _MESSAGES.validate_python([message])
        self._messages[message_id] = message
        return message

    def clear(self) -> None:
        """Forget all."""
        self._messages.clear()

    def all(self) -> list[Record]:
        """Every message: for tests to compare with."""
        return list(self._messages.values())

    def list(self, since: int, until: int, wanted: WantedMessages) -> list[Record]:
        """Messages that were made in a window, newest first."""
        end = until + 1 if self._config.date_to_inclusive else until
        return [m for m in self._there(wanted) if since <= to_milliseconds(m["creationTime"]) < end]

    def changes(self, after: int, wanted: WantedMessages) -> list[Record]:
        """Messages that came or changed after a moment, newest first."""
        return [m for m in self._there(wanted) if to_milliseconds(m["lastModifiedTime"]) > after]

    def knows_extension(self, extension_id: str) -> bool:
        """Whether it is somebody's mailbox."""
        return any(message["extensionId"] == extension_id for message in self._messages.values())

    def _there(self, wanted: WantedMessages) -> list[Record]:
        now = self._clock.now()
        newest = sorted(self._messages.values(), key=lambda m: (m["creationTime"], m["id"]), reverse=True)
        in_folder: dict[tuple[str, str], int] = {}
        there = []
        for message in newest:
            made = to_milliseconds(message["creationTime"])
            if made > now:
                continue
            folder = (message["extensionId"], message["direction"])
            in_folder[folder] = in_folder.get(folder, 0) + 1
            is_old_fax = message["type"] == "Fax" and message["direction"] == "Outbound" \
                and made < now - self._config.sent_fax_days * DAY_MS  # fmt: skip
            if in_folder[folder] <= self._config.messages_per_folder and not is_old_fax and wanted.takes(message):
                there.append(message)
        return there

    def _heed(self, message: Record) -> None:
        word = (message.get("subject") or "").strip().upper()
        if message["type"] != "SMS" or message["direction"] != "Inbound" or word not in STOP | START:
            return
        sender = (message.get("from") or {}).get("phoneNumber")
        for end in message["to"]:
            if sender and end.get("phoneNumber"):
                status = "OptOut" if word in STOP else "OptIn"
                record = {"from": end["phoneNumber"], "to": sender, "optStatus": status, "source": "Recipient"}
                self._consents.put({**record, "lastModifiedTime": message["creationTime"]})

    def _complete(self, message: Record, number: int) -> Record:
        message_id = message.get("id") or 1_724_000_000_000 + number
        made = message.get("creationTime") or to_text(self._clock.now())
        is_inbound = message.get("direction", "Inbound") == "Inbound"
        home = f"{HOME}/extension/{message.get('extensionId', OWN_EXTENSION_ID)}"
        return {
            "id": message_id,
            "uri": f"{home}/message-store/{message_id}",
            "extensionId": OWN_EXTENSION_ID,
            "to": [],
            "type": "SMS",
            "direction": "Inbound",
            "messageStatus": "Received" if is_inbound else "Delivered",
            "creationTime": made,
            "lastModifiedTime": made,
            "readStatus": "Unread" if is_inbound else "Read",
            "priority": "Normal",
            "availability": "Alive",
            "attachments": [
                {
                    "id": message_id, "uri": f"{home}/message-store/{message_id}/content/{message_id}", "type": "Text",
                    "contentType": "text/plain",
                }
            ],
            **message,
        }  # fmt: skip
