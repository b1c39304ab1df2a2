"""`kaito deploy`: creates or changes a Workspace or an InferenceSet. Uses the public API only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kaito import Command, OptionGroup, UsageError, hookimpl
from kaito.subcommands.deploy import deploy_values as values
from kaito.subcommands.models.value_completion import instance_types, models

if TYPE_CHECKING:
    from kaito import CommandContext
    from kaito.subcommands.deploy.deploy_run import Options
    from kaito.subcommands.deploy.manifests import Deployment

_DESCRIPTION = (
    "Deploy a model: create a Workspace, or with --replicas an InferenceSet, or change what an earlier 'kaito deploy' "
    "has set. It is built for the version of KAITO in the cluster, checked against its definition, and applied. To "
    "delete it, use kubectl."
)

_EXAMPLES = """
    # Deploy a model, wait until it serves, and chat with it
    kaito deploy my-phi --model phi-4-mini-instruct --instance-type Standard_NC24ads_A100_v4 --wait
    kaito chat --workspace-name my-phi

    # Any model of Hugging Face; the Secret holds the key HF_TOKEN
    kaito deploy my-llama --model meta-llama/Llama-3.1-8B-Instruct --model-access-secret hf --instance-type g6.4xlarge

    # Three replicas, with an adapter and settings for the model's server
    kaito deploy my-set --model phi-4 --replicas 3 --adapters sql=r.io/sql:1 --inference-config vllm.yaml

    # Write the object, without a cluster
    kaito deploy my-phi --model phi-4 --instance-type g6.4xlarge --dry-run=client -o yaml

    # Show what would change
    kaito deploy my-phi --model phi-4 --instance-type g6.4xlarge --show-diff --dry-run=server
"""


def _run(context: CommandContext) -> None:
    plan, options = _plan(context), _options(context)
    # All arguments are valid: only now are the modules that connect imported.
    from kaito.subcommands.deploy.deploy_run import run

    run(context, plan, options)


def _plan(context: CommandContext) -> Deployment:
    """Return the deployment that the flags describe.

    Raises:
        UsageError: a flag is missing, or flags contradict each other.
    """
    from kaito.subcommands.deploy.manifests import Deployment

    option = context.option
    name, is_set = _name(context)
    replicas = option("replicas")
    is_set = is_set or replicas is not None
    if option("model") is None:
        offers = f"{context.program} models{context.settings.target.place_flags}"
        raise UsageError("--model is required", f"To list what this cluster offers: {offers}")
    if is_set and option("count") is not None:
        raise UsageError("--count: cannot be used with --replicas", "KAITO decides how many nodes each replica needs")
    if replicas == 0 and context.settings.target.wait is not None:
        raise UsageError("--wait: cannot be used with --replicas 0, which serves nothing")
    adapters = tuple(option("adapters"))
    names = [adapter.name for adapter in adapters]
    if twice := next((one for one in names if names.count(one) > 1), None):
        raise UsageError(f"--adapters: '{twice}' is given twice")
    labels: dict[str, str] = {}
    for given in (*option("label_selector"), *option("node_selector")):
        labels |= given
    return Deployment(
        kind="InferenceSet" if is_set else "Workspace",
        name=name,
        model=option("model"),
        instance_type=option("instance_type"),
        count=option("count"),
        replicas=replicas,
        adapters=adapters,
        model_access_secret=option("model_access_secret"),
        config=option("inference_config"),
        labels=labels,
        load_balancer=option("load_balancer"),
    )


def _name(context: CommandContext) -> tuple[str, bool]:
    """Return the name, and whether it is an InferenceSet's."""
    given, target = context.option("name"), context.settings.target
    by_flag = target.workspace and f"{'inferenceset/' if target.kind == 'inferenceset' else ''}{target.workspace}"
    if given is not None and by_flag is not None and given != by_flag:
        raise UsageError(f"--workspace-name: '{by_flag}' contradicts the name '{given}'")
    name = given or by_flag
    if name is None:
        raise UsageError("NAME is missing", f"See '{context.program} deploy --help'")
    return name.removeprefix("inferenceset/"), name.startswith("inferenceset/")


def _options(context: CommandContext) -> Options:
    from kaito.subcommands.deploy.deploy_run import Options

    option, wait = context.option, context.settings.target.wait
    dry_run = option("dry_run") or ""
    if dry_run and wait is not None:
        raise UsageError("--wait: cannot be used with --dry-run")
    for flag in ("--show-diff", "--force-conflicts"):
        if dry_run == "client" and option(flag):
            raise UsageError(f"{flag}: cannot be used with --dry-run=client, which asks no cluster")
    return Options(dry_run=dry_run, show_diff=option("show_diff"), force=option("force_conflicts"), wait=wait)


def _add_options(options: OptionGroup) -> None:
    options.add_argument(
        "NAME", help="Name of the workspace, or inferenceset/NAME", parse=values.workspace, required=False
    )
    options.add(
        "--model",
        metavar="PRESET|ID",
        parse=values.model,
        help="Preset of KAITO's, or the Hugging Face id of a model; required",
        complete=models,
    )
    options.add(
        "--instance-type",
        metavar="TYPE",
        parse=values.instance_type,
        help="Kind of machine for its nodes; left out where KAITO creates no nodes",
        complete=instance_types,
    )
    options.add(
        "--count",
        metavar="NUMBER",
        parse=values.whole_number(1, 1000),
        help="Number of nodes; left to KAITO by default",
    )
    options.add(
        "--replicas",
        metavar="NUMBER",
        parse=values.whole_number(0, 1000),
        help="Deploy an InferenceSet with this many replicas",
    )
    options.add(
        "--adapters",
        metavar="NAME=IMAGE[,STRENGTH]",
        parse=values.adapter,
        repeatable=True,
        help="LoRA adapter in an image, with a strength from 0.0 to 1.0; may be repeated",
    )
    options.add(
        "--model-access-secret",
        metavar="SECRET",
        parse=values.name,
        help="Secret with the key HF_TOKEN, for models that require a login",
    )
    options.add(
        "--inference-config",
        metavar="CONFIGMAP|FILE",
        parse=values.inference_config,
        help="Settings of the model's server: a ConfigMap, or a file (a path, or *.yaml) that becomes one",
    )
    for flag, text in (
        ("--label-selector", "Labels that its nodes have; apps=NAME by default. May be repeated"),
        ("--node-selector", "The same as --label-selector"),
    ):
        options.add(flag, metavar="KEY=VALUE[,…]", parse=values.labels, repeatable=True, help=text)
    options.add("--load-balancer", switch=True, help="Give it a public address; anybody who reaches it can use it")
    options.add(
        "--dry-run",
        choices=("client", "server"),
        help="Change nothing: only write the object (client), or let the API server check it (server)",
    )
    options.add("--show-diff", switch=True, help="Show the difference to the existing object before it is applied")
    options.add(
        "--force-conflicts",
        switch=True,
        configurable=False,
        help="Take over fields that others have set, such as with kubectl",
    )


@hookimpl
def kaito_commands() -> Iterable[Command]:
    """Return `deploy`."""
    return [
        Command(
            name="deploy",
            summary="Deploy a model: create a Workspace or an InferenceSet",
            description=_DESCRIPTION,
            examples=_EXAMPLES,
            options=_add_options,
            outputs=("yaml", "json", "name"),
            cluster=True,
            waits=True,
            configurable_workspace=False,
            run=_run,
        )
    ]
