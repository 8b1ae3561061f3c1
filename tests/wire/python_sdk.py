"""What a program with upstream's Python SDK, as it stands on PyPI, does to a gateway: python_sdk.py tls|plaintext ENDPOINT

Prints "ok - WHAT" or "not ok - WHAT" for each; tests/wire/10-python-sdk.sh runs it in each release's environment and numbers
the lines. Two generations of the interface are in use: up to 0.0.x an exec names a sandbox by its id, from 0.1 by name
and workspace, and answers say more; `new` is true for the second.
"""
import io
import os
import sys
import tarfile
import time

import cloudpickle
import grpc
import openshell
from openshell import SandboxClient, SandboxError
from openshell._proto import datamodel_pb2 as dm
from openshell._proto import openshell_pb2 as pb
from openshell._proto import openshell_pb2_grpc as pb_grpc
from openshell._proto import sandbox_pb2 as sandbox_pb

from doors import Doors

MODE, ENDPOINT = sys.argv[1], sys.argv[2]
VERSION = openshell.__version__
new = not VERSION.startswith("0.0.")
WS = {"workspace": "default"}


def check(what, good, got=""):
    print(("ok - " if good else "not ok - ") + f"{VERSION} {MODE}: {what}", flush=True)
    if not good:
        print("#   got: " + str(got).replace("\n", "\n#   "), flush=True)
    return good


def tried(what, call):
    """call(), whose failure is a failed check; None then"""
    try:
        return call()
    except Exception as e:  # noqa: BLE001  (whatever the client raises is what we want to see)
        check(what, False, f"{type(e).__name__}: {e}")
        return None


def refused(what, code, words, call):
    try:
        got = call()
    except grpc.RpcError as e:
        check(f"{what}: {code.name}", e.code() == code and words in e.details(), f"{e.code()} {e.details()}")
    else:
        check(f"{what}: {code.name}", False, got)


def phase(ref):
    return pb.SandboxPhase.Name(ref.status.phase).removeprefix("SANDBOX_PHASE_").lower()


def same(what, call, want):
    got = tried(what, call)
    if got is not None:
        check(what, got == want, f"{got!r}, wanted {want!r}")


def connect():
    if MODE == "tls":
        client = SandboxClient.from_active_cluster()
    else:
        client = SandboxClient(ENDPOINT.removeprefix("http://"))
    health = client.health()
    check("health", pb.ServiceStatus.Name(health.status) == "SERVICE_STATUS_HEALTHY" and health.version, health)
    return client


def execs(session):
    def run(*command, **more):
        got = session.exec(list(command), **more)
        return got.exit_code, got.stdout, got.stderr

    same("both streams and the exit code", lambda: run("sh", "-c", "echo out; echo err >&2; exit 3"), (3, "out\n", "err\n"))
    same("standard input", lambda: run("cat", stdin=b"first\nsecond"), (0, "first\nsecond", ""))
    same("no standard input is an empty one", lambda: run("wc", "-c"), (0, "0\n", ""))
    same("environment", lambda: run("sh", "-c", 'echo "$FOO"', env={"FOO": "a b=c"}), (0, "a b=c\n", ""))
    same("working directory", lambda: run("pwd", workdir="/tmp"), (0, "/tmp\n", ""))
    same("arguments with lines in them", lambda: run("printf", "%s", "a\nb'$c"), (0, "a\nb'$c", ""))
    same("half a MiB each way", lambda: (lambda r: (r[0], len(r[1])))(run("cat", stdin=b"x" * 524288)), (0, 524288))
    same("a command that is not there", lambda: run("/not/there")[0], 127)
    same("a signal", lambda: run("sh", "-c", "kill -9 $$")[0], 137)
    began = time.monotonic()
    same("a timeout", lambda: run("sleep", "30", timeout_seconds=1)[0], 124)
    check("a timeout ends in time", 0.9 < time.monotonic() - began < 4, time.monotonic() - began)
    if new:
        same("no login shell", lambda: run("echo", "plain", no_login_shell=True), (0, "plain\n", ""))


