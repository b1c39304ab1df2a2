"""`python -m kaito` is the `kaito` command."""

import sys

from kaito.cli import main

sys.exit(main())
