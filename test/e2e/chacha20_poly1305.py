"""ChaCha20-Poly1305 after RFC 8439, with NumPy alone: what Lepton encrypts is decrypted a second way."""

import numpy as np

COLUMNS = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)]
DIAGONALS = [(0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]


def quarter_round(state, a, b, c, d):
    for target, added, turned, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        state[target] += state[added]
        mixed = state[turned] ^ state[target]
        state[turned] = (mixed << np.uint32(bits)) | (mixed >> np.uint32(32 - bits))


def key_stream(key, nonce, first, count):
    """Blocks first, first + 1, ... of 64 bytes each, all at once: a column of the state is a block."""
    start = np.empty((16, count), np.uint32)
    start[:4] = np.frombuffer(b"expand 32-byte k", "<u4")[:, None]
    start[4:12] = np.frombuffer(key, "<u4")[:, None]
    start[12] = np.arange(first, first + count)
    start[13:] = np.frombuffer(nonce, "<u4")[:, None]
    state = start.copy()
    for _ in range(10):
        for words in COLUMNS + DIAGONALS:
            quarter_round(state, *words)
    return (state + start).T.astype("<u4").tobytes()


def poly1305(key, message):
    r, s = (int.from_bytes(half, "little") for half in (key[:16], key[16:]))
    r &= 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for i in range(0, len(message), 16):
        total = (total + int.from_bytes(message[i : i + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((total + s) % 2**128).to_bytes(16, "little")


def padded(data):
    return data + bytes(-len(data) % 16)


def tag_of(key, nonce, text, associated):
    lengths = len(associated).to_bytes(8, "little") + len(text).to_bytes(8, "little")
    return poly1305(key_stream(key, nonce, 0, 1)[:32], padded(associated) + padded(text) + lengths)


def turn(key, nonce, data):
    """Of a text to a ciphertext, and back."""
    stream = np.frombuffer(key_stream(key, nonce, 1, len(data) // 64 + 1), np.uint8)
    return (np.frombuffer(data, np.uint8) ^ stream[: len(data)]).tobytes()


def encrypt(key, nonce, text, associated):
    """The ciphertext, and its tag behind it."""
    sealed = turn(key, nonce, text)
    return sealed + tag_of(key, nonce, sealed, associated)


def decrypt(key, nonce, sealed, associated):
    """The text; ValueError where the tag is another."""
    if tag_of(key, nonce, sealed[:-16], associated) != sealed[-16:]:
        raise ValueError("the tag is another")
    return turn(key, nonce, sealed[:-16])
