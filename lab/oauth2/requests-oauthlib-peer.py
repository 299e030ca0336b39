"""OAuth 2 flows by requests-oauthlib, one after the other, against endpoints that somebody else looks at.

usage: requests-oauthlib-peer.py BASE     prints the authorization URL

The endpoints are BASE/authorize, /token and /api; the names of client, user and secrets are those of the test that runs it.
"""

import sys

from oauthlib.oauth2 import BackendApplicationClient, LegacyApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

base = sys.argv[1]
token_url = base + "/token"
secret = "client-secret"
basic = HTTPBasicAuth("client-id", secret)

web = OAuth2Session("client-id", redirect_uri="https://client.example/cb", scope=["a", "b"], state="given-state")
print(web.authorization_url(base + "/authorize", prompt="login")[0])
callback = "https://client.example/cb?code=c0de&state=given-state"
web.fetch_token(token_url, authorization_response=callback, auth=basic)
web.get(base + "/api?page=1")
web.post(base + "/api", data={"page": "2"})
web.refresh_token(token_url, auth=basic)
web.get(base + "/api")

service = OAuth2Session(client=BackendApplicationClient("client-id", scope=["a", "b"]))
service.fetch_token(token_url, auth=basic)

posting = OAuth2Session(client=BackendApplicationClient("client-id"))
posting.fetch_token(token_url, client_secret=secret, include_client_id=True)

user = OAuth2Session(client=LegacyApplicationClient("client-id", scope=["a"]))
user.fetch_token(token_url, username="ahab", password="ivory &", auth=basic)
