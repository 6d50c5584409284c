"""Events and webhooks over HTTP: proven, made durable, acknowledged, and landed.

`app` answers requests through `writer`, `segments` keeps the bytes, `protocol` guards the
connection; `envelope` says what an event's request must be, `signatures` and `webhooks` prove who
sent a webhook. `messages` and `deliveries` turn a sealed segment into lines for the contracts.
Nothing is judged here that can be judged from landing.
"""
