#!/bin/bash
# Policies as their owner handles them: checked without a gateway, changed in small steps, shown so that they can be set again.
. "$(dirname "$0")/lib.sh"
trap finish EXIT

# ---- without a gateway ----
cat >"$work/good.yaml" <<YAML
version: 1
filesystem_policy:
  include_workdir: true
  read_only: [/usr, /lib, /lib64, /bin, /sbin, /etc, /proc, /dev/urandom]
  read_write: [/tmp, /dev/null]
network_policies:
  api:
    endpoints:
      - {host: api.forge.test, port: 443, protocol: rest, enforcement: enforce, access: read-only}
    binaries: [{path: /usr/bin/curl}]
YAML
sed -e 's/access: read-only/access: read-only, hosts: x/' "$work/good.yaml" >"$work/bad.yaml"
sed -e 's/host: api.forge.test/host: "*.test"/; s/port: 443/port: 0/' "$work/good.yaml" >"$work/worse.yaml"
succeeds "lint: nothing to say" openshell policy lint "$work/good.yaml"
is "... says so" "$out" "All checks passed"
fails_with "lint: an unknown key" 1 openshell policy lint "$work/bad.yaml"
like "... with its place" "$out" 'bad.yaml:9:100: error: unknown key "hosts"; known here: host, port'
fails_with "lint: two mistakes" 1 openshell policy lint "$work/worse.yaml"
is "... and two lines" "$(printf '%s\n' "$out" | grep -c 'worse.yaml:9:[0-9]*: error: ')" 2
fails_with "a sandbox with them" 1 openshell sandbox create --name demo --policy "$work/worse.yaml"
like "... is refused before anything is made" "$out" "has 2 errors"

# ---- a running sandbox ----
start_gateway || { echo "1..0 # the gateway does not start"; exit 1; }
succeeds "a sandbox" openshell sandbox create --name demo --policy "$work/good.yaml" --detach
version() { openshell policy get demo -o json | jq -r .version; }
hash() { openshell policy get demo -o json | jq -r .hash; }
rules() { openshell policy get demo -o json | jq -c '.policy.network_policies'; }

openshell policy get demo --full 2>/dev/null | sed '1,/^---$/d' >"$work/shown.yaml"
succeeds "what is shown can be set" openshell policy set demo --policy "$work/shown.yaml" --wait
like "... and is the same" "$out" "Policy unchanged \(version 1, hash: [0-9a-f]{12}\)"

succeeds "dry run" openshell policy update demo --add-endpoint pypi.test:443 --binary /usr/bin/pip --dry-run
like "... shows what would be" "$out" "allow_pypi_test_443:"
is "... and changes nothing" "$(version)" 1
succeeds "an endpoint" openshell policy update demo --add-endpoint pypi.test:443 --binary /usr/bin/pip --wait
like "... loaded" "$out" "Policy version 2 loaded"
is "... has its rule" "$(rules | jq -c .allow_pypi_test_443)" '{"endpoints":[{"host":"pypi.test","port":443}],"binaries":[{"path":"/usr/bin/pip"}]}'
succeeds "the same again" openshell policy update demo --add-endpoint pypi.test:443 --binary /usr/bin/pip --wait
like "... is nothing new" "$out" "Policy unchanged \(version 2"
succeeds "a request more, one less" openshell policy update demo --add-allow 'api.forge.test:443:POST:/issues' --add-deny 'api.forge.test:443:GET:/secrets/**' --wait
is "... the preset is written out" "$(rules | jq -c '[.api.endpoints[0].rules[].allow.method]')" '["GET","HEAD","OPTIONS","POST"]'
is "... and what is refused stands there" "$(rules | jq -c '.api.endpoints[0].deny_rules')" '[{"method":"GET","path":"/secrets/**"}]'
before=$(hash)
fails_with "no inspection, no rules" 1 openshell policy update demo --add-allow 'pypi.test:443:GET:/x'
like "... says why" "$out" "no inspection"
fails_with "never localhost" 1 openshell policy update demo --add-endpoint localhost:80
fails_with "never a provider's name" 1 openshell policy update demo --add-endpoint a.test:80 --rule-name _provider_x
fails_with "not two ways of looking at one host" 1 openshell policy update demo --add-endpoint pypi.test:443:full:rest --binary /usr/bin/pip
fails_with "all or none" 1 openshell policy update demo --remove-rule api --remove-endpoint gone.test:1
is "... nothing of it stayed" "$(hash)" "$before"
succeeds "an endpoint less" openshell policy update demo --remove-endpoint pypi.test:443 --wait
is "... its rule went with it" "$(rules | jq -c keys)" '["api"]'
is "the history" "$(openshell policy list demo | awk 'NR > 1 { print $1 $3 }' | paste -sd ' ')" "4Loaded 3Superseded 2Superseded 1Superseded"
is "an older version" "$(openshell policy get demo --rev 2 -o json | jq -r '.status + " " + (.policy.network_policies | keys | join(" "))')" "superseded allow_pypi_test_443 api"
plan
