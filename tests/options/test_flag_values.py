"""Values of flags, and the errors that are reported before any connection."""

import os
import re
import sys
import threading

import pytest

from kaito.cli.args.shared_flags import settings_from
from kaito.cli.invocation import Invocation, make_parser
from kaito.cli.subcommand import find_subcommand
from kaito.console.terminal import Terminal
from kaito.errors import UsageError
from kaito.plugin.manager import Plugins
from kaito.util import user_files


def settings(*arguments, environ=None):
    call = Invocation(
        command="kaito chat",
        arguments=arguments,
        terminal=Terminal(None, None, None, {}),
        plugins=Plugins(warn=pytest.fail),
        environ=environ or {},
    )
    parser, _ = make_parser(find_subcommand("chat", call, ""), call)
    return settings_from(parser.parse(arguments), call.environ)


def usage_error(*arguments, environ=None):
    with pytest.raises(UsageError) as caught:
        settings(*arguments, environ=environ)
    return "\n".join(caught.value.lines())


def test_the_documented_defaults():
    defaults = settings()
    assert (defaults.temperature, defaults.max_tokens, defaults.top_p, defaults.system_prompt) == (0.7, 1024, 0.9, None)
    assert (defaults.connect_timeout, defaults.idle_timeout, defaults.backend, defaults.output) == (
        10.0,
        300.0,
        "auto",
        "plain",
    )


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["--temperature", "0"], "temperature", 0.0),
        (["--temperature=2.0"], "temperature", 2.0),
        (["--top-p", "1"], "top_p", 1.0),
        (["--max-tokens", "1"], "max_tokens", 1),
        (["--system-prompt", "-terse"], "system_prompt", "-terse"),
        (["--system-prompt", "--temperature"], "system_prompt", "--temperature"),
        (["--system-prompt=a=b"], "system_prompt", "a=b"),
        (["--system-prompt", ""], "system_prompt", None),
        (["--connect-timeout", "1m30s"], "connect_timeout", 90.0),
        (["--idle-timeout", "500ms"], "idle_timeout", 0.5),
        (["--idle-timeout", "2.5"], "idle_timeout", 2.5),
        (["--temperature", "1", "--temperature", "0.5"], "temperature", 0.5),
        (["--no-stream"], "stream", False),
        (["--trim"], "trim", True),
        (["-o", "json"], "output", "json"),
        (["-ojson"], "output", "json"),
        (["-o=json"], "output", "json"),
        (["-v"], "verbose", True),
        (["--color", "never"], "color", "never"),
        (["--header", "X-A: 1", "--header", "X-B:2"], "headers", (("X-A", "1"), ("X-B", "2"))),
    ],
)
def test_flags(arguments, name, value):
    assert getattr(settings(*arguments), name) == value


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["--workspace-name", "my-llama"], "workspace", "my-llama"),
        (["--workspace-name", "1st"], "workspace", "1st"),
        (["--workspace-name", "inferenceset/set-1"], "kind", "inferenceset"),
        (["--workspace-name", "inferenceset/set-1"], "workspace", "set-1"),
        (["--workspace-name", "workspace/my-llama"], "kind", "workspace"),
        (["--workspace-name", "workspace/my-llama"], "workspace", "my-llama"),
        (["-n", "team-a"], "namespace", "team-a"),
        (["-nteam-a"], "namespace", "team-a"),
        (["--endpoint", "https://h:8443/base/v1"], "endpoint", "https://h:8443/base/v1"),
        (["--request-timeout", "0"], "request_timeout", None),
        (["--request-timeout", "10s"], "request_timeout", 10.0),
        (["--context", "dev"], "context", "dev"),
        (["--model", "adapter"], "model", "adapter"),
        (["--model", "gr\udcc3\udcbc\udcc3\udc9fe"], "model", "grüße"),
    ],
)
def test_flags_of_the_target(arguments, name, value):
    assert getattr(settings(*arguments).target, name) == value


