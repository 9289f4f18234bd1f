"""Customers who name their own origins, for several workers that share a Redis.

    pip install 'corsgate[flask,origins]' redis gunicorn
    ADMIN_TOKEN=secret gunicorn --workers 4 --chdir examples tenants_redis:app

    curl localhost:8000/origins -H 'Authorization: Bearer secret' -d origin=https://app.acme.example

REDIS_URL in the environment says where Redis is. Each worker keeps answers of its own, so the one
that changes something tells all of them; whoever misses that sees it after CORS_TTL seconds.
"""

import os
import threading
import time
from contextlib import suppress

import redis
from flask import Flask, Response, abort, jsonify, request

from corsgate import Policy, PolicyError
from corsgate.flask import CORSGate
from corsgate.origins import CachedOrigins

ORIGINS = "allowed-origins"  # a set
CHANGES = "allowed-origins-changed"  # a channel, of origins

store = redis.Redis.from_url(
    os.environ.get("REDIS_URL", "redis://localhost:6379"),
    decode_responses=True,
    socket_timeout=2,  # so that no request waits for long
    socket_connect_timeout=2,
)


def is_known(origin: str) -> bool:
    return store.sismember(ORIGINS, origin) == 1


known = CachedOrigins(is_known, ttl=float(os.environ.get("CORS_TTL", "60")))


def hear_of_changes() -> None:
    while True:
        try:
            with store.pubsub() as channel:  # type: ignore[no-untyped-call]
                channel.subscribe(CHANGES)
                while True:
                    message = channel.get_message(timeout=1)
                    if message is None:
                        continue
                    if message["type"] == "message":
                        with suppress(PolicyError):  # whoever publishes what is no origin
                            known.invalidate(message["data"])
                    else:
                        known.invalidate()  # just subscribed: who knows what was missed
        except redis.RedisError:
            time.sleep(1)


# In each worker, after the fork: with gunicorn's --preload this belongs into its post_fork.
threading.Thread(target=hear_of_changes, daemon=True).start()

app = Flask(__name__)
CORSGate(app, allow_origins=known)


@app.get("/")
def hello() -> Response:
    return jsonify(worker=os.getpid())


@app.post("/origins")
def add_origin() -> tuple[Response, int]:
    origin = check_request()
    try:
        Policy(allow_origins=[origin])
    except PolicyError as error:
        abort(400, str(error))
    if "*" in origin or origin == "null":  # is_known is asked for whole origins only
        abort(400, "Give one origin in full.")
    store.sadd(ORIGINS, origin)
    store.publish(CHANGES, origin)
    return jsonify(added=origin), 201


@app.delete("/origins")
def remove_origin() -> Response:
    origin = check_request()
    if not store.srem(ORIGINS, origin):
        abort(404)
    store.publish(CHANGES, origin)
    return jsonify(removed=origin)


def check_request() -> str:
    token = os.environ.get("ADMIN_TOKEN")
    if token is None or request.headers.get("Authorization") != f"Bearer {token}":
        abort(403)
    return request.form["origin"]
