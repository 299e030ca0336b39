"""An OAuth 1.0a provider over oauthlib: it checks single requests, and leads through the three legs.

usage: provider.py        prints its port on the first line, and serves 127.0.0.1 until its standard input ends

GET /authorize answers at once, as if the user had said yes. Every request whose X-Credentials header holds base64 of
JSON {client_secret, token_secret, public_key} is checked against those, whatever its path; its X-Scheme header says which
scheme it was signed for.
"""

import base64
import json
import secrets
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from oauthlib.oauth1 import RequestValidator, SignatureOnlyEndpoint, WebApplicationServer

import reference

CLIENT_KEY, CLIENT_SECRET = "client-key", "client secret/+&"
METHODS = [f"{family}-{name}" for family in ("HMAC", "RSA") for name in ("SHA1", "SHA256", "SHA512")] + ["PLAINTEXT"]


class GivenCredentials(RequestValidator):
    """Takes any client and token, with the secrets of one request."""

    allowed_signature_methods = METHODS
    timestamp_lifetime = float("inf")
    enforce_ssl = False
    dummy_client = dummy_access_token = ""

    def __init__(self, given):
        super().__init__()
        self.given = given

    def check_client_key(self, key):
        return True

    check_nonce = check_access_token = check_client_key

    def validate_client_key(self, *_):
        return True

    validate_access_token = validate_client_key

    def validate_timestamp_and_nonce(self, *_, **__):
        return True

    def get_client_secret(self, *_):
        return self.given.get("client_secret", "")

    def get_access_token_secret(self, *_):
        return self.given.get("token_secret", "")

    def get_rsa_key(self, *_):
        return self.given.get("public_key")


class Provider(RequestValidator):
    """One client, tokens in memory, oauthlib's own rules for nonces, timestamps and the form of keys."""

    allowed_signature_methods = METHODS
    enforce_ssl = False
    client_key_length, verifier_length = (5, 30), (5, 60)
    request_token_length = access_token_length = (5, 60)
    dummy_client = dummy_request_token = dummy_access_token = "nobody"
    realms = ["photos"]

    @property
    def safe_characters(self):
        return set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")

    def __init__(self):
        super().__init__()
        self.request_tokens, self.access_tokens, self.nonces = {}, {}, set()
        self.lock = threading.Lock()

    def validate_timestamp_and_nonce(self, client_key, timestamp, nonce, *_, request_token=None, access_token=None):
        use = (client_key, timestamp, nonce, request_token, access_token)
        with self.lock:
            fresh = use not in self.nonces
            self.nonces.add(use)
        return fresh

    def validate_client_key(self, key, _):
        return key == CLIENT_KEY

    def get_client_secret(self, *_):
        return CLIENT_SECRET

    def validate_request_token(self, _, token, __):
        return token in self.request_tokens

    def validate_access_token(self, _, token, __):
        return token in self.access_tokens

    def get_request_token_secret(self, _, token, __):
        return self.request_tokens.get(token, {}).get("oauth_token_secret", "")

    def get_access_token_secret(self, _, token, __):
        return self.access_tokens.get(token, "")

    def get_default_realms(self, *_):
        return ["photos"]

    get_realms = get_default_realms

    def validate_requested_realms(self, _, realms, __):
        return set(realms) <= {"photos"}

    check_realms = lambda self, realms: set(realms) <= {"photos"}

    def validate_realms(self, *_, **__):
        return True

    def validate_redirect_uri(self, *_):
        return True

    def get_redirect_uri(self, token, _):
        return self.request_tokens[token]["callback"]

    def save_request_token(self, token, request):
        self.request_tokens[token["oauth_token"]] = {**token, "callback": request.redirect_uri}

    def verify_request_token(self, token, _):
        return token in self.request_tokens

    def verify_realms(self, *_):
        return True

    def save_verifier(self, token, verifier, _):
        self.request_tokens[token].update(verifier)

    def validate_verifier(self, _, token, verifier, __):
        return secrets.compare_digest(self.request_tokens.get(token, {}).get("oauth_verifier", ""), verifier)

    def invalidate_request_token(self, _, token, __):
        self.request_tokens.pop(token, None)

    def save_access_token(self, token, _):
        self.access_tokens[token["oauth_token"]] = token["oauth_token_secret"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.read_body()
        given = self.headers.get("X-Credentials")
        status, headers, text = self.check(body, given) if given else self.route(body)
        content = text.encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/x-www-form-urlencoded", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def check(self, body, given):
        credentials = json.loads(base64.b64decode(given))
        scheme, host = self.headers.get("X-Scheme", "http"), self.headers["Host"]
        # self.path has fewer slashes than what was sent
        target = self.requestline.split(" ")[1]
        request = {
            "method": self.command,
            "scheme": scheme,
            "host": host,
            "target": target,
            "authorization": self.headers.get("Authorization", ""),
            "content_type": self.headers.get("Content-Type", ""),
            "body": body,
        }
        verdict = {"reference": reference.check(request, credentials), "oauthlib": None}
        uri = f"{scheme}://{host}{target}"
        try:
            endpoint = SignatureOnlyEndpoint(GivenCredentials(credentials))
            text = body.decode() if reference.is_form(request["content_type"]) else ""
            valid, _ = endpoint.validate_request(uri, self.command, text, dict(self.headers.items()))
            verdict["oauthlib"] = None if valid else "refused"
        except Exception as error:
            verdict["oauthlib"] = f"{type(error).__name__}: {error}"
        return 200, {"Content-Type": "application/json"}, json.dumps(verdict)

    def route(self, body):
        uri = f"http://{self.headers['Host']}{self.path}"
        call = (uri, self.command, body.decode("latin1"), dict(self.headers.items()))
        path = urlsplit(uri).path
        endpoints = self.server.endpoints
        if path == "/request-token":
            headers, text, status = endpoints.create_request_token_response(*call)
        elif path == "/access-token":
            extra = {"screen_name": "ann"}
            headers, text, status = endpoints.create_access_token_response(*call, credentials=extra)
        elif path == "/authorize":
            return self.authorize(call)
        else:
            valid, _ = endpoints.validate_protected_resource_request(*call, realms=["photos"])
            headers, text, status = {}, "hello=there" if valid else "", 200 if valid else 401
        return status, headers, text or ""

    def authorize(self, call):
        token = parse_qs(urlsplit(call[0]).query)["oauth_token"][0]
        callback = self.server.provider.request_tokens[token]["callback"]
        if "deny" in call[0]:
            mark = "&" if "?" in callback else "?"
            return 302, {"Location": f"{callback}{mark}{urlencode({'denied': token})}"}, ""
        headers, text, status = self.server.endpoints.create_authorization_response(*call)
        return status, headers, text or ""


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.provider = Provider()
    server.endpoints = WebApplicationServer(server.provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


main()
