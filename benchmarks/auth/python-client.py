"""One client of the benchmark, in a process of its own: takes a task as JSON, prints what came of it.

With `each` every thread has a Session of its own; without, all share one, which is how Requests is mostly used.
"""

import collections
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests


def make_auth(task):
    if task["client"] == "requests_ntlm":
        import requests_ntlm

        return requests_ntlm.HttpNtlmAuth(task["username"], task["password"])
    import requests_kerberos

    return requests_kerberos.HTTPKerberosAuth(mutual_authentication=requests_kerberos.REQUIRED)


def make_session(task):
    session = requests.Session()
    session.trust_env = False
    session.auth = make_auth(task)
    return session


def get(session, url):
    try:
        return session.get(url, timeout=30).status_code
    except Exception as error:  # whatever it is, it is what the user would see
        return type(error).__name__


def main():
    each = sys.argv[1] == "each"
    task = json.loads(sys.argv[-1])
    shared = make_session(task)
    local = threading.local()

    def session():
        if not each:
            return shared
        if not hasattr(local, "session"):
            local.session = make_session(task)
        return local.session

    with requests.Session() as plain:
        for _ in range(100):
            plain.get(task["warmUpUrl"])
    before = time.process_time()
    with ThreadPoolExecutor(task["workers"]) as pool:
        statuses = list(pool.map(lambda _: get(session(), task["url"]), range(task["count"])))
    used = time.process_time() - before
    causes = collections.Counter(str(status) for status in statuses if status != 200)
    print(json.dumps({"accepted": statuses.count(200), "causes": causes, "cpuMicros": used * 1e6}))


main()
