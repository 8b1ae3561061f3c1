"""Stand-ins that do not do their part: one takes connections and says nothing, one does not even take them.

usage: stubborn.py DIRECTORY: writes a line to DIRECTORY/stubborn-ready when both are there
"""
import os, selectors, socket, sys


def listener(address, backlog):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, 443))
    s.listen(backlog)
    return s


mute, hole, held = listener("93.184.216.40", 1024), listener("93.184.216.41", 0), []
for _ in range(4):  # a queue that is full: what comes next is not answered
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(("93.184.216.41", 443))
    held.append(s)
with open(os.path.join(sys.argv[1], "stubborn-ready"), "w") as f:
    f.write("ready\n")
ready = selectors.DefaultSelector()
ready.register(mute, selectors.EVENT_READ)
while True:
    for key, _ in ready.select():
        if key.fileobj is mute:
            ready.register(mute.accept()[0], selectors.EVENT_READ)
        else:
            try:
                over = not key.fileobj.recv(65536)
            except OSError:
                over = True
            if over:
                ready.unregister(key.fileobj)
                key.fileobj.close()
