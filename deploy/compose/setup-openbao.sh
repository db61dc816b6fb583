#!/bin/sh
# Gives each service its policy and its token. Each step may be repeated.
set -eu

for service in change-detector association-service azure-sink; do
  bao policy write "keyferry-$service" "/keyferry/policies/$service.hcl"
done

# $1: the token's id, $2: the service. A token that is there is kept, as its policy is what matters.
make_token() {
  if bao token lookup "$1" >/dev/null 2>&1; then
    echo "token of $2: there"
  else
    bao token create -id="$1" -orphan -period=768h -policy="keyferry-$2" -display-name="$2" >/dev/null
    echo "token of $2: made"
  fi
}

make_token "$KEYFERRY_DETECTOR_TOKEN" change-detector
make_token "$KEYFERRY_ASSOCIATION_TOKEN" association-service
make_token "$KEYFERRY_SINK_TOKEN" azure-sink
