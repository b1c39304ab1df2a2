"""Which requests of browsers are refused."""

import pytest
from multidict import CIMultiDict

from kaito.errors import UsageError
from kaito.forward.browser_policy import BrowserPolicy, origin_headers, preflight_headers
from kaito.forward.origins import Origin, allowed_origin

LOCAL = BrowserPolicy(local_only=True)
ANY = BrowserPolicy(local_only=False)


def refusal(headers, policy=LOCAL, **more):
    return policy.refusal(CIMultiDict({"Host": "127.0.0.1:8080", **headers}), **more)


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "app.localhost", "127.1"])
def test_names_of_this_machine(host):
    assert refusal({"Host": host}) == ""


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "192.0.2.5", ""),
        *("localhost@evil.example", "evil.example@localhost", "localhost, evil.example", "localhost/evil", "0.0.0.0"),
        *("[::]:8080", "127.0.0.1 evil", "localhost:x", "[::1"),
    ],
)
def test_other_names_are_those_of_rebound_addresses(host):
    assert "the Host header" in refusal({"Host": host})


@pytest.mark.parametrize(
    ("host", "refused"),
    [
        *((host, False) for host in ("192.0.2.5:8080", "[2001:db8::1]:8080", "127.0.0.1", "0.0.0.0:8080", "[::]:1")),
        *((host, False) for host in ("localhost:8080", "a.localhost", "BOX:8080", "box.lan", "box.lan.", "box.local")),
        *((host, True) for host in ("evil.example", "evil.example:8080", "box.evil.example", "192.0.2.5.evil.example")),
        *((host, True) for host in ("", "box@evil.example", "192.0.2.5, evil.example", "lan", "boxes", "[::1")),
    ],
)
def test_names_when_other_machines_may_use_the_port(host, refused):
    policy = BrowserPolicy(local_only=False, machine="Box.lan")
    assert ("Host header names another" in refusal({"Host": host}, policy)) is refused


def test_an_allowed_origin_names_this_machine_when_other_machines_may_use_the_port():
    allowed = [allowed_origin("--allow-origin")(value) for value in ("http://gateway.example", "app://evil.example")]
    policy = BrowserPolicy(local_only=False, allowed=allowed)
    assert refusal({"Host": "gateway.example:8080"}, policy) == ""
    assert refusal({"Host": "evil.example"}, policy)
    assert refusal({"Host": "gateway.example"}, ANY)


def test_a_machine_without_a_name():
    assert refusal({"Host": ".local"}, BrowserPolicy(local_only=False, machine=""))


def test_a_target_s_host_counts_as_well():
    assert "the Host header" in refusal({}, authority="evil.example")
    assert refusal({}, authority="localhost:8080") == ""


def test_a_request_without_a_host_or_with_two():
    assert "the Host header" in LOCAL.refusal(CIMultiDict())
    assert "the Host header" in LOCAL.refusal(CIMultiDict([("Host", "localhost"), ("Host", "evil.example")]))


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:5173", "http://localhost"]
)
def test_pages_of_this_machine(origin):
    assert refusal({"Origin": origin}) == ""
    # Under another of its names, this machine is another site.
    assert refusal({"Origin": origin, "Sec-Fetch-Site": "cross-site"}) == ""


@pytest.mark.parametrize(
    "origin",
    [
        *("https://evil.example", "null", "", "http://localhost.evil.example", "http://evil.example:80@localhost"),
        *("app://localhost", "chrome-extension://localhost", "file://", "http://", "http://localhost http://evil"),
        *("http://127.0.0.1/../evil", "http://localhost\\@evil", "//localhost", "localhost", "http://0.0.0.0:3000"),
        *("app://obsidian.md", "vscode-webview://abc", "http://192.0.2.5:8080"),
    ],
)
@pytest.mark.parametrize("site", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}])
@pytest.mark.parametrize("policy", [LOCAL, ANY])
def test_other_origins(origin, site, policy):
    assert "the Origin header" in refusal({"Origin": origin, **site}, policy)