def pythons(session):
    """exec_python wants a `python` that has cloudpickle: bring both."""
    home = os.path.dirname(cloudpickle.__file__)
    heap = io.BytesIO()
    with tarfile.open(fileobj=heap, mode="w") as tar:
        for name in sorted(os.listdir(home)):
            if name.endswith(".py"):
                tar.add(os.path.join(home, name), "cloudpickle/" + name)
    at = session.exec(["pwd"]).stdout.strip()
    made = session.exec(["sh", "-c", "mkdir -p bin && ln -sf /usr/bin/python3 bin/python && tar xf -"], stdin=heap.getvalue())
    if made.exit_code != 0 or session.exec(["/usr/bin/python3", "-c", ""]).exit_code != 0:
        check("exec_python", False, made)
        return
    env = {"PATH": f"{at}/bin:/usr/bin:/bin", "PYTHONPATH": at}
    got = tried("exec_python", lambda: session.exec_python(
        lambda a, b: print("sum", a + b), args=(2,), kwargs={"b": 3}, env=env))
    if got is not None:
        check("exec_python", (got.exit_code, got.stdout) == (0, "sum 5\n"), got)


def streams(client, name, ref):
    if new:
        parts = list(client.exec_stream(name, ["sh", "-c", "echo one; exit 4"], **WS))
    else:
        parts = list(client.exec_stream(ref.id, ["sh", "-c", "echo one; exit 4"]))
    text = b"".join(p.data for p in parts if getattr(p, "stream", "") == "stdout")
    check("exec_stream", text == b"one\n" and parts[-1].exit_code == 4, parts)


def rows(listed):
    """a list, or the pages of one"""
    return listed.all() if new else list(listed)


def lists(client, name, ref):
    got = [s.name for s in rows(client.list(**WS))]
    check("list", name in got, got)
    got = client.list_ids(**WS)
    check("list_ids", ref.id in got, got)
    got = [s.name for s in rows(client.list(**WS, label_selector="wire=yes"))]
    check("list by label", got == [name], got)
    got = [s.name for s in rows(client.list(**WS, label_selector="wire=no"))]
    check("list by a label that none has", got == [], got)
    got = [s.id for s in rows(client.list_for_all_workspaces())]
    check("list of all workspaces", ref.id in got, got)
    if new:
        client.create(**WS, spec=pb.SandboxSpec(command=["sleep", "infinity"]), name="second")
        pages = [[s.name for s in page.items] for page in client.list(**WS, page_size=1)]
        check("list by pages", pages in ([[name], ["second"]], [[name], ["second"], []]), pages)
        client.delete("second", **WS)


def stop_start(client, name):
    client.get_session(name, **WS).exec(["sh", "-c", "echo kept > kept"])
    check("stop", phase(client.stop(name, **WS)) in ("stopping", "stopped"))
    check("wait_stopped", phase(client.wait_stopped(name, **WS, timeout_seconds=20)) == "stopped")
    refused("exec when stopped", grpc.StatusCode.FAILED_PRECONDITION, "sandbox is not ready",
            lambda: client.get_session(name, **WS).exec(["true"]))
    check("start", phase(client.start(name, **WS)) in ("starting", "ready"))
    check("ready again", phase(client.wait_ready(name, **WS, timeout_seconds=20)) == "ready")
    got = client.get_session(name, **WS).exec(["cat", "kept"])
    check("its workspace was kept", got.stdout == "kept\n", got)


def deletes(client, name, ref):
    got = client.delete(name, **WS)
    if new:
        check("delete", got.outcome in (openshell.DeletionOutcome.COMPLETED, openshell.DeletionOutcome.ACCEPTED) and
              got.sandbox_id == ref.id, got)
        client.wait_deleted(name, **WS, timeout_seconds=20, expected_sandbox_id=ref.id)
    else:
        check("delete", got is True, got)
        client.wait_deleted(name, **WS, timeout_seconds=20)
    refused("get after delete", grpc.StatusCode.NOT_FOUND, "sandbox not found", lambda: client.get(name, **WS))
    refused("delete again", grpc.StatusCode.NOT_FOUND, "sandbox not found", lambda: client.delete(name, **WS))
    if new:
        got = client.delete(name, **WS, allow_missing=True)
        check("delete again, allowed", got.outcome == openshell.DeletionOutcome.ALREADY_ABSENT, got)


