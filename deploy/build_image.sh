#!/bin/sh
# Builds the image `strava-pipeline` of this checkout, labelled with its version. `make image` calls it.
#   sh deploy/build_image.sh ENGINE BASE [OPTIONS OF THE ENGINE'S BUILD]
# ENGINE: docker, podman or buildah; empty: the first of them that works here. BASE: empty for the Containerfile's own.
set -eu
cd "$(dirname "$0")/.."
engine=$1 base=$2
shift 2

works() { command -v "$1" >/dev/null 2>&1 && "$1" info >/dev/null 2>&1; }
if [ -z "$engine" ]; then
  for candidate in docker podman buildah; do
    if works "$candidate"; then
      engine=$candidate
      break
    fi
  done
fi
if [ -z "$engine" ]; then
  echo "Neither docker, podman nor buildah works here. Install one of them, or start Docker, and run it again." >&2
  exit 2
fi

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
build=build
[ "$engine" != buildah ] || build=bud
exec "$engine" "$build" ${base:+--build-arg "BASE=$base"} --build-arg "VERSION=$version" --file Containerfile --tag "${IMAGE:-strava-pipeline}" "$@" .
