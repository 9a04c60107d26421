#!/bin/sh
# An authority of the bureau's own and a certificate for the service, for an intranet without names
# that the public authorities know.
# usage: scripts/certificate.sh FOLDER NAME...     names or addresses that phones will open
# FOLDER/authority.pem goes onto the phones; FOLDER/authority.key stays locked away.
set -eu
if [ $# -lt 2 ]; then
    echo "usage: scripts/certificate.sh FOLDER NAME..." >&2
    exit 2
fi
folder=$1
shift
umask 077
mkdir -p "$folder"
cd "$folder"
if [ ! -e authority.key ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
        -subj "/CN=gis_service authority" -addext "keyUsage=critical,keyCertSign,cRLSign" \
        -keyout authority.key -out authority.pem 2>/dev/null
fi
names=""
for name in "$@"; do
    case $name in
        *[!0-9.]*) kind=DNS ;;
        *) kind=IP ;;
    esac
    names="$names${names:+,}$kind:$name"
done
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" \
    -keyout service.key -out service.csr 2>/dev/null
# phones refuse certificates that live longer than about thirteen months
printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' "$names" >extensions
openssl x509 -req -in service.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 390 \
    -extfile extensions -out service.pem 2>/dev/null
rm -f service.csr extensions
chmod 644 authority.pem service.pem
echo "$folder/service.pem for $names; install $folder/authority.pem on the phones"
