"""Makes what the static upstream serves (Python, npm and Debian packages, a git repository) and the configuration of nginx for it.

usage: tree.py DIRECTORY: writes DIRECTORY/www/... and DIRECTORY/nginx.conf
"""
import base64, gzip, hashlib, io, json, os, subprocess, sys, tarfile, zipfile

here = sys.argv[1]
www = os.path.join(here, "www")


def put(name, data):
    full = os.path.join(www, name)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def tar(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


# pip
wheel = io.BytesIO()
with zipfile.ZipFile(wheel, "w") as z:
    z.writestr("standin.py", "WORDS = 'installed through the proxy'\n")
    z.writestr("standin-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: standin\nVersion: 1.0\n")
    z.writestr("standin-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    z.writestr("standin-1.0.dist-info/RECORD", "standin.py,,\nstandin-1.0.dist-info/METADATA,,\nstandin-1.0.dist-info/WHEEL,,\nstandin-1.0.dist-info/RECORD,,\n")
digest = hashlib.sha256(wheel.getvalue()).hexdigest()
put("pypi.org/simple/standin/index.html", f'<!DOCTYPE html><a href="https://files.pythonhosted.org/standin-1.0-py3-none-any.whl#sha256={digest}">standin-1.0-py3-none-any.whl</a>')
put("files.pythonhosted.org/standin-1.0-py3-none-any.whl", wheel.getvalue())

# npm
package = tar({"package/package.json": json.dumps({"name": "standin", "version": "1.0.0", "main": "index.js"}),
               "package/index.js": "module.exports = 'installed through the proxy';\n"})
integrity = "sha512-" + base64.b64encode(hashlib.sha512(package).digest()).decode()
put("registry.npmjs.org/standin/-/standin-1.0.0.tgz", package)
put("registry.npmjs.org/standin/index.json", json.dumps({"name": "standin", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {
    "name": "standin", "version": "1.0.0", "main": "index.js",
    "dist": {"tarball": "https://registry.npmjs.org/standin/-/standin-1.0.0.tgz", "integrity": integrity, "shasum": hashlib.sha1(package).hexdigest()}}}}))

# Debian
packages = "Package: standin\nVersion: 1.0\nArchitecture: all\nMaintainer: test\nFilename: pool/standin.deb\nSize: 3\nSHA256: %s\nDescription: a stand-in\n\n" % hashlib.sha256(b"deb").hexdigest()
put("deb.debian.org/pool/standin.deb", b"deb")
put("deb.debian.org/dists/stable/main/binary-amd64/Packages", packages)
sums = "".join(f" {hashlib.sha256(data).hexdigest()} {len(data)} {name}\n" for name, data in [("main/binary-amd64/Packages", packages.encode())])
put("deb.debian.org/dists/stable/Release", f"Origin: test\nSuite: stable\nCodename: stable\nArchitectures: amd64 all\nComponents: main\nDate: Sun, 22 Nov 2026 00:00:00 UTC\nSHA256:\n{sums}")

# git, by the dumb protocol
work, bare = os.path.join(here, "repository"), os.path.join(www, "github.com", "acme", "standin.git")
git = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null", GIT_AUTHOR_NAME="t", GIT_AUTHOR_EMAIL="t@t", GIT_COMMITTER_NAME="t", GIT_COMMITTER_EMAIL="t@t", HOME=here)
for command in (["git", "init", "-q", "-b", "main", work], ["git", "-C", work, "commit", "-q", "--allow-empty", "-m", "cloned through the proxy"],
                ["git", "clone", "-q", "--bare", work, bare], ["git", "-C", bare, "update-server-info"]):
    subprocess.run(command, check=True, env=git)

put("static.acme.test/index.html", "static\n")
put("static.acme.test/megabyte", os.urandom(1 << 20))

with open(os.path.join(here, "nginx.conf"), "w") as f:
    f.write(f"""
daemon on; pid {here}/nginx.pid; error_log {here}/nginx-error.log; worker_processes 1; {"user root;" if os.geteuid() == 0 else ""}
events {{ worker_connections 4096; }}
http {{
	access_log off; default_type application/octet-stream; types {{ text/html html; application/json json; }}
	client_body_temp_path {here}/t1; proxy_temp_path {here}/t2; fastcgi_temp_path {here}/t3; uwsgi_temp_path {here}/t4; scgi_temp_path {here}/t5;
	log_format seen escape=json '{{"method":"$request_method","target":"$request_uri","host":"$host","protocol":"$server_protocol","static":true}}';
	access_log {here}/seen seen; client_max_body_size 1g; keepalive_requests 1000000;
	server {{
		listen 93.184.216.36:443 ssl http2; listen 93.184.216.36:80;
		ssl_certificate {here}/server.pem; ssl_certificate_key {here}/server.key;
		server_name _; root {www}/$host; index index.html index.json;
		location = /small {{ return 200 "small\\n"; }}
		location = /swallow {{ proxy_pass http://93.184.216.34/open/swallow; proxy_http_version 1.1; }}
	}}
}}
""")
