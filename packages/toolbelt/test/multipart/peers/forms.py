"""Reads and writes multipart forms with Python's email package and requests-toolbelt, for the tests beside it.

stdin: {"read": [{"type": ..., "body": base64}], "write": [{"fields": [[name, filename or null, type or null, base64]], "boundary": ...}]}
stdout: {"email": [parts], "toolbelt": [parts], "written": [{"type": ..., "body": base64, "length": n}]}
"""
import base64
import email.parser
import email.policy
import json
import sys

from requests_toolbelt.multipart.decoder import MultipartDecoder
from requests_toolbelt.multipart.encoder import MultipartEncoder


def text(data):
    return base64.b64encode(data).decode("ascii")


def by_email(form):
    head = b"Content-Type: " + form["type"].encode() + b"\r\n\r\n"
    # HTTP policy: names travel as UTF-8 bytes, and content as it is.
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + base64.b64decode(form["body"]))
    assert message.is_multipart() and not message.defects, message.defects
    parts = []
    for part in message.iter_parts():
        disposition = part.get("Content-Disposition")
        parts.append(
            {
                "name": disposition.params.get("name") if disposition is not None else None,
                "filename": disposition.params.get("filename") if disposition is not None else None,
                "type": part.get("Content-Type"),
                "content": text(part.get_payload(decode=True)),
            }
        )
    return parts


def by_toolbelt(form):
    decoder = MultipartDecoder(base64.b64decode(form["body"]), form["type"])
    return [
        {
            "disposition": part.headers.get(b"Content-Disposition", b"").decode("utf-8"),
            "type": part.headers[b"Content-Type"].decode() if b"Content-Type" in part.headers else None,
            "content": text(part.content),
        }
        for part in decoder.parts
    ]


def write(form):
    fields = []
    for name, filename, kind, content in form["fields"]:
        data = base64.b64decode(content)
        fields.append((name, data if filename is None else (filename, data, kind)))
    encoder = MultipartEncoder(fields, boundary=form["boundary"])
    length = encoder.len
    return {"type": encoder.content_type, "body": text(encoder.to_string()), "length": length}


asked = json.load(sys.stdin)
json.dump(
    {
        "email": [by_email(form) for form in asked["read"]],
        "toolbelt": [by_toolbelt(form) for form in asked["read"]],
        "written": [write(form) for form in asked["write"]],
    },
    sys.stdout,
)
