"""Makes readline understand UTF-8 in locales without an encoding: `C`, `POSIX`, and any that is not installed."""

from __future__ import annotations

import locale
import os

# The names in Python's own locale coercion (PEP 538), in its order.
_UTF8 = ("C.UTF-8", "C.utf8", "UTF-8")
_WITHOUT_ENCODING = ("C", "POSIX")


def provide_utf8_locale() -> None:
    """Set a UTF-8 locale for users of the C library, such as readline, if the environment names none.

    The terminal sends UTF-8 all the same, as Python assumes in these locales, too. Call this before readline is
    imported: it reads the environment itself. `os.environ`, and with it the environment of child processes that get
    one, is unchanged.
    """
    try:
        current = locale.setlocale(locale.LC_CTYPE)
    except locale.Error:
        return
    if current not in _WITHOUT_ENCODING:
        return
    for name in _UTF8:
        try:
            locale.setlocale(locale.LC_CTYPE, name)
        except locale.Error:
            continue
        # Each line is read in the locale that the environment names: LC_ALL before LC_CTYPE before LANG.
        os.putenv("LC_ALL" if os.environ.get("LC_ALL") else "LC_CTYPE", name)
        return
