# What the clients written in Python have in common: the store they are given, what they hand in, and what must hold.

import http.client
import json
import sys
from contextlib import closing
from urllib.parse import urlsplit

# The store, the keys to use and a folder of one's own, as the test tells them.
with open(sys.argv[1], encoding="utf-8") as told:
    place = json.load(told)
endpoint, bucket, region = place["endpoint"], place["bucket"], place["region"]
access_key, secret_key = place["access_key"], place["secret_key"]

# Above every client's threshold, and no multiple of the length of a part.
with open(f"{place['folder']}/large", "rb") as file:
    LARGE = file.read()


def content(key):
    """What lies under a key, with or without the folder before it: something that no other key has."""
    return b"this lies under " + key.split("/", 1)[1].encode()


def holds(what, truth, *seen):
    """Ends the test, with what was seen instead, unless it holds."""
    if not truth:
        sys.exit(f"does not hold: {what} {seen if seen else ''}")
    print(what, flush=True)


def send(url, method="GET", body=None):
    """Uses a link as a program does that knows nothing of S3; the status and the body of the answer."""
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.netloc)) as connection:
        connection.request(method, f"{parts.path}?{parts.query}", body)
        answer = connection.getresponse()
        return answer.status, answer.read()


def gives(url, body):
    """Whether a link gives these bytes."""
    return send(url) == (200, body)


def takes(url, body):
    """Whether a link takes these bytes."""
    return send(url, "PUT", body) == (200, b"")


def done():
    """Says that the end was reached, which an exit code alone does not."""
    print("all of it holds")