@pytest.mark.parametrize("value", ["-0.1", "2.1", "nan", "NaN", "inf", "-inf", "1e400", "hot", "", "1_0", "１"])
def test_invalid_temperatures(value):
    assert usage_error("--temperature", value) == f"❌ Error: --temperature: '{value}' is not a number from 0.0 to 2.0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--top-p", "1.01"], "--top-p: '1.01' is not a number from 0.0 to 1.0"),
        (["--max-tokens", "0"], "--max-tokens: '0' is not a whole number from 1"),
        (["--max-tokens", "2147483648"], "is not a whole number from 1 to 2147483647"),
        (["--max-tokens", "1.5"], "--max-tokens: '1.5' is not a whole number"),
        (["--max-tokens", "-5"], "--max-tokens: '-5' is not a whole number"),
        (["--max-tokens", "9" * 5000], "is not a whole number"),
        (["--connect-timeout", "0"], "--connect-timeout: '0' is not a duration from 1ms to 24h"),
        (["--connect-timeout", "soon"], "such as 10s or 1m30s"),
        (["--idle-timeout", "-1"], "--idle-timeout: '-1' is not a duration"),
        (["--idle-timeout", "25h"], "is not a duration"),
        (["--idle-timeout", "٣"], "is not a duration"),
        (["--idle-timeout", "٣s"], "is not a duration"),
        (["--request-timeout", "x"], "--request-timeout: 'x' is not a duration from 0"),
        (
            ["--workspace-name", "My_Llama"],
            "--workspace-name: 'My_Llama' is not a name such as my-llama, workspace/my-llama or inferenceset/my-set",
        ),
        (
            ["--workspace-name", "foo/x"],
            "'foo/x' is not a name such as my-llama, workspace/my-llama or inferenceset/my-set",
        ),
        (["--workspace-name", "a.b"], "is not a name"),
        (["--workspace-name", "a" * 64], "is not a name"),
        (["--workspace-name", "inferenceset/"], "is not a name"),
        (["--workspace-name", "workspace/inferenceset/a"], "is not a name"),
        (["--workspace-name", ""], "is not a name"),
        (["--workspace-name", "é"], "is not a name"),
        (["-n", "-x"], "--namespace: '-x' is not a name"),
        (["-n", "a.b"], "--namespace: 'a.b' is not a name"),
        (["-n", "trailing\n"], "is not a name"),
        (["--endpoint", "localhost:8080"], "--endpoint: 'localhost:8080' is not an http:// or https:// URL"),
        (["--endpoint", "ftp://h"], "is not an http://"),
        (["--endpoint", "http://"], "is not an http://"),
        (["--endpoint", "http://h:99999"], "is not an http://"),
        (["--endpoint", "http://[::1"], "is not an http://"),
        (["--endpoint", "http://h/#x"], "is not an http://"),
        (["--endpoint", "http://h/a b"], "is not an http://"),
        (["--color", "blue"], "--color: 'blue' is not one of auto, always, never"),
        (["--kubeconfig", "/nowhere"], "--kubeconfig: cannot read '/nowhere': No such file or directory"),
        (["--certificate-authority", "/nowhere"], "--certificate-authority: cannot read"),
        (["--api-key-file", "/nowhere"], "--api-key-file: cannot read '/nowhere'"),
        (["--header", "nonsense"], "--header: is not 'Name: value'"),
        (["--header", "A B: c"], "--header: is not"),
        (["--header", "A: b\r\nC: d"], "--header: is not"),
        (["--header", "Transfer-Encoding: chunked"], "--header: 'Transfer-Encoding' cannot be set"),
        (["--header", "content-length: 5"], "cannot be set"),
        (["--endpoint", "http://a..b"], "is not an http://"),
        (["--endpoint", "http://."], "is not an http://"),
        (["--endpoint", "http://xn--"], "is not an http://"),
        (["--endpoint", "http://xn--a"], "is not an http://"),
        (["--endpoint", "http://" + "a" * 70], "is not an http://"),
        (["--endpoint", "http://[::1]x:9"], "is not an http://"),
        (["--endpoint", "http://[1.2.3]"], "is not an http://"),
        (["--endpoint", "http://" + "ä" * 70], "is not an http://"),
        (["--endpoint", "http://h:0"], "is not an http://"),
        (["--api-key-file", "/dev/zero"], "--api-key-file: cannot read '/dev/zero': it is larger than 1 MiB"),
        (["--header", "@/nowhere"], "--header: cannot read '/nowhere'"),
        (["--temperature"], "--temperature: needs a value"),
        (["-m"], "-m: needs a value"),
        (["--no-stream=yes"], "--no-stream: takes no value"),
        (["--temp", "1"], "Unknown flag '--temp'\n"),
        (["--temprature", "1"], "Did you mean --temperature?"),
        (["-z"], "Unknown flag '-z'"),
        (["hello"], "Unexpected argument 'hello'\n   Did you mean --workspace-name hello or --message hello?"),
        (["--", "-x"], "Unexpected argument '-x'"),
        (["-"], "Unexpected argument '-'"),
        (["--model", "\udcff"], "--model: the text is not UTF-8"),
    ],
)
def test_invalid_values_are_reported(arguments, message):
    assert message in usage_error(*arguments)


def test_a_lone_surrogate_is_rejected():
    assert "--model: the text is not UTF-8" in usage_error("--model", "\ud83d")


@pytest.mark.parametrize(
    ("flag", "before"),
    [
        *(("--system-prompt", "@"), ("--header", "@"), ("--extra-body", "@"), ("--api-key-file", "")),
        *(("--kubeconfig", ""), ("--certificate-authority", ""), ("--tools", ""), ("--schema", "")),
    ],
)
def test_names_of_files(flag, before):
    assert usage_error(flag, before) == f"❌ Error: {flag}: needs a file name"
    assert usage_error(flag, f"{before}~nobody-here/x") == (
        f"❌ Error: {flag}: cannot read '~nobody-here/x': the home folder is unknown"
    )
    for name in ("a\0b", "~a\0b"):
        assert usage_error(flag, before + name) == f"❌ Error: {flag}: cannot read '{name}': Invalid argument"


