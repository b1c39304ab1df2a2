"""Tests of what is released, as a stranger would use it. They need the network; `tox run -e dist` runs them."""
