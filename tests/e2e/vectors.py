"""The decision vectors of tests/vectors on the wire: policies set on a running sandbox, rows asked by programs inside it.

usage: vectors.py VECTORS OPENSHELL WORK WORLD PART...: a line "ok|not ok TAB what TAB detail" each, and "# ..." for counts; the sandbox
is called demo, WORK/demo.yaml is its policy; tests/e2e/17-vectors.sh makes the world.
"""
import base64, collections, csv, json, os, re, signal, subprocess, sys, time, urllib.parse

VECTORS, OPENSHELL, WORK, WORLD = sys.argv[1:5]
ROOT = "/sandbox/v"  # what a row calls /usr/bin/gh is /sandbox/v/usr/bin/gh here

# What cannot be asked through this sandbox, and why; everything else must be.
NEXT_ISSUE = {"inference": "model calls"}
ELSEWHERE = {
    44: "the operator's switch has no way into a sandbox yet: engine, policyd",
    226: "endpoints that an advisor proposed: proposals come later; engine",
    236: "nothing can connect before the entrypoint is there: the spawner starts it before any command",
}
# Targets that arrive upstream otherwise than they were sent.
CANONICAL = {78: "/admin.", 116: "/repos/o/r", 117: "/repos/o", 123: "/projects/o%2Fr", 132: "/repos/o/r", 133: "/repos/o"}
# Refusals that are no 403 policy_denied: by row, what the agent sees.
CLOSED = {"answer": "closed"}
SSRF = {"status": 403, "error": "ssrf_denied"}


def table():
    with open(os.path.join(VECTORS, "vectors.tsv"), encoding="utf-8") as f:
        lines = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    rows = [dict(zip(lines[0], line)) for line in lines[1:] if len(line) > 1]
    for row in rows:
        row["number"] = int(row["number"])
    return {row["number"]: row for row in rows}


ROWS = table()
done = collections.OrderedDict()  # number -> layer, when it was asked on the wire
slowest = []


def say(well, what, detail=""):
    print("%s\t%s\t%s" % ("ok" if well else "not ok", what, str(detail).replace("\n", " ").replace("\t", " ")), flush=True)


def verdict(number, well, got, way="explicit"):
    row = ROWS[number]
    done[number] = row["layer"]
    what = "%d %s: %s %s (%s)%s" % (number, row["fragment"], row["ours"], " ".join(x for x in (row["host"], row["method"], row["target"][:60]) if x), row["why"], "" if way == "explicit" else ", " + way)
    say(well, what, "" if well else "wanted %s, got %s" % (row["ours"], json.dumps(got)[:600]))


# ---- the sandbox -----------------------------------------------------------------------------------------------------

def openshell(*words, given=None, timeout=60):
    end = subprocess.run([OPENSHELL, *words], input=given, text=True, capture_output=True, timeout=timeout, stdin=None if given is not None else subprocess.DEVNULL)
    return end.returncode, end.stdout + end.stderr


def moved(yaml):
    return re.sub(r'(path: "?)/(usr|opt|home|tmp|bin)/', r"\1%s/\2/" % ROOT, yaml)


def static():
    """What the sandbox was made with besides its network: a change of that is refused."""
    with open(os.path.join(WORK, "demo.yaml")) as f:
        return f.read().split("network_policies: {}\n")[1]


STATIC = static()


def fragment(name, change=lambda yaml: yaml):
    with open(os.path.join(VECTORS, name + ".yaml")) as f:
        return change(moved(f.read()))


def policy_file(yaml, name="policy.yaml"):
    path = os.path.join(WORK, name)
    with open(path, "w") as f:
        f.write(yaml)
    return path


def set_policy(yaml):
    code, out = openshell("policy", "set", "demo", "--policy", policy_file(yaml + STATIC), "--wait", "--timeout", "20")
    if code != 0:
        say(False, "a policy is set", out)
    return code


def inside(jobs, timeout=60):
    """Runs jobs; answers as a list."""
    code, out = openshell("sandbox", "exec", "-n", "demo", "--timeout", str(timeout), "--env", "PYTHONHOME=/usr", "--env", "PYTHONDONTWRITEBYTECODE=1", "--",
                          "/usr/bin/python3.11", "-S", "/sandbox/vector.py", "launch", given=json.dumps(jobs), timeout=timeout + 10)
    answers = []
    for line in out.splitlines():
        try:
            answers.append(json.loads(line))
        except ValueError:
            print("# %s" % line[:300])
    slowest.extend((a.get("ms", 0), a.get("row")) for a in answers)
    return answers


