"""A WebSocket client with the websockets library. usage: websocket_client.py URL SECONDS idle|busy"""
import asyncio, os, ssl, sys, time

import websockets


async def main(url, seconds, how):
    trust = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
    sent = 0
    async with websockets.connect(url, ssl=trust, ping_interval=None) as socket:
        end = time.monotonic() + seconds
        if how == "idle":
            await asyncio.sleep(seconds)
        while how == "busy" and time.monotonic() < end:
            await socket.send("message %d" % sent)
            assert await socket.recv() == "message %d" % sent
            sent += 1
        await socket.send("the last one")
        assert await socket.recv() == "the last one"
        print("open to the end,", "busy" if sent else "idle")

asyncio.run(main(sys.argv[1], float(sys.argv[2]), sys.argv[3]))
