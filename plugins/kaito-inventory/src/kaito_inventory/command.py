"""`kaito inventory`: lists the endpoints of an inventory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kaito import Command, CommandContext, KaitoError, OptionGroup, hookimpl
from kaito_inventory import HELP, checked

if TYPE_CHECKING:
    from kaito_inventory.inventory import Entry, Inventory

_EXAMPLES = """
    # List the endpoints, and what is wrong with their files
    kaito inventory

    # Chat with one of them
    kaito chat --workspace-name my-llama
"""


@hookimpl
def kaito_commands() -> Iterable[Command]:
    """Return `kaito inventory`."""
    return [
        Command(
            name="inventory",
            summary="List the endpoints of an inventory",
            description="List the endpoints of an inventory, and what is wrong with the files that they name. "
            "Nothing is contacted.",
            examples=_EXAMPLES,
            options=_add_options,
            outputs=("json", "yaml"),
            run=_run,
        )
    ]


def _add_options(options: OptionGroup) -> None:
    options.add("--inventory", metavar="FILE", parse=checked, help=HELP)


def _run(context: CommandContext) -> None:
    from kaito_inventory.inventory import find_inventory, no_inventory

    inventory = find_inventory(context.option("inventory"))
    if inventory is None:
        raise no_inventory()
    if not inventory.entries and context.output == "plain":
        context.notice(f"The inventory '{inventory.path}' has no endpoints")
        return
    context.write_object([_row(inventory, entry) for entry in inventory.entries])


def _row(inventory: Inventory, entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "url": entry.shown_url,
        "model": entry.model,
        "key": entry.api_key_file is not None or bool(entry.header_files),
        "problem": _problem(inventory, entry),
        "description": entry.description or None,
    }


def _problem(inventory: Inventory, entry: Entry) -> str | None:
    """Return why an entry cannot be used, as far as this can be found from files."""
    try:
        inventory.secret_headers(entry)
        inventory.trusted(entry)
    except KaitoError as exc:
        return exc.message
    return None
