# A service with a credential, for the tests of these: what a policy and a profile of it look like, and what came there. Source it
# after lib.sh.

forge_token='  - {name: token, env_vars: [FORGE_TOKEN], required: true, auth_style: bearer, header_name: authorization}'

# forge_policy [HOST...]: to $work/policy.yaml: curl may go to the forge, and to these
forge_policy() {
	local host
	printf 'version: 1\nnetwork_policies:\n  forge:\n    binaries: [{path: /usr/bin/curl}]\n    endpoints:\n' >"$work/policy.yaml"
	for host in api.forge.test "$@"; do
		echo "      - {host: $host, port: 443, protocol: rest, enforcement: enforce, access: read-write}"
	done >>"$work/policy.yaml"
}

# forge_profile PATH [CREDENTIALS]: to $work/profile.yaml: they go there and nowhere else
forge_profile() {
	cat >"$work/profile.yaml" <<-P
		id: forge
		display_name: Forge
		category: source_control
		credentials:
		${2:-$forge_token}
		endpoints:
		  - {host: api.forge.test, port: 443, path: "$1", protocol: rest, access: read-write, enforcement: enforce}
		binaries: [/usr/bin/curl]
	P
}

# forge_refreshed PORT: to $work/forge.yaml: the token is had from a token server of this machine
forge_refreshed() {
	cat >"$work/forge.yaml" <<YAML
id: forge
display_name: Forge
category: other
credentials:
  - name: token
    env_vars: [FORGE_TOKEN]
    required: true
    auth_style: bearer
    header_name: authorization
    refresh:
      strategy: oauth2_client_credentials
      token_url: http://127.0.0.1:$1/token
      material:
        - {name: client_id, required: true}
        - {name: client_secret, required: true, secret: true}
endpoints:
  - {host: api.forge.test, port: 443, protocol: rest, access: read-write, enforcement: enforce}
binaries: [/usr/bin/curl]
YAML
}

run() { timeout 60 "$bin/openshell" sandbox exec -n "${box:-demo}" --timeout 50 -- "$@" 2>&1 </dev/null; }
status() { run curl -sS -m 20 -o /dev/null -w '%{http_code}' "$@"; }
# what the last request had that came there
sent() { world_seen | jq -r 'select(.fields != null) | .fields.authorization // "none"' | tail -n 1; }
