"""Keeps each answer with its usage and timings as a line of JSON: `--transcript`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import kaito

if TYPE_CHECKING:
    from kaito import ChatRequest, OptionGroup, Reply, Settings
    from kaito_transcript.recorder import Recorder

__version__ = "0.1.0"


class Plugin:
    """The hooks, and their state in a conversation."""

    def __init__(self) -> None:
        self._recorder: Recorder | None = None

    @kaito.hookimpl
    def kaito_add_options(self, options: OptionGroup) -> None:
        """Add `--transcript`."""
        options.add(
            "--transcript",
            metavar="FILE|FOLDER",
            parse=_checked,
            help="Add each answer with its usage and timings to this file, or to one per conversation in this folder",
        )

    @kaito.hookimpl
    def kaito_reply(self, request: ChatRequest, reply: Reply, settings: Settings) -> None:
        """Add the answer to the transcript.

        Raises:
            KaitoError: it cannot be written.
        """
        destination = settings.option("transcript")
        if destination is None:
            return
        if self._recorder is None:
            # Imported at the first answer, because a start without `--transcript` does not need it.
            from kaito_transcript.recorder import Recorder

            self._recorder = Recorder(destination)
        self._recorder.add(request, reply, settings)


def _checked(destination: str) -> str:
    from kaito_transcript.files import check_destination

    check_destination(destination)
    return destination


plugin = Plugin()
