"""Loading plugins and calling their hooks: faulty plugins are named and skipped."""

import re
import subprocess
import sys
import textwrap
from types import ModuleType, SimpleNamespace

import pluggy
import pytest

from kaito import __version__, hookimpl
from kaito.errors import KaitoError, PluginError, UsageError
from kaito.plugin import discovery
from kaito.plugin.manager import Plugins, create_plugins
from kaito.settings import Settings
from kaito.types import ChatRequest, Message, Reply, SlashCommand

SETTINGS = Settings()
REQUEST = ChatRequest(messages=(Message("user", "my secret"),))


@pytest.fixture
def write(tmp_path):
    """Write a plugin file and return its path."""

    def write(name, source):
        file = tmp_path / f"{name}.py"
        file.write_text("from kaito import hookimpl\n" + textwrap.dedent(source))
        return str(file)

    return write


@pytest.fixture
def load():
    """Load plugins by name and return them and the warnings."""

    def load(*named, allowed=""):
        warnings = []
        plugins = create_plugins(warn=warnings.append, allowed=allowed)
        plugins.load(discovery.named(named))
        return plugins, warnings

    return load


def plugin_module(**functions):
    """Return a plugin module that implements hooks with these functions."""
    module = ModuleType("plugin")
    vars(module).update({name: hookimpl(function) for name, function in functions.items()})
    return module


#: The built-in backends and commands, in the order in which their plugins are called.
BACKENDS = ["url", "cluster-dns", "ingress", "port-forward", "api-proxy"]
COMMANDS = ["retry", "undo", "continue", "history", "system", "tokens", "sessions", "resume", "branch", "title"]
COMMANDS += ["set", "unset", "model", "format", "save", "export", "load", "read", "image", "edit", "copy"]


def test_built_in_plugins(load):
    plugins, warnings = load()
    assert list(plugins.backends(SETTINGS)) == BACKENDS
    assert list(plugins.formatters()) == ["plain", "text", "json"]
    assert list(plugins.slash_commands(SETTINGS)) == COMMANDS
    assert [(plugin.name, plugin.distribution, plugin.loaded) for plugin in plugins.reports()] == [
        ("url", "kaito", True),
        ("cluster_dns", "kaito", True),
        ("ingress", "kaito", True),
        ("port_forward", "kaito", True),
        ("api_proxy", "kaito", True),
        ("plain", "kaito", True),
        ("text", "kaito", True),
        ("json", "kaito", True),
        ("turns", "kaito", True),
        ("sessions", "kaito", True),
        ("preferences", "kaito", True),
        ("files", "kaito", True),
        ("clipboard_commands", "kaito", True),
    ]
    assert warnings == []


GOOD = """
    from kaito.types import SlashCommand

    class Loud:
        "Shouts."
        name = "loud"
        def __init__(self, screen, settings): pass
        def feed(self, delta): return delta.content.upper()
        def finish(self, reply): return "\\n"

    class Nowhere:
        name = "nowhere"
        needs_workspace = False
        async def discover(self, target, reporter): return []
        def open(self, candidate, reporter): raise AssertionError

    @hookimpl
    def kaito_formatters(): return [Loud]

    @hookimpl
    def kaito_backends(settings): yield Nowhere()

    @hookimpl
    def kaito_slash_commands(settings):
        return [SlashCommand(name="greet", run=lambda arguments, shell: shell.write("hi"), summary="Greet")]
"""


def test_a_plugin_in_a_file(load, write):
    plugins, warnings = load(write("good", GOOD))
    assert warnings == []
    assert list(plugins.formatters()) == ["plain", "text", "json", "loud"]
    assert list(plugins.backends(SETTINGS)) == [*BACKENDS, "nowhere"]
    assert list(plugins.slash_commands(SETTINGS)) == [*COMMANDS, "greet"]
    assert plugins.reports()[-1].provides == ("formatter loud", "backend nowhere", "command greet")


