"""Numbers of bytes in messages."""

import pytest

from kaito.util.limits import shown_size


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (8000, "7.8 KiB"),
        (16_777_216, "16 MiB"),
        (1_600_000, "1.5 MiB"),
        (64 * 1024**3, "64 GiB"),
    ],
)
def test_a_size_is_shown_in_the_unit_that_fits(size, shown):
    assert shown_size(size) == shown
