#!/bin/sh
# Install the Debian packages of tests/apt.txt that are missing: at once for root, as on a machine of a
# CI, and otherwise after a question. Where nobody can answer, it says what to do, and does nothing.
set -eu
command -v apt-get > /dev/null || exit 0
missing=
for package in $(cat "$(dirname "$0")/apt.txt"); do
  dpkg --status "$package" > /dev/null 2>&1 || missing="$missing $package"
done
test -n "$missing" || exit 0

sudo=
if test "$(id -u)" != 0; then
  sudo=sudo
  command="sudo apt-get update && sudo apt-get install --no-install-recommends$missing"
  echo "The tests need Debian packages that are missing here:$missing" >&2
  answer=
  if test -t 0; then
    printf 'Run `%s` now? [y/N] ' "$command" >&2
    read -r answer || echo >&2
  fi
  case $answer in
    [yY]*) ;;
    *)
      echo "✗ Install them, then run again: $command" >&2
      exit 1
      ;;
  esac
fi
$sudo apt-get update -qq
# shellcheck disable=SC2086 # one word a package
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing > /dev/null
