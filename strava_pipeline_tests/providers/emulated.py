"""What the subjects of emulated services have in common: faults, and activities that are edited, deleted and back again."""

import re
from collections.abc import MutableMapping
from typing import Any, ClassVar

from strava_pipeline.environment.settings import Settings


class EmulatedSubject:
    """A subject of the contract over its emulator.

    `file_path`: of an activity's file, with {} for its id; `write`: method and path of what changes a name; `named`: the field of an
    activity with its name; `renews`: whether a 401 has the client get another token.
    """

    name: ClassVar[str]
    lists: ClassVar[str]
    zones = links = lists_foreign = False
    file_path: ClassVar[str]
    write: ClassVar[tuple[str, str]]
    named: ClassVar[str] = "name"
    renews: ClassVar[bool] = False
    file_call: ClassVar[re.Pattern[str]]

    def __init__(self, service: Any, activities: MutableMapping[Any, Any]) -> None:
        self.clock, self.faults, self.journal = service.clock, service.faults, service.journal
        self.settings: dict[str, Any] = {}
        self.deleted: dict[str, Any] = {}
        self._emulator, self._activities = service, activities

    def _key(self, source_id: str) -> Any:
        """The activity's key in the emulator."""
        return source_id

    def log_in(self, settings: Settings) -> None:
        """Its login is a setting."""

    def add_foreign(self, day: str) -> None:
        raise NotImplementedError

    def edit(self, source_id: str, title: str) -> None:
        self._activities[self._key(source_id)][self.named] = title

    def title_of(self, source_id: str) -> str:
        return str(self._activities[self._key(source_id)][self.named])

    def delete(self, source_id: str) -> None:
        self.deleted[source_id] = self._activities.pop(self._key(source_id))

    def restore(self, source_id: str) -> None:
        activity = self.deleted.pop(source_id)
        self._activities[self._key(source_id)] = activity

    def lose_file(self, source_id: str) -> None:
        del self._emulator.files[self._key(source_id)]

    def fail(self, *, headers: dict[str, str] | None = None, **fault: Any) -> None:
        if self.renews and fault.get("status") == 401:
            fault["times"] = 2 * fault.get("times", 1)  # the token is renewed, and refused as well
        self._emulator.fail({"path": self.lists, "exact": True, **fault}, headers)

    def fail_file(self, source_id: str | None, **fault: Any) -> None:
        self.fail(path=self.file_path.format(source_id or "*"), **fault)

    def fail_write(self, **fault: Any) -> None:
        method, path = self.write
        self.fail(path=path, method=method, exact=False, **fault)
