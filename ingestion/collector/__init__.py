"""Events over HTTP: verified as little as must be, made durable, acknowledged, and landed.

`app` answers requests, `envelope` says what a request must be, `segments` keeps the bytes,
`protocol` guards the connection, and `messages` turns a sealed segment into lines for the
contract. Nothing is judged here that can be judged from landing.
"""
