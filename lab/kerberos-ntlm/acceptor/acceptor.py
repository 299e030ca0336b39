"""An HTTPS server that accepts GSSAPI (Kerberos and NTLM) and checks channel bindings.

The libraries do the checking: MIT's for Kerberos, gss-ntlmssp for NTLM. The first part of the path says what is asked:
/off/... no bindings, /allow/... right ones or none, /require/... right ones. /seal/... has bodies wrapped both ways.
"""

import base64
import hashlib
import os
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gssapi
from gssapi.raw import ChannelBindings

PORT, CERTIFICATE, KEY, HASH, LOG = sys.argv[1:]
# Otherwise an error that comes with a token is raised later, by whatever looks at the context.
gssapi.SecurityContext.__DEFER_STEP_ERRORS__ = False
CHANNEL_BOUND = 2048  # GSS_C_CHANNEL_BOUND_FLAG: the initiator sent bindings, and they were right
log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


def expected_bindings():
    with open(CERTIFICATE) as file:
        der = ssl.PEM_cert_to_DER_cert(file.read())
    return ChannelBindings(application_data=b"tls-server-end-point:" + hashlib.new(HASH, der).digest())


BINDINGS = expected_bindings()


def describe(error):
    try:
        return ascii(error)
    except Exception:  # GSSAPI has no text for some of its own errors
        return type(error).__name__


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536
    context = None
    user = None
    flags = 0
    served = 0

    def answer(self):
        body = self.read_body()
        authorization = self.headers.get("Authorization", "")
        headers = []
        if authorization:
            scheme, _, token = authorization.partition(" ")
            try:
                output = self.accept(base64.b64decode(token))
            except Exception as error:  # whatever the libraries object to
                return self.challenge(describe(error))
            if output and (scheme != "NTLM" or not self.context.complete):
                headers = [("WWW-Authenticate", f"{scheme} {base64.b64encode(output).decode()}")]
            if not self.context.complete:
                return self.reply(401, b"continue", headers)
            objection = self.identify()
            if objection:
                return self.challenge(objection)
        if self.user is None:
            return self.challenge("no credentials")
        if self.mode() == "seal" and body:
            return self.reply_sealed(body, headers)
        text = f"user={self.user} flags={self.flags} mech={self.context.mech} length={len(body)} sha256={hashlib.sha256(body).hexdigest()}\n"
        return self.reply(200, text.encode(), headers)

    do_GET = do_POST = do_PUT = do_HEAD = do_OPTIONS = answer

    def mode(self):
        return self.path.split("/")[1]

    def accept(self, token):
        if self.context is None or self.context.complete:
            self.user = None
            bindings = None if self.mode() == "off" else BINDINGS
            self.context = gssapi.SecurityContext(usage="accept", channel_bindings=bindings)
        return self.context.step(token)

    def identify(self):
        """Takes the initiator's name and flags; tells what is wrong with them, if anything."""
        self.flags = int(self.context.actual_flags)
        if self.mode() == "require" and not self.flags & CHANNEL_BOUND:
            return f"channel bindings are required, flags={self.flags}"
        self.user = bytes(self.context.initiator_name).rstrip(b"\0").decode("utf8", "replace")
        return None

    def reply_sealed(self, body, headers):
        try:
            message = self.context.unwrap(body)
        except Exception as error:
            return self.reply(400, describe(error).encode(), headers)
        sealed = self.context.wrap(b"echo:" + message.message, True).message
        return self.reply(200, sealed, [*headers, ("X-Encrypted", str(message.encrypted))])

    def challenge(self, reason):
        self.context = self.user = None
        self.reply(401, reason.encode(), [("WWW-Authenticate", "Negotiate"), ("WWW-Authenticate", "NTLM")])

    def reply(self, status, body, headers):
        self.log_row(status)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.user is not None and status == 200:
            self.send_header("X-Remote-User", self.user.encode().decode("latin-1"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def read_body(self):
        self.received = len(self.raw_requestline) + len(str(self.headers).encode("utf8", "surrogateescape")) + 2
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.received += len(body)
            return body
        body = b""
        while True:
            line = self.rfile.readline()
            size = int(line.split(b";")[0], 16)
            chunk = self.rfile.read(size)
            ending = self.rfile.readline()
            self.received += len(line) + size + len(ending)
            if size == 0:
                return body
            body += chunk

    def log_row(self, status):
        """Before the response: who has that finds the row. The fields are those of server-log.ts."""
        state = f"{self.served}+"
        user = (self.user if status == 200 else None) or "-"
        path = self.path.partition("?")[0]
        fields = [PORT, self.client_address[1], state, status, user, self.command, path, self.received, self.request_version]
        os.write(log, ("\t".join(map(str, fields)) + "\n").encode())
        self.served += 1

    def log_message(self, format, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        pass  # clients go away


def main():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE, KEY)
    server = Server(("127.0.0.1", int(PORT)), Handler)
    # The handshake is the connection's thread's: a client that never speaks keeps nobody waiting.
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


main()
