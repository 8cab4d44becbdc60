"""Reads TensorBoard's event files by what their formats are documented to be, and prints a line of JSON for each event:
{"version"}, {"start"} or {"step", "time", "scalars": {TAG: value}} or {"step", "time", "text": {TAG: rows}}.
usage: read_events.py FILE...   A file whose checksums don't match, or that ends within an event, is an error."""

import json
import struct
import sys


def crc32c(data):
    """CRC-32C bit by bit (RFC 3720, 12.1)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    at = 0
    while at < len(data):
        head = data[at:at + 12]
        (size, crc) = struct.unpack("<QI", head)
        assert crc == masked(head[:8]), f"length at {at}"
        body = data[at + 12:at + 12 + size]
        (crc,) = struct.unpack("<I", data[at + 12 + size:at + 16 + size])
        assert crc == masked(body), f"data at {at}"
        yield body
        at += 16 + size


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def fields(data):
    """(number, value) of each field of a protocol buffer."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            (value,) = struct.unpack_from("<d", data, at)
            at += 8
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
            assert len(value) == size
        elif kind == 5:
            (value,) = struct.unpack_from("<f", data, at)
            at += 4
        else:
            raise AssertionError(f"wire type {kind}")
        yield number, value


def table(tensor):
    parts = list(fields(tensor))
    assert dict(parts)[1] == 7  # DT_STRING
    shape = [dict(fields(dim))[1] for number, dim in fields(dict(parts)[2]) if number == 2]
    cells = [value.decode() for number, value in parts if number == 8]
    assert len(shape) == 2 and shape[0] * shape[1] == len(cells), shape
    return [cells[i:i + shape[1]] for i in range(0, len(cells), shape[1])]


def event(data):
    parts = dict(fields(data))
    step = parts.get(2, 0)
    if 3 in parts:
        return {"version": parts[3].decode()}
    if 7 in parts:
        return {"start": step} if dict(fields(parts[7]))[1] == 1 else {"session": step}
    scalars, text = {}, {}
    for number, value in fields(parts[5]):
        assert number == 1
        v = dict(fields(value))
        tag = v[1].decode()
        assert tag not in scalars and tag not in text, tag
        if 2 in v:
            scalars[tag] = v[2]
        else:
            plugin = dict(fields(dict(fields(v[9]))[1]))
            assert plugin[1] == b"text"
            text[tag] = table(v[8])
    found = {"step": step, "time": parts[1]}
    return found | ({"scalars": scalars} if scalars else {}) | ({"text": text} if text else {})


for name in sys.argv[1:]:
    with open(name, "rb") as file:
        for record in records(file.read()):
            print(json.dumps(event(record)))