def errors(client, name, spec):
    code = grpc.StatusCode
    refused("a name that is taken", code.ALREADY_EXISTS, name, lambda: client.create(**WS, spec=spec, name=name))
    refused("a name against the rules", code.INVALID_ARGUMENT, "lowercase alphanumeric",
            lambda: client.create(**WS, spec=spec, name="Bad_Name"))
    refused("a workspace that is not there", code.NOT_FOUND, "workspace 'nowhere' not found",
            lambda: client.create(workspace="nowhere", spec=spec))
    refused("a sandbox that is not there", code.NOT_FOUND, "sandbox not found", lambda: client.get("none", **WS))
    refused("a sandbox in a workspace that is not there", code.NOT_FOUND, "sandbox not found",
            lambda: client.get(name, workspace="nowhere"))
    refused("a variable against the rules", code.INVALID_ARGUMENT, "1A",
            lambda: client.get_session(name, **WS).exec(["true"], env={"1A": "x"}))
    providers = pb.SandboxSpec(command=["true"], providers=["absent"])
    refused("a provider that is not there", code.FAILED_PRECONDITION, "absent",
            lambda: client.create(**WS, spec=providers))


def failing(client):
    """a main process that ends is an error that the waiting caller is told"""
    ref = client.create(**WS, spec=pb.SandboxSpec(command=["sh", "-c", "exit 7"]), name="short")
    try:
        got = client.wait_ready("short", **WS, timeout_seconds=20)
        check("wait_ready: ready for a moment or an error", phase(got) == "ready")
    except SandboxError as e:
        check("wait_ready: ready for a moment or an error", "error" in str(e).lower(), e)
    end = time.monotonic() + 10
    while phase(ref) != "error" and time.monotonic() < end:
        time.sleep(0.05)
        ref = client.get("short", **WS)
    check("the exit code of a main process", (phase(ref), ref.status.exit_code) == ("error", 7), ref)
    client.delete("short", **WS)
    client.wait_deleted("short", **WS, timeout_seconds=20)


def context():
    """the SDK's `with`: makes, waits, runs, deletes"""
    with openshell.Sandbox(**WS, spec=pb.SandboxSpec(command=["sleep", "infinity"])) as sandbox:
        name = sandbox.sandbox.name
        got = sandbox.exec(["echo", "within"])
        check("with Sandbox()", got.stdout == "within\n", got)
        check("a generated name", name.count("-") == 1 and name.replace("-", "").isalpha(), name)


def workspaces(client):
    got = [w.name for w in rows(openshell.WorkspaceClient.from_sandbox_client(client).list())]
    check("workspaces", got == ["default"], got)
    refused("what is not there yet says so", grpc.StatusCode.UNIMPLEMENTED, "CreateWorkspace",
            lambda: openshell.WorkspaceClient.from_sandbox_client(client).create("more"))


def web(host):
    """a policy's one rule, as the generated messages have it"""
    return sandbox_pb.NetworkPolicyRule(name="web", endpoints=[sandbox_pb.NetworkEndpoint(host=host, ports=[443])],
                                        binaries=[sandbox_pb.NetworkBinary(path="/usr/bin/curl")])


def until_loaded(stub, name, version):
    end = time.monotonic() + 10
    while True:
        got = stub.GetSandboxPolicyStatus(pb.GetSandboxPolicyStatusRequest(name=name, version=version), timeout=10)
        if got.active_version == version or time.monotonic() > end:
            return got
        time.sleep(0.02)


