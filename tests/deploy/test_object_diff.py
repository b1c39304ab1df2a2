"""The difference between two objects."""

from typing import Any

from kaito.subcommands.deploy.object_diff import difference, without_server_fields

STORED: Any = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "a", "uid": "1", "resourceVersion": "7", "managedFields": [{}], "labels": {"x": "y"}},
    "data": {"config": "one\ntwo\n"},
    "status": {"phase": "x"},
}


def test_only_what_people_set_is_compared():
    new = {**STORED, "metadata": {**STORED["metadata"], "resourceVersion": "8"}, "status": {"phase": "z"}}
    assert difference(STORED, new, "configmap/a") == ""


def test_each_line_of_a_text_is_compared():
    new = {**STORED, "data": {"config": "one\nthree\n"}}
    assert difference(STORED, new, "configmap/a").splitlines() == [
        "--- configmap/a (in the cluster)",
        "+++ configmap/a (applied)",
        "@@ -2,7 +2,7 @@",
        " data:",
        "   config: |",
        "     one",
        "-    two",
        "+    three",
        " kind: ConfigMap",
        " metadata:",
        "   labels:",
    ]


def test_a_new_object_is_added():
    lines = difference(None, STORED, "configmap/a").splitlines()
    assert "+kind: ConfigMap" in lines
    assert not any("uid" in line or "status" in line for line in lines)


def test_fields_that_are_left_out_of_the_output():
    assert without_server_fields(STORED, whole=False)["metadata"] == {
        "name": "a",
        "uid": "1",
        "resourceVersion": "7",
        "labels": {"x": "y"},
    }
    assert without_server_fields(STORED, whole=False)["status"] == {"phase": "x"}
