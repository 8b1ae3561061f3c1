#!/bin/bash
# Every policy of examples/ as it stands, against stand-ins of the services it names: what it promises passes, the rest does not.
. "$(dirname "$0")/world.sh"
. "$(dirname "$0")/lib.sh"
clients=$here/tests/e2e/clients
start_gateway && ok "the gateway starts" || { not_ok "the gateway starts"; plan; exit 1; }

for file in "$here"/examples/*.yaml; do succeeds "$(basename "$file"): policy lint" openshell policy lint "$file"; done
use() { succeeds "$1: a sandbox starts with it" openshell sandbox create --name "$1" --policy "$here/examples/$1.yaml" --detach -- sleep infinity; name=$1; }
run() { timeout 60 "$bin/openshell" sandbox exec -n "$name" --timeout 50 -- "$@" 2>&1 </dev/null; }
code() { run curl -sS -o /dev/null -w '%{http_code}' "$@"; }
put() { openshell sandbox exec -n "$name" -- sh -c "cat >$2" <"$1"; }
done_with() { openshell sandbox delete "$name" >/dev/null 2>&1; }

use github-read-only
is "... the API is read" "$(code https://api.github.com/repos/acme/standin)" 200
is "... not written" "$(code -X POST https://api.github.com/repos/acme/standin/issues)" 403
is "... keys stay unread" "$(code https://api.github.com/user/keys/1)" 403
like "... a repository is cloned" "$(run sh -c 'git clone -q https://github.com/acme/standin.git /sandbox/c && git -C /sandbox/c log --format=%s')" "cloned through the proxy"
like "... not pushed to" "$(run sh -c 'cd /sandbox/c && git -c user.name=t -c user.email=t@t commit -q --allow-empty -m x && git push -q origin main; echo code $?')" "code [1-9]"
like "... curl may not go to github.com" "$(run curl -sS -o /dev/null -w '%{http_connect}' https://github.com/)" '403$'
done_with

use packages
like "... pip" "$(run sh -c '/usr/bin/python3 -m pip install -q --no-cache-dir --disable-pip-version-check -t /sandbox/pip standin && PYTHONPATH=/sandbox/pip /usr/bin/python3 -c "import standin; print(standin.WORDS)"')" "installed through the proxy"
like "... npm" "$(run sh -c 'mkdir -p /sandbox/n && cd /sandbox/n && npm install --no-audit --no-fund --cache /sandbox/nc standin >log 2>&1 || tail -n 3 log; node -p "require(\"standin\")"')" "installed through the proxy"
like "... apt" "$(run sh -c 'mkdir -p /sandbox/apt/lists/partial /sandbox/apt/archives/partial && cd /sandbox/apt && echo "deb [trusted=yes] http://deb.debian.org stable main" >list && touch status &&
	apt="-o Dir::Etc::SourceList=/sandbox/apt/list -o Dir::Etc::SourceParts=- -o Dir::State::Lists=/sandbox/apt/lists -o Dir::Cache=/sandbox/apt -o Dir::State::status=/sandbox/apt/status -o APT::Sandbox::User= -o Debug::NoLocking=1 -o Dir::Log=/sandbox/apt" &&
	apt-get $apt update >log 2>&1 && apt-get $apt download standin >>log 2>&1 && ls standin*.deb || cat log')" "standin_1.0_all.deb"
like "... nothing is published" "$(run sh -c 'cd /sandbox/n && mkdir -p p && cd p && echo "{\"name\":\"x\",\"version\":\"1.0.0\"}" >package.json && npm publish --cache /sandbox/nc --//registry.npmjs.org/:_authToken=t 2>&1; echo code $?')" "403|code [1-9]"
like "... curl may not" "$(run curl -sS -o /dev/null -w '%{http_connect}' https://pypi.org/simple/)" '403$'
done_with

use internal-service
is "... is read" "$(code http://orders.internal.example:8080/orders/17)" 200
is "... a trial order goes" "$(code -X POST 'http://orders.internal.example:8080/orders?dry_run=true')" 200
is "... a real one does not" "$(code -X POST http://orders.internal.example:8080/orders)" 403
world_name orders.internal.example 10.21.0.1
is "... an address outside of the fence is refused" "$(code http://orders.internal.example:8080/orders/17)" 403
world_name orders.internal.example 93.184.216.34
is "... a public one as well" "$(code http://orders.internal.example:8080/orders/17)" 403
done_with

use mcp-server
call() { code -H 'Content-Type: application/json' -d "$1" https://mcp.example.com/mcp; }
is "... initialize" "$(call '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}')" 200
is "... tools are listed" "$(call '{"jsonrpc":"2.0","id":2,"method":"tools/list"}')" 200
is "... one that is listed is called" "$(call '{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"read_ticket","arguments":{}}}')" 200
is "... another is not" "$(call '{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"close_ticket","arguments":{}}}')" 403
is "... deny wins" "$(call '{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"read_delete","arguments":{}}}')" 403
is "... a batch with one that is not listed" "$(call '[{"jsonrpc":"2.0","id":6,"method":"tools/list"},{"jsonrpc":"2.0","id":7,"method":"resources/read","params":{"uri":"x:y"}}]')" 403
done_with

use grpc-service
put "$clients/grpc_client.py" /sandbox/grpc_client.py
is "... Get" "$(run /usr/bin/python3 /sandbox/grpc_client.py Get it)" "got it"
is "... Watch" "$(run /usr/bin/python3 /sandbox/grpc_client.py Watch it | tail -n 1)" "it 9"
like "... Delete is refused" "$(run /usr/bin/python3 /sandbox/grpc_client.py Delete it)" "PERMISSION_DENIED|403"
done_with
plan