def policies(stub, ref):
    """revisions of a sandbox's policy: whole, merged, listed, refused"""
    policy = stub.GetSandboxConfig(sandbox_pb.GetSandboxConfigRequest(sandbox_id=ref.id), timeout=10).policy
    policy.network_policies["web"].CopyFrom(web("one.example"))
    put = stub.UpdateConfig(pb.UpdateConfigRequest(name=ref.name, policy=policy), timeout=10)
    check("UpdateConfig with a policy", put.version == 2 and len(put.policy_hash) == 64, put)
    got = until_loaded(stub, ref.name, 2)
    status = pb.PolicyStatus.Name(got.revision.status)
    check("GetSandboxPolicyStatus", (got.active_version, got.revision.version, status, got.revision.policy_hash) ==
          (2, 2, "POLICY_STATUS_LOADED", put.policy_hash), got)
    again = stub.UpdateConfig(pb.UpdateConfigRequest(name=ref.name, policy=policy), timeout=10)
    check("the same policy again is no new revision", (again.version, again.policy_hash) == (2, put.policy_hash), again)
    got = stub.GetSandboxConfig(sandbox_pb.GetSandboxConfigRequest(sandbox_id=ref.id), timeout=10)
    check("GetSandboxConfig has it", (got.version, got.policy_hash) == (2, put.policy_hash) and
          [e.host for e in got.policy.network_policies["web"].endpoints] == ["one.example"], got)
    more = [pb.PolicyMergeOperation(add_rule=pb.AddNetworkRule(rule_name="two", rule=web("two.example")))]
    put = stub.UpdateConfig(pb.UpdateConfigRequest(name=ref.name, merge_operations=more), timeout=10)
    got = until_loaded(stub, ref.name, 3)
    hosts = sorted(e.host for rule in got.revision.policy.network_policies.values() for e in rule.endpoints)
    check("a merge adds a rule", (put.version, got.active_version, hosts) == (3, 3, ["one.example", "two.example"]), got)
    less = [pb.PolicyMergeOperation(remove_endpoint=pb.RemoveNetworkEndpoint(host="two.example", port=443))]
    put = stub.UpdateConfig(pb.UpdateConfigRequest(name=ref.name, merge_operations=less), timeout=10)
    got = until_loaded(stub, ref.name, 4)
    hosts = sorted(e.host for rule in got.revision.policy.network_policies.values() for e in rule.endpoints)
    check("a merge removes an endpoint", (put.version, hosts) == (4, ["one.example"]), got)
    got = stub.ListSandboxPolicies(pb.ListSandboxPoliciesRequest(name=ref.name, limit=2), timeout=10)
    check("ListSandboxPolicies, the newest first", [r.version for r in got.revisions] == [4, 3], got)
    got = stub.ListSandboxPolicies(pb.ListSandboxPoliciesRequest(name=ref.name, limit=9, offset=2), timeout=10)
    check("ListSandboxPolicies from the third", [r.version for r in got.revisions] == [2, 1], got)


def settings(stub, ref):
    """of the gateway and of a sandbox"""
    key, true = "ocsf_json_enabled", sandbox_pb.SettingValue(bool_value=True)
    put = stub.UpdateConfig(pb.UpdateConfigRequest(name=ref.name, setting_key=key, setting_value=true), timeout=10)
    check("UpdateConfig with a setting", put.settings_revision > 0, put)
    got = stub.GetSandboxConfig(sandbox_pb.GetSandboxConfigRequest(sandbox_id=ref.id), timeout=10).settings[key]
    check("GetSandboxConfig: its value and scope", got.value.bool_value and
          sandbox_pb.SettingScope.Name(got.scope) == "SETTING_SCOPE_SANDBOX", got)
    put = stub.UpdateConfig(pb.UpdateConfigRequest(name=ref.name, setting_key=key, delete_setting=True), timeout=10)
    check("UpdateConfig deletes a setting", put.deleted, put)
    stub.UpdateConfig(pb.UpdateConfigRequest(setting_key=key, setting_value=true, **{"global": True}), timeout=10)
    got = stub.GetGatewayConfig(sandbox_pb.GetGatewayConfigRequest(), timeout=10)
    check("GetGatewayConfig", got.settings[key].bool_value and got.settings_revision > 0, got)
    refused("a sandbox's setting that the gateway has", grpc.StatusCode.FAILED_PRECONDITION, "managed",
            lambda: stub.UpdateConfig(pb.UpdateConfigRequest(name=ref.name, setting_key=key, setting_value=true), timeout=10))
    stub.UpdateConfig(pb.UpdateConfigRequest(setting_key=key, delete_setting=True, **{"global": True}), timeout=10)


def config_errors(stub, ref):
    code, ask = grpc.StatusCode, pb.UpdateConfigRequest
    broken = sandbox_pb.SandboxPolicy(version=1)
    broken.network_policies["web"].CopyFrom(web("*"))
    value = sandbox_pb.SettingValue(bool_value=True)
    one = pb.PolicyMergeOperation(remove_rule=pb.RemoveNetworkRule(rule_name="web"))
    for what, wanted, words, request in (
            ("a change of nothing", code.INVALID_ARGUMENT, "", ask(name=ref.name)),
            ("a change of two things", code.INVALID_ARGUMENT, "", ask(name=ref.name, policy=broken, merge_operations=[one])),
            ("a change of a sandbox that is not there", code.NOT_FOUND, "sandbox not found", ask(name="none", merge_operations=[one])),
            ("a change without a name", code.INVALID_ARGUMENT, "name", ask(merge_operations=[one])),
            ("a policy against the rules", code.INVALID_ARGUMENT, "", ask(name=ref.name, policy=broken)),
            ("a setting that nobody knows", code.INVALID_ARGUMENT, "nonsense",
             ask(name=ref.name, setting_key="nonsense", setting_value=value))):
        refused(what, wanted, words, lambda request=request: stub.UpdateConfig(request, timeout=10))
    refused("the status of a revision that is not there", code.NOT_FOUND, "",
            lambda: stub.GetSandboxPolicyStatus(pb.GetSandboxPolicyStatusRequest(name=ref.name, version=99), timeout=10))
    refused("policies of a sandbox that is not there", code.NOT_FOUND, "sandbox not found",
            lambda: stub.ListSandboxPolicies(pb.ListSandboxPoliciesRequest(name="none"), timeout=10))