def names(**changes):
    path = os.path.join(WORLD, "names")
    with open(path) as f:
        lines = [line for line in f if line.split() and line.split()[0] not in changes]
    with open(path, "w") as f:
        f.writelines(lines + ["%s %s\n" % (name, to) for name, to in changes.items() if to])


seen_at = 0


def seen():
    """What upstream was sent since the last call."""
    global seen_at
    with open(os.path.join(WORLD, "seen")) as f:
        f.seek(seen_at)
        text = f.read()
        seen_at = f.tell()
    return [json.loads(line) for line in text.splitlines()]


def chain_of(row):
    return [ROOT + word.strip() for word in row["binary"].split("<")]


def job(row, ways, kind):
    asked = [{"row": row["number"], "way": way, "tag": "%d-%s" % (row["number"], way), "host": row["host"], "port": int(row["port"] or 0), "method": row["method"],
              "target": row["target"], "with": row["with"], "body": row["body"], "kind": kind, "root": ROOT} for way in ways]
    return {"chain": chain_of(row), "rows": asked}


def joined(jobs):
    """Jobs of the same program run as one process."""
    by = collections.OrderedDict()
    for one in jobs:
        by.setdefault(tuple(one["chain"]), []).extend(one["rows"])
    return [{"chain": list(chain), "rows": rows} for chain, rows in by.items()]


# ---- rows of the engine and of canonical targets ---------------------------------------------------------------------

def has(answer, wanted):
    return all(answer.get(k) == v for k, v in wanted.items())


def kind_of(row):
    if row["method"] == "CONNECT":
        return "connect"
    return "message" if row["method"].startswith("WEBSOCKET") or row["with"].startswith(("frame", "message")) else "http"


def ways_of(row):
    """Clients that know of no proxy ask by name; other spellings of a name exist in CONNECT alone."""
    literal = ":" in row["host"] or row["host"].replace(".", "").isdigit()
    return ["explicit"] if literal or row["host"].endswith(".") else ["explicit", "transparent"]


def arrived(requests, row, tag):
    """The canonical target, once, upstream."""
    at = [r for r in requests if r.get("fields", {}).get("x-vector") == tag]
    wanted = "/vector" if row["method"] == "CONNECT" else CANONICAL.get(row["number"], row["target"])
    if len(at) != 1 or at[0]["target"] != wanted:
        return False
    return not row["body"] or row["body"] == "@gzip" or at[0]["body"] == row["body"][:400]


def let_through(row, answer, requests):
    tag = "%d-%s" % (row["number"], answer["way"])
    if kind_of(row) == "message":
        return answer.get("echo") == tag and any(r.get("text") == tag for r in requests)
    if row["port"] in ("22", "5432"):
        return answer.get("text", "").startswith("SSH-2.0-standin")
    return answer.get("status") == (101 if row["with"] == "upgrade" else 200) and arrived(requests, row, tag)


def refused_as(row, answer):
    """How a refusal looks to the agent: section 8.1, and what 6.1 and 6.6 close."""
    number, way = row["number"], answer["way"]
    if row["number"] in REFUSALS:
        return has(answer, REFUSALS[number])
    if row["layer"] == "destination":
        return has(answer, SSRF) if way == "explicit" else not_there(answer)
    if kind_of(row) == "connect":
        return has(answer, {"status": 403, "error": "policy_denied"}) if way == "explicit" else not_there(answer)
    if kind_of(row) == "message":
        return answer.get("close") == 1008
    if row["method"] == "HEAD":  # no body says it
        return answer.get("status") == 403 and answer["fields"].get("x-openshell-policy") is not None
    return has(answer, {"status": 403, "error": "policy_denied", "layer": "l7"})


def not_there(answer):
    """Refused to somebody who speaks to no proxy: no name, no connection, or words over HTTP."""
    return answer.get("answer") in ("no name", "closed") or has(answer, {"status": 403})


