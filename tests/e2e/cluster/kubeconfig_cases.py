"""Kubeconfigs for the comparison with kubectl: one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

#: A kubeconfig. `CLUSTER`, `USER` and `CONTEXT` stand for the case's own values; the rest is replaced in them, too.
TEMPLATE = """\
apiVersion: v1
kind: Config
current-context: test
clusters:
- name: test
  cluster: CLUSTER
users:
- name: test
  user: USER
contexts:
- name: test
  context: CONTEXT
"""

#: A cluster that works.
CLUSTER = "{server: SERVER, certificate-authority: ca.crt}"
#: A plugin that works: it prints its variable `OUT`.
PLUGIN = "command: ./plugin, apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never"
BETA = "command: ./plugin, apiVersion: client.authentication.k8s.io/v1beta1"
_HEAD = '"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1"'


@dataclass(frozen=True, kw_only=True)
class Case:
    """A kubeconfig, and whether kubectl can use it.

    Attributes:
        works: whether `kubectl get workspaces` succeeds.
        text: the kubeconfig, instead of :data:`TEMPLATE`.
        cluster, user, context: the values in the template.
        encode: how the file is encoded.
        files: further files in its folder; `None` removes one.
        paths: what `KUBECONFIG` names, instead of `config`.
        says: what our error names: the entry and the field.
        because: the reason why we differ from kubectl on purpose.
        whoami: whether the API server sees the same user, too.
    """

    works: bool
    text: str = TEMPLATE
    cluster: str = CLUSTER
    user: str = "{token: TOKEN}"
    context: str = "{cluster: test, user: test}"
    encode: Callable[[str], bytes] = str.encode
    files: Mapping[str, str | None] = field(default_factory=dict)
    paths: Sequence[str] = ("config",)
    says: str = ""
    because: str = ""
    whoami: bool = False


def works(**fields: object) -> Case:
    """Return a kubeconfig that kubectl can use."""
    return Case(works=True, **fields)  # type: ignore[arg-type]


def refused(**fields: object) -> Case:
    """Return a kubeconfig that kubectl refuses."""
    return Case(works=False, **fields)  # type: ignore[arg-type]


def printed(status: str, head: str = _HEAD) -> str:
    """Return a user whose plugin prints a status."""
    return printed_text(f'{{{head}, "status": {status}}}')


def printed_text(text: str) -> str:
    """Return a user whose plugin prints a text."""
    return f"{{exec: {{{PLUGIN}, env: [{{name: OUT, value: '{text}'}}]}}}}"


def crlf(text: str) -> bytes:
    """Encode a text with the line ends of Windows."""
    return text.replace("\n", "\r\n").encode()


def as_user(more: str) -> str:
    """Return a user that acts as an administrator named jo."""
    return f"{{token: TOKEN, as: jo, as-groups: [system:masters], {more}}}"


CASES: dict[str, Case] = {
    # the files
    "plain": works(whoami=True),
    "JSON": works(text='{"current-context":"a","clusters":[{"name":"c","cluster":{"server":"SERVER","certificate-authority":"ca.crt"}}],"users":[{"name":"u","user":{"token":"TOKEN"}}],"contexts":[{"name":"a","context":{"cluster":"c","user":"u"}}]}'),
    "JSON with tabs": works(text='{\n\t"current-context": "a",\n\t"clusters": [{"name":"c","cluster":{"server":"SERVER","certificate-authority":"ca.crt"}}],\n\t"users": [{"name":"u","user":{"token":"TOKEN"}}],\n\t"contexts": [{"name":"a","context":{"cluster":"c","user":"u"}}]\n}'),
    "byte order mark": works(encode=lambda text: text.encode("utf-8-sig")),
    "CRLF": works(encode=crlf),
    "UTF-16 with a mark": works(encode=lambda text: text.encode("utf-16")),
    "UTF-16, big-endian, with a mark": works(encode=lambda text: b"\xfe\xff" + text.encode("utf-16-be")),
    "UTF-16 without a mark": refused(encode=lambda text: text.encode("utf-16-le")),
    "UTF-32": refused(encode=lambda text: text.encode("utf-32")),
    "Latin-1": refused(text="# é\n" + TEMPLATE, encode=lambda text: text.encode("latin-1")),
    "a comment in UTF-8": works(text="# é 🙂\n" + TEMPLATE),
    "several documents": works(text=f"{TEMPLATE}---\n[1]\n"),
    "several documents, the second malformed": works(text=f"{TEMPLATE}---\n}}{{\n"),
    "several documents, the first empty": refused(text=f"---\n---\n{TEMPLATE}"),
    "document markers": works(text=f"---\n{TEMPLATE}...\n"),
    "a YAML directive": works(text=f"%YAML 1.1\n---\n{TEMPLATE}"),
    "a YAML 1.2 directive": refused(text=f"%YAML 1.2\n---\n{TEMPLATE}"),
    "only comments": refused(text="# nothing\n"),
    "empty": refused(text=""),
    "null": refused(text="null"),
    "a list": refused(text="[1, 2]"),
    "a string": refused(text="hello"),
    "a number": refused(text="5"),
    "broken YAML": refused(text=": : :"),
    "a tab as indentation": refused(text="clusters:\n\t- name: test\n"),
    "a NUL": refused(text=f"{TEMPLATE}\0"),
    "a control character": refused(text=f"{TEMPLATE}# \x01\n"),
    "DEL in a comment": refused(text=f"{TEMPLATE}# \x7f\n"),
    "another kind": refused(text=TEMPLATE.replace("kind: Config", "kind: Pod")),
    "another version": refused(text=TEMPLATE.replace("apiVersion: v1", "apiVersion: v2")),
    "without kind and version": works(text=TEMPLATE.replace("kind: Config", "").replace("apiVersion: v1", "")),
    "a kind that is a number": refused(text=TEMPLATE.replace("kind: Config", "kind: 1")),
    "a duplicate key": works(text=TEMPLATE.replace("kind: Config", "kind: Pod\nkind: Config")),
    "an unknown field": works(text=f"{TEMPLATE}colours: [red]\n"),
    "fields in capitals": refused(text=TEMPLATE.replace("clusters:", "Clusters:")),
    "preferences that are null": works(text=f"{TEMPLATE}preferences: null\n"),
    "preferences that are a string": refused(text=f"{TEMPLATE}preferences: x\n"),
    "a numeric key": works(text=f"{TEMPLATE}1: x\n"),
    "a key that is a list": refused(text=f"{TEMPLATE}? [a]\n: x\n"),
    "an anchor": works(user="{token: &t TOKEN, password: ''}", text=f"{TEMPLATE}x: *t\n"),
    "a merge key": works(text=TEMPLATE.replace("user: USER", "user:\n    <<: {token: TOKEN}")),
    "an unknown alias": refused(user="*nope"),
    "an alias bomb": refused(text="a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)) + TEMPLATE),
    "an alias of itself": refused(text=f"x: &x [*x]\n{TEMPLATE}"),
    "deep flow lists": refused(text=f"{TEMPLATE}x: {'[' * 20_000}{']' * 20_000}\n"),
    "9,000 flow lists": works(text=f"{TEMPLATE}x: {'[' * 9_000}{']' * 9_000}\n", because="nothing useful is nested that deep, and each level takes memory"),
    "100 flow lists": works(text=f"{TEMPLATE}x: {'[' * 100}{']' * 100}\n"),
    "merge keys after their own": works(user="{token: wrong, <<: {token: TOKEN}}"),
    "merge keys before their own": works(user="{<<: {token: wrong}, token: TOKEN}"),
    "several merge keys": works(user="{<<: [{token: TOKEN}, {token: wrong}]}"),
    "a merge key of a string": refused(user="{<<: x}"),
    "a quoted merge key": refused(user='{"<<": {token: TOKEN}}'),
    "a null key": refused(text=f"{TEMPLATE}~: x\n"),
    "a float key": works(text=f"{TEMPLATE}1.5: x\n"),
    "an infinite number": refused(text=f"{TEMPLATE}x: .inf\n"),
    "a number with many digits": works(text=f"{TEMPLATE}x: {'1' * 300}\n"),
    "a number with thousands of digits": works(text=f"{TEMPLATE}x: {'1' * 5000}\n"),
    "an integer tag on text": refused(text=f"{TEMPLATE}x: !!int y\n"),
    "a float tag on an integer": works(text=f"{TEMPLATE}x: !!float 1\n"),
    "a null tag on text": refused(user="{token: !!null TOKEN}"),
    "a list tag on text": works(text=f"{TEMPLATE}x: !!seq y\n"),
    "a literal token": refused(user="\n      token: |\n        TOKEN\n"),
    "a literal token without its line end": works(user="\n      token: |-\n        TOKEN\n"),
    "an escaped token": works(user='{token: "\\x41", <<: {token: TOKEN}}'),
    "a bad escape": refused(user='{token: "\\q"}'),
    "a lone surrogate": refused(user='{token: "\\ud800"}'),
    "a directive of its own": refused(text=f"%FOO bar\n---\n{TEMPLATE}"),
    "a tag directive": works(text=f"%TAG ! tag:x,2000:\n---\n{TEMPLATE}"),
    "a byte order mark in the middle": refused(text=TEMPLATE.replace("users:", "\ufeffusers:")),
    "a line separator as a line end": works(text=TEMPLATE.replace("kind: Config\n", "kind: Config\u2028"), says=""),
    "a carriage return as a line end": works(text=TEMPLATE.replace("\n", "\r")),
    "a binary tag": works(user="{token: !!binary VE9LRU4=, username: ''}", text=TEMPLATE.replace("VE9LRU4=", "VE9LRU4=")),
    "an unknown tag": works(text=f"{TEMPLATE}x: !foo bar\n"),
    "a string tag": works(user="{token: TOKEN}", context="{cluster: test, user: test, namespace: !!str 123}"),
    # several files
    "several files": works(paths=["config", "other"], files={"other": "users: [{name: test, user: {token: wrong}}]"}),
    "several files, the first wins": refused(paths=["other", "config"], files={"other": "users: [{name: test, user: {token: wrong}}]"}),
    "one cluster in two files": refused(paths=["other", "config"], files={"other": "clusters: [{name: test, cluster: {certificate-authority: ca.crt}}]"}, says="has no server"),
    "the user in a second file": works(text=TEMPLATE.replace("name: test\n  user", "name: none\n  user"), paths=["config", "other"], files={"other": "users: [{name: test, user: {token: TOKEN}}]"}),
    "a missing file among several": works(paths=["missing", "config"]),
    "an empty file among several": works(paths=["other", "config"], files={"other": ""}),
    "a malformed file among several": refused(paths=["config", "other"], files={"other": "}"}),
    "a wrong type among several": refused(paths=["config", "other"], files={"other": "users: 5"}),
    "only missing files": refused(paths=["missing"]),
    "a folder": refused(paths=["folder"], files={"folder/x": ""}),
    "the current context of the first file": works(text=TEMPLATE.replace("current-context: test", "current-context: none"), paths=["other", "config"], files={"other": "current-context: test"}),
    "relative paths of a file elsewhere": works(text="{}", paths=["config", "folder/other"], files={"folder/other": TEMPLATE.replace("CLUSTER", CLUSTER).replace("USER", "{tokenFile: ../token}").replace("CONTEXT", "{cluster: test, user: test}"), "folder/ca.crt": "CA"}),
    "the same file twice": works(paths=["config", "config"]),
    # the lists
    "duplicate clusters": refused(text=f"{TEMPLATE}- name: test\n  context: {{}}\n"),
    "duplicate names that nobody uses": refused(text=f"{TEMPLATE}- name: x\n- name: x\n"),
    "clusters that are null": refused(text="clusters: null"),
    "a null among the users": works(text=TEMPLATE.replace("users:", "users:\n- null")),
    "two nulls among the users": refused(text=TEMPLATE.replace("users:", "users:\n- null\n- null")),
    "a user without a name": works(text=TEMPLATE.replace("users:", "users:\n- user: {}")),
    "a name that is null": works(text=TEMPLATE.replace("users:", "users:\n- name: null")),
    "a name that is a number": refused(text=TEMPLATE.replace("users:", "users:\n- name: 5"), says="users[0].name"),
    "users that are a string": refused(text=TEMPLATE.replace("users:", "users: x\nothers:")),
    "users that are an object": refused(text=TEMPLATE.replace("users:", "users: {test: {}}\nothers:")),
    "a cluster that is a string": refused(cluster="hello", says="cluster 'test'"),
    "a user that is a list": refused(user="[1]", says="user 'test'"),
    "a user that is null": refused(user="null"),
    "a context that is a string": refused(context="x", says="context 'test'"),
    "a string among the users": refused(text=TEMPLATE.replace("users:", "users:\n- x")),
    "a malformed user that nobody uses": refused(text=TEMPLATE.replace("users:", "users:\n- {name: dev, user: {token: 5}}"), says="user 'dev': token"),
    # contexts
    "no current context": refused(text=TEMPLATE.replace("current-context: test", "")),
    "a null current context": refused(text=TEMPLATE.replace("current-context: test", "current-context: null")),
    "a current context that is a number": refused(text=TEMPLATE.replace("current-context: test", "current-context: 5"), says="current-context"),
    "an unknown current context": refused(text=TEMPLATE.replace("current-context: test", "current-context: x")),
    "a context named by a word for true": refused(text=TEMPLATE.replace("current-context: test", "current-context: on").replace("- name: test\n  context", "- name: on\n  context")),
    "an unknown cluster": refused(context="{cluster: x, user: test}"),
    "no cluster": refused(context="{user: test}"),
    "an unknown user": refused(context="{cluster: test, user: x}"),
    "no user": refused(context="{cluster: test}"),
    "a namespace": works(context="{cluster: test, user: test, namespace: kube-system}"),
    "a namespace that is a number": refused(context="{cluster: test, user: test, namespace: 123}", says="context 'test': namespace"),
    "a namespace that is a word for true": refused(context="{cluster: test, user: test, namespace: yes}", says="context 'test': namespace"),
    "a namespace like true": refused(context="{cluster: test, user: test, namespace: y}"),
    "a namespace that is a date": works(context="{cluster: test, user: test, namespace: 2024-01-01}"),
    "a namespace like a time": works(context="{cluster: test, user: test, namespace: 12:30:45}"),
    "a namespace like an octal number": refused(context="{cluster: test, user: test, namespace: 0o7}"),
    "a namespace like a binary number": refused(context="{cluster: test, user: test, namespace: 0b1}"),
    "a namespace like a float": refused(context="{cluster: test, user: test, namespace: 1e3}"),
    "a namespace like a number with underscores": refused(context="{cluster: test, user: test, namespace: 1_000}"),
    "a namespace like infinity": refused(context="{cluster: test, user: test, namespace: .inf}"),
    "a namespace that is ~": works(context="{cluster: test, user: test, namespace: ~}"),
    "a namespace of digits": works(context="{cluster: test, user: test, namespace: '123'}"),
    "a namespace that is empty": works(context="{cluster: test, user: test, namespace: ''}"),
    "a namespace with capitals": works(context="{cluster: test, user: test, namespace: Team}"),
    "a namespace with a slash": refused(context="{cluster: test, user: test, namespace: a/b}"),
    # clusters
    "a server without a scheme": refused(cluster="{server: HOST, certificate-authority: ca.crt}"),
    "a server that is a number": refused(cluster="{server: 5}", says="cluster 'test': server"),
    "no server": refused(cluster="{certificate-authority: ca.crt}"),
    "a server with a path": refused(cluster="{server: SERVER/x, certificate-authority: ca.crt}"),
    "a server with a slash": works(cluster="{server: SERVER/, certificate-authority: ca.crt}"),
    "a server with a query": works(cluster="{server: 'SERVER?x=y', certificate-authority: ca.crt}"),
    "a server with a password": refused(cluster="{server: 'https://jo:pw@HOST', certificate-authority: ca.crt}", because="a password in the URL is ignored: the user\'s own credentials are sent, and no message shows it"),
    "a server with blanks": refused(cluster="{server: ' SERVER', certificate-authority: ca.crt}"),
    "a server in capitals": works(cluster="{server: 'HTTPS://HOST', certificate-authority: ca.crt}"),
    "no authority": refused(cluster="{server: SERVER}"),
    "authority data": works(cluster="{server: SERVER, certificate-authority-data: CA_DATA}"),
    "authority data with line breaks": works(cluster="{server: SERVER, certificate-authority-data: \"CA_LINES\"}"),
    "authority data with blanks": refused(cluster="{server: SERVER, certificate-authority-data: 'C A_DATA'}"),
    "authority data without padding": refused(cluster="{server: SERVER, certificate-authority-data: QUE}", says="cluster 'test': certificate-authority-data"),
    "authority data that is no base64": refused(cluster="{server: SERVER, certificate-authority-data: '%'}", says="cluster 'test': certificate-authority-data"),
    "authority data that is no certificate": refused(cluster="{server: SERVER, certificate-authority-data: QUFB}", says="cluster 'test': certificate-authority-data"),
    "authority data that is a number": refused(cluster="{server: SERVER, certificate-authority-data: 5}", says="cluster 'test': certificate-authority-data"),
    "authority data that is empty": works(cluster="{server: SERVER, certificate-authority: ca.crt, certificate-authority-data: ''}"),
    "authority data with a mark": refused(cluster="{server: SERVER, certificate-authority-data: CA_MARK}"),
    "authority data with a comment": works(cluster="{server: SERVER, certificate-authority-data: CA_COMMENT}"),
    "authority data with a private key": works(cluster="{server: SERVER, certificate-authority-data: CA_KEY}"),
    "authority data with headers": refused(cluster="{server: SERVER, certificate-authority-data: CA_HEADERS}"),
    "authority data in DER": refused(cluster="{server: SERVER, certificate-authority-data: CA_DER}"),
    "authority data and a file": refused(cluster="{server: SERVER, certificate-authority: ca.crt, certificate-authority-data: CA_DATA}"),
    "authority data and a missing file": refused(cluster="{server: SERVER, certificate-authority: missing, certificate-authority-data: CA_DATA}"),
    "an authority file that is missing": refused(cluster="{server: SERVER, certificate-authority: missing}"),
    "an authority file that is a folder": refused(cluster="{server: SERVER, certificate-authority: .}"),
    "an authority file with CRLF": works(cluster="{server: SERVER, certificate-authority: crlf.crt}"),
    "an authority file with ~": refused(cluster="{server: SERVER, certificate-authority: ~/ca.crt}", says="~/ca.crt' cannot be read"),
    "an absolute authority file": works(cluster="{server: SERVER, certificate-authority: FOLDER/ca.crt}"),
    "insecure": works(cluster="{server: SERVER, insecure-skip-tls-verify: true}"),
    "insecure, in YAML 1.1": works(cluster="{server: SERVER, insecure-skip-tls-verify: yes}"),
    "insecure that is a string": refused(cluster="{server: SERVER, insecure-skip-tls-verify: 'true'}", says="cluster 'test': insecure-skip-tls-verify"),
    "insecure that is a number": refused(cluster="{server: SERVER, insecure-skip-tls-verify: 1}"),
    "insecure and an authority": refused(cluster="{server: SERVER, certificate-authority: ca.crt, insecure-skip-tls-verify: true}", says="cluster 'test': insecure-skip-tls-verify"),
    "insecure and authority data": refused(cluster="{server: SERVER, certificate-authority-data: CA_DATA, insecure-skip-tls-verify: true}"),
    "a name for TLS": works(cluster="{server: SERVER, certificate-authority: ca.crt, tls-server-name: kubernetes}"),
    "a wrong name for TLS": refused(cluster="{server: SERVER, certificate-authority: ca.crt, tls-server-name: other}"),
    "a proxy that is not there": refused(cluster="{server: SERVER, certificate-authority: ca.crt, proxy-url: 'http://127.0.0.1:1'}"),
    "a proxy without a scheme": refused(cluster="{server: SERVER, certificate-authority: ca.crt, proxy-url: '127.0.0.1:1'}", says="cluster 'test': proxy-url"),
    "a proxy with an unknown scheme": refused(cluster="{server: SERVER, certificate-authority: ca.crt, proxy-url: 'ftp://127.0.0.1:1'}", says="cluster 'test': proxy-url"),
    "a proxy that is empty": works(cluster="{server: SERVER, certificate-authority: ca.crt, proxy-url: ''}"),
    "compression": works(cluster="{server: SERVER, certificate-authority: ca.crt, disable-compression: true}"),
    "compression that is a string": refused(cluster="{server: SERVER, certificate-authority: ca.crt, disable-compression: x}"),
    "extensions": works(cluster="{server: SERVER, certificate-authority: ca.crt, extensions: [{name: x, extension: {a: 1}}]}"),
    "extensions without a name": works(cluster="{server: SERVER, certificate-authority: ca.crt, extensions: [{extension: {a: 1}}]}"),
    "extensions that are a string": refused(cluster="{server: SERVER, certificate-authority: ca.crt, extensions: x}", says="cluster 'test': extensions"),
    "duplicate extensions": refused(cluster="{server: SERVER, certificate-authority: ca.crt, extensions: [{name: x, extension: {}}, {name: x, extension: {}}]}"),
    # users
    "no credentials": refused(user="{}"),
    "a token that is a number": refused(user="{token: 12345}", says="user 'test': token"),
    "a token that is null": refused(user="{token: null}"),
    "a token with blanks around": refused(user="{token: ' TOKEN '}"),
    "a token with a line break": refused(user="{token: \"TOKEN\\n\"}"),
    "a token with an umlaut": refused(user="{token: tökén}"),
    "a token file": works(user="{tokenFile: token}", whoami=True),
    "a token file named as the others are": refused(user="{token-file: token}"),
    "a token file beside a wrong token": works(user="{tokenFile: token, token: wrong}"),
    "a token file gone beside a token": works(user="{tokenFile: missing, token: TOKEN}"),
    "a token file that is gone": refused(user="{tokenFile: missing}"),
    "a token file that is empty": refused(user="{tokenFile: empty}", files={"empty": ""}),
    "a token file that is empty beside a token": works(user="{tokenFile: empty, token: TOKEN}", files={"empty": ""}),
    "a token file that is a folder beside a token": works(user="{tokenFile: ., token: TOKEN}"),
    "a token file with blank lines": works(user="{tokenFile: blank}", files={"blank": "\n TOKEN \n\n"}),
    "a token and a password": refused(user="{token: TOKEN, username: jo, password: pw}"),
    "a token and a password alone": refused(user="{token: TOKEN, password: pw}"),
    "a token file and a password": refused(user="{tokenFile: token, username: jo, password: pw}"),
    "a password": refused(user="{username: jo, password: pw}"),
    "a password that is a number": refused(user="{username: jo, password: 5}", says="user 'test': password"),
    "a client certificate": works(user="{client-certificate: client.crt, client-key: client.key}", whoami=True),
    "client certificate data": works(user="{client-certificate-data: CERT_DATA, client-key-data: KEY_DATA}"),
    "client certificate data and a key file": works(user="{client-certificate-data: CERT_DATA, client-key: client.key}"),
    "client certificate data and a file": refused(user="{client-certificate-data: CERT_DATA, client-certificate: client.crt, client-key: client.key}"),
    "client key data and a file": refused(user="{client-certificate-data: CERT_DATA, client-key: client.key, client-key-data: KEY_DATA}"),
    "a client certificate without a key": refused(user="{client-certificate: client.crt}"),
    "a client key without a certificate": refused(user="{client-key: client.key}"),
    "a client key without a certificate, beside a token": works(user="{token: TOKEN, client-key: client.key}"),
    "a missing client key without a certificate, beside a token": works(user="{token: TOKEN, client-key: missing}"),
    "a client certificate that is missing": refused(user="{client-certificate: missing, client-key: client.key}"),
    "client certificate data that is no base64": refused(user="{client-certificate-data: '%', client-key-data: KEY_DATA}", says="user 'test': client-certificate-data"),
    "client certificate data that is no certificate": refused(user="{client-certificate-data: QUFB, client-key-data: KEY_DATA}", says="user 'test'"),
    "a client certificate and a token": works(user="{client-certificate: client.crt, client-key: client.key, token: wrong}"),
    "a client certificate with a key in one file": works(user="{client-certificate: both.pem, client-key: both.pem}"),
    "client certificate data with a mark": refused(user="{client-certificate-data: CERT_MARK, client-key-data: KEY_DATA}"),
    # impersonation
    "as": refused(user="{token: TOKEN, as: jo}"),
    "as an administrator": works(user=as_user("as-uid: '7'"), whoami=True),
    "as with extra": works(user=as_user("as-user-extra: {scopes: [a, b]}"), whoami=True),
    "as with a slash in a key": works(user=as_user("as-user-extra: {example.com/x: [a]}"), whoami=True),
    "as with UTF-8 in a key": works(user=as_user("as-user-extra: {größe: [a]}"), whoami=True),
    "as with capitals in a key": works(user=as_user("as-user-extra: {Scopes: [a]}"), whoami=True),
    "as with a percent sign and blanks in a key": works(user=as_user("as-user-extra: {'a%2F b:c': [a]}"), whoami=True),
    "as with UTF-8 in a value": works(user=as_user("as-user-extra: {a: [größe]}"), whoami=True),
    "as with a UTF-8 name": works(user="{token: TOKEN, as: jürgen, as-groups: [system:masters]}", whoami=True),
    "as with a line break in a name": refused(user="{token: TOKEN, as: \"jo\\nX: y\", as-groups: [system:masters]}", says="user 'test': as"),
    "as with a line break in a value": refused(user=as_user("as-user-extra: {a: [\"b\\nc\"]}"), says="user 'test': as-user-extra"),
    "as with extra that is null": works(user=as_user("as-user-extra: null"), whoami=True),
    "as with a key that is null": works(user=as_user("as-user-extra: {scopes: null}"), whoami=True),
    "as with a null among the values": works(user=as_user("as-user-extra: {scopes: [null]}"), whoami=True),
    "as with an empty key": works(user=as_user("as-user-extra: {'': [a]}"), whoami=True),
    "as with a value that is a string": refused(user=as_user("as-user-extra: {scopes: a}"), says="user 'test': as-user-extra"),
    "as with extra that is a list": refused(user=as_user("as-user-extra: [a]"), says="user 'test': as-user-extra"),
    "as with a numeric key": works(user=as_user("as-user-extra: {5: [a]}"), whoami=True),
    "as with groups that are a number": refused(user="{token: TOKEN, as: jo, as-groups: 5}", says="user 'test': as-groups"),
    "as with groups that are a string": refused(user="{token: TOKEN, as: jo, as-groups: system:masters}", says="user 'test': as-groups"),
    "as with a null among the groups": works(user="{token: TOKEN, as: jo, as-groups: [null, system:masters]}", whoami=True),
    "as with groups but no name": refused(user="{token: TOKEN, as-groups: [system:masters]}"),
    "as with extra but no name": refused(user="{token: TOKEN, as-user-extra: {a: [b]}}"),
    "as with a uid but no name": refused(user="{token: TOKEN, as-uid: '7'}"),
    "as that is a number": refused(user="{token: TOKEN, as: 5}", says="user 'test': as"),
    "as an administrator with a tab": works(user="{token: TOKEN, as: \"jo\\tdoe\", as-groups: [system:masters]}", whoami=True),
    "as with blanks around": works(user="{token: TOKEN, as: ' jo ', as-groups: [system:masters]}", because="HTTP/1.1, which we speak, drops blanks at the ends of a header: it would be another user"),
    "as with emoji in a value": works(user=as_user("as-user-extra: {a: [🙂]}"), whoami=True),
    # legacy providers
    "gcp": refused(user="{auth-provider: {name: gcp}}"),
    "azure": refused(user="{auth-provider: {name: azure, config: {x: y}}}"),
    "a legacy provider beside a token": refused(user="{token: TOKEN, auth-provider: {name: gcp}}"),
    "oidc beside a token": refused(user="{token: TOKEN, auth-provider: {name: oidc}}"),
    "oidc with a client beside a token": works(user="{token: TOKEN, auth-provider: {name: oidc, config: {idp-issuer-url: 'https://127.0.0.1:1', client-id: x}}}"),
    "oidc beside a client certificate": refused(user="{client-certificate: client.crt, client-key: client.key, auth-provider: {name: oidc}}"),
    "oidc without a client": refused(user="{auth-provider: {name: oidc, config: {idp-issuer-url: 'https://127.0.0.1:1', id-token: a.b.c}}}"),
    "oidc without an issuer": refused(user="{auth-provider: {name: oidc, config: {client-id: x}}}"),
    "oidc without a configuration": refused(user="{auth-provider: {name: oidc}}"),
    "oidc with an invalid token": refused(user="{auth-provider: {name: oidc, config: {idp-issuer-url: 'https://127.0.0.1:1', client-id: x, id-token: a.b.c}}}"),
    "a provider that is a string": refused(user="{auth-provider: oidc}", says="user 'test': auth-provider"),
    "a provider's configuration with a number": refused(user="{auth-provider: {name: oidc, config: {client-id: 5}}}", says="user 'test': auth-provider.config"),
    "a provider that is null": refused(user="{auth-provider: null}"),
    # exec plugins
    "a plugin": works(user=printed('{"token": "TOKEN"}'), whoami=True),
    "a plugin of the beta version": works(user=f"{{exec: {{{BETA}, env: [{{name: OUT, value: '{{\"kind\": \"ExecCredential\", \"apiVersion\": \"client.authentication.k8s.io/v1beta1\", \"status\": {{\"token\": \"TOKEN\"}}}}'}}]}}}}"),
    "a plugin with a certificate": works(user=printed('{"clientCertificateData": "CERT_ESCAPED", "clientKeyData": "KEY_ESCAPED"}'), whoami=True),
    "a plugin that is not there": refused(user=f"{{exec: {{{PLUGIN.replace('./plugin', './missing')}}}}}"),
    "a plugin without a command": refused(user=f"{{exec: {{{PLUGIN.replace('./plugin', '')}}}}}"),
    "a plugin without a version": refused(user="{exec: {command: ./plugin, interactiveMode: Never}}"),
    "a plugin of the alpha version": refused(user=f"{{exec: {{{PLUGIN.replace('/v1', '/v1alpha1')}}}}}"),
    "a plugin without a mode": refused(user=f"{{exec: {{{PLUGIN.replace(', interactiveMode: Never', '')}}}}}", says="interactiveMode"),
    "a plugin with an unknown mode": refused(user=f"{{exec: {{{PLUGIN.replace('Never', 'Sometimes')}}}}}", says="interactiveMode"),
    "a plugin that must prompt": refused(user=f"{{exec: {{{PLUGIN.replace('Never', 'Always')}}}}}"),
    "a plugin and a provider": refused(user=printed('{"token": "TOKEN"}')[:-1] + ", auth-provider: {name: oidc}}"),
    "a plugin and a token": works(user=printed('{"token": "wrong"}')[:-1] + ", token: TOKEN}"),
    "a plugin and a client certificate": works(user=printed('{"token": "TOKEN"}')[:-1] + ", client-certificate: client.crt, client-key: client.key}"),
    "a failing plugin and a client certificate": works(user=f"{{exec: {{{PLUGIN}}}, client-certificate: client.crt, client-key: client.key}}"),
    "a failing plugin and a token": works(user=f"{{exec: {{{PLUGIN}}}, token: TOKEN}}"),
    "a plugin that is a string": refused(user="{exec: x}", says="user 'test': exec"),
    "a plugin with arguments that are a string": refused(user=f"{{exec: {{{PLUGIN}, args: x}}}}", says="user 'test': exec.args"),
    "a plugin with null arguments": works(user=printed('{"token": "TOKEN"}').replace("env:", "args: null, env:")),
    "a plugin with a null argument": works(user=printed('{"token": "TOKEN"}').replace("env:", "args: [null], env:")),
    "a plugin with a number as an argument": refused(user=printed('{"token": "TOKEN"}').replace("env:", "args: [5], env:"), says="user 'test': exec.args[0]"),
    "a plugin with a NUL in an argument": refused(user=printed('{"token": "TOKEN"}').replace("env:", 'args: ["a\\0"], env:'), says="user 'test': exec.args"),
    "a variable without a value": works(user=printed('{"token": "TOKEN"}').replace("env: [", "env: [{name: A}, ")),
    "a variable whose value is null": works(user=printed('{"token": "TOKEN"}').replace("env: [", "env: [{name: A, value: null}, ")),
    "a variable whose value is a number": refused(user=printed('{"token": "TOKEN"}').replace("env: [", "env: [{name: A, value: 5}, "), says="user 'test': exec.env[0].value"),
    "a variable without a name": refused(user=printed('{"token": "TOKEN"}').replace("env: [", "env: [{value: x}, "), says="user 'test': exec.env"),
    "a variable with = in its name": works(user=printed('{"token": "TOKEN"}').replace("env: [", "env: [{name: A=B, value: x}, ")),
    "a variable that is a number": refused(user=f"{{exec: {{{PLUGIN}, env: [1]}}}}", says="user 'test': exec.env[0]"),
    "a variable that is null": refused(user=printed('{"token": "TOKEN"}').replace("env: [", "env: [null, ")),
    "variables that are an object": refused(user=f"{{exec: {{{PLUGIN}, env: {{A: b}}}}}}", says="user 'test': exec.env"),
    "cluster information that is a string": refused(user=f"{{exec: {{{PLUGIN}, provideClusterInfo: 'yes'}}}}", says="user 'test': exec.provideClusterInfo"),
    "cluster information": works(user=printed('{"token": "TOKEN"}').replace("env:", "provideClusterInfo: true, env:")),
    # what plugins print
    "printed: nothing": refused(user=printed_text("")),
    "printed: garbage": refused(user=printed_text("hello")),
    "printed: a list": refused(user=printed_text("[]")),
    "printed: YAML": refused(user=printed_text("{kind: ExecCredential, apiVersion: client.authentication.k8s.io/v1, status: {token: TOKEN}}")),
    "printed: another version": refused(user=printed('{"token": "TOKEN"}', _HEAD.replace("/v1", "/v1beta1"))),
    "printed: no version": refused(user=printed('{"token": "TOKEN"}', '"kind": "ExecCredential"')),
    "printed: another kind": refused(user=printed('{"token": "TOKEN"}', _HEAD.replace("ExecCredential", "Pod"))),
    "printed: no status": refused(user=printed("null")),
    "printed: a status that is a string": refused(user=printed('"x"')),
    "printed: an empty status": refused(user=printed("{}")),
    "printed: a token that is a number": refused(user=printed('{"token": 5}')),
    "printed: a token that is null": refused(user=printed('{"token": null}')),
    "printed: a certificate that is a number": refused(user=printed('{"clientCertificateData": 5, "clientKeyData": "x"}')),
    "printed: a certificate without a key": refused(user=printed('{"clientCertificateData": "CERT_ESCAPED"}')),
    "printed: a certificate that is none": refused(user=printed('{"clientCertificateData": "x", "clientKeyData": "y"}')),
    "printed: a token and a time": works(user=printed('{"token": "TOKEN", "expirationTimestamp": "2999-01-01T00:00:00Z"}')),
    "printed: a time without a zone": refused(user=printed('{"token": "TOKEN", "expirationTimestamp": "2999-01-01T00:00:00"}')),
    "printed: a date": refused(user=printed('{"token": "TOKEN", "expirationTimestamp": "2999-01-01"}')),
    "printed: a time that is a number": refused(user=printed('{"token": "TOKEN", "expirationTimestamp": 5}')),
    "printed: an empty time": refused(user=printed('{"token": "TOKEN", "expirationTimestamp": ""}')),
    "printed: a null time": works(user=printed('{"token": "TOKEN", "expirationTimestamp": null}')),
    "printed: a time in the past": works(user=printed('{"token": "TOKEN", "expirationTimestamp": "2001-01-01T00:00:00Z"}')),
    "printed: an unknown field": works(user=printed('{"token": "TOKEN", "colour": "red"}')),
    "printed: a field twice": works(user=printed('{"token": "x", "token": "TOKEN"}')),
    "printed: a field in capitals": refused(user=printed('{"Token": "TOKEN"}')),
    "printed: two documents": refused(user=printed_text(f'{{{_HEAD}, "status": {{"token": "TOKEN"}}}} {{}}')),
    "printed: a token with a line break": refused(user=printed('{"token": "TOKEN\\n"}')),
    "printed: deep JSON": refused(user=printed("[" * 20_000 + "]" * 20_000)),
}  # fmt: skip
