"""Which values hold when levels contradict each other."""

import pytest

from kaito.config.displacement import Merge
from kaito.config.setting_levels import Setting, SettingOrigin


def level(kind, **values):
    origin = SettingOrigin(kind=kind, name=kind)
    return {
        key.replace("_", "-"): Setting(given=value if isinstance(value, bool) else (value,), origin=origin)
        for key, value in values.items()
    }


def merged(*levels, flags=None, restored=()):
    """Return what holds, by key."""
    merge = Merge()
    merge.take(level("flag", **(flags or {})), without_effect=restored)
    for one in levels:
        tables = one if isinstance(one, tuple) else (one,)
        merge.add([level("profile", **table) for table in tables])
    return {
        key: setting.given if isinstance(setting.given, bool) else setting.given[0]
        for key, setting in merge.taken.items()
    }


LAPTOP = {"endpoint": "http://a", "api_key_file": "key", "header": "X: 1", "model": "m", "seed": "1"}
WORK = {
    "context": "c",
    "namespace": "n",
    "workspace_name": "w",
    "backend": "port-forward",
    "api_key_file": "key",
    "seed": "1",
}


@pytest.mark.parametrize(
    ("flags", "table", "kept"),
    [
        # A flag replaces the value, and what stands beside a replaced server is not for the new one.
        ({"endpoint": "http://b"}, LAPTOP, {"endpoint": "http://b", "seed": "1"}),
        ({"endpoint": "http://a"}, LAPTOP, {"endpoint", "api-key-file", "header", "model", "seed"}),
        ({"workspace_name": "w"}, LAPTOP, {"workspace-name", "seed"}),
        ({"namespace": "n"}, LAPTOP, {"namespace", "seed"}),
        ({"context": "c"}, LAPTOP, {"context", "seed"}),
        ({"kubeconfig": "k"}, LAPTOP, {"kubeconfig", "seed"}),
        ({"backend": "local"}, LAPTOP, {"backend", "seed"}),
        ({"backend": "port-forward"}, LAPTOP, {"backend", "seed"}),
        ({"backend": "url"}, LAPTOP, {"backend", "endpoint", "api-key-file", "header", "model", "seed"}),
        ({"endpoint": "http://b"}, WORK, {"endpoint", "seed"}),
        ({"endpoint": "http://b"}, {"workspace_name": "w", "api_key_file": "key", "seed": "1"}, {"endpoint", "seed"}),
        ({"endpoint": "http://b"}, {"api_key_file": "key", "seed": "1"}, {"endpoint", "api-key-file", "seed"}),
        ({"workspace_name": "w"}, WORK, {"context", "namespace", "workspace-name", "backend", "api-key-file", "seed"}),
        ({"namespace": "n"}, WORK, {"context", "namespace", "workspace-name", "backend", "api-key-file", "seed"}),
        # Another workspace of the same cluster: the same way leads there, the key and the model are not for it.
        ({"workspace_name": "v"}, WORK, {"context", "namespace", "workspace-name", "backend", "seed"}),
        ({"namespace": "m"}, WORK, {"context", "namespace", "workspace-name", "backend", "seed"}),
        (
            {"workspace_name": "v", "namespace": "m"},
            {**WORK, "model": "m"},
            {"workspace-name", "namespace", "context", "backend", "seed"},
        ),
        (
            {"workspace_name": "v"},
            {"namespace": "n", "api_key_file": "key"},
            {"workspace-name", "namespace", "api-key-file"},
        ),
        ({"namespace": "m"}, {"namespace": "n", "header": "X: 1", "insecure_skip_tls_verify": True}, {"namespace"}),
        ({"context": "d"}, WORK, {"context", "namespace", "workspace-name", "seed"}),
        ({"backend": "ingress"}, WORK, {"context", "namespace", "workspace-name", "backend", "api-key-file", "seed"}),
        ({"workspace_name": "w"}, {"backend": "local", "model": "f"}, {"workspace-name", "model"}),
        ({"workspace_name": "w"}, {"backend": "a-plugin-s"}, {"workspace-name", "backend"}),
        ({"workspace_name": "w"}, {"backend": "port-forward"}, {"workspace-name", "backend"}),
        ({"backend": "local"}, {"model": "m", "workspace_name": "w"}, {"backend", "workspace-name"}),
        ({"output": "json"}, {"format": "url"}, {"output"}),
        ({"all_namespaces": True}, {"workspace_name": "w"}, {"all-namespaces"}),
        ({"watch": True}, {"wait": "1m"}, {"watch"}),
        ({"insecure_skip_tls_verify": True}, {"certificate_authority": "f"}, {"insecure-skip-tls-verify"}),
        # A switch that is off displaces nothing.
        (
            {"insecure_skip_tls_verify": False},
            {"certificate_authority": "f"},
            {"insecure-skip-tls-verify", "certificate-authority"},
        ),
    ],
)
def test_a_flag_displaces_what_it_excludes(flags, table, kept):
    result = merged(table, flags=flags)
    assert (result if isinstance(kept, dict) else {*result}) == kept


