"""Makes the calls of a file with Python's own XML-RPC client, 3 or 2.7: client.py URL CALLS.

Values are tagged as tests/foreign/tagged.rs says; the password comes from the environment.
"""
import binascii
import hashlib
import hmac
import io
import json
import os
import sys

try:
    import xmlrpc.client as rpc
except ImportError:
    import xmlrpclib as rpc
    str = unicode  # noqa: F821

url, calls = sys.argv[1:]
password = getattr(os, "environb", os.environ)[b"TINYP2P_PASSWORD"]
token = hmac.new(password, url.encode(), hashlib.md5).hexdigest()


def untag(tagged):
    (kind, value), = tagged.items()
    if kind == "token":
        return token
    if kind == "double":
        return float(value)
    if kind == "bytes":
        return rpc.Binary(binascii.unhexlify(value.encode()))
    if kind == "date":
        date = rpc.DateTime()
        date.decode(value)
        return date
    if kind == "array":
        return [untag(item) for item in value]
    if kind == "struct":
        return {name: untag(item) for name, item in value.items()}
    return value


def tag(value):
    if isinstance(value, bool):
        return {"boolean": value}
    if isinstance(value, int):
        return {"int": value}
    if isinstance(value, float):
        return {"double": repr(value)}
    if isinstance(value, rpc.Binary):
        return {"bytes": binascii.hexlify(value.data).decode()}
    if isinstance(value, rpc.DateTime):
        return {"date": str(value)}
    if isinstance(value, list):
        return {"array": [tag(item) for item in value]}
    if isinstance(value, dict):
        return {"struct": {name: tag(item) for name, item in value.items()}}
    return {"string": str(value)}


def outcome(call):
    try:
        return tag(call())
    except rpc.Fault as fault:
        return {"fault": fault.faultCode}


def several(server, calls):
    """Its own way to make several calls in one."""
    several = rpc.MultiCall(server)
    for method, params in calls:
        getattr(several, method)(*map(untag, params))
    answers = several()
    return {"array": [outcome(lambda: answers[number]) for number in range(len(calls))]}


server = rpc.ServerProxy(url)
# Requests from this size are packed with gzip; answers always may be.
server("transport").encode_threshold = 400
outcomes = []
for method, params in json.load(io.open(calls, encoding="utf-8")):
    if method == "(several)":
        outcomes.append(several(server, params))
    else:
        outcomes.append(outcome(lambda: getattr(server, method)(*map(untag, params))))
print(json.dumps(outcomes))
