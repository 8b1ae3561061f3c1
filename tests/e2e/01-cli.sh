#!/bin/bash
# The CLI where no gateway runs: help, mistakes and what they are answered with, completion, the list of gateways.
. "$(dirname "$0")/lib.sh"
openshell() { timeout 20 "$bin/openshell" "$@"; }

# ---- help ----

succeeds "--version" openshell --version
like "... names program and version" "$out" '^openshell [0-9]+\.[0-9]+\.[0-9]+$'
succeeds "--help" openshell --help
like "... has commands, environment, files and exit codes" "$(printf '%s' "$out" | grep -cE '^(Commands|Environment|Files|Exit codes):')" '^4$'
is "... fits 100 columns" "$(printf '%s\n' "$out" | awk 'length > 100')" ""
is "no command at all is help too" "$(openshell 2>&1)" "$out"
for words in status whoami logs gateway "gateway add" "gateway list" "gateway select" "gateway remove" "gateway info" \
	sandbox "sandbox create" "sandbox list" "sandbox get" "sandbox exec" "sandbox stop" "sandbox start" "sandbox delete" completions; do
	# shellcheck disable=SC2086
	openshell $words --help 2>&1 | grep -q "^Usage: openshell $words"
	is "$words --help" "$?" 0
done

# ---- mistakes: code 2, one line ----

# mistaken WHAT REGEX WORD...
mistaken() {
	local what=$1 words=$2 code
	shift 2
	openshell "$@" >"$work/out" 2>"$work/said" </dev/null
	code=$?
	if [ $code = 2 ] && [ ! -s "$work/out" ] && [ "$(wc -l <"$work/said")" = 1 ] && grep -qE -- "$words" "$work/said"; then
		ok "$what: $(cat "$work/said")"
	else
		not_ok "$what" "code $code, wanted 2 and one line with /$words/: $(cat "$work/out" "$work/said")"
	fi
}
mistaken "a mistyped command" '"sandbx": did you mean sandbox\?' sandbx
mistaken "a mistyped command of a group" '"creat": did you mean create\?' sandbox creat
mistaken "a command without its group" '"exec": did you mean sandbox exec\?' exec -n demo -- id
mistaken "a command far from any" '"frobnicate": .openshell --help. lists them' frobnicate
mistaken "a mistyped flag" 'no flag --limt: did you mean --limit\?' sandbox list --limt 3
mistaken "an argument too many" 'takes no argument "x"' status x
mistaken "an argument too few" 'wants ENDPOINT' gateway add
mistaken "an endpoint that is none" 'begins with https:// or http://' --gateway-endpoint nonsense status
mistaken "a choice that is none" 'json' sandbox list -o xml
mistaken "a number that is none" '--limit' sandbox list --limit many
mistaken "what is not in this release" 'not in this release' workspace list
mistaken "control bytes of a word are escaped" '\\x1b' "$(printf '\033[31mx')"

# ---- no gateway ----

succeeds "status with no gateway is an answer" openshell status
like "... says how to get one" "$out" "openshell-gateway start"
is "... also as JSON" "$(openshell status -o json | jq -r .status)" not_configured
for words in "sandbox list" "whoami" "logs demo" "sandbox exec -n demo -- id" "sandbox create"; do
	# shellcheck disable=SC2086
	fails_with "$words with no gateway" 1 openshell $words
	like "... says how to get one" "$out" "^Error: No gateway configured: .*openshell-gateway start.*gateway add"
done
fails_with "a gateway that is not known" 1 openshell -g nope sandbox list
like "... is named" "$out" "gateway nope is not configured"
is "nothing was made by asking" "$(find "$HOME" "$XDG_CONFIG_HOME" "$XDG_STATE_HOME" -type f)" ""

# ---- the list of gateways ----

is "the list is empty" "$(openshell gateway list -o json)" "[]"
dead=http://127.0.0.1:$port
succeeds "add one that does not answer" openshell gateway add "$dead" --name one
like "... says that it does not" "$out" "Warning: it does not answer yet"
fails_with "add it again" 1 openshell gateway add "$dead" --name one
like "... says that it is there" "$out" "gateway one already exists"
succeeds "add another" openshell gateway add "$dead" --name two
is "the last one is active" "$(openshell gateway list -o json | jq -c 'map([.name, .active, .auth, .type])')" \
	'[["one",false,"plaintext","local"],["two",true,"plaintext","local"]]'
like "the table marks it" "$(openshell gateway list)" '^\* two'
succeeds "select the first" openshell gateway select one
is "... it is active now" "$(openshell gateway list -o json | jq -r '.[] | select(.active).name')" one
is "a variable is above that" "$(OPENSHELL_GATEWAY=two openshell gateway list -o json | jq -r '.[] | select(.active).name')" two
fails_with "select one that is not there" 1 openshell gateway select nope
like "... says so" "$out" "no gateway is named nope"
fails_with "info of one that does not answer" 1 openshell gateway info
like "... says what to do" "$out" "cannot reach gateway one at $dead: .*openshell-gateway start"
is "status of it" "$(openshell status -o json | jq -r .status)" disconnected
fails_with "https needs a certificate" 1 openshell gateway add "https://127.0.0.1:$port" --name three
like "... says where one is looked for" "$out" "no client certificate .* in $XDG_STATE_HOME/openshell/tls"
fails_with "a name with a slash" 2 openshell gateway add "$dead" --name ../three
fails_with "remove one that is not there" 1 openshell gateway remove nope
succeeds "remove" openshell gateway remove one
is "... it is gone" "$(openshell gateway list -o json | jq -r '.[].name')" two
is "... with its files" "$(ls "$XDG_CONFIG_HOME/openshell/gateways")" two
fails_with "then none is active" 1 openshell sandbox list
is "files of the configuration are private" "$(find "$XDG_CONFIG_HOME/openshell" -type f -perm /077 ! -name active_gateway)" ""

# ---- completion ----

for shell in bash zsh fish; do
	succeeds "completions $shell" openshell completions $shell
	like "... are for this program" "$out" openshell
done
# completed WORD...: what bash would offer for the last word
completed() {
	bash -c 'PATH=$1:$PATH; shift; . <(openshell completions bash); COMP_WORDS=(openshell "$@"); COMP_CWORD=$#; _openshell
		printf "%s\n" "${COMPREPLY[@]}" | sed "s/ *$//" | sort | paste -sd" "' bash "$bin" "$@" 2>&1
}
like "bash completes a command" "$(completed san)" '^sandbox$'
is "bash completes a command of a group" "$(completed sandbox st)" "start stop"
like "bash completes a flag" "$(completed sandbox create --mem)" '^--memory'
is "bash completes a gateway's name" "$(completed gateway select t)" two

plan