@pytest.mark.parametrize(
    ("site", "refused"),
    [("same-origin", False), ("same-site", False), ("none", False), ("cross-site", True), ("", True), ("new", True)],
)
@pytest.mark.parametrize("policy", [LOCAL, ANY])
def test_requests_without_an_origin(site, refused, policy):
    assert bool(refusal({"Sec-Fetch-Site": site}, policy)) is refused


def test_two_origins_are_not_one():
    headers = CIMultiDict([("Host", "localhost"), ("Origin", "http://localhost"), ("Origin", "https://evil.example")])
    assert "the Origin header" in LOCAL.refusal(headers)


def test_pages_of_the_address_that_other_machines_use():
    assert refusal({"Host": "192.0.2.5:8080", "Origin": "http://192.0.2.5:3000"}, ANY) == ""
    # A name may have been given to this machine's address.
    assert "Host header" in refusal({"Host": "evil.example:8080", "Origin": "http://evil.example:8080"}, ANY)
    named = BrowserPolicy(local_only=False, machine="box")
    assert refusal({"Host": "box:8080", "Origin": "http://box:3000"}, named) == ""
    assert "the Origin" in refusal({"Host": "192.0.2.5", "Origin": "http://box:3000"}, named)
    assert "the Origin" in refusal({"Host": "192.0.2.5:8080", "Origin": "http://192.0.2.6"}, ANY)


@pytest.mark.parametrize(
    ("flag", "origin", "allowed"),
    [
        ("app://obsidian.md", "app://obsidian.md", True),
        ("app://obsidian.md", "app://other", False),
        ("app://", "app://obsidian.md", True),
        ("app://*", "app://localhost", True),
        ("app://", "https://app", False),
        ("vscode-webview://", "vscode-webview://0ABC-def", True),
        ("VSCode-Webview://*", "vscode-webview://x", True),
        ("vscode-webview://", "vscode-file://vscode-app", False),
        ("tauri://localhost", "tauri://localhost", True),
        ("http://ui.example:3000", "http://ui.example:3000", True),
        ("http://ui.example", "http://UI.example:80", True),
        ("http://ui.example:3000", "http://ui.example:3001", False),
        ("http://ui.example", "https://ui.example", False),
    ],
)
def test_allowed_origins(flag, origin, allowed):
    policy = BrowserPolicy(local_only=True, allowed=[allowed_origin("--allow-origin")(flag)])
    assert (refusal({"Origin": origin, "Sec-Fetch-Site": "cross-site"}, policy) == "") is allowed
    assert refusal({"Origin": "https://evil.example"}, policy)
    # An allowed origin does not make another host's name right.
    assert refusal({"Origin": origin, "Host": "evil.example"}, policy)


@pytest.mark.parametrize(
    "value",
    ["", "*", "null", "http://", "http://*", "https://*", "http://*.example", "app", "app:", "--", "http://a/b"],
)
def test_origins_that_cannot_be_allowed(value):
    with pytest.raises(UsageError, match=r"--allow-origin: .* is not an origin"):
        allowed_origin("--allow-origin")(value)


def test_a_long_origin_takes_linear_time():
    assert Origin.parse("a" * 1_000_000) is None
    assert Origin.parse("a+" * 500_000 + "://" + "b" * 1_000_000 + " ") is None


def test_preflights():
    headers = CIMultiDict({"Origin": "app://x", "Access-Control-Request-Method": "POST"})
    assert preflight_headers(headers) == {
        "Access-Control-Allow-Origin": "app://x",
        "Vary": "Origin",
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Max-Age": "600",
    }
    headers["Access-Control-Request-Headers"] = "authorization,content-type"
    headers["Access-Control-Request-Private-Network"] = "true"
    more = preflight_headers(headers)
    assert more["Access-Control-Allow-Headers"] == "authorization,content-type"
    assert more["Access-Control-Allow-Private-Network"] == "true"
    assert preflight_headers(CIMultiDict({"Origin": "app://x"})) == {}
    assert preflight_headers(CIMultiDict({"Access-Control-Request-Method": "POST"})) == {}
    assert origin_headers(CIMultiDict()) == {}