def test_paths_begin_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "f").touch()
    given = settings("--kubeconfig", "~/f", "--certificate-authority", "~/f")
    assert (given.target.kubeconfig, given.certificate_authority) == (str(tmp_path / "f"), str(tmp_path / "f"))


@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs")
def test_a_pipe_that_no_program_opens_to_write_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(user_files, "_WRITER_WAIT", 0.01)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for flag, value in (("--system-prompt", f"@{pipe}"), ("--api-key-file", str(pipe))):
        assert usage_error(flag, value) == f"❌ Error: {flag}: cannot read '{pipe}': no program writes into this pipe"
    assert settings("--kubeconfig", str(pipe)).target.kubeconfig == str(pipe)


@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs")
def test_a_pipe_is_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(user_files, "_WRITER_WAIT", 60)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # It can open the pipe once the flag has done so, and writes more than a pipe holds.
    text = "Be brief. " * 10_000
    writer = threading.Thread(target=pipe.write_text, args=(text,), daemon=True)
    writer.start()
    assert settings("--system-prompt", f"@{pipe}").system_prompt == text
    writer.join()


@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs")
def test_a_pipe_whose_writer_writes_nothing_is_empty(tmp_path, monkeypatch):
    monkeypatch.setattr(user_files, "_WRITER_WAIT", 60)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("",), daemon=True)
    writer.start()
    assert usage_error("--system-prompt", f"@{pipe}") == f"❌ Error: --system-prompt: '{pipe}' is empty"
    writer.join()


def test_contradicting_flags(tmp_path):
    pem = tmp_path / "ca.pem"
    pem.touch()
    message = usage_error("--certificate-authority", str(pem), "--insecure-skip-tls-verify")
    assert "cannot be used with --insecure-skip-tls-verify" in message


@pytest.mark.parametrize(
    "url", ["https://user:hunter2@h/", "http://user:hunter2@h:notaport", "http://user:hunter/2@h", "user:hunter2@h"]
)
def test_a_password_in_a_url_is_rejected_and_not_shown(url):
    message = usage_error("--endpoint", url)
    assert "must not hold a password" in message
    assert "hunter" not in message


@pytest.mark.parametrize(
    "url", ["http://a..b/?key=sk-secret", "https://h/#access_token=sk-secret", "https://h#sk-secret", "h#k?sk-secret"]
)
def test_what_may_be_a_key_in_an_invalid_url_is_not_shown(url):
    message = usage_error("--endpoint", url)
    assert f"'{re.split('[?#]', url)[0]}" in message
    assert "…' is not an http:// or https:// URL" in message
    assert "sk-secret" not in message


@pytest.mark.parametrize(
    "url",
    [
        "http://h",
        "HTTP://h:1",
        "https://[::1]:8080/v1",
        "http://a_b.c./x?y=@z",
        "http://bücher.example",
        "http://xn--bcher-kva.example",
    ],
)
def test_valid_urls(url):
    assert settings("--endpoint", url).target.endpoint == url


def test_the_api_key_is_read_from_a_file_or_the_environment(tmp_path):
    file = tmp_path / "key"
    file.write_text("sk-file\n")
    assert settings(environ={"KAITO_API_KEY": "sk-env"}).api_key == "sk-env"
    assert settings("--api-key-file", str(file), environ={"KAITO_API_KEY": "sk-env"}).api_key == "sk-file"
    assert settings(environ={"OPENAI_API_KEY": "sk-other"}).api_key is None


@pytest.mark.parametrize("content", ["", "two\nlines", "naïve-secret", "tab\x00"])
def test_a_key_file_without_a_key(tmp_path, content):
    file = tmp_path / "key"
    file.write_text(content)
    message = usage_error("--api-key-file", str(file))
    assert "does not hold an API key" in message
    assert not content or content not in message


def test_a_key_file_must_be_text(tmp_path):
    file = tmp_path / "key"
    file.write_bytes(b"\xff\xfe")
    assert "is not UTF-8 text" in usage_error("--api-key-file", str(file))


def test_headers_from_a_file(tmp_path):
    file = tmp_path / "headers"
    file.write_text("@" + str(file))
    assert "is not 'Name: value'" in usage_error("--header", f"@{file}")
    file.write_text("Authorization: Bearer x\n\nX-A: b\n")
    assert settings("--header", f"@{file}").headers == (("Authorization", "Bearer x"), ("X-A", "b"))


def test_secrets_are_not_in_the_repr():
    parsed = settings("--header", "X-A: hunter2", environ={"KAITO_API_KEY": "sk-secret"})
    assert "sk-secret" not in repr(parsed)
    assert "hunter2" not in repr(parsed)
