"""{{ cookiecutter.description }}: `kaito {{ cookiecutter.name }}`."""

from __future__ import annotations

from collections.abc import Iterable

from kaito import Command, CommandContext, OptionGroup, Reply, hookimpl

__version__ = "0.1.0"

EXAMPLES = """
    # Ask three times
    kaito {{ cookiecutter.name }} --endpoint http://localhost:8080 --times 3
"""


def add_options(options: OptionGroup) -> None:
    """Add the options of the subcommand."""
    options.add("--times", parse=int, default=1, metavar="COUNT", help="How often to ask")


def run(context: CommandContext) -> None:
    """Ask, and write a row for each answer."""
    replies = context.wait(ask(context))
    context.write_object([{"answer": reply.content, "seconds": round(reply.total_s, 3)} for reply in replies])


async def ask(context: CommandContext) -> list[Reply]:
    """Return the answers."""
    async with context.connect() as model:
        return [await model.ask("ping") for _ in range(context.option("times"))]


@hookimpl
def kaito_commands() -> Iterable[Command]:
    """Return the subcommand."""
    return [
        Command(
            name="{{ cookiecutter.name }}",
            summary="{{ cookiecutter.description }}",
            examples=EXAMPLES,
            options=add_options,
            outputs=("json", "yaml"),
            connects=True,
            run=run,
        )
    ]