def because(detail):
    return {"status": 403, "error": "policy_denied", "layer": "l7", "detail": detail}


REFUSALS = {
    **dict.fromkeys((120, 122, 124, 126, 127, 129, 130, 131, 135), CLOSED),  # no target that could be written canonically
    149: because("the body is over 65536 bytes"), 150: because("GraphQL request rejected: the body has a content coding"),
    181: because("websocket endpoint requires a valid WebSocket upgrade request"), 189: {"close": 1002}, 190: {"close": 1009}, 191: {"close": 1007},
}


def judge(answers, requests):
    for answer in answers:
        row = ROWS[answer["row"]]
        tag = "%d-%s" % (answer["row"], answer["way"])
        if row["ours"] in ("ALLOW", "AUDIT"):
            verdict(answer["row"], let_through(row, answer, requests), answer, answer["way"])
        else:
            message = kind_of(row) == "message"
            through = [r for r in requests if (r.get("text") == tag if message else r.get("fields", {}).get("x-vector") == tag)]
            verdict(answer["row"], not through and refused_as(row, answer), answer | {"upstream": through}, answer["way"])


def ask(yaml, rows):
    if set_policy(yaml) != 0:
        return
    seen()
    judge(inside(joined([job(row, ways_of(row), kind_of(row)) for row in rows])), seen())


def plain_rows():
    by = collections.OrderedDict()
    for row in ROWS.values():
        if (row["layer"] in ("engine", "canonical") or row["number"] in (189, 190, 191)) and row["number"] not in ELSEWHERE and row["number"] not in (199, 227, 228):
            by.setdefault(row["fragment"], []).append(row)
    for name, rows in by.items():
        ask(fragment(name), rows)


# ---- destinations: one answer of the name server a round -------------------------------------------------------------

def destination_rows():
    rows = [row for row in ROWS.values() if row["layer"] == "destination" and row["number"] not in ELSEWHERE]
    if set_policy(fragment("S")) != 0:
        return
    while rows:
        turn = {}
        for row in rows:
            turn.setdefault(row["host"] if ways_of(row) != ["explicit"] else row["number"], row)
        names(**{row["host"]: row["with"].split()[0].replace(",", " ") for row in turn.values() if ways_of(row) != ["explicit"]})
        seen()
        judge(inside(joined([job(row, ways_of(row), "connect") for row in turn.values()])), seen())
        rows = [row for row in rows if row not in turn.values()]


# ---- the wire --------------------------------------------------------------------------------------------------------

WIRE = {
    238: {"status": 431, "text": ""}, 239: {"status": 400}, 240: {"status": 400}, 241: {"status": 400, "text": "Use CONNECT for HTTPS URLs"},
    242: {"status": 400, "error": "unsupported_proxy_scheme"}, 243: {"status": 400},
    245: {"status": 403, "error": "policy_denied", "detail": "GET evil.test:80/x not permitted by policy"},
    248: {"status": 403, "error": "request_authority_mismatch"}, 249: {"status": 403, "error": "request_authority_mismatch"},
    **dict.fromkeys((250, 251, 252, 253, 254, 256, 257, 258, 259, 260, 261, 262), CLOSED),
    **dict.fromkeys((263, 264, 265), {"status": 403, "error": "unsupported_l7_protocol"}),
    266: {"status": 200, "text": "SSH-2.0-standin SSH-2.0-client"}, 267: {"status": 200, "issuer": "Test CA"},
    268: CLOSED, 269: {"answer": "REFUSED"},
}
THROUGH = {244: ("mirror.acme.test", None), 246: ("api.forge.test", None), 247: ("api.forge.test", None), 255: ("api.forge.test", "5"), 267: ("api.forge.test", None)}


def wire_well(number, answer, requests):
    at = [r for r in requests if r.get("fields", {}).get("x-vector") == "%d-explicit" % number]
    if number in WIRE and not has(answer, WIRE[number]):
        return False
    if number not in THROUGH:
        return not at
    host, length = THROUGH[number]
    if answer.get("status") != 200 or len(at) != 1:
        return False
    fields = at[0]["fields"]
    return fields.get("host", "").lower().rstrip(".").removesuffix(":443") == host and (length is None or fields.get("content-length") == length)