def test_a_backend_may_say_what_it_is(load, write):
    plugins, _ = load(
        write("lab", GOOD.replace("needs_workspace = False", 'needs_workspace = False\n        about = "the lab"'))
    )
    plugins.backends(SETTINGS)
    assert plugins.reports()[-1].provides == ("backend nowhere (the lab)",)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("syntax error here", "SyntaxError"),
        ("from kaito.errors import UsageError\nraise UsageError('TOKEN is not set')", "TOKEN is not set"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("x = 1", "it implements no hook"),
        ("@hookimpl\ndef kaito_formatters(): raise ValueError('boom')", "kaito_formatters: ValueError: boom"),
        ("@hookimpl\ndef kaito_formatters(): raise SystemExit", "kaito_formatters: SystemExit"),
        ("@hookimpl\ndef kaito_formatters(): return 5", "kaito_formatters: TypeError"),
        ("@hookimpl\ndef kaito_formatters():\n    yield 1\n    raise ValueError('late')", "ValueError: late"),
        ("@hookimpl\ndef kaito_formatters(): return [1]", "int has no name; each must be a subclass of Formatter"),
        ("class A:\n    name = 'A B'\n@hookimpl\ndef kaito_formatters(): return [A]", "'A B' is not a valid name"),
        ("class A:\n    name = 'a'\n@hookimpl\ndef kaito_formatters(): return [A()]", "'a' is not a class"),
        ("class A:\n    name = 'a'\n@hookimpl\ndef kaito_formatters(): return [A]", "'a' lacks feed and finish"),
        ("class A:\n    name = 'a'\n@hookimpl\ndef kaito_backends(): return [A()]", "'a' lacks discover and open"),
        ("class A:\n    name = 'a'\n@hookimpl\ndef kaito_slash_commands(): return [A()]", "'a' is not a SlashCommand"),
        (
            "from kaito.types import SlashCommand\n@hookimpl\n"
            "def kaito_slash_commands(): return [SlashCommand(name='a', run=5)]",
            "'a' has a run that is not callable",
        ),
        (
            "from kaito.formatters.plain import Plain\n@hookimpl\ndef kaito_formatters(): return [Plain]",
            "formatter 'plain' is already offered by 'plain' (kaito",
        ),
    ],
)
def test_a_faulty_plugin_is_named_and_skipped(load, write, source, message):
    name = write("bad", source)
    plugins, warnings = load(name, write("good", GOOD))
    assert "loud" in plugins.formatters()
    assert "nowhere" in plugins.backends(SETTINGS)
    assert "greet" in plugins.slash_commands(SETTINGS)
    [warning] = warnings
    [fault] = plugins.reports()[-2].faults
    assert message in fault
    assert "\n" not in fault
    plugin = f"Plugin 'bad' ({name})"
    assert warning in (f"{plugin} was not loaded: {fault}", f"{plugin}: {fault}; this is ignored")
    assert ("this is ignored" in warning) == plugins.reports()[-2].loaded


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ("@hookimpl\ndef kaito_wrong(): pass", "unknown hook 'kaito_wrong'"),
        (
            "@hookimpl\ndef kaito_backend(settings): pass",
            "unknown hook 'kaito_backend', did you mean 'kaito_backends'?",
        ),
        (
            "@hookimpl\ndef kaito_backends(setings): pass",
            "kaito_backends: unknown argument 'setings'; it may take settings",
        ),
        ("@hookimpl\ndef kaito_backends(*, target): pass", "kaito_backends: unknown argument 'target'"),
        ("@hookimpl\nasync def kaito_backends(settings): return []", "kaito_backends: it is 'async def'"),
        ("@hookimpl\nasync def kaito_backends(settings): yield 1", "kaito_backends: it is 'async def'"),
        ("@hookimpl(wrapper=True)\ndef kaito_backends(settings): return (yield)", "kaito_backends: a wrapper"),
        ("@hookimpl(hookwrapper=True)\ndef kaito_backends(settings): yield", "kaito_backends: a wrapper"),
        ("@hookimpl\ndef kaito_reply(reply): yield", "kaito_reply: it is a generator"),
        ("@hookimpl\ndef kaito_add_options(options): yield", "kaito_add_options: it is a generator"),
        ("@hookimpl(specname='kaito_wrong')\ndef f(): pass", "unknown hook 'kaito_wrong'"),
    ],
)
def test_a_hook_that_cannot_be_called_is_left_out_and_the_plugin_works(load, write, hook, message):
    plugins, warnings = load(
        write("half", GOOD + textwrap.indent(hook.replace("kaito_backends", "kaito_backends"), "    "))
    )
    assert "loud" in plugins.formatters()
    [warning] = warnings
    assert message in warning
    assert warning.endswith("; this is ignored")
    assert plugins.reports()[-1].loaded


