// A WebSocket within HTTP/2 (RFC 8441): one masked text frame goes in, its echo comes back.
const http2 = require("http2"), fs = require("fs");
const [dir, host, port] = process.argv.slice(2);
const session = http2.connect(`https://${host}:${port}`, {
  ca: fs.readFileSync(dir + "/ca.crt"), cert: fs.readFileSync(dir + "/tls.crt"), key: fs.readFileSync(dir + "/tls.key"),
  lookup: (name, options, done) => options.all ? done(null, [{address: "127.0.0.1", family: 4}]) : done(null, "127.0.0.1", 4),
});
session.on("error", (e) => { console.log(String(e)); process.exit(1); });
session.on("remoteSettings", (settings) => {
  if (!settings.enableConnectProtocol) { console.log("not offered"); process.exit(1); }
  const stream = session.request({":method": "CONNECT", ":protocol": "websocket", ":scheme": "https", ":path": "/x",
    ":authority": `${host}:${port}`, "sec-websocket-version": "13"}, {endStream: false});
  stream.on("response", (head) => { console.log(head[":status"]); stream.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69])); });
  stream.on("data", (data) => { console.log(data.subarray(2).toString()); stream.close(); session.close(); });
  stream.on("error", (e) => { console.log(String(e)); process.exit(1); });
});
