"""The line editor at a terminal: prompt_toolkit, which only this module knows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import ColorDepth, create_output

from lakeflow.core.errors import LakeflowError
from lakeflow.core.prompt.completion import suggestions
from lakeflow.core.prompt.questions import LEAVING, is_empty, split

if TYPE_CHECKING:
    from lakeflow.cli.commands.ask.answering import Wanted
    from lakeflow.lake.lake import Lake

_PROMPT: Final = "lakeflow> "
_MORE: Final = "     ...> "


class Terminal:
    """Asks for questions. Ctrl-C leaves the one that is typed, Ctrl-D all."""

    def __init__(self, lake: Lake, past: Sequence[str], wanted: Wanted) -> None:
        plain = not wanted.color or bool(os.environ.get("NO_COLOR"))
        self._session: PromptSession[str] = PromptSession(
            _PROMPT,
            multiline=True,
            prompt_continuation=_MORE,
            history=InMemoryHistory(list(past)),
            completer=_LakeNames(lake),
            complete_while_typing=False,
            key_bindings=_keys(),
            color_depth=ColorDepth.MONOCHROME if plain else None,
            output=create_output(stdout=wanted.out),
        )

    def questions(self) -> Iterator[str]:
        while True:
            try:
                text = self._session.prompt()
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            whole, rest = split(text)
            yield from whole
            if not is_empty(rest):
                yield rest.strip()


def _keys() -> KeyBindings:
    """Enter asks what ends with a semicolon, and begins another line of what does not."""
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.text.strip().lower() in LEAVING or is_empty(split(buffer.text)[1]):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    return keys


class _LakeNames(Completer):
    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        for each in suggestions(document.text, document.cursor_position, self._tables):
            yield Completion(each.text, start_position=-each.replaced, display_meta=each.kind)

    @cached_property
    def _tables(self) -> Mapping[str, Sequence[str]]:
        """Looked up when somebody first asks how a word goes on."""
        try:
            return {str(key): names for key, names in self._lake.columns().items()}
        except LakeflowError:
            return {}