def test_a_deprecated_hook_works_and_is_reported(load, write):
    class Spec:
        @pluggy.HookspecMarker("kaito")(warn_on_impl=DeprecationWarning("kaito_old is deprecated, use kaito_reply"))
        def kaito_old(self):
            """Called never."""

    traced, warnings = [], []
    plugins = Plugins(warnings.append, traced.append)
    plugins._manager.add_hookspecs(Spec)
    name = write("old", "@hookimpl\ndef kaito_old(): pass")
    plugins.load(discovery.named([name]))
    [report] = plugins.reports()
    assert (report.loaded, warnings) == (True, [])
    assert report.faults == ("DeprecationWarning: kaito_old is deprecated, use kaito_reply",)
    assert traced[0] == f"plugin 'old' ({name}): DeprecationWarning: kaito_old is deprecated, use kaito_reply"


def test_pluggy_s_other_options_work(load, write):
    source = """
        from kaito.types import SlashCommand
        def command(name): return [SlashCommand(name=name, run=lambda arguments, shell: None)]

        @hookimpl(specname="kaito_slash_commands", trylast=True)
        def last(settings): return command("last")
        @hookimpl
        def kaito_slash_commands(settings): return command("named")
        @hookimpl(specname="kaito_slash_commands", tryfirst=True)
        def first(): return command("first")
        @hookimpl(optionalhook=True)
        def kaito_of_a_later_version(anything): pass
    """
    plugins, warnings = load(write("options", source))
    assert list(plugins.slash_commands(SETTINGS)) == ["first", *COMMANDS, "named", "last"]
    assert warnings == []


@pytest.mark.parametrize("name", ["./nowhere.py", "nothing_of_this_name", "nothing.of.this.name", "./", "", ".x"])
def test_a_missing_plugin_is_a_usage_error(load, name):
    with pytest.raises(UsageError, match=f"--plugin: (file|module) '{re.escape(name)}' not found"):
        load(name)


def test_a_file_given_twice_is_loaded_once(load, write):
    plugins, warnings = load(write("one", GOOD), write("one", GOOD))
    assert len(warnings) == 1
    assert "one" in warnings[0]
    assert "loud" in plugins.formatters()


def plugins_with(**functions):
    plugins = Plugins(lambda warning: None)
    plugins.load(discovery.built_in())
    plugins.add(plugin_module(**functions), "mine", "mine-dist", "1.0")
    return plugins


def test_a_request_hook_can_change_the_request():
    def redact(request, settings):
        messages = (Message("user", request.messages[0].content.replace("secret", "***")),)
        return request.replace(messages=messages)

    assert plugins_with(kaito_request=redact).request(REQUEST, SETTINGS).messages[0].content == "my ***"
    assert plugins_with(kaito_request=lambda request: None).request(REQUEST, SETTINGS) is REQUEST


