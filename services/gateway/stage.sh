#!/bin/sh
# Make a build directory look like an installation: bin/ and libexec/openshell/, as links to what is built.
# usage: stage.sh BUILD
set -eu
cd "$1"
mkdir -p bin libexec/openshell
ln -sfn ../services/gateway/openshell-gateway bin/openshell-gateway
ln -sfn ../clients/cli/openshell bin/openshell
for service in api state relay credentials driver-local; do
	ln -sfn "../../services/$service/$service" "libexec/openshell/$service"
done
ln -sfn ../../services/driver-local/driver-local-box libexec/openshell/driver-local-box
ln -sfn ../../services/credentials/fetch/credentials-fetch libexec/openshell/credentials-fetch
ln -sfn ../../bundle libexec/openshell/bundle