def workspace_of(request):
    """the default workspace, as this generation names it"""
    if new and "workspace_scope" in request.DESCRIPTOR.fields_by_name:
        request.workspace_scope.workspace = "default"
    return request


def providers(stub, ref):
    code = grpc.StatusCode
    ask = lambda call, request: call(workspace_of(request), timeout=10)  # noqa: E731
    names = {"sandbox": ref.name, "provider": "wire-hub"} if new else {"sandbox_name": ref.name, "provider_name": "wire-hub"}
    record = dm.Provider(metadata=dm.ObjectMeta(name="wire-hub"), type="github", credentials={"GITHUB_TOKEN": "hunter2"},
                         config={"A": "1"})
    made = ask(stub.CreateProvider, pb.CreateProviderRequest(provider=record)).provider
    check("CreateProvider", dict(made.credentials) == {"GITHUB_TOKEN": "REDACTED"} and made.metadata.resource_version == 1, made)
    refused("CreateProvider again", code.ALREADY_EXISTS, "wire-hub",
            lambda: ask(stub.CreateProvider, pb.CreateProviderRequest(provider=record)))
    refused("CreateProvider with handles", code.INVALID_ARGUMENT, "credential_handles",
            lambda: ask(stub.CreateProvider, pb.CreateProviderRequest(provider=dm.Provider(
                metadata=dm.ObjectMeta(name="x"), type="github", credential_handles={"A": dm.CredentialHandle()}))))
    got = ask(stub.GetProvider, pb.GetProviderRequest(name="wire-hub")).provider
    check("GetProvider", got.type == "github" and got.config["A"] == "1" and "hunter2" not in str(got), got)
    refused("GetProvider of none", code.NOT_FOUND, "none", lambda: ask(stub.GetProvider, pb.GetProviderRequest(name="none")))
    listed = ask(stub.ListProviders, pb.ListProvidersRequest())
    check("ListProviders", [p.metadata.name for p in listed.providers] == ["wire-hub"], listed)
    change = dm.Provider(metadata=dm.ObjectMeta(name="wire-hub", resource_version=1), config={"A": "", "B": "2"})
    got = ask(stub.UpdateProvider, pb.UpdateProviderRequest(provider=change)).provider
    check("UpdateProvider", dict(got.config) == {"B": "2"} and got.metadata.resource_version == 2, got)
    refused("UpdateProvider of an older one", code.ABORTED, "resource_version",
            lambda: ask(stub.UpdateProvider, pb.UpdateProviderRequest(provider=change)))
    got = ask(stub.AttachSandboxProvider, pb.AttachSandboxProviderRequest(**names))
    check("AttachSandboxProvider", got.attached and list(got.sandbox.spec.providers) == ["wire-hub"], got)
    got = ask(stub.AttachSandboxProvider, pb.AttachSandboxProviderRequest(**names))
    check("... again", not got.attached, got)
    refused("DeleteProvider while it is attached", code.FAILED_PRECONDITION, ref.name,
            lambda: ask(stub.DeleteProvider, pb.DeleteProviderRequest(name="wire-hub")))
    which = {k: v for k, v in names.items() if k.startswith("sandbox")}
    got = ask(stub.ListSandboxProviders, pb.ListSandboxProvidersRequest(**which))
    check("ListSandboxProviders", [p.metadata.name for p in got.providers] == ["wire-hub"], got)
    got = ask(stub.DetachSandboxProvider, pb.DetachSandboxProviderRequest(**names))
    check("DetachSandboxProvider", got.detached, got)
    profiles = ask(stub.ListProviderProfiles, pb.ListProviderProfilesRequest()).profiles
    check("ListProviderProfiles", {"github", "aws-s3", "google-vertex-ai"} <= {p.id for p in profiles}, profiles)
    got = ask(stub.GetProviderProfile, pb.GetProviderProfileRequest(id="github")).profile
    check("GetProviderProfile", got.source == "builtin" and got.endpoints[0].host == "api.github.com", got)
    wrong = pb.ProviderProfile(id="Not Kebab")
    got = ask(stub.LintProviderProfiles, pb.LintProviderProfilesRequest(profiles=[pb.ProviderProfileImportItem(profile=wrong)]))
    check("LintProviderProfiles", not got.valid and got.diagnostics[0].severity == "error", got)
    for want in (True, False):
        got = ask(stub.DeleteProvider, pb.DeleteProviderRequest(name="wire-hub"))
        gone = got.outcome == pb.DeletionOutcome.Value("DELETION_OUTCOME_ACCEPTED") if new else got.deleted
        check("DeleteProvider" if want else "... again", gone == want, got)


