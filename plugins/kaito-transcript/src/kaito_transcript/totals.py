"""The totals of transcripts, by model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from kaito import KaitoError, toolkit
from kaito_transcript.records import Counted

#: The most bytes of a line. A longer one is left out.
_LONGEST = 64 * 1024 * 1024


@dataclass(kw_only=True)
class Total:
    """The totals of one model's answers."""

    model: str
    #: An answer and its continuations are one turn.
    turns: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0

    def add(self, record: Counted) -> None:
        """Add an answer. A continuation adds the tokens and the seconds of its own request."""
        self.turns += record.replaces is None
        if record.usage is not None:
            self.prompt_tokens += record.usage.prompt_tokens
            self.completion_tokens += record.usage.completion_tokens
        if record.timings is not None:
            self.seconds += record.timings.total_s


def totals(files: Iterable[Path], damaged: Callable[[str], None]) -> list[Total]:
    """Return the totals of files, by the names of the models.

    Args:
        damaged: called with each line that is not a record, which is left out: its place, and why.

    Raises:
        KaitoError: a file cannot be read.
    """
    by_model: dict[str, Total] = {}
    for path in files:
        try:
            _count(path, by_model, damaged)
        except OSError as exc:
            raise KaitoError(f"Cannot read '{path}': {exc.strerror}") from None
    return [by_model[name] for name in sorted(by_model)]


def _count(path: Path, by_model: dict[str, Total], damaged: Callable[[str], None]) -> None:
    if not path.is_file():
        raise KaitoError(
            f"Cannot read '{path}': {'it is not a regular file' if path.exists() else 'there is no such file'}"
        )
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_LONGEST):
            number += 1
            if not line.strip():
                continue
            try:
                if len(line) == _LONGEST and not line.endswith(b"\n"):
                    while (rest := file.readline(_LONGEST)) and not rest.endswith(b"\n"):
                        pass
                    raise toolkit.DecodeError(f"it is longer than {toolkit.shown_size(_LONGEST)}")
                record = toolkit.decode_json(line, Counted)
            except toolkit.DecodeError as exc:
                damaged(f"{path}:{number}: {exc}")
                continue
            name = record.model or "unknown model"
            by_model.setdefault(name, Total(model=name)).add(record)