def wire_jobs(rows):
    return [job(row if row["binary"] else row | {"binary": "/usr/bin/curl"}, ["explicit"], "wire") for row in rows]


def ask_wire(yaml, rows):
    if set_policy(yaml) != 0:
        return
    seen()
    answers = inside(joined(wire_jobs(rows)))
    requests = seen()
    for answer in answers:
        verdict(answer["row"], wire_well(answer["row"], answer, requests), answer | {"upstream": [r for r in requests if "fields" in r][:2]})


def wire_rows():
    rows = [row for row in ROWS.values() if row["layer"] == "wire" and row["number"] >= 238]
    alone = {266, 267}
    ask_wire(fragment("A"), [r for r in rows if r["fragment"] in ("A", "—") and r["number"] not in alone])
    ask_wire(fragment("C"), [r for r in rows if r["fragment"] == "C" and r["number"] not in alone])
    names(**{"pkgs.acme.test": "93.184.216.38"})  # who speaks first, and not TLS
    ask_wire(fragment("A"), [ROWS[266]])
    ask_wire(fragment("C", lambda yaml: yaml.replace("protocol: rest", "protocol: rest\n        tls: skip")), [ROWS[267]])


# ---- who asks --------------------------------------------------------------------------------------------------------

def allowed_here(answer, requests):
    tag = "%d-%s" % (answer["row"], answer["way"])
    return answer.get("status") == 200 and any(r.get("fields", {}).get("x-vector") == tag for r in requests)


def refused_here(answer, requests, word=""):
    tag = "%d-%s" % (answer["row"], answer["way"])
    return has(answer, {"status": 403, "error": "policy_denied"}) and word in answer.get("reason", "") and not any(r.get("fields", {}).get("x-vector") == tag for r in requests)


def identity_ask(number, word="", **more):
    row = ROWS[number]
    kind = "connect" if row["layer"] == "engine" else "identity"
    seen()
    answers = inside([job(row, ["explicit"], kind) | more])
    requests = seen()
    for answer in answers:
        well = allowed_here(answer, requests) if row["ours"] == "ALLOW" else refused_here(answer, requests, word)
        if number == 231:
            well = well and answer.get("exe", "").endswith(" (deleted)")
        verdict(number, well, answer)
    if not answers:
        verdict(number, False, "no answer")


def shell(script):
    code, out = openshell("sandbox", "exec", "-n", "demo", "--", "sh", "-c", script)
    if code != 0:
        print("# %s" % out)


def identity_rows():
    at = ROOT + "/usr/bin"
    shell("mkdir -p %s; rm -f %s/python3 %s/python3.1?; ln -s python3.11 %s/python3" % (at, at, at, at))
    if set_policy(fragment("X")) != 0:
        return
    identity_ask(227)
    shell("ln -sfn python3.12 %s/python3" % at)
    identity_ask(228)
    identity_ask(230)
    identity_ask(231)
    identity_ask(232, "ambiguous shared socket ownership")
    identity_ask(233)
    seen()
    one = job(ROWS[233] | {"with": "shared siblings early"}, ["explicit"], "identity")
    answers = inside([one])
    say(bool(answers) and refused_here(answers[0], seen(), "another now"), "233, but the parent had connected it: refused, a connection is its connector's", answers)
    identity_ask(234, "ambiguous shared socket ownership")
    script = ROOT + "/opt/agents/v3/agent"
    shell("mkdir -p %s/opt/agents/v3; rm -f %s; ln -f %s/python %s/node; { echo '#!%s/node'; cat /sandbox/vector.py; } >%s; chmod 755 %s" % (ROOT, script, ROOT, at, at, script, script))
    row = ROWS[235]
    seen()
    one = job(row, ["explicit"], "identity") | {"chain": [script], "script": True}
    answers = inside([one])
    for answer in answers:
        verdict(235, refused_here(answer, seen()) and answer.get("binary", at + "/node") == at + "/node", answer)
    owner_gone()
    shell("cp %s/python %s/git.new; echo >>%s/git.new; mv %s/git.new %s/git" % (ROOT, at, at, at, at))
    identity_ask(229, "integrity")


