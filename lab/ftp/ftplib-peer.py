"""Does with Python's ftplib what the tests do with entreat and curl.

Reads JSON from standard input, {port, user, password, home, steps: [[name, argument...]...]}, and writes a JSON list, for each step [outcome, file]: what
was read, or `code:550` for what the server refused; and what a file that was written holds on the server's disk.
"""
import ftplib
import io
import json
import os
import sys


class Client:
    def __init__(self, port, user, password):
        self.port, self.user, self.password = port, user, password

    def open(self, user=None, password=None):
        ftp = ftplib.FTP(encoding="utf-8", timeout=10)
        ftp.connect("127.0.0.1", self.port)
        ftp.login(user or self.user, password or self.password)
        return ftp

    def get(self, path, offset=None, length=None):
        with self.open() as ftp:
            return read(ftp, path, offset, length)

    def text(self, path):
        lines = []
        with self.open() as ftp:
            ftp.retrlines("RETR " + path, lines.append)
        return "".join(line + "\n" for line in lines)

    def last(self, path, length):
        with self.open() as ftp:
            ftp.voidcmd("TYPE I")
            return read(ftp, path, ftp.size(path) - length, None)

    def login(self, user, password):
        with self.open(user, password) as ftp:
            return ftp.voidcmd("NOOP")[:3]

    def anonymous(self, path):
        with self.open("anonymous", "anonymous@") as ftp:
            return read(ftp, path, None, None)

    def size(self, path):
        with self.open() as ftp:
            ftp.voidcmd("TYPE I")
            return str(ftp.size(path))

    def mdtm(self, path):
        with self.open() as ftp:
            return ftp.sendcmd("MDTM " + path)[4:]

    def nlst(self, path):
        with self.open() as ftp:
            if path:
                ftp.cwd(path)
            return "\n".join(sorted(ftp.nlst()))

    def list(self, path):
        lines = []
        with self.open() as ftp:
            if path:
                ftp.cwd(path)
            ftp.retrlines("LIST", lines.append)
        return "\n".join(lines)

    def mlsd(self, path):
        with self.open() as ftp:
            return "\n".join(sorted(name for name, _ in ftp.mlsd(path)))

    def put(self, path, content):
        with self.open() as ftp:
            ftp.storbinary("STOR " + path, io.BytesIO(content.encode()))
        return ""

    def puttext(self, path, content):
        with self.open() as ftp:
            ftp.storlines("STOR " + path, io.BytesIO(content.encode()))
        return ""

    def append(self, path, content):
        with self.open() as ftp:
            ftp.storbinary("APPE " + path, io.BytesIO(content.encode()))
        return ""

    def resume(self, path, offset, content):
        with self.open() as ftp:
            ftp.storbinary("STOR " + path, io.BytesIO(content.encode()), rest=offset)
        return ""

    def mkd(self, path):
        with self.open() as ftp:
            ftp.mkd(path)
        return ""

    def rmd(self, path):
        with self.open() as ftp:
            ftp.rmd(path)
        return ""

    def dele(self, path):
        with self.open() as ftp:
            ftp.delete(path)
        return ""

    def rename(self, path, target):
        with self.open() as ftp:
            ftp.rename(path, target)
        return ""


def read(ftp, path, offset, length):
    pieces = []
    ftp.retrbinary("RETR " + path, pieces.append, rest=offset)
    content = b"".join(pieces)
    return (content if length is None else content[:length]).decode("latin-1")


WRITES = ("put", "puttext", "append", "resume")


def run(client, home, name, arguments):
    try:
        outcome = getattr(client, name)(*arguments)
    except ftplib.Error as error:
        outcome = "code:" + str(error)[:3]
    return [outcome, on_disk(os.path.join(home, arguments[0])) if name in WRITES else None]


def on_disk(path):
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


task = json.load(sys.stdin)
client = Client(task["port"], task["user"], task["password"])
print(json.dumps([run(client, task["home"], name, arguments) for name, *arguments in task["steps"]]))
