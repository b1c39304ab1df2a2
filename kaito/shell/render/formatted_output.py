"""Writes a session's answers to stdout with its formatter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from kaito.chat.session_settings import SessionSettings
from kaito.console.terminal import Terminal
from kaito.errors import KaitoError, PluginError, ShellHint
from kaito.formatters.plain import Plain
from kaito.plugin.manager import Offered, Plugins
from kaito.shell.render.sanitized import DeltaSanitizer, RequestSanitizer, sanitized_failure, sanitized_reply
from kaito.types import ChatRequest, Delta, Failure, Reply

if TYPE_CHECKING:
    from kaito.hookspecs import Formatter


class FormattedOutput:
    """The output of one formatter, which the settings name.

    When the formatter fails, plain text takes its place. Output that a program reads stops instead.

    Attributes:
        failed: whether a formatter failed whose output a program reads.
    """

    def __init__(
        self,
        terminal: Terminal,
        plugins: Plugins,
        formatters: Mapping[str, Offered[type[Formatter]]],
        settings: SessionSettings,
    ) -> None:
        self.failed = False
        self._terminal = terminal
        self._screen = terminal.screen()
        self._plugins = plugins
        self._formatters = formatters
        self._settings = settings
        self._offered = formatters[settings.current.output]
        #: `None` after a failure that ends the output.
        self._formatter: Formatter | None = None
        #: Whether the formatter that the settings name is in use.
        self._works = False
        self._session_begun = False
        self._begin_answer: Callable[[], None] | None = None
        self._arrived: Callable[[], Reply] = lambda: Reply(content="")
        self._sanitizer = DeltaSanitizer()
        self._requests = RequestSanitizer()
        #: The last text of the present answer.
        self._written = ""

    @property
    def exclusive(self) -> bool:
        """Whether only answers may be written to stdout, because a program reads it."""
        return bool(getattr(self._offered.value, "exclusive_stdout", False))

    # The session

    def open(self) -> None:
        """Make the formatter that the settings name.

        Raises:
            KaitoError: it failed, and a program reads its output.
        """
        current = self._settings.current
        offered = self._offered = self._formatters[current.output]
        self._formatter, self._works, self._session_begun = None, True, False
        settings = self._plugins.settings_for(offered.plugin, current)
        try:
            with self._plugins.isolated(offered.plugin, "making a formatter"):
                self._formatter = offered.value(self._screen, settings)
        except KaitoError as exc:
            self._fall_back(exc)

    def change(self) -> None:
        """Use the formatter that the settings name now. One that failed is tried again.

        Raises:
            KaitoError: as for :meth:`open`, or stdout cannot be written.
        """
        if not self._works or self._formatters[self._settings.current.output] is not self._offered:
            self.close()
            self.open()

    def close(self) -> None:
        """Write the end of the session, and its beginning if there was no answer; nothing if the formatter failed.

        Raises:
            KaitoError: stdout cannot be written.
        """
        if not self._works or self._terminal.stdout is None:
            return
        try:
            text = "" if self._session_begun else self._call("begin_session")
            text += self._call("end_session")
        except KaitoError as exc:
            self._note_failure()
            self._terminal.error(exc)
            return
        finally:
            self._works = False
        self._write(text)

    # An answer

    @property
    def usable(self) -> bool:
        """Whether answers can be written: not after a failure that ended the output."""
        return self._formatter is not None

    def begin(self, request: Callable[[], ChatRequest | None], arrived: Callable[[], Reply]) -> None:
        """Prepare for an answer. Its formatter is called with the first piece.

        Args:
            request: returns the request, once it was sent.
            arrived: returns the part of the answer that has arrived.

        Raises:
            PluginError: the formatter failed before, and a program reads its output.
        """
        if not self.usable:
            name = self._offered.value.name
            raise PluginError(
                f"Formatter '{name}' failed before, and is not used again",
                ShellHint(
                    f"/format NAME selects another one, /format {name} tries it again", "Select another one with -o"
                ),
            )

        def begin_answer() -> None:
            if (sent := request()) is not None:
                self._write_beginning(sent)

        self._begin_answer = begin_answer
        self._arrived = arrived
        self._sanitizer = DeltaSanitizer()
        self._written = ""

    def add(self, delta: Delta) -> None:
        """Write a piece of the answer.

        Raises:
            KaitoError: the formatter failed and a program reads its output, or stdout cannot be written.
        """
        self._ensure_begun()
        if not self._unsanitized:
            delta = self._sanitizer.feed(delta)
        try:
            text = self._call("feed", delta)
        except KaitoError as exc:
            self._fall_back(exc)
            text = self._start_over()
        self._write(text)

    def finish(self, reply: Reply) -> None:
        """Write the end of the answer.

        Raises:
            KaitoError: as for :meth:`add`.
        """
        self._ensure_begun()
        try:
            text = self._call("finish", reply if self._unsanitized else sanitized_reply(reply))
        except KaitoError as exc:
            self._fall_back(exc)
            text = self._start_over() + self._call("finish", sanitized_reply(reply))
        self._write(text)

    def fail(self, failure: Failure) -> None:
        """Write the end of an answer that failed, or what stands for a line of a script that failed without one.

        Raises:
            KaitoError: as for :meth:`add`.
        """
        if failure.reply is None:
            self._begin_answer = None
        self._ensure_begun()
        if not self._session_begun:
            self._write_beginning(None)
        try:
            text = self._failed(failure if self._unsanitized else sanitized_failure(failure))
        except KaitoError as exc:
            self._fall_back(exc)
            start = self._start_over() if failure.reply is not None else ""
            text = start + self._failed(sanitized_failure(failure))
        self._write(text)

    # Within

    def _failed(self, failure: Failure) -> str:
        if getattr(self._formatter, "fail", None) is not None:
            return self._call("fail", failure)
        # A class with the attributes of a formatter may lack what `Formatter` does by default.
        return "" if failure.reply is None else self._call("finish", failure.reply)

    @property
    def _unsanitized(self) -> bool:
        return self._works and bool(getattr(self._offered.value, "unsanitized", False))

    def _ensure_begun(self) -> None:
        begin, self._begin_answer = self._begin_answer, None
        if begin is not None:
            begin()

    def _write_beginning(self, request: ChatRequest | None) -> None:
        """Write the beginning of an answer to a request, and that of the session before the first."""
        if request is not None and not self._unsanitized:
            request = self._requests.sanitized(request)
        begun, self._session_begun = self._session_begun, True
        try:
            text = "" if begun else self._call("begin_session")
            text += "" if request is None else self._call("begin_answer", request)
        except KaitoError as exc:
            self._fall_back(exc)
            text = "" if request is None else self._call("begin_answer", self._requests.sanitized(request))
        self._write(text)

    def _call(self, method: str, *arguments: ChatRequest | Delta | Reply | Failure) -> str:
        """Return what a method of the formatter returns, `""` if it has no such method.

        Raises:
            KaitoError: it failed.
        """
        with self._plugins.isolated(self._offered.plugin, method):
            call = getattr(self._formatter, method, None)
            text: object = call(*arguments) if call is not None else ""
            if not isinstance(text, str):
                raise TypeError(f"a formatter must return text, not {text!r}")
            return text

    def _write(self, text: str) -> None:
        if text:
            self._written = text
            self._terminal.write(text)

    def _note_failure(self) -> None:
        self._works = False
        self.failed = self.failed or self.exclusive

    def _fall_back(self, exc: KaitoError) -> None:
        """Use plain text in place of a formatter that failed.

        Raises:
            KaitoError: the failure, if a program reads the output: it cannot read plain text.
        """
        self._note_failure()
        if self.exclusive:
            self._formatter = None
            raise exc
        self._terminal.error(exc, "Plain text is shown instead")
        self._formatter = Plain(self._screen, self._settings.current)

    def _start_over(self) -> str:
        """Return the answer so far as plain text, on a line of its own."""
        arrived = self._arrived()
        # The rest of the answer may continue a control sequence.
        self._sanitizer = DeltaSanitizer()
        text = self._call("feed", self._sanitizer.feed(Delta(content=arrived.content, reasoning=arrived.reasoning)))
        return text if not self._written or self._written.endswith("\n") else "\n" + text
