#!/bin/sh
# Puts what the map page needs from npm into gis_service/web/static/vendor (not kept in git).
# Quick when nothing changed: the copied lock file tells.
set -eu
cd "$(dirname "$0")/.."
vendor=gis_service/web/static/vendor
if cmp -s package-lock.json "$vendor/.package-lock.json"; then
    exit 0
fi
command -v npm >/dev/null 2>&1 || {
    echo "npm is missing; install Node.js >= 20 with npm (Debian, Ubuntu: apt-get install npm)" >&2
    exit 1
}
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
rm -rf "$vendor"
mkdir -p "$vendor/maplibre-gl"
# The module finds its worker beside itself, so the two stay together and keep their names.
for file in dist/maplibre-gl.mjs dist/maplibre-gl-worker.mjs dist/maplibre-gl.css LICENSE.txt; do
    cp "node_modules/maplibre-gl/$file" "$vendor/maplibre-gl/"
done
mkdir -p "$vendor/idb"
cp node_modules/idb/build/index.js node_modules/idb/LICENSE "$vendor/idb/"
# What a snapshot holds inside itself: Leaflet and the plugins that folium would link to.
mkdir -p "$vendor/leaflet"
for file in leaflet/dist/leaflet.js leaflet/dist/leaflet.css leaflet.heat/dist/leaflet-heat.js \
    iso8601-js-period/iso8601.js leaflet-timedimension/dist/leaflet.timedimension.min.js \
    leaflet-timedimension/dist/leaflet.timedimension.control.css \
    heatmap.js/build/heatmap.min.js leaflet-heatmap/leaflet-heatmap.js; do
    cp "node_modules/$file" "$vendor/leaflet/"
done
# Their source maps stay in node_modules; without the comment no browser asks for them.
sed -i 's|^//# sourceMappingURL=.*$||' "$vendor"/maplibre-gl/*.mjs
cp package-lock.json "$vendor/.package-lock.json"
