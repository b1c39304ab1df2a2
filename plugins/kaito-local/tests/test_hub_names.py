"""The address of a model on the hub, and the choice among a repository's files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kaito_local.hub_names import Reference, choices, choose, parse

from kaito.errors import UsageError

FILES = [
    ".gitattributes",
    "README.md",
    "Model-IQ4_XS.gguf",
    "Model-Q2_K.gguf",
    "Model-Q4_K_L.gguf",
    "Model-Q4_K_M.gguf",
    "Model-Q8_0/Model-Q8_0-00001-of-00002.gguf",
    "Model-Q8_0/Model-Q8_0-00002-of-00002.gguf",
    "Model-f16-00001-of-00002.gguf",
    "Model-imatrix.gguf",
    "UD/Model-UD-Q5_K_XL.gguf",
    "mmproj-Model-Q4_K_M.gguf",
]


def chosen(quant, files=FILES):
    found = choose(choices(files), quant)
    return found.files if found else None


@pytest.mark.parametrize(
    ("value", "reference"),
    [
        ("hf.co/owner/repo", Reference("owner/repo")),
        ("hf.co/Owner/Re.po-GGUF:Q4_K_M", Reference("Owner/Re.po-GGUF", "Q4_K_M")),
        ("HF.CO/owner/repo:q8_0", Reference("owner/repo", "q8_0")),
        ("huggingface.co/owner/repo", Reference("owner/repo")),
        ("https://huggingface.co/owner/repo:UD-Q4_K_XL", Reference("owner/repo", "UD-Q4_K_XL")),
        ("hf.co/owner/repo:Model-Q4_K_M.gguf", Reference("owner/repo", "Model-Q4_K_M.gguf")),
    ],
)
def test_an_address(value, reference):
    assert parse(value) == reference


@pytest.mark.parametrize("value", ["model.gguf", "/hf.co/a/b", "owner/repo", "hf.com/a/b", "", "SmolLM2-135M-Instruct"])
def test_what_is_not_on_the_hub(value):
    assert parse(value) is None


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "owner",
        "owner/",
        "/repo",
        "a/b/c",
        "a/b:",
        "a/b:c/d",
        "a/..",
        "../b",
        "a/b--c",
        "a/b c",
        "a/b\n",
        "a/b:\x1b",
        "a/é",
        "a/" + "b" * 100,
        "a/b?x=y",
        "a/b#c",
        "a/b@main",
        "-a/b",
    ],
)
def test_a_malformed_address(rest):
    with pytest.raises(UsageError, match="is not a model on the hub") as caught:
        parse(f"hf.co/{rest}")
    assert "hf.co/OWNER/REPO[:QUANT]" in caught.value.hints[0]


@pytest.mark.parametrize(
    ("quant", "files"),
    [
        (None, ("Model-Q4_K_M.gguf",)),
        ("Q4_K_M", ("Model-Q4_K_M.gguf",)),
        ("q4_k_l", ("Model-Q4_K_L.gguf",)),
        ("Q8_0", ("Model-Q8_0/Model-Q8_0-00001-of-00002.gguf", "Model-Q8_0/Model-Q8_0-00002-of-00002.gguf")),
        ("Q5_K_XL", ("UD/Model-UD-Q5_K_XL.gguf",)),
        ("UD-Q5_K_XL", ("UD/Model-UD-Q5_K_XL.gguf",)),
        ("model-q2_k.gguf", ("Model-Q2_K.gguf",)),
        ("Model-Q2_K", ("Model-Q2_K.gguf",)),
        # a part of a name, parts of which one is missing, and files that are not models
        ("Q4_K", None),
        ("Q4", None),
        ("f16", None),
        ("imatrix", None),
    ],
)
def test_the_choice(quant, files):
    assert chosen(quant) == files


def test_without_the_usual_quantization_the_first_is_used():
    assert chosen(None, ["b-Q8_0.gguf", "a-Q6_K.gguf"]) == ("a-Q6_K.gguf",)


def test_the_shortest_of_several_names_is_used():
    assert chosen(None, ["A-Vision-Q4_K_M.gguf", "Model-Q4_K_M.gguf"]) == ("Model-Q4_K_M.gguf",)


@pytest.mark.parametrize(
    "name", ["../a.gguf", "/a.gguf", "a/../b.gguf", "a\\b.gguf", "a\n.gguf", "\x1b.gguf", "a//b.gguf"]
)
def test_a_name_that_leaves_the_folder_or_is_not_printable_is_left_out(name):
    assert choices([name]) == []


@given(
    st.lists(st.text() | st.from_regex(r"[\w./-]*-0000\d-of-0000\d\.gguf", fullmatch=True)),
    st.none() | st.text(min_size=1),
)
def test_any_list_of_files(files, quant):
    found = choose(choices(files), quant)
    assert found is None or set(found.files) <= set(files)


@given(st.text())
def test_any_address(rest):
    try:
        reference = parse(f"hf.co/{rest}")
    except UsageError:
        return
    assert str(reference) == f"hf.co/{rest}"