def test_request_hooks_are_chained():
    plugins = Plugins(lambda warning: None)
    for name in "ab":
        plugins.add(
            plugin_module(kaito_request=lambda request, n=name: request.replace(model=(request.model or "") + n)),
            name,
            "d",
            "1",
        )
    assert plugins.request(REQUEST, SETTINGS).model == "ab"


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (ValueError("boom"), "ValueError: boom"),
        (SystemExit(3), "SystemExit: 3"),
        ("text", "did not return a request"),
    ],
)
def test_a_failing_request_hook_stops_the_request(result, message):
    def fail(request):
        if isinstance(result, BaseException):
            raise result
        return result

    plugins = plugins_with(kaito_request=fail)
    for _ in range(2):
        with pytest.raises(PluginError) as caught:
            plugins.request(REQUEST, SETTINGS)
        assert message in caught.value.message
        assert "'mine' (mine-dist 1.0)" in caught.value.message
        assert "not sent" in caught.value.message


def test_a_request_hook_can_reject_the_request():
    def refuse(request):
        raise KaitoError("No secrets here")

    with pytest.raises(KaitoError, match=r"^No secrets here$"):
        plugins_with(kaito_request=refuse).request(REQUEST, SETTINGS)


def test_a_failing_reply_hook_is_reported_once():
    seen, warnings = [], []

    def see(request, reply, settings):
        seen.append(reply.content)
        raise ValueError("disk full")

    plugins = Plugins(warnings.append)
    plugins.add(plugin_module(kaito_reply=see), "mine", "d", "1")
    plugins.reply(REQUEST, Reply(content="a"), SETTINGS)
    plugins.reply(REQUEST, Reply(content="b"), SETTINGS)
    assert seen == ["a"]
    assert warnings == ["Plugin 'mine' (d 1): kaito_reply: ValueError: disk full; this is ignored"]


def test_a_reply_hook_may_say_in_its_own_words_why_it_ends():
    warnings = []

    def see(reply):
        raise KaitoError("The disk is full", "Free some space")

    plugins = Plugins(warnings.append)
    plugins.add(plugin_module(kaito_reply=see), "mine", "d", "1")
    for _ in range(2):
        plugins.reply(REQUEST, Reply(content="a"), SETTINGS)
    assert warnings == [
        "Plugin 'mine' (d 1): The disk is full; it sees no further answers",
        "   Free some space",
    ]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a distribution that has an entry point."""

    def install(name, source):
        (tmp_path / f"{name}.py").write_text("from kaito import hookimpl\n" + textwrap.dedent(source))
        info = tmp_path / f"{name}-2.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-dist\nVersion: 2.5\n")
        (info / "entry_points.txt").write_text(f"[kaito]\n{name} = {name}\n")
        monkeypatch.syspath_prepend(tmp_path)

    return install


def test_installed_plugins_are_loaded_by_their_entry_points(load, installed):
    installed("installed_good", GOOD)
    installed("installed_bad", "raise RuntimeError('no')")
    plugins, warnings = load(allowed=None)
    assert "loud" in plugins.formatters()
    assert [
        (plugin.name, plugin.distribution, plugin.version) for plugin in plugins.reports() if "installed" in plugin.name
    ] == [("installed_bad", "installed_bad-dist", "2.5"), ("installed_good", "installed_good-dist", "2.5")]
    assert [warning for warning in warnings if "installed" in warning] == [
        "Plugin 'installed_bad' (installed_bad-dist 2.5) was not loaded: RuntimeError: no"
    ]


def test_kaito_plugins_limits_what_is_loaded(load, installed):
    installed("one_good", GOOD)
    installed("two_bad", "raise RuntimeError('no')")
    plugins, warnings = load(allowed="one_good, three")
    assert "loud" in plugins.formatters()
    assert warnings == ["KAITO_PLUGINS: plugin 'three' is not installed"]
    plugins, warnings = load(allowed="")
    assert "loud" not in plugins.formatters()
    assert warnings == []


def test_importlib_metadata_is_not_imported_without_a_plugin():
    code = """
