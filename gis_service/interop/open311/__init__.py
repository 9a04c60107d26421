"""Open311 GeoReport v2: residents' apps ask for services, send requests and follow them."""