def test_a_profile_displaces_what_it_excludes_in_the_defaults():
    assert {*merged(WORK, LAPTOP)} == {"context", "namespace", "workspace-name", "backend", "api-key-file", "seed"}
    assert {*merged(LAPTOP, WORK)} == {"endpoint", "api-key-file", "header", "model", "seed"}


def test_a_namespace_below_the_command_line_does_not_choose_a_target():
    assert {*merged({"namespace": "n"}, {"endpoint": "http://a"})} == {"namespace", "endpoint"}
    assert {*merged({"namespace": "n"}, {"backend": "local"})} == {"namespace", "backend"}


def test_the_table_of_a_command_displaces_the_one_around_it():
    assert {*merged(({"endpoint": "http://b"}, {"workspace_name": "w", "seed": "1"}))} == {"endpoint", "seed"}
    tables = ({"endpoint": "http://b"}, {"endpoint": "http://a", "api_key_file": "key"})
    # The key is for the server that it stands beside.
    assert merged(tables) == {"endpoint": "http://b"}
    assert {*merged(({"endpoint": "http://b", "model": "m"}, LAPTOP))} == {"endpoint", "model", "seed"}
    assert {*merged(({"workspace_name": "v"}, WORK))} == {"context", "namespace", "workspace-name", "backend", "seed"}
    assert {*merged(({"endpoint": "http://b"}, {"api_key_file": "key"}))} == {"endpoint", "api-key-file"}
    own = ({"endpoint": "http://b", "api_key_file": "own"}, LAPTOP)
    assert merged(own) == {"endpoint": "http://b", "api-key-file": "own", "seed": "1"}
    # Both are displaced at once.
    assert {*merged(tables, flags={"endpoint": "http://c"})} == {"endpoint"}


def test_values_of_one_level_are_not_compared():
    table = {"endpoint": "http://a", "workspace_name": "w", "namespace": "n"}
    assert {*merged(table)} == {"endpoint", "workspace-name", "namespace"}
    assert {*merged(flags=table)} == {"endpoint", "workspace-name", "namespace"}


def test_a_restored_flag_displaces_its_own_value_only():
    merge = Merge()
    merge.take(
        {"endpoint": Setting(given=(), origin=SettingOrigin(kind="flag", name="--endpoint"))},
        without_effect=["endpoint"],
    )
    merge.add([level("defaults", endpoint="http://a", namespace="n", header="X: 1")])
    assert {key for key, setting in merge.taken.items() if setting.given} == {"namespace"}


def test_a_key_in_a_variable_displaces_a_file_s():
    merge = Merge()
    merge.displace("api-key-file")
    merge.add([level("defaults", api_key_file="key", seed="1")])
    assert {*merge.taken} == {"seed"}
