"""Every list, layer and metric as CSV, XLSX, GeoJSON or GeoPackage: one stream of Arrow batches
with geometries as WKB, whatever it comes from, and one writer a format."""
