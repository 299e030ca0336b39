"""OAuth 1.0a signatures, checked from the text of RFC 5849 and the body hash draft, with nothing but Python's library.

A second opinion beside oauthlib, for the requests that oauthlib's server refuses to look at.
"""

import base64
import hashlib
import hmac
import re

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

UNRESERVED = set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
HASHES = {"SHA1": hashes.SHA1, "SHA256": hashes.SHA256, "SHA512": hashes.SHA512}


def encode(data):
    """RFC 5849 section 3.6, of bytes."""
    return "".join(chr(byte) if byte in UNRESERVED else f"%{byte:02X}" for byte in data)


def decode(data):
    return re.sub(rb"%([0-9a-fA-F]{2})", lambda found: bytes([int(found.group(1), 16)]), data)


def form_pairs(data):
    pairs = []
    for piece in data.split(b"&"):
        if piece:
            name, _, value = piece.partition(b"=")
            pairs.append((decode(name.replace(b"+", b" ")), decode(value.replace(b"+", b" "))))
    return pairs


def header_pairs(header):
    scheme, _, rest = header.partition(" ")
    if scheme.lower() != "oauth":
        return []
    found = re.findall(r'\s*([^=,\s]+)="((?:[^"\\]|\\.)*)"\s*(?:,|$)', rest)
    return [(decode(name.encode()), decode(value.encode())) for name, value in found if name.lower() != "realm"]


def base_uri(scheme, host, path):
    name, default = host.lower(), {"http": ":80", "https": ":443"}[scheme]
    return f"{scheme}://{name[: -len(default)] if name.endswith(default) else name}{path or '/'}"


def is_form(content_type):
    return content_type.split(";")[0].strip().lower() == "application/x-www-form-urlencoded"


def check(request, credentials):
    """Returns None, or what is wrong. `request`: method, scheme, host, target, authorization, content_type, body."""
    path, _, query = request["target"].partition("?")
    own = header_pairs(request["authorization"])
    form = form_pairs(request["body"]) if is_form(request["content_type"]) else []
    pairs = form_pairs(query.encode("latin1")) + form + own
    protocol = {name.decode(): value.decode() for name, value in (own or pairs) if name.startswith(b"oauth_")}
    signed = sorted((encode(name), encode(value)) for name, value in pairs if name != b"oauth_signature")
    text = "&".join(f"{name}={value}" for name, value in signed)
    parts = [request["method"].upper(), base_uri(request["scheme"], request["host"], path), text]
    base_string = "&".join(encode(part.encode()) for part in parts)
    if "oauth_body_hash" in protocol:
        digest = base64.b64encode(hashlib.new(credentials.get("body_hash", "sha1"), request["body"]).digest()).decode()
        if digest != protocol["oauth_body_hash"]:
            return f"the body hash is {digest}"
    return check_signature(protocol, base_string, credentials)


def check_signature(protocol, base_string, credentials):
    signature, method = protocol.get("oauth_signature", ""), protocol.get("oauth_signature_method", "")
    secrets = [credentials.get("client_secret", ""), credentials.get("token_secret", "")]
    key = "&".join(encode(secret.encode()) for secret in secrets)
    kind, _, algorithm = method.partition("-")
    if kind == "PLAINTEXT":
        return None if signature == key else "the secrets differ"
    if kind == "HMAC":
        expected = hmac.new(key.encode(), base_string.encode(), algorithm.lower()).digest()
        return None if base64.b64encode(expected).decode() == signature else f"the base string is {base_string}"
    public = serialization.load_pem_public_key(credentials["public_key"].encode())
    try:
        public.verify(base64.b64decode(signature), base_string.encode(), padding.PKCS1v15(), HASHES[algorithm]())
    except Exception as error:
        return f"{type(error).__name__}: the base string is {base_string}"
    return None