import sys
from kaito.plugin.manager import create_plugins
create_plugins(warn=print, allowed=None)
assert "importlib.metadata" not in sys.modules
"""
    subprocess.run([sys.executable, "-S", "-c", _with_path(code)], check=True)


def _with_path(code):
    """Put kaito and its dependencies on the path, without a distribution that has plugins."""
    import msgspec
    import pluggy

    import kaito

    folders = {module.__path__[0].rpartition("/")[0] for module in (kaito, msgspec, pluggy)}
    finder = f"import sys\nsys.path[:0] = {sorted(folders)!r}\n"
    hide = "import kaito.plugin.entry_points\nkaito.plugin.entry_points.PLUGINS = 'no-such-group'\n"
    return finder + hide + code


def test_a_plugin_added_twice_is_loaded_once():
    warnings = []
    plugins = Plugins(warnings.append)
    redaction = plugin_module(kaito_request=lambda request: request.replace(model="redacted"))
    plugins.add(redaction, "mine", "d", "1")
    plugins.add(redaction, "mine", "d", "1")
    plugins.add(redaction, "again", "d", "1")
    plugins.add(plugin_module(kaito_reply=lambda: None), "mine", "d", "1")
    assert warnings == [
        "Plugin 'mine' (d 1) was not loaded: it is loaded already",
        "Plugin 'again' (d 1) was not loaded: it is loaded already, as plugin 'mine' (d 1)",
        "Plugin 'mine' (d 1) was not loaded: it is loaded already",
    ]
    assert plugins.request(REQUEST, SETTINGS).model == "redacted"


def test_a_plugin_with_the_name_of_another_one_is_not_loaded():
    warnings = []
    plugins = create_plugins(warn=warnings.append, allowed="")
    plugins.add(plugin_module(kaito_reply=lambda: None), "plain", "d", "1")
    assert warnings == [
        "Plugin 'plain' (d 1) was not loaded: another plugin of this name is loaded already: 'plain' (kaito"
        f" {__version__})"
    ]


def test_broken_metadata_does_not_affect_other_distributions(load, installed, tmp_path):
    installed("whole", GOOD)
    for name, content in {
        "broken": b"[kaito]\nfoo\n",
        "letters": b"[kaito]\n\xff\n",
        "other": b"[others]\nfoo\n",
        "spaces": b"[kaito]\nspaced = two words\nempty =\n",
    }.items():
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (info / "entry_points.txt").write_bytes(content)
    plugins, warnings = load(allowed=None)
    assert "loud" in plugins.formatters()
    assert [warning for warning in warnings if "broken" in warning or "spaces" in warning] == [
        "Plugin 'empty' (spaces 1) was not loaded: its entry point '' is not MODULE or MODULE:OBJECT",
        "Plugin 'entry_points.txt' (broken 1) was not loaded: it has a line that is not NAME = MODULE or NAME ="
        " MODULE:OBJECT",
        "Plugin 'spaced' (spaces 1) was not loaded: its entry point 'two words' is not MODULE or MODULE:OBJECT",
    ]


def test_the_shell_s_own_commands_cannot_be_replaced(write, load):
    plugins, warnings = load(write("good", GOOD))
    assert list(plugins.slash_commands(SETTINGS, {"greet"})) == COMMANDS
    assert "command 'greet' is already offered by kaito itself" in warnings[0]


def test_an_unhashable_object_is_not_a_plugin():
    warnings = []
    Plugins(warnings.append).add(SimpleNamespace(), "odd", "d", "1")
    assert "unhashable" in warnings[0]


def test_the_summary_of_a_slash_command_defaults_to_its_docstring():
    def run(arguments, shell):
        """Do a thing.

        And more.
        """

    assert SlashCommand(name="x", run=run).describe() == "Do a thing."
    assert SlashCommand(name="x", run=run, summary="Other").describe() == "Other"