def owner_gone():
    seen()
    pids = proxies_of_demo()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        answers = inside([job(ROWS[237], ["explicit"], "identity")])
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    end = time.monotonic() + 30
    line = None
    while line is None and time.monotonic() < end:
        line = next((l for l in logs() if "CONNECT denied any.acme.test:22" in l), None)
    raws = [r for r in seen() if r.get("raw")]
    verdict(237, bool(pids) and bool(answers) and line is not None and not raws, {"pids": pids, "line": line, "upstream": raws})


def proxies_of_demo():
    with open(os.path.join(WORK, "supervisor")) as f:
        supervisor = int(f.read())
    out = subprocess.run(["pgrep", "-x", "proxy", "-P", str(supervisor)], capture_output=True, text=True).stdout
    return [int(pid) for pid in out.split()]


def logs():
    return openshell("logs", "demo", "-n", "2000")[1].splitlines()


# ---- events ----------------------------------------------------------------------------------------------------------

def event_rows():
    """Audit forwards and says so; which policy is named."""
    if set_policy(fragment("D")) == 0:
        seen()
        answers = inside([job(ROWS[83], ["explicit"], "http")])
        well = bool(answers) and let_through(ROWS[83], answers[0], seen())
        line = wait_line(r"audit POST aud\.acme\.test")
        verdict(83, well and line is not None, {"answers": answers, "line": line})
    if set_policy(fragment("O")) == 0:
        answers = inside([job(ROWS[199], ["explicit"], "connect")])
        line = wait_line(r"CONNECT(_L7)? allowed dual\.acme\.test:443.*%s/usr/bin/curl.*policy:a_l4|%s/usr/bin/curl.*CONNECT(_L7)? allowed.*policy:a_l4" % (ROOT, ROOT))
        verdict(199, line is not None, {"answers": answers, "lines": [l for l in logs() if "dual" in l][-3:]})


def wait_line(pattern):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for line in logs():
            if re.search(pattern, line):
                return line
    return None


# ---- validation ------------------------------------------------------------------------------------------------------

def validation_rows():
    for row in ROWS.values():
        if row["layer"] != "validation":
            continue
        yaml = row["with"].replace("\\n", "\n")
        path = policy_file(yaml if "filesystem_policy" in yaml else yaml + STATIC, "row.yaml")
        code, out = openshell("policy", "lint", path)
        warned = [line for line in out.splitlines() if "warning: " in line and "enforcement: is missing" not in line]  # the table is not about that advice
        lint = "INVALID" if code != 0 else "VALID+warning" if warned else "VALID"
        set_code, set_out = openshell("policy", "set", "demo", "--policy", path, "--wait", "--timeout", "20")
        stored = json.loads(openshell("policy", "get", "demo", "-o", "json")[1] or "{}") if row["ours"] == "VALID+enforce" else None
        if stored is not None and lint == "VALID":
            rules = stored["policy"]["network_policies"]
            lint = "VALID+enforce" if next(iter(rules.values()))["endpoints"][0].get("enforcement") == "enforce" else lint
        well = lint == row["ours"] and (set_code == 0) == row["ours"].startswith("VALID")
        verdict(row["number"], well, {"lint": lint, "out": out, "set": set_code, "set out": set_out})


# ---- changes while it runs -------------------------------------------------------------------------------------------

HELD = """version: 1
network_policies:
  held:
    endpoints:
      - {host: any.acme.test, port: 22}
      - {host: api.forge.test, port: 443, protocol: rest, enforcement: enforce, access: read-only}
      - {host: ws.acme.test, port: 443, protocol: websocket, enforcement: enforce, access: read-write}
    binaries: [{path: %s/usr/bin/gh}]
""" % ROOT