def bare(ref):
    """what upstream's CLI calls and its Python SDK does not, through the stubs that the SDK carries"""
    with grpc.insecure_channel(ENDPOINT.removeprefix("http://")) as channel:
        stub = pb_grpc.OpenShellStub(channel)
        got = stub.GetGatewayInfo(pb.GetGatewayInfoRequest(), timeout=10)
        drivers = [d.name for d in got.compute_drivers]
        check("GetGatewayInfo", drivers == ["local"] and got.gateway_version, got)
        got = stub.GetCurrentUser(pb.GetCurrentUserRequest(), timeout=10)
        check("GetCurrentUser", got.subject == "unauthenticated-local-dev", got)
        tried("an unexpected error of providers", lambda: providers(stub, ref))
        for step in Doors(stub, pb, dm, ref, new, check, refused).all():
            tried(f"an unexpected error of {step.__name__}", step)
        if new:
            return  # these name a sandbox by name from 0.1 on, and we know it by id only
        got = stub.GetSandboxConfig(sandbox_pb.GetSandboxConfigRequest(sandbox_id=ref.id), timeout=10)
        check("GetSandboxConfig", got.version == 1 and len(got.policy_hash) == 64 and got.policy.version, got)
        for step in (policies, settings, config_errors):
            tried(f"an unexpected error of {step.__name__}", lambda step=step: step(stub, ref))
        got = stub.GetSandboxLogs(pb.GetSandboxLogsRequest(sandbox_id=ref.id, lines=50), timeout=10)
        check("GetSandboxLogs", len(got.logs) > 0 and all(line.sandbox_id == ref.id for line in got.logs), got)
        events = list(stub.WatchSandbox(pb.WatchSandboxRequest(
            id=ref.id, follow_status=True, follow_logs=True, follow_events=True, log_tail_lines=5, stop_on_terminal=True),
            timeout=10))
        kinds = [e.WhichOneof("payload") for e in events]
        check("WatchSandbox", kinds[0] == "sandbox" and "log" in kinds, kinds)


def main():
    name = "wire"
    client = connect()
    spec = pb.SandboxSpec(command=["sleep", "infinity"], environment={"A": "b"})
    ref = client.create(**WS, spec=spec, name=name, labels={"wire": "yes"})
    check("create answers provisioning", (ref.name, phase(ref), ref.labels["wire"]) == (name, "provisioning", "yes"), ref)
    ready = client.wait_ready(name, **WS, timeout_seconds=20)
    check("wait_ready", (ready.id, phase(ready)) == (ref.id, "ready"), ready)
    got = client.get(name, **WS)
    check("get", (got.id, got.workspace, got.status.current_policy_version) == (ref.id, "default", 1), got)
    if new:
        since = {c.type: (c.status, c.transition_time_ms) for c in got.conditions}
        check("conditions", since["Ready"][0] == "True" and abs(since["Ready"][1] - time.time() * 1000) < 60000, since)
    session = client.get_session(name, **WS)
    steps = [lambda: execs(session), lambda: streams(client, name, ref), lambda: lists(client, name, ref),
             lambda: errors(client, name, spec), lambda: workspaces(client)]
    if MODE == "tls":  # in plaintext the SDK's slow polls need not be seen again
        steps += [lambda: pythons(session), lambda: stop_start(client, name), lambda: failing(client)]
    else:
        steps.append(lambda: bare(ref))
    for step in steps + [lambda: deletes(client, name, ref)]:
        tried("an unexpected error", step)
    client.close()
    if MODE == "tls":
        tried("with Sandbox()", context)


tried("an unexpected error", main)
