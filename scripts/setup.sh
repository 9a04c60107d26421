#!/usr/bin/env bash
# Prepares a machine: system packages, the environment from the lock file, the page's scripts.
# usage: scripts/setup.sh [test|test long|bench]     quick and harmless when everything is there
set -euo pipefail
cd "$(dirname "$0")/.."
extra=${1:-}
long=${2:-}

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }

newest_python() {
    for name in python3.13 python3.12 python3.11 python3; do
        if command -v "$name" >/dev/null &&
            "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
        then echo "$name"; return; fi
    done
}

has_postgis() { ls /usr/share/postgresql/*/extension/postgis.control >/dev/null 2>&1; }
has_office() {
    command -v soffice >/dev/null &&
        ls /usr/lib/libreoffice/program/libsclo.so /usr/lib/libreoffice/program/libswlo.so >/dev/null 2>&1
}
node_is_new() { command -v npm >/dev/null && [ "$(node -p 'parseInt(process.versions.node)')" -ge 18 ]; }

needed=()
[ -n "$(newest_python)" ] || needed+=(python3 python3-venv)
[ -n "${GIS_DATABASE_URL:-}" ] || has_postgis || needed+=(postgresql postgresql-postgis)
if [ "$extra" = test ]; then
    [ -x "${GIS_BROWSER:-/usr/bin/chromium}" ] || needed+=(chromium)
    has_office || needed+=(libreoffice-calc-nogui libreoffice-writer-nogui)
    command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || needed+=(nginx)
    ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || needed+=(libfaketime)
    # all of the list is read: a pipe that is closed early counts as a failure here
    fc-list 2>/dev/null | grep -i 'noto.*cjk' >/dev/null || needed+=(fonts-noto-cjk fontconfig)
fi

if [ "$extra" = bench ]; then
    command -v wrk >/dev/null || needed+=(wrk)
fi
if [ "$long" = long ]; then
    /usr/bin/python3 -c 'import qgis.core' 2>/dev/null || needed+=(qgis python3-qgis)
fi

if [ ${#needed[@]} -gt 0 ]; then
    # Debian names PostGIS after the server's version
    sudo=""
    [ "$(id -u)" = 0 ] || sudo="sudo"
    if ! command -v apt-get >/dev/null || { [ -n "$sudo" ] && ! sudo -n true 2>/dev/null; }; then
        say "This machine lacks: ${needed[*]}"
        say "Install them (as root: apt-get install ${needed[*]/postgresql-postgis/postgresql-15-postgis-3}), then run make again."
        exit 1
    fi
    say "Installing system packages: ${needed[*]}"
    $sudo apt-get update -qq
    packages=()
    for name in "${needed[@]}"; do
        if [ "$name" = postgresql-postgis ]; then
            name=$(apt-cache search --names-only '^postgresql-[0-9]+-postgis-3$' | awk '{print $1}' | sort -V | tail -n 1)
        fi
        packages+=("$name")
    done
    # the service runs a private cluster of its own; Debian's default one would be a second
    $sudo mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo 'create_main_cluster = false' | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
    # nor are servers started that only tests use
    $sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

stamp=.venv/made-${extra:-base} # gone with the environment
if [ ! -x .venv/bin/gis-service ] || [ requirements.lock -nt "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
    say "Making the environment"
    [ -x .venv/bin/python ] || "$(newest_python)" -m venv .venv
    [ -x .venv/bin/uv ] || .venv/bin/python -m pip install --quiet --disable-pip-version-check uv
    .venv/bin/uv pip install --quiet --verify-hashes --constraint requirements.lock \
        --editable ".${extra:+[$extra]}"
    # every start would otherwise compile three thousand modules where Python may not write
    .venv/bin/python -m compileall -qq -j 0 .venv/lib gis_service || true
    touch "$stamp"
fi

if ! node_is_new; then
    if [ ! -x .venv/bin/npm ]; then
        .venv/bin/uv pip install --quiet --constraint requirements.lock --editable '.[node]'
    fi
    export PATH="$PWD/.venv/bin:$PATH"
fi
scripts/vendor.sh
