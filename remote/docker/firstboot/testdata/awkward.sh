#!/bin/sh
# Starts odd on a new instance, as a rollout would. cloud-init runs it once;
# running it again is harmless.
#
# Usage: first-boot ENVIRONMENT REPOSITORY REGISTRY_REGION PORT
# PORT is the instance's port on which the service is published: not used, because the container has the instance's
# network.
#
# Rendered from the container's spec: do not edit. Package remote/docker/firstboot writes it.
set -eu
[ $# -eq 4 ] || { echo "usage: first-boot ENVIRONMENT REPOSITORY REGISTRY_REGION PORT" >&2; exit 2; }

environment=$1
repository=$2
region=$3
port=$4
container='odd'

say() { echo "first boot: $*" >&2; }

# retry runs a command until it succeeds, for ten minutes at most.
retry() {
  try=1
  until "$@"; do
    [ "$try" -lt 40 ] || { say "gave up after $try tries: $*"; return 1; }
    try=$((try + 1))
    sleep 15
  done
}

exists() { docker container inspect "$1" >/dev/null 2>&1; }

# The login lives in a folder of its own and goes with it.
DOCKER_CONFIG=$(mktemp -d)
export DOCKER_CONFIG
trap 'rm -rf "$DOCKER_CONFIG"' EXIT

engine() { docker version >/dev/null; }

login() {
  token=$(aws ecr get-login-password --region "$region") &&
    printf '%s' "$token" | docker login --username AWS --password-stdin "${repository%%/*}" >/dev/null
}

# look_up sets digest to a tag's digest, or to None where there is no such tag.
look_up() {
  digest=$(aws ecr batch-get-image --region "$region" --repository-name "${repository#*/}" \
    --image-ids "imageTag=$1" --query 'images[0].imageId.imageDigest' --output text)
}

retry engine

if exists "$container"; then
  say "$container exists: starting it, should it not run"
  docker start "$container" >/dev/null
  exit 0
fi
for swapped in "$container-previous" "$container-next"; do
  if exists "$swapped"; then
    say "$swapped exists: a rollout or its recovery finishes what it began"
    exit 1
  fi
done

retry look_up "deployed-$environment"
if [ "$digest" = None ]; then
  say "nothing was deployed to $environment yet: taking latest"
  retry look_up latest
fi
case $digest in
  sha256:*) ;;
  *) say "$repository has neither deployed-$environment nor latest: push an image, then run this again"; exit 1 ;;
esac
image=$repository@$digest

retry login
retry docker pull --quiet "$image" >/dev/null

[ -e '/srv/it'\''s $HOME' ] || { say '/srv/it'\''s $HOME is missing: odd mounts it'; exit 1; }

# A run that failed to start leaves a container behind, which the next would take
# for the service.
docker run --detach \
  --name "$container" \
  --restart 'on-failure:3' \
  --log-driver 'json-file' \
  --log-opt 'max-size=1g' \
  --log-opt 'max-file=1' \
  --stop-timeout '5' \
  --stop-signal 'SIGQUIT' \
  --memory '536870912' \
  --network 'host' \
  --mount 'type=bind,source=/srv/it'\''s $HOME,target=/data,readonly' \
  --env 'A=two "words"' \
  --env 'B=$(touch pwned)' \
  --user '65534:65534' \
  --label 'dev.example/team=`us`' \
  --label 'internal.deploy.drain=SIGUSR1' \
  --label 'internal.deploy.undrain=SIGUSR2' \
  --label "internal.deploy.release=$digest" \
  "$image" >/dev/null || { docker rm --force "$container" >/dev/null 2>&1; exit 1; }
say "$container runs $image"
