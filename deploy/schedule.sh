#!/bin/sh
# What `make schedule-…` does: for the container of compose.yaml where one runs on this machine, else for the service of this
# folder. It says which.
#   sh deploy/schedule.sh build|up|down|restart|ps|logs|exec|time|doctor|shell CLI [OPTIONS]
# CLI: the command of this folder's own installation. OPTIONS: of the command that is called.
set -eu
action=$1 cli=$2
shift 2

engine='' container=''
for candidate in docker podman; do
  command -v "$candidate" >/dev/null 2>&1 || continue
  container=$("$candidate" ps --quiet --filter label=strava_pipeline=service 2>/dev/null | head -n 1) || container=''
  if [ -n "$container" ]; then
    engine=$candidate
    break
  fi
done

if [ -z "$engine" ]; then
  echo "No container runs here, so this is the service of this folder:" >&2
  [ -x "$cli" ] && [ "$action" != build ] || make install
  case $action in
    build) ;;
    ps) exec "$cli" service status --allow-down "$@" ;;
    doctor) exec "$cli" doctor "$@" ;;
    shell) PATH="$(cd "$(dirname "$cli")" && pwd):$PATH" exec "${SHELL:-/bin/sh}" ;;
    *) exec "$cli" service "$action" "$@" ;;
  esac
  exit 0
fi

echo "The container $container of $engine:" >&2
terminal=''
[ -t 0 ] && [ -t 1 ] && terminal='-it'
inside() { exec "$engine" exec $terminal "$container" "$@"; }
case $action in
  build)
    make image ENGINE="$engine"
    echo "The running container is still of the earlier image; replace it: $engine compose up -d" >&2
    ;;
  up) echo "It runs already." ;;
  down) exec "$engine" stop -t 30 "$container" ;;
  restart) exec "$engine" restart -t 30 "$container" ;;
  logs) exec "$engine" logs --tail 50 "$@" "$container" ;;
  ps) inside strava-pipeline service status "$@" ;;
  doctor) inside strava-pipeline doctor "$@" ;;
  exec) inside strava-pipeline service exec "$@" ;;
  time) inside strava-pipeline service time "$@" ;;
  shell) inside sh ;;
esac
