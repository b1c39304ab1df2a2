"""Refuses names that kaito would refuse."""

import re
import sys

NAME = "{{ cookiecutter.name }}"
# Those of kaito itself: the first plugin with a name keeps it.
TAKEN = {
    "backend": ("api-proxy", "auto", "cluster-dns", "ingress", "port-forward", "url"),
    "formatter": ("json", "plain"),
}

if not re.fullmatch("[a-z][a-z0-9]*(-[a-z0-9]+)*", NAME):
    sys.exit(f"'{NAME}' is not a name: lower-case letters and digits, with single '-' between them")
if NAME in TAKEN.get("{{ cookiecutter.kind }}", ()):
    sys.exit(f"'{NAME}' is a {{ cookiecutter.kind }} of kaito itself")
