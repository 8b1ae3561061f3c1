"""HTTP/2 over a blocking TLS socket, as little of it as trailers need: fields are written plainly and read by nghttp2's HPACK."""
import ctypes, struct

DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, ACK, END_HEADERS, PRIORITY = 1, 1, 4, 32
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Field(ctypes.Structure):
    _fields_ = [("name", ctypes.POINTER(ctypes.c_char)), ("value", ctypes.POINTER(ctypes.c_char)), ("name_n", ctypes.c_size_t),
                ("value_n", ctypes.c_size_t), ("flags", ctypes.c_uint8)]


hpack = ctypes.CDLL("libnghttp2.so.14")
hpack.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
hpack.nghttp2_hd_inflate_hd2.argtypes = [ctypes.c_void_p, ctypes.POINTER(Field), ctypes.POINTER(ctypes.c_int), ctypes.c_char_p,
                                         ctypes.c_size_t, ctypes.c_int]
hpack.nghttp2_hd_inflate_end_headers.argtypes = [ctypes.c_void_p]


class Wire:
    def __init__(self, socket):
        self.socket, self.inflater = socket, ctypes.c_void_p()
        hpack.nghttp2_hd_inflate_new(ctypes.byref(self.inflater))

    def exactly(self, n):
        out = b""
        while len(out) < n:
            piece = self.socket.recv(n - len(out))
            if not piece:
                raise ConnectionError("ended")
            out += piece
        return out

    def send(self, kind, flags, stream, payload=b""):
        self.socket.sendall(struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload)

    def send_fields(self, stream, flags, fields):
        block = b"".join(b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in fields)
        self.send(HEADERS, flags | END_HEADERS, stream, block)

    def fields(self, block):
        out, field, flags = {}, Field(), ctypes.c_int()
        while True:
            n = hpack.nghttp2_hd_inflate_hd2(self.inflater, ctypes.byref(field), ctypes.byref(flags), block, len(block), 1)
            if n < 0:
                raise ValueError("fields that do not decode")
            block = block[n:]
            if flags.value & 2:  # one field
                out[field.name[:field.name_n].decode()] = field.value[:field.value_n].decode()
            if flags.value & 1:  # all of them
                hpack.nghttp2_hd_inflate_end_headers(self.inflater)
                return out

    def message(self):
        """The next request or answer that is whole: its stream, head, body and trailers."""
        head, body, trailers = None, b"", {}
        while True:
            start = self.exactly(9)
            kind, flags, stream = struct.unpack(">BBI", start[3:])
            payload = self.exactly(int.from_bytes(start[:3], "big"))
            if kind == SETTINGS and not flags & ACK:
                self.send(SETTINGS, ACK, 0)
            elif kind == HEADERS:
                fields = self.fields(payload[5:] if flags & PRIORITY else payload)
                if head is None:
                    head = None if fields.get(":status", "2").startswith("1") else fields
                else:
                    trailers = fields
            elif kind == DATA:
                body += payload
            elif kind in (RST_STREAM, GOAWAY):
                raise ConnectionError("reset")
            if kind in (DATA, HEADERS) and flags & END_STREAM:
                return stream, head, body, trailers