def held():
    row = ROWS[327] | {"binary": "/usr/bin/gh"}
    child = subprocess.Popen([OPENSHELL, "sandbox", "exec", "-n", "demo", "--env", "PYTHONHOME=/usr", "--", "/usr/bin/python3.11", "-S", "/sandbox/vector.py", "launch"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    child.stdin.write(json.dumps([job(row, ["explicit"], "held")]))
    child.stdin.close()
    first = child.stdout.readline()
    if "held" in first:
        set_policy(HELD.replace("read-only", "read-write"))
    last = child.stdout.read()
    child.wait()
    try:
        answer = json.loads(last.splitlines()[-1])
    except (ValueError, IndexError):
        answer = {"answer": first + last}
    verdict(327, answer.get("answer") == "closed", answer)


def change_refused(number, yaml, pattern):
    before = json.loads(openshell("policy", "get", "demo", "-o", "json")[1])["hash"]
    code, out = openshell("policy", "set", "demo", "--policy", policy_file(yaml), "--wait", "--timeout", "20")
    after = json.loads(openshell("policy", "get", "demo", "-o", "json")[1])["hash"]
    verdict(number, code != 0 and before == after and re.search(pattern, out) is not None, out)


def update_refused(number, pattern, *words):
    code, out = openshell("policy", "update", "demo", *words)
    verdict(number, code != 0 and re.search(pattern, out) is not None, out)


def still(number):
    """Does the policy that was there before, HELD with read-write, still let a PATCH through?"""
    row = ROWS[327] | {"binary": "/usr/bin/gh", "number": number, "host": "api.forge.test", "port": "443", "method": "PATCH", "target": "/still", "with": "", "body": ""}
    seen()
    answers = inside([job(row, ["explicit"], "http")])
    return answers, any(r.get("target") == "/still" for r in seen())


def not_loadable(number, wanted):
    """Each pattern is sound, so the gateway takes it; the sandbox cannot compile all of them together."""
    classes = ["[%s%s%s]" % (a, b, c) for a in "abcdefghijk" for b in "lmnopqrstu" for c in "ABCDEFGHIJ"]
    rules = ["{allow: {method: GET, path: '/%s'}}" % "".join(classes[i:i + 4]) for i in range(0, len(classes), 4)]
    good = HELD.replace("read-only", "read-write")
    set_policy(good)
    code, out = openshell("policy", "set", "demo", "--policy", policy_file(HELD.replace("access: read-only", "rules: [%s]" % ", ".join(rules)) + STATIC), "--wait", "--timeout", "20")
    answers, through = still(number)
    status = openshell("policy", "list", "demo")[1].splitlines()[1:2]
    well = code != 0 and "different classes" in out and "Failed" in "".join(status) and bool(answers) and wanted(answers[0], through)
    verdict(number, well, [code, out, answers, status])
    if number == 330:
        set_policy(good)
        say(still(number)[1], "330: a policy that loads opens it again")


def closed_rows():
    not_loadable(330, lambda answer, through: has(answer, {"status": 403, "error": "policy_denied"}) and not through)


def retain_rows():
    not_loadable(331, lambda answer, through: answer.get("status") == 200 and through)


def reload_rows():
    if set_policy(HELD) != 0:
        return
    held()
    change_refused(328, HELD + STATIC.replace("/lib64, ", ""), r"/lib64")
    change_refused(329, HELD + STATIC + "process: {run_as_user: '4711'}\n", r"process|run_as_user|static")
    update_refused(333, r"localhost", "--add-endpoint", "localhost:80")
    update_refused(334, r"_provider_|reserved", "--add-endpoint", "a.test:80", "--rule-name", "_provider_x")
    update_refused(335, r"no inspection", "--add-allow", "any.acme.test:22:GET:/x")
    openshell("policy", "set", "--global", "--yes", "--policy", policy_file(HELD + STATIC, "global.yaml"))
    code, out = openshell("policy", "set", "demo", "--policy", policy_file(HELD + STATIC))
    verdict(332, code != 0 and "managed globally" in out, out)
    code, out = openshell("policy", "delete", "--global", "--yes")
    last_binary()


def last_binary():
    code, out = openshell("policy", "update", "demo", "--add-endpoint", "pypi.org:443", "--binary", "/usr/bin/pip", "--rule-name", "lone", "--wait")
    code = grpc_update("demo", remove_binary("lone", "/usr/bin/pip"))
    rules = json.loads(openshell("policy", "get", "demo", "-o", "json")[1])["policy"]["network_policies"]
    verdict(336, code == "OK" and "lone" not in rules and "held" in rules, [code, list(rules), out])


def field(number, data):
    return bytes([number << 3 | 2, len(data)]) + data


def remove_binary(rule, path):
    return field(6, field(1, rule.encode()) + field(2, path.encode()))


def grpc_update(name, operation):
    """UpdateConfig as the wire has it: the command line has no word for taking a program away."""
    import glob
    import grpc
    base = glob.glob(os.path.join(os.environ["XDG_CONFIG_HOME"], "openshell", "gateways", "*"))[0]

    def read(*where):
        with open(os.path.join(base, *where), "rb") as f:
            return f.read()
    with open(os.path.join(base, "metadata.json")) as f:
        endpoint = json.load(f)["gateway_endpoint"].removeprefix("https://")
    keys = grpc.ssl_channel_credentials(read("mtls", "ca.crt"), read("mtls", "tls.key"), read("mtls", "tls.crt"))
    with grpc.secure_channel(endpoint, keys, [("grpc.enable_http_proxy", 0)]) as channel:
        try:
            channel.unary_unary("/openshell.v1.OpenShell/UpdateConfig")(field(1, name.encode()) + field(7, operation), timeout=10)
        except grpc.RpcError as e:
            return "%s %s" % (e.code().name, e.details())
    return "OK"


# ---- credentials: the rows say what is meant in words; here is how it is asked, @ being the placeholder --------------------

SECRET, DOTS, BROKEN = "s3cret+of/vectors", "a/../b", "a\r\nb: c"
BASIC = lambda text: "Authorization: Basic " + base64.b64encode(text.encode()).decode()
CREDENTIALS = {  # number: method, target, fields, body, what upstream has to see
    302: ("GET", "/repos/o", ["Authorization: Bearer @"], "", lambda r: r["fields"]["authorization"] == "Bearer " + SECRET),
    303: ("GET", "/repos/o", ["Basic u:@"], "", lambda r: r["fields"]["authorization"] == BASIC("u:" + SECRET)[15:]),
    304: ("GET", "/repos/o", ["X-Key: prefix-@"], "", None),
    305: ("GET", "/repos/o?k=@", [], "", lambda r: r["target"] == "/repos/o?k=" + urllib.parse.quote(SECRET, safe="")),
    306: ("GET", "/repos/o?@=1", [], "", None),
    307: ("GET", "/repos/o", ["Authorization: Bearer @"], "", None),
    308: ("GET", "/repos/o", ["Authorization: Bearer openshell:resolve:env:v1_NOBODY"], "", None),
    309: ("GET", "/repos/o", ["Authorization: Bearer openshell:resolve:env:TOK"], "", None),
    310: ("POST", "/repos/o/issues", [], '{"title":"@"}', None),
    311: ("GET", "/repos/o", ["Authorization: Bearer @"], "", None),
    312: ("GET", "/repos/@", [], "", None),
}
PROFILE = """id: vectors
display_name: Vectors
category: source_control
credentials:
  - {name: token, env_vars: [TOK], required: true, auth_style: bearer, header_name: authorization}
endpoints:
  - {host: api.forge.test, port: 443, path: "/repos/**", protocol: rest, access: read-write, enforcement: enforce}
"""
UNBOUND = """id: unbound
display_name: Unbound
category: other
credentials:
  - {name: token, env_vars: [UNBOUND_KEY], required: true}
"""


def provider(env, *words):
    end = subprocess.run([OPENSHELL, "provider", *words], env=os.environ | env, text=True, capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    return end.returncode, end.stdout + end.stderr


def wait_until(what, well, seconds=30):
    end = time.monotonic() + seconds
    while not well():
        if time.monotonic() > end:
            say(False, what)
            return False
        time.sleep(0.2)
    return True


def placeholder():
    code, out = openshell("sandbox", "exec", "-n", "demo", "--", "printenv", "TOK")
    return out.strip()


def credential_ask(number, way="explicit"):
    """One row: its answer, and what upstream has seen of it."""
    method, target, fields, body, _ = CREDENTIALS[number]
    at = placeholder()
    fields = [BASIC(field[6:].replace("@", at)) if field.startswith("Basic ") else field.replace("@", at) for field in fields]
    one = job(ROWS[number] | {"method": method, "target": target.replace("@", at), "body": body.replace("@", at)}, [way], "http")
    one["rows"][0]["fields"] = fields
    seen()
    answers = inside([one])
    tag = "%d-%s" % (number, way)
    return (answers or [{}])[0], [r for r in seen() if r.get("fields", {}).get("x-vector") == tag]


def credential_row(number):
    wanted = CREDENTIALS[number][4]
    for way in ("explicit", "transparent"):
        answer, requests = credential_ask(number, way)
        if wanted is None:
            well = answer.get("status") == 403 and not requests
        else:
            well = answer.get("status") == 200 and len(requests) == 1 and wanted(requests[0])
        verdict(number, well, answer | {"upstream": requests}, way)


def arrives(value):
    """Is this the value that is filled in by now?"""
    answer, requests = credential_ask(302)
    return [r["fields"]["authorization"] for r in requests] == ["Bearer " + value]


def credential_rows():
    for name, text in (("vectors", PROFILE), ("unbound", UNBOUND)):
        provider({}, "profile", "import", "--file", policy_file(text, name + ".yaml"))
    provider({"TOK": SECRET}, "create", "--name", "vectors", "--type", "vectors", "--credential", "TOK")
    provider({"UNBOUND_KEY": "x"}, "create", "--name", "unbound", "--type", "unbound", "--credential", "UNBOUND_KEY")
    for name in ("vectors", "unbound"):
        openshell("sandbox", "provider", "attach", "demo", name)
    set_policy(fragment("C"))
    wait_until("a placeholder comes", lambda: placeholder().startswith("openshell:resolve:env:") and arrives(SECRET))
    for number in (302, 303, 304, 305, 306, 308, 309, 310):
        credential_row(number)
    provider({"TOK": DOTS}, "update", "vectors", "--credential", "TOK")
    wait_until("another value is in use", lambda: arrives(DOTS))
    credential_row(312)
    code, out = provider({"TOK": BROKEN}, "update", "vectors", "--credential", "TOK")
    if code == 0:
        wait_until("a value with a line break is in use", lambda: credential_ask(302)[0].get("status") == 403)
        credential_row(311)
    else:  # it is not even stored
        verdict(311, "line" in out or "control" in out, out)
    set_policy(fragment("D"))
    provider({"TOK": SECRET}, "update", "vectors", "--credential", "TOK")
    credential_row(307)
    set_policy(fragment("A", lambda yaml: yaml.replace("host: pkgs.acme.test, port: 443", "host: pkgs.acme.test, port: 443, tls: skip, credential_binding: {provider: unbound}")))
    answers = inside([job(ROWS[313] | {"method": "CONNECT"}, ["explicit"], "connect")])
    verdict(313, answers and has(answers[0], {"status": 403, "error": "uninspected_credentials"}), answers)
    for name in ("vectors", "unbound"):
        openshell("sandbox", "provider", "detach", "demo", name)


# ---- all of them -----------------------------------------------------------------------------------------------------

PARTS = {"plain": plain_rows, "destination": destination_rows, "wire": wire_rows, "identity": identity_rows, "events": event_rows,
         "validation": validation_rows, "credentials": credential_rows, "reload": reload_rows, "closed": closed_rows, "retain": retain_rows, "account": lambda: account()}


def account():
    counts, missing = collections.Counter(), []
    for number, row in ROWS.items():
        if number in done:
            counts["on the wire, " + row["layer"]] += 1
        elif row["layer"] in NEXT_ISSUE:
            counts["of the next issue, %s (%s)" % (row["layer"], NEXT_ISSUE[row["layer"]])] += 1
        elif number in ELSEWHERE:
            counts["not on the wire"] += 1
            print("# %d is not on the wire: %s" % (number, ELSEWHERE[number]))
        else:
            missing.append(number)
    for what, n in sorted(counts.items()):
        print("# %3d %s" % (n, what))
    say(sum(counts.values()) == 336 and not missing, "all 336 vectors are accounted for", missing)


DONE = os.path.join(WORK, "done")  # of this run's parts before
if os.path.exists(DONE):
    with open(DONE) as f:
        done.update((number, ROWS[number]["layer"]) for number in json.load(f))
for part in sys.argv[5:]:
    began = time.monotonic()
    PARTS[part]()
    print("# %s: %.1f s" % (part, time.monotonic() - began), flush=True)
with open(DONE, "w") as f:
    json.dump(list(done), f)
if slowest:
    print("# rows: %d, half of them in %d ms; slowest: %s" % (len(slowest), sorted(slowest)[len(slowest) // 2][0], sorted(slowest, reverse=True)[:6]))
