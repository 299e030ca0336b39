"""Runs a table of calls with Python Requests and prints what came back as JSON.

usage: requests-peer.py CALLS.json BASE_URL

The table is the one packages/core/test/httpbin/run-table.ts runs with a Session; both give the same neutral results.
"""

import base64
import json
import sys

import requests
from requests.auth import HTTPBasicAuth, HTTPDigestAuth


class Bearer(requests.auth.AuthBase):
    def __init__(self, token):
        self.token = token

    def __call__(self, request):
        request.headers["Authorization"] = "Bearer " + self.token
        return request


def to_auth(auth):
    if auth["type"] == "bearer":
        return Bearer(auth["token"])
    scheme = HTTPDigestAuth if auth["type"] == "digest" else HTTPBasicAuth
    return scheme(auth["user"], auth["password"])


def to_content(content):
    return base64.b64decode(content["base64"]) if isinstance(content, dict) else content


def to_file(file):
    return (file["name"], to_content(file["content"]), *([file["type"]] if "type" in file else []))


TRANSLATIONS = {
    "params": ("params", lambda value: value),
    "headers": ("headers", lambda value: value),
    "cookies": ("cookies", lambda value: value),
    "form": ("data", lambda value: [tuple(pair) for pair in value] if isinstance(value, list) else value),
    "body": ("data", to_content),
    "chunks": ("data", lambda chunks: (chunk.encode() for chunk in chunks)),
    "json": ("json", lambda value: value),
    "files": ("files", lambda pairs: [(field, to_file(file)) for field, file in pairs]),
    "auth": ("auth", to_auth),
    "allowRedirects": ("allow_redirects", bool),
    "timeoutMs": ("timeout", lambda ms: ms / 1000),
    "stream": ("stream", bool),
}


def keywords(call, hops):
    options = {name: translate(call[key]) for key, (name, translate) in TRANSLATIONS.items() if key in call}
    options["hooks"] = {"response": lambda response, **_: hops.append(response.status_code)}
    return options


def b64(data):
    return base64.b64encode(data).decode("ascii")


READERS = {
    "none": lambda response, call: None,
    "json": lambda response, call: response.json(),
    "text": lambda response, call: response.text,
    "bytes": lambda response, call: b64(response.content),
    "lines": lambda response, call: [line.decode() for line in response.iter_lines()],
    "jsonLines": lambda response, call: [json.loads(line) for line in response.iter_lines()],
    "chunks": lambda response, call: [b64(chunk) for chunk in response.iter_content(call["chunkSize"])],
    "joined": lambda response, call: b64(b"".join(response.iter_content(call["chunkSize"]))),
    "twice": lambda response, call: [len(list(response.iter_content(64))) > 0, list(response.iter_content(64))],
    "raise": lambda response, call: response.raise_for_status(),
}


def jar(session):
    return sorted([cookie.name, cookie.value, cookie.path] for cookie in session.cookies)


def neutral(response, call, hops):
    return {
        "status": response.status_code,
        "reason": response.reason,
        "ok": response.ok,
        "url": response.url,
        "method": response.request.method,
        "headers": {name: response.headers.get(name) for name in call.get("compareHeaders", [])},
        "history": [[entry.status_code, entry.url] for entry in response.history],
        "cookies": sorted([cookie.name, cookie.value] for cookie in response.cookies),
        "links": response.links,
        "isRedirect": response.is_redirect,
        "next": response.next.url if response.next else None,
        "hops": hops,
    }


def failure(error):
    return {"type": type(error).__name__, "response": getattr(getattr(error, "response", None), "status_code", None)}


def run(session, call, base):
    hops = []
    call = json.loads(json.dumps(call).replace("{base}", base).replace("{localhost}", base.replace("127.0.0.1", "localhost")))
    session.max_redirects = call.get("maxRedirects", 30)
    result = {}
    try:
        if call.get("helper"):
            response = getattr(session, call["method"].lower())(call["url"], **keywords(call, hops))
        else:
            response = session.request(call["method"], call["url"], **keywords(call, hops))
        result = neutral(response, call, hops)
        result["body"] = READERS[call.get("read", "json")](response, call)
    except requests.RequestException as error:
        result["error"] = failure(error)
    return {**result, "jar": jar(session)}


def main(table, base):
    sessions = {}
    results = []
    for call in json.load(open(table, encoding="utf-8")):
        session = sessions.setdefault(call.get("session", call["name"]), requests.Session())
        session.trust_env = False
        results.append({"name": call["name"], **run(session, call, base)})
    json.dump(results, sys.stdout)


main(*sys.argv[1:])
