"""Runs a table of calls with requests-oauthlib, one after the other, for a server that records what arrives.

usage: requests-oauthlib-peer.py CALLS.json BASE_URL

The table is the one that packages/auth-oauth/test/oauth1 runs with a Session.
"""

import json
import sys

import requests
from requests_oauthlib import OAuth1, OAuth1Session

PLACEMENTS = {"header": "AUTH_HEADER", "query": "QUERY", "body": "BODY"}
NAMES = {
    "clientKey": "client_key",
    "clientSecret": "client_secret",
    "token": "resource_owner_key",
    "tokenSecret": "resource_owner_secret",
    "signatureMethod": "signature_method",
    "privateKey": "rsa_key",
    "realm": "realm",
    "callback": "callback_uri",
    "verifier": "verifier",
    "nonce": "nonce",
    "timestamp": "timestamp",
}


def to_auth(options):
    keywords = {NAMES[name]: value for name, value in options.items() if name in NAMES}
    if "placement" in options:
        keywords["signature_type"] = PLACEMENTS[options["placement"]]
    if options.get("bodyHash"):
        keywords["force_include_body"] = True
    return OAuth1(**keywords)


def send(call, base):
    content = {"params": call.get("params"), "data": call.get("form") or call.get("text")}
    if "json" in call:
        content["json"] = call["json"]
    headers = {"Accept-Encoding": None, **call.get("headers", {})}
    requests.request(call["method"], base + call["path"], headers=headers, auth=to_auth(call["oauth"]), **content)


def three_legs(call, base):
    """Writes the authorization URL, reads where the user came back to."""
    options = call["oauth"]
    session = OAuth1Session(
        options["clientKey"],
        client_secret=options["clientSecret"],
        callback_uri=options["callback"],
        nonce=options["nonce"],
        timestamp=options["timestamp"],
    )
    session.fetch_request_token(base + "/request-token", realm=options["realms"])
    session.parse_authorization_response(call["cameBackTo"])
    session.fetch_access_token(base + "/access-token")
    session.get(base + "/resource")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        calls = json.load(file)
    for call in calls:
        (three_legs if call["name"] == "three legs" else send)(call, sys.argv[2])


main()
